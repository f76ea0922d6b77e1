"""What there is: switches, ports, links, hosts, and the ways between them, as anybody may ask for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from p4fabric.controller.fabric.drains import Drains
from p4fabric.controller.fabric.errors import UnknownSwitch
from p4fabric.controller.fabric.figures import switch_view
from p4fabric.controller.fabric.physical import PhysicalFabric
from p4fabric.controller.fabric.switch import FabricSwitch
from p4fabric.controller.fabric.views import PortView, SwitchView
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.topology.model import Host, Link, Topology
from p4fabric.controller.topology.paths import Paths
from p4fabric.pipelines.values import EcmpGroupId

__all__ = ["FabricViews"]


class FabricViews:
    """The part of a `Fabric` that only looks."""

    _switches: Mapping[SwitchName, FabricSwitch]
    _physical: PhysicalFabric
    _port_counts: PortCounts
    drains: Drains

    @property
    def topology(self) -> Topology:
        """Switches, links and hosts."""
        return self._physical.topology

    @property
    def hosts_known(self) -> int:
        """How many hosts there are."""
        return len(self._physical.hosts.directory.hosts)

    @property
    def links_up(self) -> int:
        """How many directions of links there are."""
        return len(self._physical.links.links)

    @property
    def switches(self) -> tuple[SwitchView, ...]:
        """All switches, as configured."""
        known, unread = self._physical.links.switches, self._port_counts.unread
        return tuple(
            switch_view(switch, known[name].ports, unread[name], self.drains.state(name))
            for name, switch in self._switches.items()
        )

    def has_switch(self, name: SwitchName) -> bool:
        """Whether the configuration names a switch."""
        return name in self._switches

    def switch(self, name: SwitchName) -> SwitchView:
        """One switch.

        Raises:
            UnknownSwitch: there is none.
        """
        if name not in self._switches:
            raise UnknownSwitch(name, self._switches)
        ports, unread = self._physical.links.switches[name].ports, self._port_counts.unread[name]
        return switch_view(self._switches[name], ports, unread, self.drains.state(name))

    def ports(self, name: SwitchName) -> list[PortView]:
        """The ports of a switch that it has, that have a link, or at which a network is open.

        Raises:
            UnknownSwitch: there is none.
        """
        if name not in self._switches:
            raise UnknownSwitch(name, self._switches)
        links, attachments = self._physical.links, self._physical.attachments
        known = links.switches[name].ports or frozenset()
        linked = {source.port for source in links.links if source.switch == name}
        counts = self._port_counts.of(name)
        views = []
        for port in sorted({*known, *counts, *linked, *attachments.ports_of(name)}):
            ref = PortRef(name, port)
            networks = tuple(sorted(attachments.networks_at(ref)))
            views.append(PortView(ref, counts.get(port), self.peer_of(ref), networks))
        return views

    def networks_at(self, port: PortRef) -> Collection[IntentKey]:
        """The networks that are open at a port."""
        return self._physical.attachments.networks_at(port)

    def networks_of(self, name: SwitchName) -> Iterable[IntentKey]:
        """The networks that are open at any port of a switch; each as often as it has ports there."""
        attachments = self._physical.attachments
        return (
            key for port in attachments.ports_of(name) for key in attachments.networks_at(PortRef(name, port))
        )

    @property
    def links(self) -> Iterable[Link]:
        """The directions of links that are up."""
        return self._physical.links.links.values()

    def peer_of(self, port: PortRef) -> PortRef | None:
        """The other end of a port's link."""
        link = self._physical.links.links.get(port)
        return None if link is None else link.destination

    @property
    def groups(self) -> Iterable[EcmpGroupId]:
        """The numbers, on every switch, of the equal-cost ports towards each of the others."""
        return (switch.group for switch in self._physical.links.switches.values())

    @property
    def hosts(self) -> Iterable[Host]:
        """All hosts, stated and heard."""
        return self._physical.hosts.directory.hosts

    def name_of(self, host: Host) -> str | None:
        """What its network calls a host; None: nothing, or its port has another one by intent."""
        attachment = self._physical.attachments.attachment(host.network, host.attachment)
        if attachment is None or attachment.mac not in (None, host.mac):
            return None
        return attachment.host

    @property
    def paths(self) -> Paths:
        """The ways over all links that are up in both directions."""
        return self._physical.links.paths
