from __future__ import annotations

import asyncio
import socket

import pytest
from scapy.layers.l2 import ARP, Ether

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime import Code, PacketIn, Phase, Update, UpdateKind
from p4fabric.controller.p4runtime.cells import CellRequest
from p4fabric.controller.p4runtime.counter_reads import WantedCounters
from p4fabric.controller.topology.discovery import LinkDiscovery
from p4fabric.controller.topology.discovery import Timing as Probing
from p4fabric.controller.topology.model import Link
from p4fabric.pipelines.entities import (
    CloneSession,
    DigestConfig,
    Entity,
    EntityKey,
    Lpm,
    MulticastGroup,
    Replica,
    TableEntry,
    Ternary,
    Weighted,
)
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import (
    EcmpGroupId,
    IpProtocol,
    IPv4Address,
    IPv6Address,
    L4Port,
    MacAddress,
    Port,
    Qfi,
    Teid,
    TunnelPeerId,
    VlanId,
    VrfId,
)
from tests.entries import any_host, plain_network
from tests.unit.hosts.world import LEAF, World, host, network

from .conftest import Controlled, RealSwitch, running, set_link

pytestmark = pytest.mark.root

VLAN, VRF, MAC = VlanId(5), VrfId(1), MacAddress.parse("02:00:00:00:00:07")
A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
A6 = IPv6Address("2001:db8::1")
TCP = Ternary.exact(IpProtocol(6), 8)


def keyed(*entities: Entity) -> dict[EntityKey, Entity]:
    return {entity.key: entity for entity in entities}


def one_of_each(variant: int) -> dict[EntityKey, Entity]:
    """An entity of every kind that the compiler writes; another `variant` changes nearly all of them."""
    ports = tuple(Weighted(b.ToPort(Port(port)), weight) for port, weight in ((2, variant), (1, 3)))
    servers = tuple(Weighted(b.ToServer(ip, L4Port(80 + variant)), 2) for ip in (B, A))
    return keyed(
        CloneSession(510, (Replica(510),)),
        DigestConfig(b.HostSeen.DIGEST_ID, 1_000_000 * variant, 16, 1_000_000_000),
        b.ReportDestinations(Port(510), b.ReportTo(variant, MAC, MAC, A, B, L4Port(32766))),
        MulticastGroup(5, (Replica(1), Replica(1 + variant))),
        MulticastGroup(6, ()),
        b.PortVlan(Port(1), False, None, 1, any_host(VLAN)),
        b.PortVlan(Port(1), True, Ternary.exact(VlanId(200), 12), 1, any_host(VLAN)),
        b.PortVlan(Port(2), True, None, 1, b.PermitFabric()),
        b.EgressVlan(Port(1), Ternary.exact(VLAN, 12), 1, b.EdgeUntagged()),
        b.EgressVlan(Port(2), None, 1, b.FabricTagged()),
        b.Networks(VLAN, plain_network(VRF)),
        b.ArpResponder(VLAN, A, b.ArpReply(MacAddress(variant))),
        b.NdResponder(VLAN, A6, b.NeighborAdvertisement(MacAddress(variant))),
        b.Gateways(VLAN, MAC, b.Route()),
        b.RoutingIpv4(VRF, Lpm(A, 32), b.RouteTo(VLAN, MAC, MacAddress(variant))),
        b.RoutingIpv4(VRF, Lpm(IPv4Address(0), 0), b.Unreachable()),
        b.RoutingIpv6(VRF, Lpm(A6, 128), b.RouteTo(VLAN, MAC, MacAddress(variant))),
        b.Bridging(VLAN, MAC, b.ToEcmpGroup(EcmpGroupId(3))),
        b.Bridging(VLAN, MacAddress(9), b.ToPort(Port(variant))),
        b.EcmpGroups(EcmpGroupId(3), ports),
        b.FirewallIpv4(VRF, None, Ternary.exact(A, 32), TCP, None, None, None, None, 10 + variant,
                       b.DenyIpv4()),
        b.FirewallIpv4(VRF, Ternary(IPv4Address("10.0.0.0"), 0xFFFFFF00), None, None, None, None,
                       Ternary(16, 16), Ternary(False, 1), 9, b.AllowIpv4()),
        b.FirewallIpv6(VRF, None, None, TCP, None, Ternary(L4Port(8000), 0xFFF0), None, None, 7,
                       b.DenyIpv6()),
        b.VirtualIps(VRF, A, IpProtocol(6), L4Port(80), servers),
        b.VirtualIpReplies(VRF, B, IpProtocol(6), L4Port(80), b.FromVirtualIp(A, L4Port(80 + variant))),
        b.UpfInterfaces(VRF, A, b.N3()),
        b.LinkPorts(Port(2), b.Link()),
        b.SourceIpv4(VLAN, Lpm(IPv4Address("10.0.0.0"), 24), b.SourceOfSubnet()),
        b.SourceIpv4(VLAN, Lpm(A, 32), b.SourceDenied()),
        b.SourceIpv4(VLAN, Lpm(B, 32), b.SourceBound(Port(variant), MAC)),
        b.SourceIpv6(VLAN, Lpm(A6, 128), b.SourceElsewhere()),
        b.SourceIpv6(VLAN, Lpm(IPv6Address(0), 128), b.SourcePermitted()),
        b.VirtualIpReplies(VRF, B, IpProtocol(6), L4Port(0), b.DenyFragment()),
        b.UpfUplinkSessions(A, B, Teid(256), B, b.Decapsulate(VRF)),
        b.UpfDownlinkSessions(VRF, B, b.Encapsulate(TunnelPeerId(1), Teid(variant), Qfi(9))),
        b.UpfTunnelPeers(TunnelPeerId(1), b.TunnelTo(VRF, A, B)),
        b.CongestionWatch(Port(1), b.Watch(32, 5000 * variant, 12, 3_125, 96_875)),
    )  # fmt: skip


async def test_everything_is_written_read_back_changed_and_removed(leaf: RealSwitch) -> None:
    first, second = one_of_each(1), one_of_each(2)
    controlled = Controlled(leaf, first)
    async with running(controlled.run):
        await controlled.until_in_sync()
        assert controlled.board.last.summary.unknown == ()
        controlled.want(second)
        await controlled.until_in_sync()

    restarted = Controlled(leaf, second)
    async with running(restarted.run):
        await restarted.until_in_sync()
        assert restarted.session.written == []
        assert not any("pushing" in state.reason for state in restarted.listener.states)
        counted = [e for e in second.values() if isinstance(e, TableEntry) and e.HAS_COUNTER]
        absent = b.FirewallIpv4(VrfId(9), None, None, None, None, None, None, None, 3, b.DenyIpv4())
        counters: dict[EntityKey, int] = {}

        def take(key: EntityKey, packets: int, octets: int) -> None:
            counters[key] = packets

        await restarted.session.read_counters(WantedCounters([*counted, absent]), take)
        assert counters.keys() == {entry.key for entry in counted}
        restarted.want({})
        await restarted.until_in_sync()
        assert (await restarted.session.read()).entities == {}


async def test_cells_of_indirect_counters_are_read_in_as_many_requests_as_it_takes(leaf: RealSwitch) -> None:
    controlled = Controlled(leaf)
    async with running(controlled.run):
        await controlled.until_primary()
        last = b.EgressDrops(b.EgressDrops.SIZE - 1)
        cells = [*(b.IngressDrops(index) for index in range(2500)), last]
        found = await controlled.session.read_cells(CellRequest(cells))
        assert found is not None and found.counters.keys() == {cell.key for cell in cells}
        assert await controlled.session.read_cells(CellRequest(cells), found.digest) is None
        nothing = await controlled.session.read_cells(CellRequest([]))
        assert nothing is not None and nothing.counters == {}


async def test_a_full_table_is_a_failure_of_what_did_not_fit(leaf: RealSwitch) -> None:
    many = keyed(*(b.UpfInterfaces(VrfId(i), IPv4Address(i), b.N3()) for i in range(1, 70)))
    controlled = Controlled(leaf, many)
    async with running(controlled.run):
        await controlled.until(lambda board: len(board.installed) == 64 and len(board.failures) == 5)
        assert not controlled.board.in_sync
        assert many.keys() == controlled.board.installed | controlled.board.failures.keys()
        controlled.want({})
        await controlled.until_in_sync()


async def test_every_refused_update_of_many_batches_is_named(leaf: RealSwitch) -> None:
    hosts = [b.Bridging(VLAN, MacAddress(mac), b.ToPort(Port(1))) for mac in range(1, 2001)]
    controlled = Controlled(leaf)
    async with running(controlled.run):
        await controlled.until_primary()
        assert await controlled.session.write([Update(UpdateKind.INSERT, host) for host in hosts]) == []
        twice = await controlled.session.write([Update(UpdateKind.INSERT, host) for host in hosts])
        assert {error.key for error in twice} == {host.key for host in hosts}
        assert {error.code for error in twice} == {Code.ALREADY_EXISTS}
        assert await controlled.session.write([Update(UpdateKind.DELETE, host) for host in hosts]) == []
        gone = await controlled.session.write([Update(UpdateKind.DELETE, hosts[0])])
        assert [error.code for error in gone] == [Code.NOT_FOUND]


async def test_a_killed_switch_gets_everything_again(leaf: RealSwitch) -> None:
    wanted = one_of_each(1)
    controlled = Controlled(leaf, wanted)
    async with running(controlled.run):
        first = await controlled.until_primary()
        await controlled.until_in_sync()
        leaf.kill()
        await controlled.until(lambda board: board.last.summary.error is not None)
        leaf.start()
        again = await controlled.session.wait_until(
            lambda state: state.phase is Phase.PRIMARY and state.epoch > first.epoch
        )
        assert again.epoch == first.epoch + 1
        await controlled.until_in_sync()
        controlled.want({})
        await controlled.until_in_sync()


async def test_the_newer_controller_takes_over_and_the_older_one_takes_back(leaf: RealSwitch) -> None:
    old, new = Controlled(leaf), Controlled(leaf)
    async with running(old.run):
        await old.until_primary()
        async with running(new.run):
            await new.until_primary()
            await old.session.wait_until(lambda state: state.phase is Phase.BACKUP)
            assert "another controller is primary" in old.session.state.reason
        await old.until_primary()


async def test_links_are_found_and_lost(leaf: RealSwitch, spine: RealSwitch) -> None:
    link_port = keyed(b.LinkPorts(Port(2), b.Link()))
    switches = {
        SwitchName("leaf"): Controlled(leaf, link_port),
        SwitchName("spine"): Controlled(spine, link_port),
    }
    changes: asyncio.Queue[tuple[str, Link]] = asyncio.Queue()

    async def send(port: PortRef, frame: bytes) -> None:
        await switches[port.switch].session.packet_out(b.PacketOutMetadata(port.port), frame)

    def received(switch: SwitchName, packet: PacketIn) -> None:
        assert isinstance(packet.header, b.PacketInMetadata)
        discovery.received(PortRef(switch, packet.header.ingress_port), packet.frame)

    discovery = LinkDiscovery(
        send,
        lambda link: changes.put_nowait(("up", link)),
        lambda link, reason: changes.put_nowait(("down", link)),
        ask=lambda name: switches[name].session.ask(),
        timing=Probing(interval=0.3),
    )
    for controlled in switches.values():
        controlled.listener.on_packet = received
    link = Link(PortRef(SwitchName("leaf"), Port(2)), PortRef(SwitchName("spine"), Port(2)))
    async with running(discovery.run, *(controlled.run for controlled in switches.values())):
        for name, controlled in switches.items():
            await controlled.until_in_sync()
            discovery.switch_connected(name)
        assert {await changes.get(), await changes.get()} == {("up", link), ("up", link.reverse)}
        await asyncio.to_thread(set_link, "scl2", "down")
        try:
            assert {await changes.get(), await changes.get()} == {("down", link), ("down", link.reverse)}
        finally:
            await asyncio.to_thread(set_link, "scl2", "up")
        assert {await changes.get(), await changes.get()} == {("up", link), ("up", link.reverse)}


async def test_a_host_that_asks_for_another_is_learned(leaf: RealSwitch) -> None:
    hosts = World()
    hosts.apply(network(subnets=["10.0.0.0/24"]), VLAN)
    learned = asyncio.Event()
    controlled = Controlled(leaf, one_of_each(1))

    def learn(switch: SwitchName, message: object) -> None:
        if isinstance(message, b.HostSeen):
            assert hosts.directory.seen(LEAF, message) is None
            learned.set()

    controlled.listener.on_digest = learn
    asking = Ether(src=str(MAC), dst="ff:ff:ff:ff:ff:ff") / ARP(
        hwsrc=str(MAC), psrc="10.0.0.7", pdst="10.0.0.9"
    )
    async with running(controlled.run):
        await controlled.until_in_sync()
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("scl1t", 0))
            wire.send(bytes(asking).ljust(60, b"\0"))
        await learned.wait()
        assert hosts.calls == [host(1, int(MAC), "10.0.0.7")]
        controlled.want({})
        await controlled.until_in_sync()
