"""What switches and their reconcilers say, given to those who act upon it.

Connections, ports, frames, digests and progress become statuses, links, hosts, incidents and events. This
module judges nothing of it, and knows no intent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from p4fabric.controller.fabric.control import Control
from p4fabric.controller.fabric.incident_service import IncidentService
from p4fabric.controller.fabric.n4_errors import ErrorIndications
from p4fabric.controller.fabric.n4_solicitations import Solicitations
from p4fabric.controller.fabric.observation import Observation
from p4fabric.controller.fabric.physical import PhysicalFabric
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime import PacketIn, Phase, SessionListener, SessionState
from p4fabric.controller.reconcile import Progress, RemovalGuard
from p4fabric.controller.telemetry.events import SwitchConnected, SwitchDisconnected
from p4fabric.pipelines.entities import DigestMessage
from p4fabric.pipelines.fabric import CPU_PORT
from p4fabric.pipelines.fabric.bindings import HostSeen, PacketInMetadata, UnknownTunnel
from p4fabric.pipelines.values import Port

__all__ = ["SwitchReports"]


class SwitchReports(SessionListener):
    """Of all switches of one fabric. Event loop only."""

    def __init__(
        self,
        switches: Iterable[SwitchName],
        control: Control,
        physical: PhysicalFabric,
        observation: Observation,
        incidents: IncidentService,
        guard: RemovalGuard,
        status_changed: Callable[[], None],
        acknowledged: Callable[[SwitchName], None],
        errors: ErrorIndications,
        solicitations: Solicitations,
    ) -> None:
        """Make it; every switch counts as away from now on.

        Args:
            switches: all of the fabric's.
            control: told of connections and progress.
            physical: told of connections, ports, frames and hosts.
            observation: told of events and times.
            incidents: given reports of congestion and drops.
            guard: says why a switch is not written to.
            status_changed: told when the status of the fabric may be another one.
            acknowledged: told when a switch has acknowledged something, came, or went.
            errors: told of tunnels that gNBs, or switches, do not know.
            solicitations: told of what UEs ask.
        """
        self._control, self._physical, self._observation = control, physical, observation
        self._incidents = incidents
        self._guard, self._status_changed = guard, status_changed
        self._acknowledged, self._errors, self._solicitations = acknowledged, errors, solicitations
        self.connection_changed = dict.fromkeys(switches, time.time())
        """When each switch was connected or went away, in seconds since 1970."""
        self._waiting_since: dict[SwitchName, float] = {}
        """Connected switches that do not hold yet what is desired, and since when."""

    def is_waiting(self, switch: SwitchName) -> None:
        """A connected switch does not hold yet what is desired."""
        self._waiting_since.setdefault(switch, time.monotonic())

    def progressed(self, progress: Progress) -> None:
        """A reconciler says how far its switch is."""
        self._control.statuses.hold(progress.switch, self._guard.reason(progress.switch))
        self._control.progressed(progress)
        self._status_changed()
        self._acknowledged(progress.switch)
        if progress.summary.in_sync:
            self._physical.links.switch_ready(progress.switch)
            since = self._waiting_since.pop(progress.switch, None)
            if since is not None:
                self._observation.metrics.reconciled(progress.switch, time.monotonic() - since)

    # SessionListener.

    def state_changed(self, switch: SwitchName, state: SessionState) -> None:
        """A session's state is another one."""
        connected = state.phase is Phase.PRIMARY
        before = self._physical.links.switches[switch].connected
        self._control.statuses.hold(switch, self._guard.reason(switch))
        self._control.connection(switch, state.epoch if connected else None)
        self._status_changed()
        self._acknowledged(switch)
        if connected is not before:
            self.connection_changed[switch] = time.time()
        self._physical.connection(switch, connected)
        if connected:
            # Also where it was connected before: it may be another switch now, or have another pipeline.
            self._waiting_since[switch] = time.monotonic()
        else:
            self._waiting_since.pop(switch, None)
        if connected and not before:
            self._observation.bus.publish(SwitchConnected(switch))
        elif before and not connected:
            self._observation.bus.publish(SwitchDisconnected(switch, state.reason))

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        """A switch said which ports it has."""
        self._physical.ports_known(switch, ports)

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        """A port went up or down; None: nobody can say any more."""
        self._physical.port_status(switch, port, up)

    async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
        """A frame came from a switch: one that it received, or a report that it made."""
        if not isinstance(packet.header, PacketInMetadata):
            return
        port = packet.header.ingress_port
        if port == CPU_PORT:
            self._incidents.frame(switch, packet.frame)
        else:
            self._physical.frame(PortRef(switch, port), packet.frame)
            self._errors.frame(PortRef(switch, port), packet.frame)
            self._solicitations.frame(PortRef(switch, port), packet.frame)

    async def digests(self, switch: SwitchName, messages: Sequence[DigestMessage]) -> None:
        """A switch reports hosts, and packets in tunnels that it does not know."""
        for message in messages:
            if isinstance(message, HostSeen):
                self._physical.host_seen(switch, message)
            elif isinstance(message, UnknownTunnel):
                self._errors.unknown_tunnel(switch, message)
