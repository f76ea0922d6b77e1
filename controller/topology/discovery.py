"""Finds the links between switches with signed LLDP probes.

A direction of a link is up after one probe and down after some missed in a row. Probes can get
lost in a full queue, so a link that misses one is asked more often before it is given up. This
module knows probes, and when a link is up. It must never know what links are for.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from controller.names import PortRef, SwitchName
from controller.p4runtime.errors import P4RuntimeError
from controller.topology.lldp import InvalidProbe, Probe, decode, encode
from controller.topology.model import DEFAULT_PORTS, Link
from pipelines.values import Port

__all__ = ["Discovery", "Timing"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, but for the count."""

    interval: float = 1.0
    """Between probes of a port."""
    silent_interval: float = 8.0
    """What the interval grows to on guessed ports where nothing is heard."""
    missed: int = 3
    """Intervals without a probe after which a direction of a link is down."""
    lost_switch: float = 5.0
    """How long links outlive the control channel of a switch: it may be back at once."""
    absent_switch: float = 30.0
    """The same for links known from before a restart, until their switches connect."""

    @property
    def patience(self) -> float:
        """Silence after which a direction of a link is down."""
        return self.interval * self.missed


@dataclass(slots=True)
class _Probed:
    """A port that is probed."""

    known: bool
    """It is there, as a configuration says or something heard shows."""
    wait: float
    next_at: float


class Discovery:
    """`run` it in a TaskGroup; feed it packet-ins and connections. One event loop only."""

    def __init__(
        self,
        send: Callable[[PortRef, bytes], Awaitable[None]],
        on_link_up: Callable[[Link], None],
        on_link_down: Callable[[Link, str], None],
        *,
        is_edge: Callable[[PortRef], bool] = lambda port: False,
        key: bytes | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Nothing is sent before `run`.

        Args:
            send: puts a frame out of a port; a P4RuntimeError of it is ignored (that probe is lost).
            on_link_up: called for each direction of a link once it is found.
            on_link_down: called with the reason.
            is_edge: ports that tenants use: no probes there, and frames from there are not believed.
            key: signs probes, so that hosts cannot forge links; a random one if not given.
            timing: how often, and how patient.
        """
        self._send = send
        self._on_link_up = on_link_up
        self._on_link_down = on_link_down
        self._is_edge = is_edge
        self._key = key or secrets.token_bytes(32)
        self._timing = timing or Timing()
        self._heard: dict[Link, float] = {}
        self._link_from: dict[PortRef, Link] = {}
        self._ports: dict[SwitchName, dict[Port, _Probed]] = {}
        self._linkable: dict[SwitchName, frozenset[Port]] = {}
        self._gone: dict[SwitchName, float] = {}
        """Switches with links but without control channel: when their links go."""
        self._changed = asyncio.Event()

    @property
    def links(self) -> frozenset[Link]:
        """All directions of links that are up."""
        return frozenset(self._heard)

    def restore(self, links: Iterable[Link]) -> None:
        """Take links as up that were known before a restart; they age like others, nobody is called."""
        now = self._now()
        for link in links:
            self._heard[link] = now
            self._link_from[link.source] = link
            for end in (link.source, link.destination):
                if end.switch not in self._ports:
                    self._gone[end.switch] = now + self._timing.absent_switch

    def switch_connected(
        self,
        switch: SwitchName,
        ports: Collection[Port] | None = None,
        *,
        present: Collection[Port] | None = None,
    ) -> None:
        """Start to probe.

        Args:
            switch: the switch.
            ports: those that may have links; without, any port that is no edge port may have one.
            present: those that the switch has, which are probed where `ports` does not say; without, ports
                1 to 32 are, silent ones ever more rarely.
        """
        now = self._now()
        self._gone.pop(switch, None)
        self._linkable.pop(switch, None)
        if ports is not None:
            self._linkable[switch] = frozenset(ports)
        probed = present if ports is None else ports
        self._ports[switch] = {
            port: _Probed(probed is not None, self._timing.interval, now)
            for port in (DEFAULT_PORTS if probed is None else probed)
        }
        for link in self._links_of(switch):
            self._heard[link] = now
            self._seen_alive(link.source if link.source.switch == switch else link.destination)
        self._changed.set()

    def switch_has(self, switch: SwitchName, present: Collection[Port]) -> None:
        """Probe the ports that a connected switch has, where it was not said which may have links."""
        if switch in self._ports and switch not in self._linkable:
            now, before = self._now(), self._ports[switch]
            self._ports[switch] = {
                port: before[port] if port in before else _Probed(True, self._timing.interval, now)
                for port in present
            }
            for port in present:
                self._seen_alive(PortRef(switch, port))

    def switch_disconnected(self, switch: SwitchName) -> None:
        """Stop to probe. Its links stay for a while: the control channel is gone, perhaps not the switch."""
        if self._ports.pop(switch, None) is not None:
            self._gone[switch] = self._now() + self._timing.lost_switch

    def port_down(self, port: PortRef) -> None:
        """Take the links at a port down at once."""
        for link in list(self._heard):
            if port in (link.source, link.destination):
                self._take_down(link, f"port {port} is down")

    def received(self, at: PortRef, frame: bytes) -> None:
        """Look at a frame from a switch; anything but a fresh probe of ours is ignored."""
        if not self._may_be_linked(at):
            return
        try:
            probe = decode(frame, self._key)
        except InvalidProbe as error:
            _log.debug("%s: a frame is no probe: %s", at, error)
            return
        now = self._now()
        age = now - probe.sent_at
        # A host may have caught a probe at a port that was open to it, and play it back.
        if not 0 <= age <= self._timing.patience:
            _log.debug("%s: a probe of %s is %.1f s old", at, probe.source, age)
            return
        if probe.source == at or not self._may_be_linked(probe.source):
            return
        link = Link(probe.source, at)
        if link not in self._heard:
            for other in list(self._heard):
                if other.source == link.source or other.destination == link.destination:
                    self._take_down(other, f"{link.source} now reaches {link.destination}")
            _log.info("link %s -> %s is up", link.source, link.destination)
            self._heard[link] = now
            self._link_from[link.source] = link
            self._on_link_up(link)
        self._heard[link] = now
        for end in (link.source, link.destination):
            self._seen_alive(end)

    async def run(self) -> None:
        """Probe and age for ever. Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._age())
            probing: dict[SwitchName, asyncio.Task[None]] = {}
            while True:
                self._changed.clear()
                for switch in self._ports:
                    if switch not in probing or probing[switch].done():
                        probing[switch] = tasks.create_task(self._probe(switch))
                await self._changed.wait()

    async def _probe(self, switch: SwitchName) -> None:
        """Probe the ports of one switch while it is connected."""
        while (ports := self._ports.get(switch)) is not None:
            for port, probed in list(ports.items()):
                if probed.next_at <= self._now():
                    self._schedule(PortRef(switch, port), probed)
                    await self._send_probe(PortRef(switch, port))
            soonest = min((probed.next_at for probed in ports.values()), default=self._now() + 1)
            # Ports that wake up from silence, or start to miss probes, are to be seen soon.
            wait = min(soonest - self._now(), self._timing.interval / 4)
            await asyncio.sleep(max(wait, 0.01))

    def _schedule(self, port: PortRef, probed: _Probed) -> None:
        """When to probe a port next."""
        now = self._now()
        link = self._link_from.get(port)
        if link is not None:
            late = now - self._heard[link] > 1.5 * self._timing.interval
            probed.next_at = now + self._timing.interval / (4 if late else 1)
        elif probed.known:
            probed.next_at = now + self._timing.interval
        else:
            probed.next_at = now + probed.wait
            probed.wait = min(2 * probed.wait, self._timing.silent_interval)

    async def _send_probe(self, port: PortRef) -> None:
        if self._is_edge(port):
            return
        try:
            async with asyncio.timeout(self._timing.interval):
                await self._send(port, encode(Probe(port, self._now()), self._key))
        except (P4RuntimeError, TimeoutError) as error:
            _log.debug("%s was not probed: %s", port, error)

    async def _age(self) -> None:
        """Take links down that are silent. Pauses of this process do not count against them."""
        period = self._timing.interval / 4
        while True:
            before = self._now()
            await asyncio.sleep(period)
            pause = self._now() - before - period
            if pause > period:
                for link in self._heard:
                    self._heard[link] += pause
                self._gone = {switch: at + pause for switch, at in self._gone.items()}
            self._take_silent_down()

    def _take_silent_down(self) -> None:
        now = self._now()
        for link, heard in list(self._heard.items()):
            away = [end.switch for end in (link.source, link.destination) if end.switch not in self._ports]
            if away:
                # Nobody can send or hear probes on it; it goes with its switch.
                if any(now >= self._gone.get(switch, now) for switch in away):
                    self._take_down(link, f"{' and '.join(away)} cannot be reached")
            elif self._is_edge(link.source) or self._is_edge(link.destination):
                self._take_down(link, "the port was given to a network")
            elif now - heard > self._timing.patience:
                self._take_down(link, f"no probe came through for {self._timing.patience:g} s")

    def _take_down(self, link: Link, reason: str) -> None:
        del self._heard[link]
        del self._link_from[link.source]
        _log.info("link %s -> %s is down: %s", link.source, link.destination, reason)
        self._on_link_down(link, reason)

    def _may_be_linked(self, port: PortRef) -> bool:
        """Whether a probe at or from a port is believed: hosts may pass each other's on as they come."""
        linkable = self._linkable.get(port.switch)
        return (linkable is None or port.port in linkable) and not self._is_edge(port)

    def _seen_alive(self, end: PortRef) -> None:
        """Probe a port soon and at full rate: something is there."""
        probed = self._ports.get(end.switch, {}).get(end.port)
        if probed is None and end.switch in self._ports:
            self._ports[end.switch][end.port] = _Probed(True, self._timing.interval, self._now())
        elif probed is not None and not probed.known:
            probed.known = True
            probed.next_at = self._now()

    def _links_of(self, switch: SwitchName) -> Iterator[Link]:
        yield from [link for link in self._heard if switch in (link.source.switch, link.destination.switch)]

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
