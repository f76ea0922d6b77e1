"""Which ports a switch has and which are up, as its gNMI server says on the channel that P4Runtime uses.

P4Runtime has no list of ports; OpenConfig's interfaces have, each with its number in P4Runtime. What a
switch does not answer is not known, and no reason to give up its session. This module does not know what
ports are for.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Protocol

import grpc
from finsy.proto import gnmi

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.gnmi import MOST_INTERFACES, interface_of, is_up, number, subscribe
from p4fabric.controller.p4runtime.gnmi_follow import NEVER, NothingMore, follow, responses
from p4fabric.controller.p4runtime.status import code_of
from p4fabric.pipelines.values import Port

__all__ = ["PortListener", "follow_ports"]

_log = logging.getLogger(__name__)

_STATUS = "oper-status"


class PortListener(Protocol):
    """Who is told of a switch's ports."""

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        """The switch said which ports it has, all of them; told again with each change."""

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        """A port went up or down, as the switch says; None: nobody can say any more."""


async def follow_ports(
    channel: grpc.aio.Channel,
    switch: SwitchName,
    leaf: str,
    front_ports: range,
    listener: PortListener,
    *,
    timeout: float,
) -> None:
    """Tell which ports a switch has and which are up, and each change, until it does not say any more.

    Raises nothing. An empty list is taken for none: a switch without ports is one that has not been set up
    yet. Numbers and statuses are subscribed to together; a switch that does not serve both on change is asked
    for numbers on change, then for numbers once and statuses on change.

    Args:
        channel: to the switch.
        switch: its name.
        leaf: of an interface's state, the one that holds the port's number: `id` or `ifindex`.
        front_ports: numbers of ports that are told; others, such as management interfaces, are not.
        listener: is told.
        timeout: seconds for the first answer.
    """
    follower = _Follower(channel, switch, leaf, front_ports, listener, timeout)
    ways = (partial(follower.stream, leaf, _STATUS), partial(follower.stream, leaf), follower.numbers_once)
    try:
        reason = await follow(ways, "the list of ports", follower.failed)
    except Exception:
        _log.exception("%s: following its ports failed", switch)
    else:
        _log.info("%s does not say any more which ports it has: %s", switch, reason)
    finally:
        follower.forget_statuses()


class _Follower:
    """Asks one switch, and tells what is new."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        switch: SwitchName,
        leaf: str,
        front_ports: range,
        listener: PortListener,
        timeout: float,
    ) -> None:
        self._channel, self._switch, self._leaf = channel, switch, leaf
        self._front_ports, self._listener, self._timeout = front_ports, listener, timeout
        self._numbers: dict[str, int] = {}
        self._statuses: dict[str, bool | None] = {}
        """Of interfaces, by name."""
        self._told_ports: frozenset[Port] = frozenset()
        self._told_statuses: dict[Port, bool] = {}

    async def stream(self, *leaves: str) -> AsyncGenerator[bool, None]:
        """Follow leaves of all interfaces; with the numbers, what was known before is forgotten."""
        if self._leaf in leaves:
            self._numbers.clear()
        self._statuses.clear()
        synced = False
        request = _subscription(gnmi.SubscriptionList.STREAM, leaves)
        async with aclosing(responses(self._channel, request, first=self._timeout)) as messages:
            async for message in messages:
                synced = synced or message.sync_response
                self._take(message.update)
                if synced:
                    self._tell()
                yield synced

    async def numbers_once(self) -> AsyncGenerator[bool, None]:
        """Ask for the numbers, and follow the statuses: Stratum sends no changes of numbers."""
        self._numbers.clear()
        request = _subscription(gnmi.SubscriptionList.ONCE, (self._leaf,))
        async with aclosing(responses(self._channel, request, first=self._timeout)) as messages:
            async for message in messages:
                self._take(message.update)
                if message.sync_response:
                    break
        self._tell()
        yield True
        try:
            async with aclosing(self.stream(_STATUS)) as news:
                async for useful in news:
                    yield useful
        except grpc.aio.AioRpcError as failure:
            if code_of(failure) not in NEVER:
                raise
            raise NothingMore("it sends no changes") from failure

    def failed(self, reason: str) -> None:
        """Nothing comes for now."""
        _log.debug("%s: asking for its ports again: %s", self._switch, reason)
        self.forget_statuses()

    def forget_statuses(self) -> None:
        """Nobody can say any more which ports are up."""
        self._statuses.clear()
        self._tell_statuses()

    def _take(self, notification: gnmi.Notification) -> None:
        """Note what is said of interfaces, and forget those that are not there any more.

        Raises:
            ValueError: it makes no sense.
        """
        for path in notification.delete:
            name = interface_of(notification.prefix, path)
            if not path.elem or path.elem[-1].name != _STATUS:
                self._numbers.pop(name, None)
            self._statuses.pop(name, None)
        for update in notification.update:
            name = interface_of(notification.prefix, update.path)
            if (update.path.elem or notification.prefix.elem)[-1].name == _STATUS:
                self._statuses[name] = is_up(update.val)
            else:
                self._numbers[name] = number(update.val)
        if max(len(self._numbers), len(self._statuses)) > MOST_INTERFACES:
            raise ValueError(f"it names more than {MOST_INTERFACES} interfaces")

    def _tell(self) -> None:
        ports = frozenset(Port(one) for one in self._numbers.values() if one in self._front_ports)
        if ports and ports != self._told_ports:
            self._told_ports = ports
            self._say(self._listener.ports_known, ports)
        self._tell_statuses()

    def _tell_statuses(self) -> None:
        found: dict[Port, bool] = {}
        for name, one in self._numbers.items():
            up = self._statuses.get(name)
            if up is not None and one in self._front_ports:
                found.setdefault(Port(one), up)
        before, self._told_statuses = self._told_statuses, found
        for port in before.keys() - found.keys():
            self._say(self._listener.port_status, port, None)
        for port, up in found.items():
            if before.get(port) is not up:
                self._say(self._listener.port_status, port, up)

    def _say(self, tell: Callable[..., None], *said: object) -> None:
        try:
            tell(self._switch, *said)
        except Exception:
            _log.exception("%s: the handler of its ports failed", self._switch)


def _subscription(mode: int, leaves: tuple[str, ...]) -> gnmi.SubscribeRequest:
    request = gnmi.SubscribeRequest()
    request.subscribe.mode = mode  # type: ignore[assignment]
    request.subscribe.encoding = gnmi.Encoding.PROTO
    for leaf in leaves:
        subscribe(request, f"/interfaces/interface[name=*]/state/{leaf}", gnmi.ON_CHANGE)
    return request
