"""What a switch's ports and queues have counted, by one gNMI subscription that samples all of them.

Nothing is asked port by port: the switch sends what all have counted, once an interval. What a switch
does not serve is said in words, and no reason to give up its session. This module does not know what
becomes of the counts.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import grpc
from finsy.proto import gnmi

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.gnmi import MOST_INTERFACES, interface_of, is_up, key_of, number, subscribe
from p4fabric.controller.p4runtime.gnmi_follow import follow, responses
from p4fabric.controller.shown import shorten
from p4fabric.controller.turns import in_turns
from p4fabric.pipelines.values import Port

__all__ = ["COUNTERS", "QUEUE_LEAVES", "PortSample", "PortWatcher", "QueueSample", "follow_samples"]

_log = logging.getLogger(__name__)

COUNTERS = (
    *("in-pkts", "in-octets", "in-discards", "in-errors"),
    *("out-pkts", "out-octets", "out-discards", "out-errors"),
)
"""Counters of an interface, by OpenConfig's names."""
_PARTS = {
    f"{way}-{kind}-pkts": f"{way}-pkts"
    for way in ("in", "out")
    for kind in ("unicast", "multicast", "broadcast")
}
"""Counters that add up to another, of a switch that does not have that one."""
QUEUE_LEAVES = (
    *("occupancy", "max-queue-len", "depth-limit", "rate-bps", "rate-pps"),
    *("transmit-pkts", "transmit-octets", "dropped-pkts"),
    *("drops/port-down", "drops/send-failed", "drops/beyond-mtu"),
)
"""Of the state of a queue."""
_MOST_QUEUES = 16
"""Of a port; a switch has eight as a rule."""
_LONGEST_NAME = 64
_MOST_FIRST = MOST_INTERFACES * 64
_MISSED = 3
"""Intervals without a sample after which a subscription is taken for dead."""


@dataclass(frozen=True, slots=True)
class QueueSample:
    """One egress queue, by the names of the leaves of its state."""

    name: str
    leaves: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PortSample:
    """One port at one moment."""

    port: Port
    interface: str
    """As the switch calls it."""
    up: bool | None
    """None where the switch does not say."""
    counters: Mapping[str, int]
    """Some of `COUNTERS`; they count from zero when the switch restarts."""
    queues: tuple[QueueSample, ...]
    cleared_at: int = 0
    """When the port's counters, and those of its queues, were zero (ns since 1970); 0 where the switch does
    not say."""


class PortWatcher(Protocol):
    """Who is told what ports have counted."""

    def ports_sampled(self, switch: SwitchName, samples: Collection[PortSample]) -> None:
        """Some ports said what they have counted; all do once an interval. None: the switch has no ports."""

    def ports_gone(self, switch: SwitchName, ports: Collection[Port]) -> None:
        """Ports that the switch had are there no more."""

    def ports_unread(self, switch: SwitchName, reason: str) -> None:
        """Nothing is sampled of a switch for now."""


async def follow_samples(
    channel: grpc.aio.Channel,
    switch: SwitchName,
    leaf: str,
    front_ports: range,
    watcher: PortWatcher,
    *,
    interval: float,
    timeout: float,
) -> None:
    """Tell what all ports count, once an interval, until the switch does not say any more. Raises nothing.

    Args:
        channel: to the switch.
        switch: its name.
        leaf: of an interface's state, the one that holds the port's number: `id` or `ifindex`.
        front_ports: numbers of ports that are told; others, such as management interfaces, are not.
        watcher: whom to tell.
        interval: seconds between samples.
        timeout: seconds for the first answer.
    """

    async def sample(*below_queues: str) -> AsyncGenerator[bool, None]:
        request = _subscription(leaf, interval, below_queues)
        longest = timeout + _MISSED * interval
        while True:
            ports, is_read = _Ports(leaf, front_ports), False
            try:
                async with aclosing(_notifications(channel, request, longest)) as notifications:
                    async for notification in notifications:
                        gone, changed = await ports.take(notification)
                        if gone:
                            watcher.ports_gone(switch, gone)
                        if changed or not is_read:
                            watcher.ports_sampled(switch, changed)
                        is_read = True
                        yield bool(changed)
                return
            except TimeoutError:
                # A switch without interfaces has nothing to send; it may get some.
                if ports.has_interfaces or not is_read:
                    raise

    # A switch may have only some of these leaves, or no queues.
    ways = (partial(sample, *(f"/{one}" for one in QUEUE_LEAVES)), partial(sample, ""), sample)
    try:
        reason = await follow(ways, "the counters of ports", partial(watcher.ports_unread, switch))
    except Exception as error:
        _log.exception("%s: reading port counters failed", switch)
        reason = f"fault in the controller: {error!r}"
    else:
        _log.warning("%s: cannot read port counters: %s", switch, reason)
    watcher.ports_unread(switch, reason)


async def _notifications(
    channel: grpc.aio.Channel, request: gnmi.SubscribeRequest, longest: float
) -> AsyncGenerator[gnmi.Notification, None]:
    """Notifications; those before the first synchronization together, so that numbers come with names.

    Raises:
        grpc.aio.AioRpcError, P4RuntimeError: the subscription failed.
        TimeoutError: nothing came for `longest` seconds.
        ValueError: the first sample is too large.
    """
    first: gnmi.Notification | None = gnmi.Notification()
    async with aclosing(responses(channel, request, first=longest, idle=longest)) as messages:
        async for message in messages:
            if first is None:
                yield message.update
            elif message.sync_response:
                yield first
                first = None
            else:
                first.update.extend(_whole(message.update))
                if len(first.update) > _MOST_FIRST:
                    raise ValueError(f"the first sample has more than {_MOST_FIRST} values")


def _whole(notification: gnmi.Notification) -> list[gnmi.Update]:
    """Updates with their whole paths."""
    found = []
    for update in notification.update:
        whole = gnmi.Update(val=update.val)
        whole.path.elem.extend((*notification.prefix.elem, *update.path.elem))
        found.append(whole)
    return found


def _subscription(leaf: str, interval: float, below_queues: Collection[str]) -> gnmi.SubscribeRequest:
    request = gnmi.SubscribeRequest()
    request.subscribe.mode = gnmi.SubscriptionList.STREAM
    request.subscribe.encoding = gnmi.Encoding.PROTO
    state = "/interfaces/interface[name=*]/state"
    for below in (leaf, "oper-status", "counters"):
        subscribe(request, f"{state}/{below}", gnmi.SAMPLE, interval=interval)
    queues = "/qos/interfaces/interface[interface-id=*]/output/queues/queue[name=*]/state"
    for below in below_queues:
        subscribe(request, f"{queues}{below}", gnmi.SAMPLE, interval=interval)
    return request


@dataclass(slots=True)
class _Interface:
    port: Port | None = None
    up: bool | None = None
    counters: dict[str, int] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    cleared_at: int = 0
    queues: dict[str, dict[str, int]] = field(default_factory=dict)

    def sample(self, name: str, port: Port) -> PortSample:
        sums: dict[str, int] = {}
        for part, value in self.parts.items():
            sums[_PARTS[part]] = sums.get(_PARTS[part], 0) + value
        queues = tuple(QueueSample(queue, dict(leaves)) for queue, leaves in self.queues.items())
        counters = {**sums, **self.counters}
        return PortSample(port, shorten(name, _LONGEST_NAME), self.up, counters, queues, self.cleared_at)


class _Ports:
    """What was sampled last of each interface."""

    def __init__(self, leaf: str, front_ports: range) -> None:
        self._leaf, self._front_ports = leaf, front_ports
        self._interfaces: dict[str, _Interface] = {}
        self._names: dict[Port, str] = {}
        """A port is the interface that had its number first, as long as that is there."""

    @property
    def has_interfaces(self) -> bool:
        """Whether any interface is there, if only for management."""
        return bool(self._interfaces)

    async def take(self, notification: gnmi.Notification) -> tuple[list[Port], list[PortSample]]:
        """Take what came; returns the ports that are gone, and samples of those that it spoke of.

        Raises:
            ValueError: it makes no sense.
        """
        gone = [port for path in notification.delete if (port := self._delete(notification.prefix, path))]
        changed: dict[str, None] = {}
        # A switch with all of its ports has thousands of them.
        async for update in in_turns(notification.update):
            name = interface_of(notification.prefix, update.path)
            self._update(name, notification.prefix, update)
            changed[name] = None
        if len(self._interfaces) > MOST_INTERFACES:
            raise ValueError(f"the switch names more than {MOST_INTERFACES} interfaces")
        samples = []
        for name in changed:
            found = self._interfaces[name]
            if found.port is not None and self._names.setdefault(found.port, name) == name:
                samples.append(found.sample(name, found.port))
        return gone, samples

    def _delete(self, prefix: gnmi.Path, path: gnmi.Path) -> Port | None:
        """Forget an interface; the deletion of a leaf of one that stays is of no use here."""
        elements = [*prefix.elem, *path.elem]
        if len(elements) > 2 or not elements or elements[0].name != "interfaces":
            return None
        name = interface_of(prefix, path)
        gone = self._interfaces.pop(name, None)
        if gone is None or gone.port is None or self._names.get(gone.port) != name:
            return None
        del self._names[gone.port]
        return gone.port

    def _update(self, name: str, prefix: gnmi.Path, update: gnmi.Update) -> None:
        found = self._interfaces.setdefault(name, _Interface())
        queue = key_of(prefix, update.path, "queue", "name")
        last = (update.path.elem or prefix.elem)[-1].name
        if queue is not None:
            queue = shorten(queue, _LONGEST_NAME)
            if [one.name for one in (*prefix.elem, *update.path.elem)][-2:-1] == ["drops"]:
                last = f"drops/{last}"
            if last in QUEUE_LEAVES and (queue in found.queues or len(found.queues) < _MOST_QUEUES):
                found.queues.setdefault(queue, {})[last] = _count(update)
        elif last in COUNTERS:
            found.counters[last] = _count(update)
        elif last in _PARTS:
            found.parts[last] = _count(update)
        elif last == "last-clear":
            found.cleared_at = _count(update)
        elif last == "oper-status":
            found.up = is_up(update.val)
        elif last == self._leaf:
            port = number(update.val)
            found.port = Port(port) if port in self._front_ports else None


def _count(update: gnmi.Update) -> int:
    """A counter of 64 bits.

    Raises:
        ValueError: it is none.
    """
    found = number(update.val)
    if not 0 <= found < 1 << 64:
        raise ValueError(f"a counter came as {found}")
    return found
