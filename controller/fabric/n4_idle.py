"""What buffers are told of idle UEs' sessions, and what they tell.

    session is another ──► orders ──► buffer ──► packets wait, or are sent on ──► IdleWatch

Packets are led to a buffer when it has opened their tunnel, and what becomes of them there is told when
switches have acknowledged (`n4.buffering`). A buffer that is away hears of all that stands when it is back.
This module knows no SMFs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from p4fabric.buffer.orders import Close, Drop, Forward, News, Order, TunnelKey
from p4fabric.controller.buffer_config import BufferConfig
from p4fabric.controller.fabric.buffer_client import BufferClient
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.n4.buffering import orders, standing_orders
from p4fabric.controller.n4.prepared import Kept, Prepared

__all__ = ["IdleSessions"]

_log = logging.getLogger(__name__)

_OPENING = 2.0
"""Seconds that a buffer has to open tunnels; what comes there before is lost."""


class IdleSessions:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(self, buffers: Sequence[BufferConfig], served: Callable[[], Iterable[ServedUpf]]) -> None:
        """Make it; nothing is connected before it runs.

        Args:
            buffers: those that the configuration names.
            served: Upfs that are served now.
        """
        self._served = served
        self.clients: Mapping[str, BufferClient] = {one.name: self._client(one) for one in buffers}
        """By name."""
        self._left: Mapping[str, dict[TunnelKey, Forward]] = {one.name: {} for one in buffers}
        """By buffer: tunnels that no session has any more, and that some switch may still lead packets to."""
        self.arrived: dict[tuple[ServedUpf, int], None] = {}
        """TEIDs of which packets wait."""
        self.direct: dict[tuple[ServedUpf, int], None] = {}
        """TEIDs of which packets need no detour any more."""
        self.durations: dict[tuple[ServedUpf, int], asyncio.TimerHandle] = {}
        """TEIDs of which an SMF has said how long packets may wait."""
        self.news = asyncio.Event()
        """Set when there is one of these."""

    def _client(self, config: BufferConfig) -> BufferClient:
        name = config.name
        return BufferClient(config, lambda: self._standing(name), self._heard, lambda: self._is_away(name))

    async def run(self) -> None:
        """Talk to buffers, for ever. Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            for name, client in self.clients.items():
                tasks.create_task(client.run(), name=f"buffer {name}")

    # Sessions that change.

    async def open(self, served: ServedUpf, made: Iterable[Prepared]) -> None:
        """Open tunnels at the buffer that packets are going to be led to."""
        client, told = self._client_of(served), list[Order]()
        for one in made:
            for now, before in one.sessions.values():
                if now is not None and now.plane.buffers:
                    standing, had = standing_orders(served.node.rules, now), _teids(before)
                    told += (order for order in standing if order.tunnel.teid not in had)
        if client is None or not told:
            return
        try:
            async with asyncio.timeout(_OPENING):
                is_open = await client.tell(told)
        except TimeoutError:
            is_open = False
        if not is_open:
            _log.warning("%s: its buffer is away: packets to idle UEs are lost", served.upf.key)

    def follow(self, served: ServedUpf, made: Iterable[Prepared], *, is_undone: bool = False) -> None:
        """Tell what has become of sessions, by all that was prepared together; not blocking.

        Args:
            served: their Upf.
            made: what was prepared.
            is_undone: it was taken back.
        """
        before, opened = dict[int, Kept | None](), dict[int, set[int]]()
        drops, armed = set[int](), set[int]()
        for one in made:
            for seid, (now, was) in one.sessions.items():
                before.setdefault(seid, was)
                if now is not None and now.plane.buffers:
                    opened.setdefault(seid, set()).update(now.plane.buffers.values())
            if not is_undone:
                drops.update(one.sessions if one.drops_waiting else ())
                armed.update(one.sessions if one.is_armed else ())
        told = list[Order]()
        for seid, was in before.items():
            now = served.node.sessions.get(seid)
            told += self.changed(served, was, now, drops=seid in drops, is_armed=seid in armed)
            left = opened.get(seid, set()) - _teids(was) - _teids(now)
            told += (Close(tunnel_of(served, teid), 0.0) for teid in left)
        self.tell(served, told)

    def changed(
        self,
        served: ServedUpf,
        before: Kept | None,
        now: Kept | None,
        *,
        drops: bool = False,
        is_armed: bool = False,
    ) -> Iterator[Order]:
        """What the buffer is told when a session is another than before."""
        if not (before is not None and before.plane.buffers) and not (now is not None and now.plane.buffers):
            return
        waiting = served.node.waiting
        for order in orders(served.node.rules, before, now, drops=drops, is_armed=is_armed):
            if isinstance(order, Drop):
                waiting.arrived.discard(order.tunnel.teid)
            elif isinstance(order, Forward | Close):
                self.end_duration(served, order.tunnel.teid)
            elif is_armed:
                waiting.reported.discard(order.tunnel.teid)
            yield order

    def end_duration(self, served: ServedUpf, teid: int) -> None:
        """Packets of a tunnel may wait for as long as others."""
        timer = self.durations.pop((served, teid), None)
        if timer is not None:
            timer.cancel()

    def leave(self, served: ServedUpf, told: Sequence[Order]) -> Callable[[], None]:
        """Tell what has become of sessions, but that tunnels close: switches may still lead packets there.

        Returns:
            To be called when none does.
        """
        client = self._client_of(served)
        if client is None:
            return lambda: None
        left = self._left[client.name]
        closed = [order for order in told if isinstance(order, Close)]
        stays = {one.tunnel for one in closed}
        left.update((one.tunnel, one) for one in told if isinstance(one, Forward) and one.tunnel in stays)
        client.tell([order for order in told if not isinstance(order, Close)])

        def close() -> None:
            for order in closed:
                left.pop(order.tunnel, None)
            client.tell(closed)

        return close

    def tell(self, served: ServedUpf, told: Sequence[Order]) -> None:
        """Tell the buffer of a Upf; not blocking."""
        client = self._client_of(served)
        if client is not None and told:
            client.tell(told)

    def moved(self, served: ServedUpf) -> None:
        """A Upf has another buffer, or none any more; what waits at the one that it had is lost."""
        self._lead_directly(served)
        self.begin_again()

    def begin_again(self) -> None:
        """Upfs are others now: tell all that stands anew."""
        upfs = set(self._served())
        for served, teid in list(self.durations):
            if served not in upfs:
                self.end_duration(served, teid)
        for client in self.clients.values():
            client.begin_again()

    def _client_of(self, served: ServedUpf) -> BufferClient | None:
        buffer = served.upf.spec.buffer
        return None if buffer is None else self.clients.get(buffer.name)

    # What buffers tell.

    def _of(self, name: str) -> Iterator[ServedUpf]:
        for one in self._served():
            if one.upf.spec.buffer is not None and one.upf.spec.buffer.name == name:
                yield one

    def _standing(self, name: str) -> Iterator[Order]:
        for served in self._of(name):
            for kept in list(served.node.sessions.values()):
                if kept.plane.buffers:
                    yield from standing_orders(served.node.rules, kept)
        yield from list(self._left[name].values())

    def _is_away(self, name: str) -> None:
        """Nothing is sent on any more, as far as anybody knows."""
        for served in self._of(name):
            self._lead_directly(served)

    def _lead_directly(self, served: ServedUpf) -> None:
        """Detours lead nowhere; and what waits makes none, unless the buffer tells of it again."""
        served.node.waiting.arrived.clear()
        for kept in served.node.sessions.values():
            for pdr_id in kept.plane.detours:
                self.direct[served, kept.plane.buffers[pdr_id]] = None
        if self.direct:
            self.news.set()

    def _heard(self, news: News) -> None:
        by_n3 = {one.upf.spec.n3_address: one for one in self._served()}
        for key in news.arrived:
            served = by_n3.get(key.n3)
            if served is not None and served.node.waiting.owner(key.teid) is not None:
                served.node.waiting.arrived.add(key.teid)
                self.arrived[served, key.teid] = None
        for key in news.ready:
            served = by_n3.get(key.n3)
            if served is not None and served.node.waiting.owner(key.teid) is not None:
                self.direct[served, key.teid] = None
        self.news.set()


def tunnel_of(served: ServedUpf, teid: int) -> TunnelKey:
    """A tunnel of a Upf to its buffer."""
    return TunnelKey(served.upf.spec.n3_address, teid)


def _teids(kept: Kept | None) -> set[int]:
    return set() if kept is None else set(kept.plane.buffers.values())
