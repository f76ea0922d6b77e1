"""IPFIX of incidents and drops, as tshark's and nfdump's own readers see it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.ipfix import DROPPED_FLOW, DroppedFlows, IpfixExporter
from p4fabric.controller.telemetry.reports import DropReport, FlowWords, Inner, Origin, ReportGroup, Role
from tests.unit.telemetry.incident_world import MS, SECOND, START, World, flow, packet, queue

LEAF = SwitchName("leaf1")
MAC = "02:00:00:00:00:01"
NOW = START + 2 * SECOND
PORT = 4739


def exporter() -> tuple[IpfixExporter, list[bytes]]:
    sent: list[bytes] = []
    return IpfixExporter(sent.append, {LEAF: 7}), sent


def dropped(reason: int, source: str = "10.0.1.1", *, suppressed: int = 0, times: int = 1) -> DroppedFlows:
    inside = bytes(Ether(src=MAC, dst=MAC) / IP(src=source, dst="10.0.2.1") / UDP(sport=40000, dport=5001))
    report = DropReport(
        3,
        5,
        flow=FlowWords(Role.DROPPED, 100, 0, 0),
        suppressed=suppressed,
        inner=Inner(3, inside),
        reason=reason,
    )
    flows = DroppedFlows()
    for number in range(times):
        flows.add(LEAF, ReportGroup(7, Origin.DROPS, number, (report,)), START + number * MS)
    return flows


def incident_of_two_flows() -> Any:
    world = World()
    world.take(
        packet(10, Role.CULPRIT, 1, where=queue("leaf1", 5, 3), share=(70_000, 100_000), window=1),
        packet(11, Role.VICTIM, 2, where=queue("leaf1", 5, 3), wait_ms=9, drops=4),
    )
    (incident,) = world.end()
    return replace(incident, number=18)


def capture_of(folder: Path, datagrams: list[bytes]) -> Path:
    path = folder / "ipfix.pcap"
    frame = Ether(src=MAC, dst=MAC) / IP(src="192.0.2.1", dst="192.0.2.2")
    wrpcap(str(path), [frame / UDP(sport=50000, dport=PORT) / datagram for datagram in datagrams])
    return path


def waiting_at(port: int) -> int | None:
    """Bytes that wait at a UDP port to be read; None: nobody listens there."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[1].partition(":")[2], 16) == port:
            return int(words[4].partition(":")[2], 16)
    return None


def until(wanted: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def flows_of(layers: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Data records in what tshark's JSON has of a message."""
    for name, value in layers.items():
        if name.startswith("Flow "):
            yield value
        elif isinstance(value, dict):
            yield from flows_of(value)
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    yield from flows_of(one)


def dissected(folder: Path, datagrams: list[bytes]) -> list[dict[str, Any]]:
    """Messages as tshark's own dissector has them."""
    command = ["tshark", "-r", str(capture_of(folder, datagrams)), "-d", f"udp.port=={PORT},cflow"]
    words = [*command, "-T", "json", "--no-duplicate-keys"]
    output = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
    assert "malformed" not in output.decode().lower() and "No template" not in output.decode()
    return [one["_source"]["layers"]["cflow"] for one in json.loads(output)]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_every_record(tmp_path: Path) -> None:
    made, sent = exporter()
    made.incident(incident_of_two_flows(), NOW)
    made.drops(dropped(80, suppressed=6, times=2).take(), NOW)
    messages = dissected(tmp_path, sent)
    assert {message["cflow.od_id"] for message in messages} == {"7"}
    assert [message["cflow.sequence"] for message in messages] == ["0", "0", "2"]
    culprit, victim, drop, others = (found for message in messages for found in flows_of(message))
    names = (
        "cflow.srcaddr",
        "cflow.dstaddr",
        "cflow.srcport",
        "cflow.dstport",
        "cflow.protocol",
        "cflow.vlanid",
    )
    assert [culprit[name] for name in names] == ["10.0.1.1", "10.0.2.1", "40000", "5001", "17", "100"]
    assert (culprit["cflow.outputint"], culprit["cflow.packets"], culprit["cflow.drop_packets"]) == (
        "5",
        "1",
        "0",
    )
    assert (victim["cflow.srcaddr"], victim["cflow.drop_packets"]) == ("10.0.1.2", "1")
    said = ("cflow.srcaddr", "cflow.packets", "cflow.inputint", "cflow.outputint")
    assert [drop[name] for name in said] == ["10.0.1.1", "2", "3", "5"]
    assert [others[name] for name in said] == ["0.0.0.0", "12", "3", "5"]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_a_switch_that_does_not_tell_of_full_queues_is_not_said_to_drop_nothing(tmp_path: Path) -> None:
    made, sent = exporter()
    incident = incident_of_two_flows()
    (where,) = incident.queues
    made.incident(replace(incident, queues=(replace(where, untold_drops="no reports on bmv2"),)), NOW)
    flows = [found for message in dissected(tmp_path, sent) for found in flows_of(message)]
    assert [found["cflow.srcaddr"] for found in flows] == ["10.0.1.1", "10.0.1.2"]
    assert not any("cflow.drop_packets" in found for found in flows)


@pytest.mark.skipif(shutil.which("nfcapd") is None, reason="nfdump is not installed")
def test_nfdump_reads_every_record(tmp_path: Path) -> None:
    made, sent = exporter()
    made.incident(incident_of_two_flows(), NOW)
    made.drops(dropped(80, "10.0.1.9", suppressed=6, times=2).take(), NOW)
    kept = tmp_path / "kept"
    kept.mkdir()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["nfcapd", "-b", "127.0.0.1", "-p", str(port), "-w", str(kept), "-t", "3600"]
    collector = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: waiting_at(port) is not None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in sent:
                sender.sendto(datagram, ("127.0.0.1", port))
        until(lambda: waiting_at(port) == 0)
    finally:
        collector.terminate()
        collector.wait(30)
    output = subprocess.run(
        ["nfdump", "-R", str(kept), "-o", "json"], capture_output=True, check=True, timeout=60, text=True
    ).stdout
    flows = {one["src4_addr"]: one for one in json.loads(output)}
    assert flows.keys() == {"10.0.1.1", "10.0.1.2", "10.0.1.9", "0.0.0.0"}
    assert [flows["10.0.1.1"][name] for name in ("dst4_addr", "src_port", "dst_port", "proto")] == [
        "10.0.2.1", 40000, 5001, 17
    ]  # fmt: skip
    assert (flows["10.0.1.9"]["in_packets"], flows["10.0.1.9"]["input_snmp"]) == (2, 3)
    assert flows["0.0.0.0"]["in_packets"] == 12, "whose these were, no report says"


def test_templates_come_first_again_after_a_minute_and_for_each_switch() -> None:
    made, sent = exporter()
    for second in (0, 30, 61):
        made.drops(dropped(80).take(), NOW + second * SECOND)
    described = [int.from_bytes(message[16:18], "big") == 2 for message in sent]
    assert described == [True, False, False, True, False]
    assert [int.from_bytes(message[8:12], "big") for message in sent] == [0, 0, 1, 2, 2]


def test_messages_fit_into_a_packet() -> None:
    made, sent = exporter()
    flows = DroppedFlows()
    for number in range(200):
        group = ReportGroup(7, Origin.DROPS, 0, (DropReport(1, 2, reason=number % 256),))
        flows.add(LEAF, group, START + number)
    made.drops(flows.take(), NOW)
    assert made.records == 200 and len(sent) > 5
    assert all(
        len(message) <= 1400 and int.from_bytes(message[2:4], "big") == len(message) for message in sent
    )


def test_ipv6_has_templates_of_its_own() -> None:
    made, sent = exporter()
    incident = incident_of_two_flows()
    (where,) = incident.queues
    wide = flow(1)._replace(flow=replace(flow(1).flow, source=IPv6Address(1), destination=IPv6Address(2)))
    culprit = replace(where.culprits[0], flow=wide)
    made.incident(replace(incident, queues=(replace(where, culprits=(culprit,), victims=()),)), NOW)
    assert int.from_bytes(sent[1][16:18], "big") == 257
    assert (1).to_bytes(16, "big") + (2).to_bytes(16, "big") in sent[1]


def test_what_does_not_fit_is_as_large_as_fits() -> None:
    template = DROPPED_FLOW[4]
    assert len(template.record([1 << 200] * len(template.elements))) == template.size


def test_dropped_flows_are_bounded_and_counted() -> None:
    flows = DroppedFlows()
    for number in range(5000):
        report = DropReport(number % 500, number // 500, reason=80)
        flows.add(LEAF, ReportGroup(7, Origin.DROPS, 0, (report,)), START)
    assert (len(flows.take()), flows.refused) == (4096, 5000 - 4096)
    assert flows.take() == []
