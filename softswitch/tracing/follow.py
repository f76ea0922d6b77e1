"""Live traces over gRPC, on the port that serves P4Runtime: `p4fabric.v1.Trace/Follow`, JSON in and out.

The service's side and the client's. One client traces at a time; tracing ends when it goes away.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, TypeAlias

import grpc
from finsy.proto import p4i

from p4fabric.softswitch.engine.api import BuildError, DeviceConfig, Engine
from p4fabric.softswitch.engine.load import LoadedConfig
from p4fabric.softswitch.engine.trace.events import TraceFilter
from p4fabric.softswitch.server.errors import Code, Refusal, abort, exhausted, invalid
from p4fabric.softswitch.server.rpc import GuardedServer
from p4fabric.softswitch.server.tasks import run_to_end
from p4fabric.softswitch.tracing.document import Document, trace_document
from p4fabric.softswitch.tracing.formats import Formats
from p4fabric.softswitch.tracing.text import trace_text

_packets = logging.getLogger("p4fabric.softswitch.packets")

SERVICE, METHOD = "p4fabric.v1.Trace", "Follow"
INTERVAL = 0.05
"""Seconds between two looks at what was traced."""
MOST = 1 << 32
_FIELDS = {"port", "source", "destination", "protocol", "most"}
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


def request_of(wanted: TraceFilter, most: int | None = None) -> Document:
    """What a client sends for a filter."""
    found: Document = {"port": wanted.port, "protocol": wanted.protocol, "most": most}
    for name, network in (("source", wanted.source), ("destination", wanted.destination)):
        found[name] = str(network) if network is not None else None
    return {name: value for name, value in found.items() if value is not None}


def parse_request(request: bytes) -> tuple[TraceFilter, int]:
    """The filter, and how many packets; `Refusal` names the field that is wrong."""
    try:
        given = json.loads(request or b"{}")
    except ValueError:
        raise invalid("the request is not JSON") from None
    if not isinstance(given, dict) or (unknown := given.keys() - _FIELDS):
        said = "no object" if not isinstance(given, dict) else f"fields {sorted(unknown)} are not known"
        raise invalid(f"the request has {said}; it may have {sorted(_FIELDS)}")
    for name in ("port", "protocol", "most"):
        if name in given and (not isinstance(given[name], int) or isinstance(given[name], bool)):
            raise invalid(f"{name} {given[name]!r} is no number")
    networks = {}
    for name in ("source", "destination"):
        try:
            networks[name] = ip_network(str(given[name])) if name in given else None
        except ValueError as error:
            raise invalid(f"{name}: {error}") from None
    most = given.get("most", MOST)
    if not 1 <= most <= MOST:
        raise invalid(f"most {most} is not in 1..{MOST}")
    try:
        wanted = TraceFilter(protocol=given.get("protocol"), port=given.get("port"), **networks)
    except ValueError as error:
        raise invalid(str(error)) from None
    return wanted, most


@dataclass(frozen=True, slots=True)
class Traced:
    """A running program: the engine, and what says how its values are written."""

    engine: Engine
    config: DeviceConfig
    p4info: p4i.P4Info

    def formats(self) -> Formats:
        """Those of the program; looks through all of it."""
        pipeline = self.config.pipeline if isinstance(self.config, LoadedConfig) else None
        return Formats(pipeline, self.p4info)


class TraceService:
    """One switch's traces."""

    def __init__(self, running: Callable[[], Traced | None], *, log_packets: bool = False) -> None:
        """`running` gives what moves packets now; `log_packets`: every packet is traced into the log at level
        debug, while no client traces."""
        self._log_packets = log_packets
        self._logging: asyncio.Task[None] | None = None
        self._stopped = False
        self._running = running
        self._busy = False
        self._builds: dict[Engine, asyncio.Task[None]] = {}

    def join(self, server: GuardedServer) -> None:
        """Be served."""
        follow = grpc.unary_stream_rpc_method_handler(self.follow)
        server.add_registered_method_handlers(SERVICE, {METHOD: follow})

    def start(self) -> None:
        """Begin to log packets, if that is wanted."""
        if self._log_packets:
            self._logging = asyncio.create_task(self._log_all())

    async def close(self) -> None:
        """Log packets no more."""
        self._stopped = True
        await self._pause()

    async def _pause(self) -> None:
        """Packets that were traced are logged still."""
        task, self._logging = self._logging, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        running = self._running()
        if running is not None:
            formats = running.formats()
            for trace in running.engine.take_traces():
                _packets.debug("%s", trace_text(trace_document(trace, formats)).rstrip())

    async def _log_all(self) -> None:
        while True:
            try:
                async with aclosing(self._traces(TraceFilter(), MOST)) as documents:
                    async for document in documents:
                        if document:
                            _packets.debug("%s", trace_text(document).rstrip())
            except Refusal as refusal:
                if refusal.code is not Code.FAILED_PRECONDITION:
                    _packets.warning("packets are not logged: %s", refusal.text)
                    return
                await asyncio.sleep(INTERVAL)  # until there is a pipeline

    async def follow(self, request: bytes, context: _Context) -> AsyncIterator[bytes]:
        """First an empty object, when tracing has begun; then each trace."""
        try:
            wanted, most = parse_request(request)
            if self._busy:
                raise exhausted("another client traces already")
            self._busy = True
        except Refusal as refusal:
            await abort(context, refusal)
        try:
            if self._logging is not None:
                _packets.info("packets are not logged while client %s traces", context.peer())
                await self._pause()
            async for document in self._traces(wanted, most):
                yield json.dumps(document).encode()
        except Refusal as refusal:
            await abort(context, refusal)
        finally:
            self._busy = False
            if not self._stopped:
                self.start()

    async def _traces(self, wanted: TraceFilter, most: int) -> AsyncGenerator[Document, None]:
        running = self._running()
        if running is None:
            raise Refusal(Code.FAILED_PRECONDITION, "there is no forwarding pipeline yet")
        engine, formats = running.engine, None
        started = False
        try:
            config = None
            while most:
                if engine.info is not config:
                    await self._built(engine)
                    again, config = config is not None, engine.info
                    running = self._running() or running
                    formats = await asyncio.to_thread(running.formats)
                    # Whoever goes away while tracing begins must not leave it on.
                    started = True
                    await run_to_end(asyncio.to_thread(engine.start_trace, wanted, most))
                    if not again:
                        yield {}
                await asyncio.sleep(INTERVAL)
                for trace in await asyncio.to_thread(engine.take_traces):
                    most -= 1
                    yield trace_document(trace, formats)
        except BuildError as error:
            raise Refusal(Code.INTERNAL, f"code that traces cannot be built: {error}") from None
        finally:
            if started:
                with suppress(RuntimeError):  # the switch has ended
                    engine.stop_trace()

    async def _built(self, engine: Engine) -> None:
        """Until there is code that traces. A build goes on when its client goes away, for the next one."""
        build = self._builds.get(engine)
        if build is None:
            build = self._builds[engine] = asyncio.create_task(asyncio.to_thread(engine.prepare_trace))
            build.add_done_callback(lambda _: self._builds.pop(engine, None))
        await asyncio.shield(build)


def follow(
    channel: grpc.Channel, wanted: TraceFilter, most: int | None = None
) -> Iterator[Mapping[str, Any]]:
    """The traces' documents, as they come; `grpc.RpcError` when the switch refuses or goes away.

    The first, empty one says that tracing has begun.
    """
    call = channel.unary_stream(f"/{SERVICE}/{METHOD}")(json.dumps(request_of(wanted, most)).encode())
    try:
        for message in call:
            yield json.loads(message)
    finally:
        call.cancel()
