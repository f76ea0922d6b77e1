"""Finds the links between switches with signed LLDP probes, and follows them.

A direction of a link is up after one probe. It goes down only by evidence: a port's status, a probe that
shows another wiring, or probes that are missing while the control channels of both ends are up: once a probe
is missing, both switches have to answer while others go missing, for a channel may be silent without being
closed. The loss of a control channel, of all of them, or of the controller proves nothing, and changes no
link. This module knows probes, and when a link is up; it knows nothing of what links are for.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.errors import P4RuntimeError
from p4fabric.controller.topology.damping import Damping
from p4fabric.controller.topology.lldp import MICROSECOND, InvalidProbe, decode
from p4fabric.controller.topology.model import DEFAULT_PORTS, Link
from p4fabric.controller.topology.probe_schedule import Pace, ProbeSchedule
from p4fabric.controller.topology.probed_port import ProbedPort, ProbedPorts
from p4fabric.pipelines.values import Port

__all__ = ["LinkDiscovery", "Timing"]

_log = logging.getLogger(__name__)

Probes = Mapping[SwitchName, Sequence[PortRef]]
"""The ports to probe now, by switch."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, but for counts and rates."""

    interval: float = 1.0
    """Between probes of a port; more where the rate does not suffice."""
    silent_interval: float = 8.0
    """What the interval grows to on ports where nothing is heard, if they are guessed or their switch tells
    when they come up."""
    answer: float = 0.25
    """In which a probe arrives; also between the probes of a link that misses one."""
    missed: int = 8
    """Probes missed in a row after which a direction of a link is down: some get lost in full queues."""
    fresh: float = 3.0
    """Age at which a probe is not believed any more."""
    eager: float = 0.05
    """From a port's coming up to its second probe; then twice that, and so on. Its other end may be later."""
    urgent_rate: float = 1000.0
    """Probes a second of ports that have just been connected, came up, or missed a probe."""
    steady_rate: float = 100.0
    """Probes a second in the whole fabric while nothing happens, of ports with links whose switches tell no
    status."""
    silent_rate: float = 15.0
    """The same of ports without links."""
    rare_rate: float = 50.0
    """The same of ports whose switches tell when they go down: the probes check the wiring."""


class LinkDiscovery:
    """`run` it in a TaskGroup; feed it packet-ins, connections and port status. One event loop only."""

    def __init__(
        self,
        send: Callable[[PortRef, bytes], Awaitable[None]],
        on_link_up: Callable[[Link], None],
        on_link_down: Callable[[Link, str], None],
        *,
        ask: Callable[[SwitchName], Awaitable[None]],
        is_edge: Callable[[PortRef], bool] = lambda port: False,
        key: bytes | None = None,
        timing: Timing | None = None,
        damping: Damping | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Nothing is sent before `run`.

        Args:
            send: puts a frame out of a port; after a P4RuntimeError of it that probe does not count.
            ask: returns when a switch has answered anything; or a P4RuntimeError.
            on_link_up: called for each direction of a link once it is found.
            on_link_down: called with the reason.
            is_edge: ports that tenants use: no probes there, and frames from there are not believed. Tell
                changes with `edge_changed`.
            key: signs probes, so that hosts cannot forge links; a random one if not given.
            timing: how often, and how patient.
            damping: when a flapping port is held down.
            clock: seconds that never go back; the event loop's if not given.
        """
        self._send = send
        self._ask = ask
        self._on_link_up = on_link_up
        self._on_link_down = on_link_down
        self._is_edge = is_edge
        self._key = key or secrets.token_bytes(32)
        self._timing = timing or Timing()
        self._damping = damping or Damping()
        self._clock = clock
        self._ports = ProbedPorts(self._key, self._timing.interval)
        self._schedule = ProbeSchedule(
            {
                Pace.URGENT: self._timing.urgent_rate,
                Pace.STEADY: self._timing.steady_rate,
                Pace.SILENT: self._timing.silent_rate,
                Pace.RARE: self._timing.rare_rate,
            }
        )
        self._connected: set[SwitchName] = set()
        self._hearing: set[SwitchName] = set()
        """Connected switches that pass probes on: a missing one means something there. Until then it may be
        that the entries which do so are not installed yet."""
        self._linkable: dict[SwitchName, frozenset[Port]] = {}
        self._next_tick = math.inf
        self._sending: set[SwitchName] = set()
        self._answered_at: dict[SwitchName, float] = {}
        """When a switch that was asked has answered last."""
        self._wake = asyncio.Event()

    @property
    def links(self) -> frozenset[Link]:
        """All directions of links that are up."""
        return frozenset(port.link for port in self._ports.all() if port.link is not None)

    def restore(self, links: Iterable[Link]) -> None:
        """Take links as up that were known before a restart; nobody is called, and evidence may end them."""
        for link in links:
            source, destination = self._ports.of(link.source), self._ports.of(link.destination)
            source.link = destination.incoming = link
            source.peer, destination.peer = link.destination, link.source

    def held(self, port: PortRef) -> float:
        """Seconds for which a flapping port's links are not used, though they may be up; 0: they are."""
        known = self._ports.get(port)
        return known.flaps.held(self._now()) if known is not None else 0.0

    def is_down(self, port: PortRef) -> bool:
        """Whether a switch said that a port cannot send."""
        known = self._ports.get(port)
        return known is not None and known.status is False

    @property
    def next_tick(self) -> float:
        """When `tick` should be called next."""
        return self._next_tick

    # What switches say.

    def switch_connected(
        self,
        switch: SwitchName,
        ports: Collection[Port] | None = None,
        *,
        present: Collection[Port] | None = None,
    ) -> None:
        """Start to probe. Nothing is withdrawn before fresh evidence.

        Args:
            switch: the switch.
            ports: those that may have links; without, any port that is no edge port may have one.
            present: those that the switch has, which are probed where `ports` does not say; without, ports
                1 to 32 are, silent ones ever more rarely.
        """
        self._connected.add(switch)
        self._hearing.discard(switch)
        self._linkable.pop(switch, None)
        if ports is not None:
            self._linkable[switch] = frozenset(ports)
        probed = present if ports is None else ports
        self._set_probed(switch, DEFAULT_PORTS if probed is None else probed, known=probed is not None)
        for port in self._count_anew(switch):
            self._soon(port)

    def switch_ready(self, switch: SwitchName) -> None:
        """A connected switch holds all its entries, so that it passes probes on; who does so is ready."""
        if switch in self._connected:
            self._hearing.add(switch)

    def switch_has(self, switch: SwitchName, present: Collection[Port]) -> None:
        """Probe the ports that a connected switch has, where it was not said which may have links."""
        if switch in self._connected and switch not in self._linkable:
            self._set_probed(switch, present, known=True)

    def switch_disconnected(self, switch: SwitchName) -> None:
        """Stop to probe. Its links stay: the control channel is gone, not the switch."""
        if switch in self._connected:
            self._connected.discard(switch)
            self._hearing.discard(switch)
            for port in self._ports.of_switch(switch):
                self._schedule.cancel(port.ref)
                # It is told again with the next connection, or not at all.
                port.status, port.believed_from = None, min(port.believed_from, self._now())
            self._count_anew(switch)

    def port_status(self, ref: PortRef, up: bool) -> None:
        """A switch says whether a port can send (its oper-status).

        Down is evidence at once. Up is a reason to probe at once, and the probe is the evidence: meanwhile
        the cable may have been plugged in elsewhere.
        """
        port, now = self._ports.of(ref), self._now()
        before, port.status = port.status, up
        if up and before is not False:
            if ref not in self._schedule:
                self._soon(port)
        elif up:
            port.believed_from = now
            for end in (port, self._ports.get(port.peer)):
                if end is not None:
                    end.eager, end.wait = self._timing.eager, self._timing.interval
                    self._soon(end)
        elif before is not False:
            port.believed_from = math.inf
            self._schedule.cancel(ref)
            lost = [link for link in (port.link, port.incoming) if link is not None]
            if lost:
                port.flaps.lost(now, self._damping)
            for link in lost:
                self._take_down(link, f"port {ref} is down")

    def edge_changed(self, ports: Iterable[PortRef]) -> None:
        """Networks were opened or closed at ports: links there go, probes there begin again."""
        for ref in ports:
            port = self._ports.get(ref)
            if port is None:
                continue
            if not self._is_edge(ref):
                self._soon(port)
                continue
            for link in (port.link, port.incoming):
                if link is not None:
                    self._take_down(link, f"port {ref} was given to a network")

    def received(self, at: PortRef, frame: bytes) -> None:
        """Look at a frame from a switch; anything but a fresh probe of ours is ignored."""
        if not self._may_be_linked(at):
            return
        try:
            probe = decode(frame, self._key)
        except InvalidProbe as error:
            _log.debug("%s: ignoring an invalid probe: %s", at, error)
            return
        now = self._now()
        # A host may have caught a probe at a port that was open to it, and play it back.
        if not -MICROSECOND <= now - probe.sent_at <= self._timing.fresh:
            _log.debug("%s: a probe of %s is %.1f s old", at, probe.source, now - probe.sent_at)
            return
        if probe.source == at or not self._may_be_linked(probe.source):
            return
        source, destination = self._ports.of(probe.source), self._ports.of(at)
        if probe.sent_at < max(source.believed_from, destination.believed_from) - MICROSECOND:
            return
        self.switch_ready(at.switch)
        for end in (source, destination):
            self._seen_alive(end)
        self._answered(source)
        link = Link(probe.source, at)
        if link != source.link and not self._is_held(source, destination, now):
            self._take_up(link, source, destination)

    # Probing.

    async def run(self) -> None:
        """Probe and judge for ever. Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                for switch, ports in self.tick().items():
                    tasks.create_task(self.send(switch, ports), name=f"probes of {switch}")
                wait = self._next_tick - self._now()
                try:
                    async with asyncio.timeout(wait if wait < math.inf else None):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    def tick(self) -> Probes:
        """Judge the links whose probes should have arrived, and name the ports to `send` probes out of."""
        now = self._now()
        probes: dict[SwitchName, list[PortRef]] = {}
        for ref in self._schedule.take(now):
            port = self._ports.of(ref)
            if self._judge(port, now) and self._is_probed(port):
                probes.setdefault(ref.switch, []).append(ref)
                self._schedule_next(port, now)
        self._next_tick = self._schedule.next_due
        return probes

    async def send(self, switch: SwitchName, ports: Sequence[PortRef]) -> None:
        """Send probes out of ports of a switch. One that waits for the last to be sent is left out."""
        if switch in self._sending:
            return
        self._sending.add(switch)
        try:
            async with asyncio.timeout(self._timing.interval):
                for ref in ports:
                    port, sent_at = self._ports.of(ref), self._now()
                    await self._send(ref, port.template.frame(sent_at))
                    if port.awaits_answer:
                        port.sent_at = sent_at
                for doubted in self._ends_of_doubted(ports):
                    await self._ask(doubted)
                    self._answered_at[doubted] = self._now()
        except (P4RuntimeError, TimeoutError) as error:
            _log.debug("%s: some of %d ports could not be probed: %s", switch, len(ports), error)
        finally:
            self._sending.discard(switch)

    def _judge(self, port: ProbedPort, now: float) -> bool:
        """Count the probe that a port's link should have answered; False: wait for it a little longer."""
        if port.link is None or not port.awaits_answer:
            return True
        if port.sent_at is not None and now - port.sent_at < self._timing.answer * 0.9:
            # The switch's stream was full for a while.
            self._schedule.at(port.ref, port.sent_at + self._timing.answer, Pace.URGENT)
            return False
        if port.sent_at is not None and port.missed and port.ref.switch in self._sending:
            # One of the switches has not answered yet.
            self._schedule.at(port.ref, now + self._timing.answer, Pace.URGENT)
            return False
        port.awaits_answer = False
        if port.sent_at is not None and self._is_counted(port, port.link, port.sent_at):
            port.missed += 1
            if port.missed >= self._timing.missed:
                port.flaps.lost(now, self._damping)
                self._take_down(port.link, f"{port.missed} probes in a row did not come through")
        return True

    def _is_counted(self, port: ProbedPort, link: Link, sent_at: float) -> bool:
        """Whether a missing probe counts: the first makes us ask, others count if both ends answered."""
        ends = (link.source.switch, link.destination.switch)
        return not port.missed or all(self._answered_at.get(end, -math.inf) >= sent_at for end in ends)

    def _ends_of_doubted(self, ports: Iterable[PortRef]) -> list[SwitchName]:
        """The switches at both ends of links whose last probe is missing."""
        links = (port.link for port in map(self._ports.of, ports) if port.missed and port.link is not None)
        return list(dict.fromkeys(end.switch for link in links for end in (link.source, link.destination)))

    def _schedule_next(self, port: ProbedPort, now: float) -> None:
        """A port is probed now: say when to look at it again."""
        timing = self._timing
        port.sent_at = None
        port.awaits_answer = port.link is not None and port.link.destination.switch in self._hearing
        if port.awaits_answer:
            self._schedule.at(port.ref, now + timing.answer, Pace.URGENT)
        elif port.eager is not None:
            self._schedule.at(port.ref, now + port.eager, Pace.URGENT)
            port.eager = 2 * port.eager if port.eager < timing.interval / 2 else None
        elif port.known and port.status is None:
            self._schedule.at(port.ref, now + timing.interval, _pace_of(port))
        else:
            self._schedule.at(port.ref, now + port.wait, _pace_of(port))
            port.wait = min(2 * port.wait, timing.silent_interval)

    def _answered(self, source: ProbedPort) -> None:
        """A probe of a port came through."""
        source.missed, source.eager = 0, None
        if source.awaits_answer:
            source.awaits_answer = False
            self._schedule.at(source.ref, self._now() + self._timing.interval, _pace_of(source))

    def _count_anew(self, switch: SwitchName) -> list[ProbedPort]:
        """Count missing probes of a switch's links from the start, in both directions: their sources."""
        own = self._ports.of_switch(switch)
        sources = own + [self._ports.of(port.incoming.source) for port in own if port.incoming is not None]
        for port in sources:
            port.missed, port.awaits_answer = 0, False
        return sources

    def _set_probed(self, switch: SwitchName, numbers: Collection[Port], *, known: bool) -> None:
        """Probe these ports of a switch, and those with links; the others no more."""
        wanted = frozenset(numbers)
        for port in self._ports.of_switch(switch):
            port.listed = port.ref.port in wanted
            if not self._is_probed(port):
                self._schedule.cancel(port.ref)
        for number in wanted:
            port = self._ports.of(PortRef(switch, number))
            port.listed, port.known = True, port.known or known
            port.wait = self._timing.interval
            if port.ref not in self._schedule:
                self._soon(port)

    def _soon(self, port: ProbedPort) -> None:
        if self._is_probed(port):
            self._schedule.at(port.ref, self._now(), Pace.URGENT)
            self._next_tick = min(self._next_tick, self._now())
            self._wake.set()

    def _is_probed(self, port: ProbedPort) -> bool:
        return (
            port.ref.switch in self._connected
            and port.status is not False
            and (port.listed or port.link is not None or port.incoming is not None)
            and not self._is_edge(port.ref)
        )

    # Links.

    def _take_up(self, link: Link, source: ProbedPort, destination: ProbedPort) -> None:
        for other in (source.link, destination.incoming):
            if other is not None:
                self._take_down(other, f"{link.source} now reaches {link.destination}")
        source.link = destination.incoming = link
        source.peer, destination.peer = link.destination, link.source
        # Both may have been probed rarely, as silent ports are.
        if self._is_probed(source):
            self._schedule.at(source.ref, self._now() + self._timing.interval, _pace_of(source))
        if destination.link is None:
            self._soon(destination)
        _log.debug("link %s -> %s is up", link.source, link.destination)
        self._on_link_up(link)

    def _take_down(self, link: Link, reason: str) -> None:
        source, destination = self._ports.of(link.source), self._ports.of(link.destination)
        source.link = destination.incoming = None
        source.missed, source.awaits_answer = 0, False
        source.wait = destination.wait = self._timing.interval
        source.peer, destination.peer = link.destination, link.source
        _log.debug("link %s -> %s is down: %s", link.source, link.destination, reason)
        self._on_link_down(link, reason)

    def _is_held(self, source: ProbedPort, destination: ProbedPort, now: float) -> bool:
        """Whether a link flaps, so that it is not used for a while; its source is probed again after that."""
        wait = max(source.flaps.held(now), destination.flaps.held(now))
        if wait > 0 and self._is_probed(source):
            self._schedule.at(source.ref, now + wait, Pace.URGENT)
        return wait > 0

    def _may_be_linked(self, port: PortRef) -> bool:
        """Whether a probe at or from a port is believed: hosts may pass each other's on as they come."""
        linkable = self._linkable.get(port.switch)
        return (linkable is None or port.port in linkable) and not self._is_edge(port)

    def _seen_alive(self, port: ProbedPort) -> None:
        """Probe a port soon and at full rate: something is there."""
        if not (port.known and port.listed):
            port.known = port.listed = True
            self._soon(port)

    def _now(self) -> float:
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()


def _pace_of(port: ProbedPort) -> Pace:
    if port.status is not None:
        return Pace.RARE
    return Pace.SILENT if port.link is None and port.incoming is None else Pace.STEADY
