"""Links, hosts and servers as they are observed; each change of them becomes a change of the state.

This module puts what switches report in the hands of those who judge it. It knows nothing of entries.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from p4fabric.controller.compiler.view import ServerKey
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.core import Core
from p4fabric.controller.fabric.host_service import HostService
from p4fabric.controller.hosts.health import Health, HealthChange
from p4fabric.controller.intents import IntentDocument
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.state import Change
from p4fabric.controller.store.records import Contents
from p4fabric.controller.telemetry.events import Event, LinkDown, LinkUp
from p4fabric.controller.topology.model import Host, HostKey, Switch, Topology
from p4fabric.controller.topology.service import (
    CableChanged,
    LinkChanged,
    TopologyChange,
    TopologyService,
)
from p4fabric.pipelines.fabric.bindings import HostSeen
from p4fabric.pipelines.values import Port, VlanId

__all__ = ["PhysicalFabric"]

_log = logging.getLogger(__name__)


class PhysicalFabric:
    """`restore` it, then `run` it in a TaskGroup. One event loop only."""

    def __init__(
        self,
        config: FabricConfig,
        core: Core,
        key: bytes,
        send: Callable[[PortRef, bytes], Awaitable[None]],
        ask: Callable[[SwitchName], Awaitable[None]],
        on_event: Callable[[Event], None],
        on_change: Callable[[Change], None],
        heard_all: Callable[[SwitchName, float], bool],
        is_gone: Callable[[SwitchName], bool],
    ) -> None:
        """Make it, knowing the switches only.

        Args:
            config: the fabric.
            core: whose tables the changes are of; it is not changed here.
            key: signs link probes.
            send: puts a frame out of a port.
            ask: returns when a switch has answered anything.
            on_event: told what happens.
            on_change: told each change of the state that follows; not blocking.
            heard_all: whether all that a switch has reported since a moment was handed on.
            is_gone: whether an operator declared a switch gone.
        """
        self._core = core
        self._on_event, self._on_change = on_event, on_change
        self.hosts = HostService(
            send,
            ask,
            on_event,
            self._host_learned,
            self._health_changed,
            heard_all,
            lambda name: is_gone(name) or self.links.is_cut_off(name),
            config.hosts,
        )
        self.attachments = self.hosts.directory.attachments
        self.links = TopologyService(
            (switch.switch(config.report_collector) for switch in config.switches),
            send,
            self._topology_changed,
            ask=ask,
            key=key,
            expected=config.links,
            is_edge=self.attachments.is_edge,
        )

    @property
    def topology(self) -> Topology:
        """Switches, links and hosts."""
        seen = self.links.snapshot
        return Topology(seen.switches, seen.links, {host.key: host for host in self.hosts.directory.hosts})

    async def run(self) -> None:
        """Probe links and ask hosts, for ever. Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.links.run(), name="links")
            tasks.create_task(self.hosts.run(), name="hosts")

    def restore(self, contents: Contents) -> list[Host]:
        """Believe what was seen before a restart, as far as intents and switches still allow it.

        Returns:
            The hosts that are believed no more.
        """
        hosts = [stored.value.host for stored in contents.hosts]
        self.hosts.restore(hosts)
        cables = (stored.value for stored in contents.cables)
        self.links.restore((stored.value for stored in contents.links), cables)
        believed = {host.key for host in self.hosts.directory.learned}
        return [host for host in hosts if host.key not in believed]

    def seen(self, contents: Contents) -> Iterator[Change]:
        """All that is seen now, as changes of a state that knows nothing of it."""
        view = self._core.view
        for name, switch in self.links.switches.items():
            yield Change(view.switches, name, _as_compiled(switch))
        for port, link in self.links.links.items():
            yield Change(view.links, port, link)
        seen = self.links.seen
        for cable in {*seen, *(stored.value for stored in contents.cables)}:
            yield Change(self._core.cables, cable, cable if cable in seen else None)
        for host in self.hosts.directory.learned:
            yield Change(view.heard_hosts, host.key, host)

    # What is asked for.

    def take_intent(self, key: IntentKey, intent: IntentDocument | None, vlan: VlanId | None) -> None:
        """An intent is another one now, or (None) gone: what is seen is judged by it.

        Args:
            key: which one.
            intent: as it is now.
            vlan: the VLAN id of a network on the fabric's links.
        """
        before = self.hosts.ports_of(key)
        self.hosts.intent_changed(key, intent, vlan)
        self.links.edge_changed(before | self.hosts.ports_of(key))

    # What switches say.

    def connection(self, switch: SwitchName, connected: bool) -> None:
        """A switch reports what it sees, or nothing any more."""
        if connected:
            self.links.switch_connected(switch)
            self.hosts.connected(switch)
        else:
            self.links.switch_disconnected(switch)
            self.hosts.disconnected(switch)

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        """A switch said which ports it has."""
        self.links.ports_known(switch, ports)
        known = self.links.switches[switch]
        for port in known.link_ports or ():
            if (lack := known.lacks(port)) is not None:
                _log.warning("%s, but its configuration says that port %d may have a link", lack, port)

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        """A port went up or down; None: nobody can say any more, which proves nothing."""
        if up is not None:
            self.links.port_status(PortRef(switch, port), up)

    def frame(self, port: PortRef, frame: bytes) -> None:
        """A frame came from a switch: a probe, or a server's answer."""
        self.links.received(port, frame)
        self.hosts.frame(port, frame)

    def host_seen(self, switch: SwitchName, message: HostSeen) -> None:
        """An edge port heard a host."""
        self.hosts.seen(switch, message)

    # What follows.

    def _topology_changed(self, change: TopologyChange) -> None:
        view = self._core.view
        if isinstance(change, LinkChanged):
            link = change.link
            self._on_change(Change(view.links, link.source, link if change.up else None))
            self._on_event(LinkUp(link) if change.up else LinkDown(link, change.reason))
        elif isinstance(change, CableChanged):
            cable = change.cable
            self._on_change(Change(self._core.cables, cable, cable if change.seen else None))
        else:
            self._on_change(Change(view.switches, change.switch.name, _as_compiled(change.switch)))

    def _host_learned(self, key: HostKey, host: Host | None) -> None:
        self._on_change(Change(self._core.view.heard_hosts, key, host))

    def _health_changed(self, change: HealthChange) -> None:
        server, reason = change.server, change.reason
        key = ServerKey(server.service, server.address, server.port)
        down = reason if change.after is Health.DOWN else None
        self._on_change(Change(self._core.view.servers_down, key, down))
        _log.info("server %s:%d of %s is %s: %s", *key[1:], server.service, change.after, reason)


def _as_compiled(switch: Switch) -> Switch:
    """A switch as the core knows it: what it should hold does not depend on its control channel."""
    return replace(switch, connected=True)
