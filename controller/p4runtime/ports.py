"""Which ports a switch has, as its gNMI server says on the channel that P4Runtime uses.

P4Runtime has no list of ports; OpenConfig's interfaces have, each with its number in P4Runtime. What a
switch does not answer is not known, and no reason to give up its session. This module must never know
what ports are for.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable

import grpc
from finsy.proto import gnmi, gnmi_grpc

from controller.names import SwitchName
from controller.p4runtime.backoff import Backoff
from controller.p4runtime.errors import P4RuntimeError
from controller.p4runtime.status import closed_means_unavailable, code_of, error_of
from controller.p4runtime.update import Code
from pipelines.values import Port

__all__ = ["follow_ports"]

_log = logging.getLogger(__name__)

_TRIES = 5
"""Of a connection, in a row: a switch whose gNMI fails is asked again with the next connection."""
_FIRST_RETRY, _LONGEST_RETRY = 1.0, 30.0
_MOST_INTERFACES = 1024
"""A switch has at most 511 ports; one that names more interfaces than this is not believed."""
_NEVER = (Code.UNIMPLEMENTED, Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED)
"""Answers that will be the same when asked again in the same way."""


async def follow_ports(
    channel: grpc.aio.Channel,
    switch: SwitchName,
    leaf: str,
    on_ports: Callable[[frozenset[Port]], None],
    *,
    timeout: float,
) -> None:
    """Tell which ports a switch has, and each change, until it does not say any more. Raises nothing.

    An empty list is taken for none: a switch without ports is one that has not been set up yet.

    Args:
        channel: to the switch.
        switch: its name.
        leaf: of an interface's state, the one that holds the port's number: `id` or `ifindex`.
        on_ports: called with all ports.
        timeout: seconds for the first answer.
    """
    try:
        reason = await _follow(channel, leaf, on_ports, timeout)
    except Exception:
        _log.exception("%s: its ports are not followed any more", switch)
    else:
        _log.info("%s does not say any more which ports it has: %s", switch, reason)


async def _follow(
    channel: grpc.aio.Channel, leaf: str, on_ports: Callable[[frozenset[Port]], None], timeout: float
) -> str:
    """Follow the ports as far as the switch lets us, and say why no further."""
    backoff = Backoff(_FIRST_RETRY, _LONGEST_RETRY)
    mode = gnmi.SubscriptionList.STREAM
    tries = 0
    while True:
        try:
            async for ports in _reports(channel, leaf, mode, timeout):
                tries = 0
                if ports:
                    on_ports(ports)
            reason = "the subscription ended"
            if mode == gnmi.SubscriptionList.ONCE:
                return "it sends no changes"
        except grpc.aio.AioRpcError as failure:
            reason = str(error_of(failure, "the list of ports"))
            if code_of(failure) in _NEVER:
                if mode == gnmi.SubscriptionList.ONCE:
                    return reason
                # Stratum has port numbers, but no changes of them.
                mode = gnmi.SubscriptionList.ONCE
                continue
        except (P4RuntimeError, TimeoutError, ValueError, asyncio.InvalidStateError) as error:
            reason = str(error) or "no answer in time"
        tries += 1
        if tries == _TRIES:
            return reason
        await asyncio.sleep(backoff.next())


async def _reports(
    channel: grpc.aio.Channel, leaf: str, mode: int, timeout: float
) -> AsyncIterator[frozenset[Port]]:
    """All ports, after the first answer and after each change.

    Raises:
        grpc.aio.AioRpcError, P4RuntimeError: the subscription failed.
        TimeoutError: no first answer.
        ValueError: the answer makes no sense.
    """
    numbers: dict[str, int] = {}
    call = gnmi_grpc.gNMIStub(channel).Subscribe()
    try:
        with closed_means_unavailable():
            async with asyncio.timeout(timeout):
                await call.write(_subscription(leaf, mode))
                while (message := await call.read()) is not grpc.aio.EOF and not message.sync_response:
                    _take(numbers, message.update)
            if message is grpc.aio.EOF:
                await _end(call)
                return
            yield _ports(numbers)
            while (message := await call.read()) is not grpc.aio.EOF:
                _take(numbers, message.update)
                yield _ports(numbers)
            await _end(call)
    finally:
        call.cancel()


async def _end(call: grpc.aio.StreamStreamCall[gnmi.SubscribeRequest, gnmi.SubscribeResponse]) -> None:
    """Raise what a stream ended with, if it was not well."""
    code = await call.code()
    if code is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(
            code, await call.initial_metadata(), await call.trailing_metadata(), details=await call.details()
        )


def _subscription(leaf: str, mode: int) -> gnmi.SubscribeRequest:
    request = gnmi.SubscribeRequest()
    request.subscribe.mode = mode  # type: ignore[assignment]
    request.subscribe.encoding = gnmi.Encoding.PROTO
    subscription = request.subscribe.subscription.add(mode=gnmi.ON_CHANGE)
    subscription.path.elem.add(name="interfaces")
    subscription.path.elem.add(name="interface", key={"name": "*"})
    for name in ("state", leaf):
        subscription.path.elem.add(name=name)
    return request


def _take(numbers: dict[str, int], notification: gnmi.Notification) -> None:
    """Note the numbers of interfaces that are there, and forget those that are not any more."""
    for path in notification.delete:
        numbers.pop(_interface(notification.prefix, path), None)
    for update in notification.update:
        numbers[_interface(notification.prefix, update.path)] = _number(update.val)
    if len(numbers) > _MOST_INTERFACES:
        raise ValueError(f"it names more than {_MOST_INTERFACES} interfaces")


def _interface(prefix: gnmi.Path, path: gnmi.Path) -> str:
    for element in (*prefix.elem, *path.elem):
        if element.name == "interface":
            return str(element.key["name"])
    raise ValueError("a path of no interface came")


def _number(value: gnmi.TypedValue) -> int:
    kind = value.WhichOneof("value")
    if kind in ("json_val", "json_ietf_val"):
        return int(json.loads(getattr(value, kind)))
    if kind in ("uint_val", "int_val", "string_val"):
        return int(getattr(value, kind))
    raise ValueError(f"a port's number came as {kind}")


def _ports(numbers: dict[str, int]) -> frozenset[Port]:
    """The ports that intents can name: others, such as management interfaces, are of no use here."""
    return frozenset(Port(number) for number in numbers.values() if 1 <= number <= 509)
