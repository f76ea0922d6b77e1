"""Every RPC's outer shell: requests are received and decoded here, and faults become statuses here.

A request that is no message of its type is INVALID_ARGUMENT and logs nothing: a million of them must not
fill a disk. A fault that nobody foresaw is INTERNAL and logs a traceback, at a bounded rate. Requests are
received a few at a time, and those that have been received take room until they are answered, so that calls
in flight cannot use up the memory. Knows gRPC; must not know what a service does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, TypeAlias, cast

import grpc
from google.protobuf.message import DecodeError

from p4fabric.softswitch.server.errors import Code, Refusal, abort, exhausted, invalid
from p4fabric.softswitch.server.logs import BoundedLog

_log = logging.getLogger(__name__)
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Decode: TypeAlias = Callable[[bytes], Any]

LARGEST_REQUEST = 16 << 20
"""Bytes of a request or stream message: device configs may be large (specification, section 21.3.2)."""
RECEIVING_AT_ONCE = 16
"""Calls whose request is being received; others wait. With `LARGEST_REQUEST`: 256 MiB for all of them."""
MOST_BYTES_IN_FLIGHT = 256 << 20
"""Bytes of all requests together that have been received and not yet answered."""
SMALL_REQUEST = 64 << 10
"""Bytes of a request that takes no room: there are at most `limits.MOST_CALLS` of them, and they get through
while large ones are refused."""
RECEIVE_SECONDS = 20.0
"""For a call's turn to come, and again for its request to arrive."""
LOGGED_FAULTS = 5
"""Tracebacks in `logs.PERIOD`; what is beyond is counted in the next line."""


class FaultLog:
    """Tracebacks of unforeseen faults, at most `LOGGED_FAULTS` in `logs.PERIOD`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._lines = BoundedLog(_log, LOGGED_FAULTS, clock)

    def write(self, method: str, fault: BaseException) -> None:
        """Log a fault, or count it."""
        self._lines.write(logging.ERROR, "%s: unforeseen fault", method, fault=fault)


class RequestRoom:
    """The room for requests that have been received and not yet answered."""

    def __init__(self) -> None:
        self._taken = 0

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Meanwhile a request of so many bytes takes room; `Refusal` if there is none."""
        size = size if size > SMALL_REQUEST else 0
        if size and self._taken + size > MOST_BYTES_IN_FLIGHT:
            raise exhausted(
                f"a request of {size} bytes beside requests of {self._taken} bytes that are being dealt with;"
                f" {MOST_BYTES_IN_FLIGHT} are the most"
            )
        self._taken += size
        try:
            yield
        finally:
            self._taken -= size


class GuardedServer:
    """What services register their methods with, in place of the server itself.

    A client sees no difference between the kinds of calls, so all are served as streams: then it is decided
    here, not in gRPC, when a request is received.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        """Stand before this server."""
        self._server = server
        self._faults = FaultLog()
        self._receiving = asyncio.Semaphore(RECEIVING_AT_ONCE)
        self._room = RequestRoom()

    def add_generic_rpc_handlers(self, _: object) -> None:
        """Nothing: generated code also registers each of its methods by name, and that counts."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Serve these methods of a service, those of an earlier call included unless they are named again."""
        guarded = {name: self._guard(f"{service}/{name}", handler) for name, handler in handlers.items()}
        self._server.add_registered_method_handlers(service, guarded)

    def _guard(self, method: str, handler: Any) -> Any:
        decode = _decoder(method, handler.request_deserializer)
        encode = handler.response_serializer
        if handler.request_streaming:
            serve = self._shell(method, handler.stream_stream)
            return grpc.stream_stream_rpc_method_handler(serve, decode, encode)
        if handler.response_streaming:
            serve = self._shell(method, self._answer_many(handler.unary_stream, decode))
            return grpc.stream_stream_rpc_method_handler(serve, None, encode)
        serve = self._shell(method, self._answer_one(handler.unary_unary, decode))
        return grpc.stream_unary_rpc_method_handler(serve, None, encode)

    def _shell(self, method: str, behaviour: Callable[[Any, _Context], Any]) -> Any:
        async def serve(requests: object, context: _Context) -> Any:
            try:
                return await behaviour(requests, context)
            except (asyncio.CancelledError, grpc.aio.AbortError):
                raise
            except Refusal as refusal:
                await abort(context, refusal)
            except grpc.aio.BaseError:
                # The client or the server has gone; gRPC would log a traceback for each.
                raise asyncio.CancelledError from None
            except Exception as fault:
                self._faults.write(method, fault)
                await abort(context, Refusal(Code.INTERNAL, "a fault of the switch; its log has more"))

        return serve

    def _answer_one(self, behaviour: Callable[[Any, _Context], Any], decode: _Decode) -> Any:
        async def answer(_: object, context: _Context) -> Any:
            async with self._request(context, decode) as request:
                return await behaviour(request, context)

        return answer

    def _answer_many(
        self, behaviour: Callable[[Any, _Context], AsyncGenerator[Any, None]], decode: _Decode
    ) -> Any:
        async def answer(_: object, context: _Context) -> None:
            async with (
                self._request(context, decode) as request,
                aclosing(behaviour(request, context)) as messages,
            ):
                async for message in messages:
                    await context.write(message)

        return answer

    @asynccontextmanager
    async def _request(self, context: _Context, decode: _Decode) -> AsyncIterator[Any]:
        """A call's only request, which takes room until the call ends; `Refusal` when it is none, does not
        come, or finds no room."""
        received = await self._receive(context)
        with self._room.taken(len(received)):
            request = decode(received)
            del received
            yield request

    async def _receive(self, context: _Context) -> bytes:
        try:
            async with asyncio.timeout(RECEIVE_SECONDS):
                await self._receiving.acquire()
        except TimeoutError:
            raise exhausted(
                f"{RECEIVING_AT_ONCE} requests are being received already, for {RECEIVE_SECONDS:.0f} s"
            ) from None
        try:
            async with asyncio.timeout(RECEIVE_SECONDS):
                request = await context.read()
        except TimeoutError:
            raise invalid(f"the request did not arrive within {RECEIVE_SECONDS:.0f} s") from None
        finally:
            self._receiving.release()
        if request is grpc.aio.EOF:
            raise invalid("the call has no request")
        return cast(bytes, request)


def _decoder(method: str, decode: _Decode | None) -> _Decode:
    """As `decode` (None: bytes are taken as they are), with a `Refusal` for what cannot be decoded."""

    def checked(request: bytes) -> Any:
        if decode is None:
            return request
        try:
            return decode(request)
        except (DecodeError, ValueError):
            raise invalid(f"the request cannot be decoded as {method} has it") from None

    return checked
