"""Follows a gNMI subscription for as long as a connection lasts: what comes, what fails, when to ask again.

A switch that refuses one way of asking is asked in the next one; one that fails is asked again a few times.
What it does not serve is said in words, and no reason to give up its session. This module does not know
what is subscribed to.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import grpc
from finsy.proto import gnmi, gnmi_grpc

from p4fabric.controller.p4runtime.backoff import Backoff
from p4fabric.controller.p4runtime.errors import P4RuntimeError
from p4fabric.controller.p4runtime.gnmi import raise_end
from p4fabric.controller.p4runtime.status import closed_means_unavailable, code_of, error_of
from p4fabric.controller.p4runtime.update import Code

__all__ = ["NEVER", "NothingMore", "Way", "follow", "responses"]

_TRIES = 5
"""Of a connection, in a row: a switch whose gNMI fails is asked again with the next connection."""
_FIRST_RETRY, _LONGEST_RETRY = 1.0, 30.0
NEVER = (Code.UNIMPLEMENTED, Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED)
"""Answers that will be the same when asked again in the same way."""

Way = Callable[[], AsyncGenerator[bool, None]]
"""Subscribes anew and takes in what comes; yields after each message whether it brought anything."""


class NothingMore(Exception):
    """Raised by a way: all that the switch can say has been said; the text says why there is no more."""


async def follow(ways: Sequence[Way], what: str, on_failure: Callable[[str], None]) -> str:
    """Follow as far as the switch lets us, and say why no further.

    Args:
        ways: of asking, the best first; the next one is taken where the switch refuses one for good.
        what: is asked for: "the list of ports".
        on_failure: told why nothing comes for now, before each new try.
    """
    backoff = Backoff(_FIRST_RETRY, _LONGEST_RETRY)
    remaining, tries = list(ways), 0
    now = asyncio.get_running_loop().time
    while True:
        started = now()
        try:
            async with aclosing(remaining[0]()) as news:
                async for useful in news:
                    if useful:
                        tries = 0
            reason = "the subscription ended"
        except NothingMore as end:
            return str(end)
        except grpc.aio.AioRpcError as failure:
            reason = str(error_of(failure, what))
            if code_of(failure) in NEVER:
                remaining.pop(0)
                if not remaining:
                    return reason
                continue
        except (P4RuntimeError, TimeoutError, ValueError, asyncio.InvalidStateError) as error:
            reason = str(error) or "no answer in time"
        backoff.lasted(now() - started)
        tries += 1
        if tries == _TRIES:
            return reason
        on_failure(reason)
        await asyncio.sleep(backoff.next())


async def responses(
    channel: grpc.aio.Channel, request: gnmi.SubscribeRequest, *, first: float, idle: float | None = None
) -> AsyncGenerator[gnmi.SubscribeResponse, None]:
    """What a subscription brings: notifications, and once that the first of all have come.

    Args:
        channel: to the switch.
        request: the subscription.
        first: seconds for everything up to the synchronization.
        idle: seconds between messages after that, or None where it may be silent.

    Raises:
        grpc.aio.AioRpcError, P4RuntimeError: the subscription failed.
        TimeoutError: nothing came in time.
    """
    now = asyncio.get_running_loop().time
    synced, until = False, now() + first
    call = gnmi_grpc.gNMIStub(channel).Subscribe()
    try:
        with closed_means_unavailable():
            async with asyncio.timeout_at(until):
                await call.write(request)
            while True:
                if synced:
                    until = math.inf if idle is None else now() + idle
                async with asyncio.timeout_at(None if until == math.inf else until):
                    message = await call.read()
                if message is grpc.aio.EOF:
                    await raise_end(call)
                    return
                synced = synced or message.sync_response
                yield message
    finally:
        call.cancel()
