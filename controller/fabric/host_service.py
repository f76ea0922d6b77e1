"""Hosts of the running fabric: what is heard is judged, hosts and servers are asked, and changes are told.

This module puts the directory of hosts beside the switches that report and ask. It knows nothing of entries.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from p4fabric.controller.compiler.served import ServedSession, SessionKey
from p4fabric.controller.config import HostsConfig
from p4fabric.controller.hosts import (
    AddressConflict,
    AgeingSettings,
    HostChange,
    HostClaim,
    HostDirectory,
    Limits,
    PortFull,
    RefusedClaim,
)
from p4fabric.controller.hosts.address_claims import AddressClaims
from p4fabric.controller.hosts.claims import IpAddress
from p4fabric.controller.hosts.expected import ExpectedAddresses
from p4fabric.controller.hosts.health import HealthChange, HealthChecker
from p4fabric.controller.hosts.probing import HostProbing
from p4fabric.controller.intents import IntentDocument
from p4fabric.controller.intents.document import Claim
from p4fabric.controller.intents.kinds.endpoint import Endpoint
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.service import Service
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.telemetry.events import (
    AddressClaimRefused,
    AddressMoved,
    DuplicateAddress,
    Event,
    HostForgotten,
    HostLearned,
    HostLimitReached,
    HostMoved,
)
from p4fabric.controller.topology.model import Host, HostKey
from p4fabric.pipelines.fabric.bindings import HostSeen
from p4fabric.pipelines.values import IPv4Address, VlanId

__all__ = ["HostService"]

_log = logging.getLogger(__name__)


class HostService:
    """`restore` it, then `run` it in a TaskGroup. One event loop only."""

    def __init__(
        self,
        send: Callable[[PortRef, bytes], Awaitable[None]],
        ask: Callable[[SwitchName], Awaitable[None]],
        on_event: Callable[[Event], None],
        on_learned: Callable[[HostKey, Host | None], None],
        on_health: Callable[[HealthChange], None],
        heard_all: Callable[[SwitchName, float], bool],
        is_lost: Callable[[SwitchName], bool],
        config: HostsConfig,
    ) -> None:
        """Make it, knowing no hosts.

        Args:
            send: puts a frame out of a port.
            ask: returns when a switch has answered anything.
            on_event: told what happens to hosts.
            on_learned: told what is known of a host by hearing; None: nothing more.
            on_health: told of servers that answer checks, or do so no more.
            heard_all: whether all that a switch has reported since a moment was handed on.
            is_lost: whether nobody reaches the hosts of a switch that is not connected.
            config: how many hosts are learned, and for how long.
        """
        self._on_event, self._on_learned = on_event, on_learned
        self._claims, self._expected = AddressClaims(), ExpectedAddresses()
        self._endpoints: dict[IntentKey, Endpoint] = {}
        self._learned: dict[HostKey, Host] = {}
        self._restoring = False
        self.directory = HostDirectory(
            self,
            self._claims.claims_to,
            is_expected=self._expected.has,
            heard_all=heard_all,
            is_lost=is_lost,
            on_due=lambda: self._probing.wake(),
            limits=Limits(hosts=config.per_port),
            ageing=AgeingSettings(silence=config.ageing),
        )
        self.health = HealthChecker(
            on_health,
            self.directory.owner,
            self._source_of,
            heard_all,
            lambda: asyncio.get_running_loop().time(),
            on_due=lambda: self._probing.wake(),
        )
        self._probing = HostProbing(self.directory, self.health, send, ask)

    async def run(self) -> None:
        """Ask whom there is to ask, for ever. Ends by cancellation only."""
        await self._probing.run()

    def claims_to(self, resource: tuple[object, ...]) -> Iterable[tuple[IntentKey, Claim]]:
        """Which intents claim an address (see `address_resource`), and as what."""
        return self._claims.claims_to(resource)

    # What is asked for, and what switches say.

    def restore(self, hosts: Iterable[Host]) -> None:
        """Believe what was heard before a restart, as far as the intents still allow it."""
        self._restoring = True
        try:
            for host, why in self.directory.restore(hosts):
                _log.info("host %s is no longer accepted as it was stored: %s", host.mac, why)
        finally:
            self._restoring = False
        self._learned = {host.key: host for host in self.directory.learned}

    def session_changed(self, key: SessionKey, served: ServedSession | None) -> None:
        """A session of an SMF is another one now, or (None) gone: its gNBs stay known."""
        tunnels = () if served is None else served.kept.plane.tunnels
        self._expected.rely(key, key.upf.tenant, tuple(gnb for _, gnb in tunnels))

    def intent_changed(self, key: IntentKey, intent: IntentDocument | None, vlan: VlanId | None) -> None:
        """An intent is another one now, or (None) gone.

        Args:
            key: which one.
            intent: as it is now.
            vlan: the VLAN id of a network on the fabric's links.
        """
        claimed = self._claims.put(key, intent)
        if intent is None:
            self._expected.remove(key)
            self.health.service_removed(key)
        else:
            self._expected.put(intent)
        if isinstance(intent, Network):
            assert vlan is not None
            self.directory.network_changed(intent, vlan)
        elif key.kind == Network.__name__:
            self.directory.network_removed(key)
        if key.kind == Endpoint.__name__:
            before, after = self._endpoints.pop(key, None), intent if isinstance(intent, Endpoint) else None
            if after is not None:
                self._endpoints[key] = after
            self.directory.endpoint_changed(before, after)
        if claimed:
            self.directory.claims_changed(claimed)
        if isinstance(intent, Service):
            self.health.service_changed(intent)

    def ports_of(self, key: IntentKey) -> set[PortRef]:
        """The ports at which a Network, or an Endpoint's network, is open because of it."""
        network, endpoint = self.directory.attachments.network(key), self._endpoints.get(key)
        ports = {one.ref for one in network.spec.attachments} if network is not None else set()
        return ports | ({endpoint.spec.ref} if endpoint is not None else set())

    def seen(self, switch: SwitchName, message: HostSeen) -> None:
        """An edge port heard a host."""
        port = PortRef(switch, message.ingress_port)
        network = self.directory.attachments.network_of(port, message.vlan_id)
        if network is not None:
            shown: IpAddress = message.ipv4 if int(message.ipv4) else message.ipv6
            self._probing.heard(HostClaim(network, message.mac, port, shown if int(shown) else None))
        self.directory.seen(switch, message)

    def frame(self, port: PortRef, frame: bytes) -> None:
        """A frame came from a switch: perhaps a server answers a check."""
        self._probing.frame(port, frame)

    def connected(self, switch: SwitchName) -> None:
        """A switch reports what its hosts say."""
        self.directory.switch_connected(switch)
        self.health.switch_connected(switch)

    def disconnected(self, switch: SwitchName) -> None:
        """A switch reports nothing."""
        self.directory.switch_disconnected(switch)
        self.health.switch_disconnected(switch)

    def _source_of(self, host: Host, server: IPv4Address) -> IPv4Address | None:
        """The gateway by which a server's host is asked."""
        network = self.directory.attachments.network(host.network)
        gateway = network.gateway_of(server) if network is not None else None
        return gateway if isinstance(gateway, IPv4Address) else None

    # What the directory tells (HostListener).

    def host_changed(self, change: HostChange) -> None:
        """The core puts together what is stated and what was heard; see `learned`."""

    def learned(self, key: HostKey, host: Host | None, reason: str) -> None:
        """What is known of a host by hearing is this now."""
        before = self._learned.pop(key, None)
        if host is not None:
            self._learned[key] = host
        self._on_learned(key, host)
        if self._restoring:
            return
        if host is None:
            if before is not None:
                self._on_event(HostForgotten(before, reason))
        elif before is not None and before.attachment != host.attachment:
            self._on_event(HostMoved(host, before.attachment))
        else:
            self._on_event(HostLearned(host))

    def address_moved(self, address: IpAddress, host: Host, before: Host) -> None:
        """An address belongs to another host."""
        self._on_event(AddressMoved(address, host, before.mac, before.attachment))

    def claim_refused(self, claim: RefusedClaim) -> None:
        """A host claims what is another's."""
        self._on_event(AddressClaimRefused(claim))

    def address_conflict(self, conflict: AddressConflict) -> None:
        """Two hosts use one address."""
        self._on_event(DuplicateAddress(conflict))

    def port_full(self, full: PortFull) -> None:
        """A port has as many hosts as it may have."""
        self._on_event(HostLimitReached(full))
