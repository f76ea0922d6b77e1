"""What the fabric sees of itself: links by probes, hosts by what edge ports report.

Puts Discovery and HostLearning together into one Topology, and says what of it is new to the store.
This module must never know entries or what intents say, except where tenants are plugged in.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from controller.fabric.edge import Edge
from controller.fabric.notices import Notices
from controller.intents import ROUTER_MAC
from controller.names import IntentKey, PortRef, SwitchName
from controller.p4runtime.errors import P4RuntimeError
from controller.store import Change
from controller.telemetry.events import (
    AddressClaimRefused,
    AddressMoved,
    Event,
    HostForgotten,
    HostLearned,
    HostMoved,
    LinkDown,
    LinkUp,
)
from controller.topology.discovery import Discovery
from controller.topology.hosts import HostLearning
from controller.topology.model import Host, HostKey, Link, Switch, Topology
from controller.topology.question import question
from controller.topology.sighting import Refusal, RefusedClaim
from controller.topology.takeover import Question
from pipelines.fabric.bindings import HostSeen
from pipelines.values import IPv4Address, IPv6Address, MacAddress, Port, VlanId

__all__ = ["Sight"]

_log = logging.getLogger(__name__)

_SENDING = 1.0
"""Seconds that a question may wait for its switch's stream."""


class Sight:
    """`run` it in a TaskGroup; `restore` it first."""

    def __init__(
        self,
        switches: Iterable[Switch],
        key: bytes,
        send: Callable[[PortRef, bytes], Awaitable[None]],
        on_event: Callable[[Event], None],
        on_change: Callable[[], None],
        heard_all: Callable[[SwitchName, float], bool],
    ) -> None:
        """Make it, knowing the switches only.

        Args:
            switches: all of the fabric's.
            key: signs probes.
            send: puts a frame out of a port.
            on_event: told what was seen.
            on_change: told that the topology is another one.
            heard_all: whether all that a switch has reported since a moment was handed on.
        """
        self.topology = Topology.of(switches)
        self._saved = self.topology
        self._edge: Edge | None = None
        self._on_event = on_event
        self._on_change = on_change
        self._discovery = Discovery(send, self._link_up, self._link_down, is_edge=self._is_edge, key=key)
        self._send = send
        self._notices = Notices()
        self._claimed = asyncio.Event()
        self._learning = HostLearning(
            self._network_of,
            self._refuse,
            self._host,
            on_gone=self._host_gone,
            on_address_moved=self._address_moved,
            on_refused=self._claim_refused,
            on_claim=self._claimed.set,
            heard_all=heard_all,
        )

    def restore(self, hosts: Iterable[Host], links: Iterable[Link], edge: Edge) -> None:
        """Believe what was seen before a restart, as far as switches and networks are still there.

        What is not seen again ages as if it had been seen now, so a restart takes nothing away.
        """
        self._edge = edge
        known = self.topology.switches
        hosts, links = list(hosts), list(links)
        for host in hosts:
            if host.attachment.switch in known and edge.has(host.network, host.attachment):
                self.topology = self.topology.with_host(host)
        for link in links:
            ends = (link.source, link.destination)
            if all(end.switch in known and not edge.is_edge(end) for end in ends):
                self.topology = self.topology.with_link(link)
        self._learning.restore(self.topology.hosts.values())
        self._discovery.restore(self.topology.links)
        self._saved = Topology(known, frozenset(links), {host.key: host for host in hosts})

    def open_edge(self, edge: Edge) -> None:
        """Networks changed: forget hosts where no port is open for them any more."""
        self._edge = edge
        for host in list(self.topology.hosts.values()):
            if not edge.has(host.network, host.attachment):
                self._learning.forget(host.key)
                self._host_gone(host.key)

    async def run(self) -> None:
        """Probe links, and judge claims to hosts' addresses, for ever. Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._discovery.run(), name="discovery")
            tasks.create_task(self._judge_claims(), name="claims to hosts' addresses")

    async def _judge_claims(self) -> None:
        async with asyncio.TaskGroup() as asking:
            while True:
                self._claimed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._learning.due):
                        await self._claimed.wait()
                for asked in self._learning.tick():
                    asking.create_task(self._ask(asked))

    async def _ask(self, asked: Question) -> None:
        """Ask a host whether it is still there; if that cannot be done, it does not answer."""
        network, mac = asked.host
        if self._edge is None or not self._edge.has(network, asked.place):
            return
        frame = question(mac, asked.address, ROUTER_MAC, self._edge.tag_at(network, asked.place))
        try:
            async with asyncio.timeout(_SENDING):
                await self._send(asked.place, frame)
        except (P4RuntimeError, TimeoutError) as error:
            _log.debug("%s was not asked at %s: %s", mac, asked.place, error)

    def connected(self, name: SwitchName, ports: Collection[Port] | None) -> None:
        """A switch can be probed; `ports` are those that may have links."""
        self._discovery.switch_connected(name, ports, present=self.topology.switches[name].ports)
        self._set_connected(name, True)

    def disconnected(self, name: SwitchName) -> None:
        """A switch cannot be probed; its links stay for a while."""
        self._discovery.switch_disconnected(name)
        self._set_connected(name, False)

    def ports_known(self, name: SwitchName, ports: frozenset[Port]) -> None:
        """A switch said which ports it has; that stays known while it is away."""
        switch = self.topology.switches[name]
        if switch.ports != ports:
            self.topology = self.topology.with_switch(replace(switch, ports=ports))
            self._discovery.switch_has(name, ports)
            self._on_change()

    def _set_connected(self, name: SwitchName, connected: bool) -> None:
        switch = self.topology.switches[name]
        if switch.connected != connected:
            self.topology = self.topology.with_switch(replace(switch, connected=connected))
            self._on_change()

    def frame(self, port: PortRef, frame: bytes) -> None:
        """A frame came from a switch."""
        self._discovery.received(port, frame)

    def host_seen(self, switch: SwitchName, message: HostSeen) -> None:
        """An edge port heard a host."""
        self._learning.seen(switch, message)

    def unsaved(self) -> Change:
        """What the store does not know yet."""
        now, before = self.topology, self._saved
        return Change(
            hosts=_new(now.hosts, before.hosts),
            hosts_removed=[key for key in before.hosts if key not in now.hosts],
            links=now.links - before.links,
            links_removed=before.links - now.links,
        )

    def saved(self, topology: Topology) -> None:
        """The store knows all of a topology."""
        self._saved = topology

    def edge_ports(self, switch: SwitchName) -> frozenset[Port]:
        """The ports of a switch at which networks are open."""
        return self._edge.ports_of(switch) if self._edge is not None else frozenset()

    def _is_edge(self, port: PortRef) -> bool:
        return self._edge is not None and self._edge.is_edge(port)

    def _network_of(self, port: PortRef, vlan: VlanId) -> IntentKey | None:
        return self._edge.network_of(port, vlan) if self._edge is not None else None

    def _refuse(
        self, network: IntentKey, port: PortRef, mac: MacAddress, address: IPv4Address | IPv6Address | None
    ) -> Refusal | None:
        if self._edge is None:
            return Refusal("not ready")
        return self._edge.refuse(network, port, mac, address)

    def _link_up(self, link: Link) -> None:
        self.topology = self.topology.with_link(link)
        self._changed(LinkUp(link))

    def _link_down(self, link: Link, reason: str) -> None:
        self.topology = self.topology.without_link(link)
        self._changed(LinkDown(link, reason))

    def _host(self, host: Host) -> None:
        before = self.topology.hosts.get(host.key)
        self.topology = self.topology.with_host(host)
        moved = before is not None and before.attachment != host.attachment
        self._changed(HostMoved(host, before.attachment) if moved and before else HostLearned(host))

    def _address_moved(self, host: Host, address: IPv4Address | IPv6Address, before: Host) -> None:
        self._on_event(AddressMoved(address, host, before.mac, before.attachment))

    def _claim_refused(self, claim: RefusedClaim) -> None:
        if self._notices.wanted(claim, asyncio.get_running_loop().time()):
            _log.warning(
                "%s at %s in %s: %s",
                claim.address or claim.mac,
                claim.claimed_at,
                claim.network,
                claim.reason,
            )
            self._on_event(AddressClaimRefused(claim))

    def _host_gone(self, key: HostKey) -> None:
        host = self.topology.hosts.get(key)
        if host is not None:
            self.topology = self.topology.without_host(key)
            self._changed(HostForgotten(host))

    def _changed(self, event: Event) -> None:
        self._on_event(event)
        self._on_change()


def _new(now: Mapping[HostKey, Host], before: Mapping[HostKey, Host]) -> list[Host]:
    return [host for key, host in now.items() if before.get(key) != host]
