"""The running fabric on a switch that says what we want: hosts, links and congestion it has seen.

Real packets make real switches say the same in tests/fabric; here the moments are chosen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from finsy.proto import p4d, p4r
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from p4fabric.controller.config import FabricConfig
from p4fabric.controller.fabric import Fabric, IntentState, running_fabric
from p4fabric.controller.hosts.question import question
from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import ReadResult, SwitchSession
from p4fabric.controller.telemetry.bus import Published
from p4fabric.controller.telemetry.collector import Refused
from p4fabric.controller.telemetry.events import (
    AddressClaimRefused,
    CongestionCleared,
    CongestionOnset,
    HostForgotten,
    HostLearned,
    HostMoved,
    LinkDown,
    LinkUp,
    SwitchDisconnected,
)
from p4fabric.controller.telemetry.reports import FlowReport, Inner, InnerType, ReportGroup, encode
from p4fabric.pipelines.entities import DigestMessage, encode_int
from p4fabric.pipelines.fabric import CPU_PORT
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import MacAddress, Port, VlanId
from tests.unit.southbound.fake_switch import FakeSwitch

HOST = MacAddress.parse("02:00:00:00:00:07")
VLAN = VlanId(100)
"""The first network gets the first number."""


def network(**spec: Any) -> dict[str, Any]:
    attachments = [{"switch": "s1", "port": port} for port in (1, 2)]
    spec = {"subnets": ["10.0.1.0/24"], "gateways": ["10.0.1.1"], "attachments": attachments, **spec}
    return {"kind": "Network", "name": "clients", "tenant": "acme", "spec": spec}


def watch(milliseconds: int) -> dict[str, Any]:
    spec = {"ports": [1], "reportIntervalMilliseconds": milliseconds, "reports": 1}
    return {"kind": "TelemetryWatch", "name": "queues", "tenant": "acme", "spec": spec}


def digest(*messages: DigestMessage) -> p4r.StreamMessageResponse:
    response = p4r.StreamMessageResponse()
    response.digest.digest_id = messages[0].DIGEST_ID
    response.digest.list_id = 1
    for message in messages:
        members = [
            p4d.P4Data(bitstring=encode_int(int(getattr(message, field.name)))) for field in message.FIELDS
        ]
        response.digest.data.append(p4d.P4Data(struct=p4d.P4StructLike(members=members)))
    return response


def host_seen(port: int, address: str = "10.0.1.7") -> p4r.StreamMessageResponse:
    return digest(b.HostSeen(Port(port), VLAN, HOST, IPv4Address(address), IPv6Address(0)))


def congestion(depth: int = 40, *, node: int = 1, number: int = 0) -> p4r.StreamMessageResponse:
    """A report in a packet-in, as the program makes it."""
    met = Inner(InnerType.IPV4, bytes(IP(src="10.0.1.7", dst="10.0.1.8") / TCP(sport=999, dport=80)))
    report = FlowReport(1, 1, 9000, 0, depth, egress_ns=10**9, inner=met, congested=True)
    datagram = encode(ReportGroup(node, 0, number, (report,)))
    return handed_over(bytes(Ether() / IP() / UDP(dport=32766) / datagram))


def handed_over(frame: bytes) -> p4r.StreamMessageResponse:
    """A frame that the switch has from no port."""
    response = p4r.StreamMessageResponse()
    response.packet.payload = frame
    response.packet.metadata.extend(b.PacketInMetadata(Port(CPU_PORT)).encode())
    return response


class Running:
    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.events: list[Any] = []

    async def follow(self) -> None:
        with self.fabric.bus.subscribe() as subscription:
            async for item in subscription:
                assert isinstance(item, Published)
                self.events.append(item.event)

    async def until(self, wanted: Callable[[], Any], seconds: float = 60) -> Any:
        async with asyncio.timeout(seconds):
            while not (found := wanted()):  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
        return found

    def heard(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until_in_sync(self) -> None:
        await self.until(lambda: all(switch.in_sync for switch in self.fabric.switches))


@asynccontextmanager
async def running(
    folder: Path, *switches: FakeSwitch, target: str = "softswitch", **telemetry: Any
) -> AsyncIterator[Running]:
    listed = [
        {"name": f"s{n}", "deviceId": n, "address": switch.address, "role": "leaf", "target": target}
        for n, switch in enumerate(switches, 1)
    ]
    config = FabricConfig.read({"switches": listed, "telemetry": telemetry}, folder / "fabric.yaml")
    async with running_fabric(config) as fabric:
        found = Running(fabric)
        follower = asyncio.create_task(found.follow())
        await found.until(lambda: all(switch.connected for switch in fabric.switches))
        yield found
    await follower


@asynccontextmanager
async def fake_switch() -> AsyncIterator[FakeSwitch]:
    switch = FakeSwitch()
    await switch.start()
    try:
        yield switch
    finally:
        await switch.stop()


def bridged(fake: FakeSwitch) -> set[int]:
    """The ports that the host is bridged to."""
    entries = [e.table_entry for e in fake.entities.values() if e.table_entry.table_id == b.Bridging.TABLE_ID]
    decoded = [b.Bridging.decode(entry) for entry in entries]
    return {int(e.action.port) for e in decoded if e.dst_mac == HOST and isinstance(e.action, b.ToPort)}


async def test_a_host_that_speaks_is_bridged_to_followed_and_still_known_after_a_restart(
    tmp_path: Path,
) -> None:
    async with fake_switch() as fake:
        async with running(tmp_path, fake) as found:
            await found.fabric.intents.apply([network()])
            await found.until_in_sync()
            fake.say(host_seen(1))
            await found.until(lambda: bridged(fake) == {1})
            fake.say(host_seen(2))
            await found.until(lambda: bridged(fake) == {2})
            assert len(found.heard(HostLearned)) == len(found.heard(HostMoved)) == 1
            await found.until_in_sync()
        fake.writes.clear()
        async with running(tmp_path, fake) as found:
            await found.until_in_sync()
            assert len(found.fabric.topology.hosts) == 1
            await asyncio.sleep(0.2)
        assert fake.writes == [] and bridged(fake) == {2}


async def test_a_host_is_asked_at_its_port_with_the_tag_that_it_has_there(tmp_path: Path) -> None:
    async with fake_switch() as fake, running(tmp_path, fake) as found:
        attachments = [{"switch": "s1", "port": 1, "vlan": 40}, {"switch": "s1", "port": 2}]
        await found.fabric.intents.apply([network(attachments=attachments)])
        await found.until_in_sync()
        fake.say(host_seen(1))
        await found.until(lambda: bridged(fake) == {1})
        fake.say(host_seen(2))
        asked = [await next_question(fake) for _ in range(3)]
        expected = question(HOST, IPv4Address("10.0.1.7"), ROUTER_MAC, VlanId(40))
        assert asked == [(1, expected)] * 3
        # Once it has moved, there is no tag.
        await found.until(lambda: found.heard(HostMoved))
        fake.say(host_seen(1))
        assert await next_question(fake) == (2, question(HOST, IPv4Address("10.0.1.7"), ROUTER_MAC, None))
        fake.say(host_seen(2))
        (refused,) = await found.until(lambda: found.heard(AddressClaimRefused))
        assert (refused.claim.claimed_at.port, refused.claim.held_at.port) == (1, 2)
        assert len(found.fabric.topology.hosts) == 1 and len(found.heard(HostMoved)) == 1


async def next_question(fake: FakeSwitch) -> tuple[int, bytes]:
    """The next frame that the switch was told to send but link probes: by which port, and what."""
    async with asyncio.timeout(60):
        while True:
            message = await fake.received.get()
            if message.HasField("packet") and message.packet.payload[12:14] != b"\x88\xcc":
                port = b.PacketOutMetadata.decode(list(message.packet.metadata)).egress_port
                return port, message.packet.payload


async def test_a_host_keeps_its_place_at_a_switch_that_is_away_until_it_is_declared_gone(
    tmp_path: Path,
) -> None:
    async with fake_switch() as one, fake_switch() as other, running(tmp_path, one, other) as found:
        attachments = [{"switch": name, "port": 1} for name in ("s1", "s2")]
        await found.fabric.intents.apply([network(attachments=attachments)])
        await found.until_in_sync()
        one.say(host_seen(1))
        await found.until(lambda: found.heard(HostLearned))
        await one.stop()
        await found.until(lambda: found.heard(SwitchDisconnected))
        other.say(host_seen(1))
        (refused,) = await found.until(lambda: found.heard(AddressClaimRefused))
        assert (refused.claim.claimed_at.switch, refused.claim.held_at.switch) == ("s2", "s1")
        assert not found.heard(HostMoved)
        await found.fabric.operations.declare_gone(SwitchName("s1"))
        other.say(host_seen(1))
        (moved,) = await found.until(lambda: found.heard(HostMoved))
        assert (moved.before.switch, moved.host.attachment.switch) == ("s1", "s2")


async def test_a_host_is_forgotten_where_its_port_is_no_longer_open(tmp_path: Path) -> None:
    async with fake_switch() as fake, running(tmp_path, fake) as found:
        await found.fabric.intents.apply([network()])
        await found.until_in_sync()
        fake.say(host_seen(2))
        await found.until(lambda: bridged(fake) == {2})
        await found.fabric.intents.apply([network(attachments=[{"switch": "s1", "port": 1}])])
        await found.until(lambda: not bridged(fake))
        await found.until(lambda: found.heard(HostForgotten))
        assert not found.fabric.topology.hosts
        # What a host says at a closed port is not even remembered.
        fake.say(host_seen(2))
        fake.say(host_seen(1, "192.0.2.1"))
        await asyncio.sleep(0.2)
        assert not found.fabric.topology.hosts


async def test_a_hundred_hosts_at_once_are_compiled_in_a_few_passes(tmp_path: Path) -> None:
    async with fake_switch() as fake, running(tmp_path, fake) as found:
        await found.fabric.intents.apply([network()])
        await found.until_in_sync()
        fake.writes.clear()
        macs = [MacAddress(0x020000000000 + number) for number in range(2, 102)]
        addresses = [IPv4Address(f"10.0.1.{number}") for number in range(2, 102)]
        seen = zip(macs, addresses, strict=True)
        fake.say(digest(*(b.HostSeen(Port(1), VLAN, *host, IPv6Address(0)) for host in seen)))
        await found.until(lambda: len(found.fabric.topology.hosts) == 100)
        await asyncio.sleep(0.2)
        await found.until_in_sync()
        assert len(fake.writes) <= 12


async def test_on_bmv2_a_watch_says_what_is_not_told_and_reports_what_is(tmp_path: Path) -> None:
    async with fake_switch() as fake, running(tmp_path, fake, target="bmv2", clearAfter=0.3) as found:
        await found.fabric.intents.apply([network(), watch(milliseconds=10)])
        await found.until_in_sync()
        states = {one.key.kind: one.status for one in found.fabric.intents.all()}
        assert states["Network"].state is IntentState.ACTIVE
        assert states["TelemetryWatch"].state is IntentState.DEGRADED
        (reason,) = states["TelemetryWatch"].reasons
        assert (
            reason
            == "s1: no tail-drop reports on bmv2, no bins of queues on bmv2, no priority for reports on bmv2"
        )
        assert reason.as_dict()["code"] == "target-limits"
        fake.say(congestion(40))
        await found.until(lambda: found.heard(CongestionOnset))


async def test_reports_become_an_episode_that_ends_with_silence(tmp_path: Path) -> None:
    async with fake_switch() as fake, running(tmp_path, fake, clearAfter=0.3) as found:
        await found.fabric.intents.apply([network(), watch(milliseconds=10)])
        await found.until_in_sync()
        fake.say(congestion(40))
        await found.until(lambda: found.heard(CongestionOnset))
        fake.say(congestion(90, number=1))
        await found.until(lambda: found.fabric.congestion.active[0].peak_depth == 90)
        (cleared,) = await found.until(lambda: found.heard(CongestionCleared))
        episode = cleared.episode
        assert (episode.queue.port.switch, episode.queue.port.port) == ("s1", 1)
        assert (episode.peak_depth, episode.peak_delay_us, episode.reports) == (90, 9000, 2)
        assert [str(flow) for flow in episode.flows] == ["tcp 10.0.1.7:999 > 10.0.1.8:80"]
        (incident,) = found.fabric.incidents.machine.active
        root = incident.root
        assert (root.peak_depth, root.peak_wait_ns, root.reports) == (90, 9_000_000, 2)
        page = (await found.fabric.metrics.page()).decode()
        assert 'p4fabric_queue_depth_packets_max{port="1",priority="0",switch="s1"} 90.0' in page
        assert 'p4fabric_congestion_episodes_total{port="1",priority="0",switch="s1"} 1.0' in page


async def test_a_queue_that_is_asked_to_report_rarely_is_not_called_clear_between_reports(
    tmp_path: Path,
) -> None:
    async with fake_switch() as fake, running(tmp_path, fake, clearAfter=0.1) as found:
        await found.fabric.intents.apply([network(), watch(milliseconds=500)])
        await found.until_in_sync()
        for number in range(3):
            fake.say(congestion(number=number))
            await asyncio.sleep(0.5)
        assert len(found.heard(CongestionOnset)) == 1 and not found.heard(CongestionCleared)
        await found.until(lambda: found.heard(CongestionCleared))


async def test_a_switch_reports_as_itself_only_and_what_else_it_hands_over_as_a_report_is_refused(
    tmp_path: Path,
) -> None:
    async with fake_switch() as fake, fake_switch() as other, running(tmp_path, fake, other) as found:
        fake.say(congestion(node=2))
        fake.say(handed_over(bytes(Ether() / IP() / TCP())))
        fake.say(handed_over(b"short"))
        fake.say(congestion(number=2))
        collector = found.fabric.incidents.collector
        await found.until(lambda: collector.nodes[SwitchName("s1")].reports == 1)
        assert collector.nodes[SwitchName("s2")].reports == 0
        assert collector.refused == {Refused.NODE: 1, Refused.MALFORMED: 1, Refused.TRUNCATED: 1}


async def test_links_found_by_probes_are_kept_over_a_restart(tmp_path: Path) -> None:
    """Two switches whose ports 5 are joined here: what leaves one comes in at the other."""
    async with fake_switch() as one, fake_switch() as other:
        async with joined(one, other), running(tmp_path, one, other) as found:
            await found.until(lambda: len(found.heard(LinkUp)) == 2)
            assert len(found.fabric.topology.links) == 2
            await asyncio.sleep(0.1)
            await found.until_in_sync()
            assert _fabric_ports(one) == _fabric_ports(other) == {5}
        one.writes.clear()
        other.writes.clear()
        # The cable is cut while nobody looks: nothing is deleted before the links had their time.
        async with running(tmp_path, one, other) as found:
            await found.until_in_sync()
            await asyncio.sleep(0.2)
            assert one.writes == other.writes == []
            await found.until(lambda: len(found.heard(LinkDown)) == 2)
            await found.until(lambda: _fabric_ports(one) == _fabric_ports(other) == set())


def _fabric_ports(fake: FakeSwitch) -> set[int]:
    entries = [e.table_entry for e in fake.entities.values() if e.table_entry.table_id == b.PortVlan.TABLE_ID]
    decoded = [b.PortVlan.decode(entry) for entry in entries]
    return {int(entry.ingress_port) for entry in decoded if isinstance(entry.action, b.PermitFabric)}


@asynccontextmanager
async def joined(one: FakeSwitch, other: FakeSwitch, port: int = 5) -> AsyncIterator[None]:
    async def carry(source: FakeSwitch, destination: FakeSwitch) -> None:
        while True:
            message = await source.received.get()
            if not message.HasField("packet"):
                continue
            out = b.PacketOutMetadata.decode(list(message.packet.metadata))
            if out.egress_port == port and destination.clients:
                response = p4r.StreamMessageResponse()
                response.packet.payload = message.packet.payload
                response.packet.metadata.extend(b.PacketInMetadata(Port(port)).encode())
                destination.say(response)

    cables = [asyncio.create_task(carry(one, other)), asyncio.create_task(carry(other, one))]
    try:
        yield
    finally:
        for cable in cables:
            cable.cancel()


async def test_a_fault_with_one_switch_leaves_the_others_alone_and_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [RuntimeError("a bug")]
    read = SwitchSession.read

    async def faulty(session: SwitchSession, *decoded: Any) -> ReadResult:
        if session.name == "s1" and faults:
            raise faults.pop()
        return await read(session, *decoded)

    monkeypatch.setattr(SwitchSession, "read", faulty)
    async with fake_switch() as one, fake_switch() as other, running(tmp_path, one, other) as found:
        await found.fabric.intents.apply([network(attachments=[{"switch": "s2", "port": 1}])])
        await found.until(lambda: found.fabric.switches[1].in_sync)
        assert found.fabric.intents.all()[0].status.state is IntentState.ACTIVE
        await found.until_in_sync()
        assert not faults
        assert {event.switch for event in found.heard(SwitchDisconnected)} == {"s1"}
