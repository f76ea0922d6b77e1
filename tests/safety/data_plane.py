"""What switches do with a packet, by the entries that they hold: p4src/fabric.p4, told simply.

Written from the P4 program for IPv4 and ARP, and from nothing else. Where the switch may choose (members of
groups, entries of equal priority), all choices are followed. What the program drops for its form (lengths,
checksums, options) is never sent here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.pipelines.entities import Entity, EntityKey, MulticastGroup, Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import MacAddress, Port

from .packets import FAR_END, Packet, Sent

Read = tuple[SwitchName, object, object]
"""A switch, a table, and the first value of the key that was looked up."""


class SwitchTables:
    """What one switch holds, found by table and first key field."""

    def __init__(self, name: SwitchName) -> None:
        self.name = name
        self._found: dict[tuple[object, object], dict[EntityKey, Any]] = {}

    def put(self, key: EntityKey, entity: Entity | None) -> Read:
        place = (key[0], key[1] if len(key) > 1 else None)
        entities = self._found.setdefault(place, {})
        entities.pop(key, None)
        if entity is not None:
            entities[key] = entity
        return (self.name, *place)

    def clear(self) -> None:
        self._found.clear()

    def rows(self, table: object, first: object, reads: set[Read]) -> list[Any]:
        reads.add((self.name, table, first))
        return list(self._found.get((table, first), {}).values())


class _Frame:
    """A packet within one switch, with the metadata that tables look at."""

    def __init__(self, packet: Packet, tag: int | None) -> None:
        self.packet = packet
        self.tag = tag
        self.from_edge = self.routed = False
        self.vlan = self.vrf = -1
        self.scope = IPv4Address(0)
        self.router_mac = MacAddress(0)
        self.host_mac = MacAddress(0)
        self.addresses_stated = False

    def copy(self) -> _Frame:
        other = _Frame(self.packet, self.tag)
        other.__dict__.update(self.__dict__)
        return other


class DataPlane:
    """All switches of the fabric and the cables between them."""

    def __init__(self, switches: Mapping[SwitchName, SwitchTables]) -> None:
        self._switches = switches

    def follow(self, sent: Sent) -> tuple[frozenset[PortRef], set[Read]]:
        """Where a packet comes out of the fabric, and what was looked up for that."""
        self._reads: set[Read] = set()
        self._seen: set[tuple[PortRef, int | None, MacAddress]] = set()
        out = frozenset(self._enter(sent.port, sent.packet, sent.tag))
        return out, self._reads

    def _rows(self, switch: SwitchName, table: Any, first: object) -> list[Any]:
        return self._switches[switch].rows(getattr(table, "TABLE_ID", table), first, self._reads)

    def _one(self, switch: SwitchName, table: Any, *key: object) -> Any:
        """The entry of a table whose keys are all exact."""
        wanted = (table.TABLE_ID, *key, 0)
        return next((row for row in self._rows(switch, table, key[0]) if row.key == wanted), None)

    def _enter(self, port: PortRef, packet: Packet, tag: int | None) -> Iterator[PortRef]:
        place = (port, tag, packet.dst_mac)
        if place in self._seen:
            return
        self._seen.add(place)
        frame = _Frame(packet, tag)
        if not self._port_filter(port, frame):
            return
        if frame.from_edge:
            if not self._source_guard(port, frame):
                return
            gateway = self._one(port.switch, b.Gateways, frame.vlan, packet.dst_mac)
            frame.routed = gateway is not None
            if not self._upf_uplink(port.switch, frame):
                return
            for balanced in self._balance(port.switch, frame):
                if self._firewall(port.switch, balanced) and self._route(port.switch, balanced):
                    yield from self._bridge(port, balanced)
        else:
            yield from self._bridge(port, frame)

    def _port_filter(self, port: PortRef, frame: _Frame) -> bool:
        action: Any = _first(
            row
            for row in self._rows(port.switch, b.PortVlan, port.port)
            if row.tagged == (frame.tag is not None) and _ternary(row.vlan_id, frame.tag or 0)
        )
        if isinstance(action, b.PermitFabric):
            frame.vlan = frame.tag or 0
        elif isinstance(action, b.PermitEdge | b.PermitHost):
            frame.from_edge, frame.vlan = True, int(action.vlan_id)
            if isinstance(action, b.PermitHost):
                frame.host_mac, frame.addresses_stated = action.mac, action.addresses_stated
        else:
            return False
        network = self._one(port.switch, b.Networks, frame.vlan)
        if network is None or not isinstance(network.action, b.SetNetwork):
            return False
        frame.vrf, frame.scope = int(network.action.vrf), network.action.ipv4_scope
        frame.router_mac = network.action.router_mac
        return True

    def _source_guard(self, port: PortRef, frame: _Frame) -> bool:
        packet = frame.packet
        if packet.src_mac == frame.router_mac or frame.host_mac not in (MacAddress(0), packet.src_mac):
            return False
        verdict = self._longest(port.switch, b.SourceIpv4, frame.vlan, packet.src, "address")
        match verdict:
            case b.SourcePermitted():
                return True
            case b.SourceOfSubnet():
                return not frame.addresses_stated
            case b.SourceBound(port=bound, mac=mac):
                return bool(bound == port.port and mac == packet.src_mac)
        return False

    def _longest(self, switch: SwitchName, table: Any, scope: int, address: IPv4Address, field: str) -> Any:
        rows = self._rows(switch, table, scope)
        found = [
            (getattr(row, field).prefix_length, row.action) for row in rows if _within(row, field, address)
        ]
        return max(found, key=lambda each: each[0])[1] if found else None

    def _upf_uplink(self, switch: SwitchName, frame: _Frame) -> bool:
        packet = frame.packet
        if not frame.routed or packet.is_arp or not self._one(switch, b.UpfInterfaces, frame.vrf, packet.dst):
            return True
        inner = packet.inner
        if inner is None or packet.teid is None:
            return False
        session = self._one(switch, b.UpfUplinkSessions, packet.dst, packet.src, packet.teid, inner.src)
        if session is None:
            return False
        frame.packet = replace(inner, src_mac=packet.src_mac, dst_mac=packet.dst_mac)
        frame.vrf = int(session.action.vrf)
        return True

    def _balance(self, switch: SwitchName, frame: _Frame) -> list[_Frame]:
        packet = frame.packet
        service = None
        if frame.routed and not packet.is_arp:
            service = self._one(switch, b.VirtualIps, frame.vrf, packet.dst, packet.protocol, packet.dst_port)
        if service is None:
            return [frame]
        found = []
        for member in service.action:
            balanced = frame.copy()
            to = member.action
            balanced.packet = replace(packet, dst=to.address, dst_port=int(to.port))
            found.append(balanced)
        return found

    def _firewall(self, switch: SwitchName, frame: _Frame) -> bool:
        packet = frame.packet
        if packet.is_arp:
            return True
        destination = frame.scope if packet.dst.is_multicast else packet.dst
        matching = [
            row
            for row in self._rows(switch, b.FirewallIpv4, frame.vrf)
            if _ternary(row.src_addr, packet.src)
            and _ternary(row.dst_addr, destination)
            and _ternary(row.protocol, packet.protocol or 0)
            and _ternary(row.dst_port, packet.dst_port)
            and _ternary(row.tcp_flags, 0)
            and _ternary(row.later_fragment, False)
        ]
        top = max((row.priority for row in matching), default=0)
        said = [row.action for row in matching if row.priority == top]
        return not said or any(isinstance(action, b.AllowIpv4) for action in said)

    def _route(self, switch: SwitchName, frame: _Frame) -> bool:
        if not frame.routed:
            return True
        if frame.packet.is_arp:
            return False
        vrf, destination = frame.vrf, frame.packet.dst
        session = self._one(switch, b.UpfDownlinkSessions, vrf, destination)
        if session is not None:
            peer = self._one(switch, b.UpfTunnelPeers, session.action.tunnel_peer)
            if peer is None:
                return False
            vrf, destination = int(peer.action.vrf), peer.action.gnb_address
        action = self._longest(switch, b.RoutingIpv4, vrf, destination, "dst_addr")
        if not isinstance(action, b.RouteTo):
            return False
        frame.vlan = int(action.vlan_id)
        frame.packet = replace(frame.packet, src_mac=action.src_mac, dst_mac=action.dst_mac)
        return True

    def _bridge(self, port: PortRef, frame: _Frame) -> Iterator[PortRef]:
        switch = port.switch
        entry = self._one(switch, b.Bridging, frame.vlan, frame.packet.dst_mac)
        action = entry.action if entry is not None else b.Flood()
        if isinstance(action, b.Flood):
            groups: list[MulticastGroup] = self._rows(switch, "multicast_group", frame.vlan)
            ports = [
                replica.port for group in groups for replica in group.replicas if replica.port != port.port
            ]
        elif isinstance(action, b.ToPort):
            ports = [int(action.port)]
            if frame.from_edge and not frame.routed and action.port == port.port:
                return
        else:
            rows = self._rows(switch, b.EcmpGroups, action.group)
            ports = [int(member.action.port) for row in rows for member in row.action]
        for out in ports:
            yield from self._leave(PortRef(switch, Port(out)), frame)

    def _leave(self, port: PortRef, frame: _Frame) -> Iterator[PortRef]:
        action: Any = _first(
            row
            for row in self._rows(port.switch, b.EgressVlan, port.port)
            if _ternary(row.vlan_id, frame.vlan)
        )
        if action is None or isinstance(action, b.EgressVlanDeny):
            return
        there = FAR_END.get(port)
        if there is None:
            yield port
            return
        tag = frame.vlan if isinstance(action, b.FabricTagged) else getattr(action, "tag", None)
        yield from self._enter(there, frame.packet, tag)


def _first(rows: Iterator[Any]) -> Any:
    """The action of the row with the highest priority."""
    return max(((row.priority, row.action) for row in rows), key=lambda each: each[0], default=(0, None))[1]


def _ternary(match: Ternary[Any] | None, value: object) -> bool:
    return match is None or int(value) & match.mask == int(match.value)  # type: ignore[call-overload]


def _within(row: Any, field: str, address: IPv4Address) -> bool:
    prefix = getattr(row, field)
    shift = 32 - prefix.prefix_length
    return bool(int(address) >> shift == int(prefix.value) >> shift)
