"""The controller's connection: orders in, news out.

One controller at a time: the one that has connected last. When it goes, tunnels stay as they are. Who may
connect is a matter of the address and of TLS; nobody else may say anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import grpc

from p4fabric.buffer.orders import CONTROL, SERVICE, News, NotUnderstood, read_batch
from p4fabric.buffer.service import BufferService

__all__ = ["Control"]

_log = logging.getLogger(__name__)

_FIGURES = 1.0
"""Seconds between two times that figures are told."""


class Control:
    """Answers one controller. Event loop only."""

    def __init__(self, service: BufferService) -> None:
        """Make it, for what is held by a service."""
        self._service = service
        self._current: asyncio.Task[None] | None = None

    def handler(self) -> grpc.GenericRpcHandler:
        """For a server of `grpc.aio`."""
        stream = grpc.stream_stream_rpc_method_handler(self._connected)
        return grpc.method_handlers_generic_handler(SERVICE, {CONTROL: stream})

    async def _connected(
        self, batches: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> None:
        before, self._current = self._current, asyncio.current_task()
        if before is not None:
            _log.info("another controller takes over")
            before.cancel()
        _log.info("a controller has connected from %s", context.peer())
        done: list[int] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(self._tell(context, done))
                async for octets in batches:
                    self._carry_out(octets, done)
                telling.cancel()
        except* NotUnderstood as group:
            error = group.exceptions[0]
            _log.error("a controller says what is not understood: %s", error)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        finally:
            if self._current is asyncio.current_task():
                self._current = None
            _log.info("the controller has gone; tunnels stay as they are")

    def _carry_out(self, octets: bytes, done: list[int]) -> None:
        batch, held = read_batch(octets), self._service.held
        now = asyncio.get_running_loop().time()
        if batch.is_first:
            held.begin()
        for order in batch.orders:
            held.apply(order, now)
        if batch.is_whole:
            held.whole()
        done.append(batch.number)
        self._service.news.set()
        self._service.go_on()

    async def _tell(self, context: grpc.aio.ServicerContext[bytes, bytes], done: list[int]) -> None:
        service, loop = self._service, asyncio.get_running_loop()
        figures_at = 0.0
        while True:
            try:
                async with asyncio.timeout_at(figures_at):
                    await service.news.wait()
            except TimeoutError:
                pass
            service.news.clear()
            figures = {}
            if loop.time() >= figures_at:
                figures, figures_at = dict(service.held.figures()), loop.time() + _FIGURES
            news = News(tuple(done), tuple(service.arrived), tuple(service.ready), figures)
            done.clear()
            service.arrived.clear()
            service.ready.clear()
            await context.write(news.encode())
