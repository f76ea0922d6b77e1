"""The connection to one buffer: orders go out in their order, and news come in.

A buffer keeps what it was told when the connection ends. Whoever has connected again tells all tunnels anew,
so nothing is remembered here. This module does not know what tunnels are for.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count

import grpc

from p4fabric.buffer.orders import CONTROL, SERVICE, Batch, News, Order, read_news
from p4fabric.controller.buffer_config import BufferConfig
from p4fabric.controller.p4runtime.backoff import Backoff
from p4fabric.controller.p4runtime.channel import channel_to

__all__ = ["BufferClient"]

_log = logging.getLogger(__name__)

_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    # A buffer that is silent for so long is gone.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
_FIRST_RETRY, _LONGEST_RETRY = 0.1, 2.0
_A_BATCH = 500
_MOST_WAITING = 1 << 17
"""Orders on changes; beyond that they are forgotten, and all tunnels are told as they are then."""
_AWAY = 3.0
"""Seconds without a connection after which nothing is left to what the buffer may send on."""


class BufferClient:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(
        self,
        config: BufferConfig,
        standing: Callable[[], Iterable[Order]],
        heard: Callable[[News], None],
        is_away: Callable[[], None],
    ) -> None:
        """Make it; it is not connected.

        Args:
            config: where the buffer is.
            standing: all that it is to know, as it is now.
            heard: told of its news.
            is_away: told when it has not been connected for some seconds.
        """
        self._config, self._standing, self._heard, self._is_away = config, standing, heard, is_away
        self.is_connected = False
        self.figures: Mapping[str, int] = {}
        """As it told them last."""
        self._numbers = count(1)
        self._waiting: deque[tuple[Batch, bool]] = deque()
        """And whether a batch is on changes, and not on all that stands."""
        self._orders = 0
        """On changes, that wait."""
        self._answers: dict[int, asyncio.Future[bool]] = {}
        self._news = asyncio.Event()
        self._absence: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        """Of the buffer."""
        return self._config.name

    def tell(self, orders: Sequence[Order]) -> asyncio.Future[bool]:
        """Send orders behind those before; not blocking.

        Returns:
            Whether they were carried out; not, if the buffer is away: it hears of all when it is back.
        """
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not self.is_connected or not orders:
            answer.set_result(self.is_connected)
            return answer
        batch = Batch(next(self._numbers), tuple(orders))
        self._answers[batch.number] = answer
        self._queue(batch, is_change=True)
        if self._orders > _MOST_WAITING:
            self._forget()
            self.begin_again()
        return answer

    def begin_again(self) -> None:
        """Tell all that stands anew: it is another than what was told before."""
        if not self.is_connected:
            return
        orders = list(self._standing())
        for start in range(0, max(len(orders), 1), _A_BATCH):
            part, end = tuple(orders[start : start + _A_BATCH]), start + _A_BATCH >= len(orders)
            self._queue(Batch(next(self._numbers), part, is_first=start == 0, is_whole=end))

    async def run(self) -> None:
        """Stay connected, for ever. Ends by cancellation only."""
        loop, backoff = asyncio.get_running_loop(), Backoff(_FIRST_RETRY, _LONGEST_RETRY)
        is_said = False
        self._absent()
        while True:
            began = loop.time()
            try:
                await self._connected()
            except Exception as error:  # Whatever it is: packets wait there.
                if self.is_connected or not is_said:
                    why = error.details() if isinstance(error, grpc.aio.AioRpcError) else error
                    _log.warning("buffer %s at %s: %s", self._config.name, self._config.address, why)
                    is_said = True
            finally:
                self._disconnected()
            backoff.lasted(loop.time() - began)
            await asyncio.sleep(backoff.next())

    def _absent(self) -> None:
        """It is not connected; if it is not for some seconds, that is told."""
        if self._absence is None:
            self._absence = asyncio.get_running_loop().call_later(_AWAY, self._is_away)

    async def _connected(self) -> None:
        tls = None if self._config.tls is None else self._config.tls.files()
        async with channel_to(self._config.address, tls, _OPTIONS) as channel:
            call = channel.stream_stream(f"/{SERVICE}/{CONTROL}")()
            octets = await call.read()
            if octets is grpc.aio.EOF:
                await _ended(call)
            _log.info("buffer %s is connected", self._config.name)
            if self._absence is not None:
                self._absence.cancel()
                self._absence = None
            # From here on, what is told comes behind all that stands now.
            self.is_connected = True
            self.begin_again()
            self._hear(octets)
            tasks = [asyncio.create_task(one) for one in (self._send(call), self._read(call))]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()
            finally:
                for one in tasks:
                    one.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                call.cancel()

    def _queue(self, batch: Batch, *, is_change: bool = False) -> None:
        self._waiting.append((batch, is_change))
        self._orders += len(batch.orders) if is_change else 0
        self._news.set()

    async def _send(self, call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        while True:
            while self._waiting:
                batch, is_change = self._waiting.popleft()
                self._orders -= len(batch.orders) if is_change else 0
                await call.write(batch.encode())
            self._news.clear()
            await self._news.wait()

    async def _read(self, call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        while True:
            octets = await call.read()
            if octets is grpc.aio.EOF:
                await _ended(call)
            self._hear(octets)

    def _hear(self, octets: bytes) -> None:
        news = read_news(octets)
        for number in news.done:
            answer = self._answers.pop(number, None)
            if answer is not None and not answer.done():
                answer.set_result(True)
        if news.figures:
            self.figures = news.figures
        if news.arrived or news.ready:
            self._heard(news)

    def _disconnected(self) -> None:
        if self.is_connected:
            self._absent()
        self.is_connected = False
        self.figures = {}
        self._forget()

    def _forget(self) -> None:
        """Orders that wait are not carried out."""
        self._waiting.clear()
        self._orders = 0
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(False)
        self._answers.clear()


async def _ended(call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
    """Raise why a call has ended."""
    raise grpc.aio.AioRpcError(
        await call.code(), await call.initial_metadata(), await call.trailing_metadata(), await call.details()
    )
