"""Reports of a switch's program that go to a collector by UDP, by a port of the switch."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from p4fabric.controller.config import FabricConfig
from p4fabric.controller.telemetry.drop_reasons import reason_label
from p4fabric.controller.telemetry.reports import DropReport, Origin, decode
from p4fabric.softswitch import AsyncSoftSwitch
from tests.fabric.api.conftest import TARGET, Served, controller, network
from tests.fabric.api.test_switches import apply, until_in_sync

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="frames are put into memory ports")

CLOSED, TO_COLLECTOR = 7, 8
FRAME = bytes(
    Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:77") / IP(src="10.0.1.7") / UDP() / Raw(bytes(99))
)


def configured(folder: Path, address: str, reports: dict[str, Any] | None) -> FabricConfig:
    leaf = {"name": "leaf1", "deviceId": 1, "address": address, "role": "leaf"}
    if reports is not None:
        leaf["reports"] = reports
    telemetry = {"reports": {"listen": "127.0.0.1:0", "collector": "192.0.2.9:40000"}}
    document = {"switches": [leaf], "api": {"listen": "127.0.0.1:0"}, "telemetry": telemetry}
    return FabricConfig.read(document, folder / "fabric.yaml")


async def sent(switch: AsyncSoftSwitch) -> list[Packet]:
    """Datagrams that left by the port to the collector; link probes leave there, too."""
    frames = [Ether(content) for port, content in await switch.collect() if port == TO_COLLECTOR]
    return [frame for frame in frames if UDP in frame]


async def heard(served: Served) -> int:
    """Datagrams of the switch that the controller has taken."""
    (found,) = (await served.get("/api/v1/telemetry"))["switches"]
    return int(found["datagrams"])


async def test_with_a_way_to_the_collector_a_report_is_a_datagram_at_a_port(tmp_path: Path) -> None:
    way = {"port": TO_COLLECTOR, "nextHop": "02:00:00:00:00:09", "source": "192.0.2.21"}
    async with (
        AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 9))) as switch,
        controller(configured(tmp_path, switch.address, way)) as served,
    ):
        await until_in_sync(served)
        assert switch.inject(CLOSED, FRAME)
        (frame,) = await sent(switch)
        assert (frame.dst, frame.src) == ("02:00:00:00:00:09", "02:00:5e:01:00:01")
        assert (frame[IP].src, frame[IP].dst, frame[UDP].dport) == ("192.0.2.21", "192.0.2.9", 40000)
        group = decode(bytes(frame[UDP].payload))
        (report,) = group.reports
        assert (group.node, group.hw_id) == (1, Origin.DROPS)
        assert isinstance(report, DropReport) and reason_label(report.reason or 0) == "closed"
        assert await heard(served) == 0, "nothing comes over the control channel"
        # What the network would do if the controller were the collector.
        address = await served.until(lambda: served.fabric.incidents.address)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as network:
            network.sendto(bytes(frame[UDP].payload), address)
        await served.until(lambda: heard(served))


async def test_without_one_it_comes_over_the_control_channel(tmp_path: Path) -> None:
    async with (
        AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 9))) as switch,
        controller(configured(tmp_path, switch.address, None)) as served,
    ):
        await until_in_sync(served)
        assert switch.inject(CLOSED, FRAME)
        await served.until(lambda: heard(served))
        assert await sent(switch) == []


async def test_a_flow_that_a_watch_names_is_told_of_by_postcards(tmp_path: Path) -> None:
    attachments = [{"switch": "leaf1", "port": port} for port in (1, 2)]
    clients = network(subnets=["10.0.1.0/24"], attachments=attachments)
    flows = [{"tenant": "acme", "from": "10.0.1.7/32", "protocol": "udp", "destinationPort": 2000}]
    follow = {"kind": "TelemetryWatch", "name": "paths", "tenant": "operations", "spec": {"flows": flows}}
    frame = Ether(dst="02:00:00:00:00:08", src="02:00:00:00:00:07")
    async with (
        AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 9))) as switch,
        controller(configured(tmp_path, switch.address, None)) as served,
    ):
        await apply(served, [clients, follow])
        await served.until_all("active")
        await until_in_sync(served)
        for port in (1999, 2000, 2000):
            packet = IP(src="10.0.1.7", dst="10.0.1.8") / UDP(sport=1000, dport=port) / Raw(bytes(99))
            assert switch.inject(1, bytes(frame / packet))

        async def postcards() -> bool:
            answer = await served.http.get("/metrics")
            return 'reports_received_total{source="postcards",switch="leaf1"} 1.0' in answer.text

        await served.until(postcards)
