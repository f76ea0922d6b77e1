"""What a real switch drops, as metrics, the API, events and the command line show it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.dhcp import BOOTP
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

from p4fabric.controller.cli.events import line
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.softswitch import AsyncSoftSwitch
from tests.fabric.api.conftest import TARGET, Served, configured, controller
from tests.fabric.api.test_cli import P4FABRIC
from tests.fabric.api.test_events import following
from tests.fabric.api.test_switches import EVERYTHING, apply, until_in_sync
from tests.fabric.api.wiretap import Wiretap

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="frames are put into memory ports")

HOST, KNOWN, SERVER, ROUTER = (
    "02:00:00:00:00:77",
    "02:00:00:00:00:03",
    "02:00:00:00:00:04",
    "02:00:5e:00:00:01",
)
ALL = "ff:ff:ff:ff:ff:ff"


def told(dst: str = ALL, src: str = HOST) -> Packet:
    return Ether(src=src, dst=dst)


def routed(**ip: Any) -> Packet:
    return told(ROUTER) / IP(**{"src": "10.0.1.7", "dst": "10.0.2.4", **ip})


PING = told() / IP(src="10.0.1.7", dst="10.0.1.255") / ICMP()
NS = ICMPv6ND_NS(tgt="2001:db8:1::9") / ICMPv6NDOptSrcLLAddr(lladdr=HOST)
SOURCE_ROUTE = IPv6ExtHdrRouting(segleft=1, addresses=["::7"])
LINK_LOCAL: dict[str, Any] = {"src": "fe80::77", "dst": "ff02::1"}
DROPPED: list[tuple[int, DropReason, Packet]] = [
    (7, DropReason.CLOSED, PING),
    (1, DropReason.CONTROL_FRAME, Ether(src=HOST, dst="01:80:c2:00:00:0e", type=0x88CC) / Raw(bytes(50))),
    (2, DropReason.NESTED_TAG, told() / Dot1Q(vlan=200) / Dot1Q(vlan=9) / IP(src="10.0.1.7") / ICMP()),
    (1, DropReason.ETHERTYPE, Ether(src=HOST, dst=ALL, type=0x88B5) / Raw(bytes(50))),
    (1, DropReason.SOURCE_MAC, told(src="03:00:00:00:00:01") / IP(src="10.0.1.7") / ICMP()),
    (3, DropReason.SOURCE_MAC, told() / IP(src="10.0.1.3") / ICMP()),
    (1, DropReason.MALFORMED, told() / IP(src="10.0.1.7", len=2000) / ICMP()),
    (1, DropReason.CHECKSUM, told() / IP(src="10.0.1.7", chksum=1) / ICMP()),
    (1, DropReason.FRAGMENT, routed(proto=6, frag=1) / Raw(bytes(40))),
    (1, DropReason.SOURCE_ROUTED, told() / IPv6(**LINK_LOCAL) / SOURCE_ROUTE),
    (1, DropReason.SOURCE_ADDRESS, told() / IP(src="192.0.2.1") / ICMP()),
    (1, DropReason.ADDRESS_ELSEWHERE, told() / IP(src="10.0.1.3") / ICMP()),
    (1, DropReason.ARP, told() / ARP(op=2, hwsrc="02:00:00:00:00:78", psrc="10.0.1.7", pdst="10.0.1.8")),
    (1, DropReason.NEIGHBOR_DISCOVERY, told() / IPv6(hlim=64, **LINK_LOCAL) / NS),
    (1, DropReason.ROUTER_ADVERTISEMENT, told() / IPv6(hlim=255, **LINK_LOCAL) / ICMPv6ND_RA()),
    (1, DropReason.DHCP_SERVER, told() / IP(src="10.0.1.7") / UDP(sport=67, dport=68) / BOOTP(op=2)),
    (1, DropReason.TUNNEL, routed(dst="10.0.1.200") / UDP(sport=2152, dport=2152) / Raw(b"no G-PDU")),
    (1, DropReason.FIREWALL, routed() / TCP(dport=23)),
    (1, DropReason.TTL, routed(ttl=1) / ICMP()),
    (1, DropReason.DESTINATION, routed(dst="127.0.0.1") / ICMP()),
    (1, DropReason.NO_ROUTE, routed(dst="10.9.9.9") / ICMP()),
    (3, DropReason.FRAGMENT_REPLY, told(ROUTER, SERVER) / IP(src="10.0.2.4", dst="10.0.1.3", proto=6, frag=99)
     / Raw(bytes(40))),
]  # fmt: skip
"""The port that it is counted at, why, and the frame."""
FAST = {"counterInterval": 0.1}


@pytest.fixture
async def switch() -> AsyncIterator[AsyncSoftSwitch]:
    """A switch with memory ports 1 to 8."""
    async with AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 9))) as switch:
        yield switch


async def send(switch: AsyncSoftSwitch, port: int, frame: Packet, times: int = 1) -> None:
    content = bytes(frame)
    for _ in range(times):
        while not switch.inject(port, content):  # noqa: ASYNC110 - nobody tells that there is room
            await asyncio.sleep(0.001)


async def opened(served: Served) -> None:
    await apply(served, EVERYTHING)
    await served.until_all("active")
    await until_in_sync(served)


async def dropped(served: Served, **query: str) -> dict[tuple[int, str, str], int]:
    drops = (await served.get("/api/v1/drops", **query))["drops"]
    return {(drop["port"], drop["direction"], drop["reason"]): drop["packets"] for drop in drops}


async def read_at(served: Served) -> str | None:
    found: str | None = (await served.get("/api/v1/drops"))["readAt"]["leaf1"]
    return found


async def test_each_drop_is_shown_with_its_port_and_reason(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    async with controller(configured(tmp_path, switch.address, telemetry=FAST)) as served:
        await opened(served)
        # What is let through is not dropped.
        await send(switch, 1, told() / ARP(op=1, hwsrc=HOST, psrc="10.0.1.7", pdst="10.0.1.1"))
        await send(switch, 1, routed() / TCP(dport=80))
        expected = {}
        for port, reason, frame in DROPPED:
            reply = reason is DropReason.FRAGMENT_REPLY
            await send(switch, 4 if reply else port, frame)
            expected[port, "egress" if reply else "ingress", reason.label] = 1

        async def all_seen() -> bool:
            return len(await dropped(served)) >= len(expected)

        await served.until(all_seen)
        assert await dropped(served) == await dropped(served, switch="leaf1") == expected
        page = (await served.http.get("/metrics")).text
        labels = r'direction="(\w+)",port="(\d+)",reason="(\w+)",switch="leaf1"'
        measured = re.findall(rf"^p4fabric_program_drops_total{{{labels}}} 1\.0$", page, re.MULTILINE)
        assert {(int(port), direction, reason) for direction, port, reason in measured} == expected.keys()
        assert not {r for _, r, _ in DROPPED} ^ set(DropReason) - {
            DropReason.TUNNEL_PEER, DropReason.FLOOD, DropReason.SAME_PORT, DropReason.HEALTH_REPLY,
            DropReason.UPF_RULE, DropReason.UPF_RATE, DropReason.POLICED,
        }  # fmt: skip


async def test_a_flood_makes_one_event_that_names_the_port(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    telemetry = {**FAST, "dropThreshold": 500, "dropClearAfter": 0.3}
    async with (
        controller(configured(tmp_path, switch.address, telemetry=telemetry)) as served,
        following(served, types="TrafficDropped,TrafficDropsCleared") as stream,
    ):
        await opened(served)
        await served.until(lambda: read_at(served))
        await send(switch, 1, told() / IP(src="192.0.2.1") / ICMP())  # noise
        await send(switch, 7, PING, times=2000)
        begun, over = await stream.next(), await stream.next()
    where = {"switch": "leaf1", "port": 7, "direction": "ingress", "reason": "closed"}
    assert begun.name == "TrafficDropped" and begun.data.items() >= where.items()
    assert begun.data["packets"] <= 2000 and begun.data["packetsPerSecond"] >= 500
    assert "leaf1:7 ingress closed: " in line(begun.data)
    assert over.name == "TrafficDropsCleared" and over.data.items() >= where.items()
    assert over.data["packets"] == 2000
    assert "leaf1:7 ingress closed: 2000 packets in " in line(over.data)


async def test_broadcasts_above_the_flood_rate_are_counted(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    async with controller(configured(tmp_path, switch.address, telemetry=FAST)) as served:
        await opened(served)
        await send(switch, 1, PING, times=3000)

        async def seen() -> bool:
            return (1, "ingress", "flood") in await dropped(served)

        await served.until(seen)


async def test_the_command_line_shows_the_worst(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    async with controller(configured(tmp_path, switch.address, telemetry=FAST)) as served:
        assert "No drops seen" in await top(served)
        await opened(served)
        await send(switch, 7, PING, times=5)

        async def seen() -> bool:
            return await dropped(served) == {(7, "ingress", "closed"): 5}

        await served.until(seen)
        assert re.search(r"leaf1:7 +ingress +closed +5 +\d", await top(served))


async def top(served: Served) -> str:
    process = await asyncio.create_subprocess_exec(
        *P4FABRIC, "top", "--once", stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "P4FABRIC_API": served.url, "P4FABRIC_TOKEN_FILE": str(served.token_file)},
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_no_count_goes_back_when_a_switch_restarts(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    async with (
        AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 9))) as other,
        Wiretap(switch.address, gnmi=True) as wire,
        controller(configured(tmp_path, wire.address, telemetry=FAST)) as served,
    ):
        scraped: list[float] = []

        async def measured() -> float | None:
            page = (await served.http.get("/metrics")).text
            closed = r'^p4fabric_program_drops_total{.*reason="closed".*} (\S+)$'
            found = [float(value) for value in re.findall(closed, page, re.MULTILINE)]
            if not found:
                return None
            scraped.append(sum(found))
            return scraped[-1]

        async def has(packets: int) -> bool:
            return await measured() == packets

        await opened(served)
        await send(switch, 7, PING, times=10)
        await served.until(lambda: has(10))
        await wire.stop()
        await served.until(lambda: not served.fabric.switches[0].connected)
        # Of a switch that is away nobody knows what it drops.
        assert await measured() is None
        before = await read_at(served)
        await wire.point_to(other.address)
        await until_in_sync(served)
        await send(other, 7, PING, times=4)
        await served.until(lambda: has(14))
        assert scraped == sorted(scraped)
        after = await read_at(served)
        assert before is not None and after is not None and after > before


async def test_without_turns_counters_are_read_when_asked(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    telemetry = {"counterInterval": 0}
    async with controller(configured(tmp_path, switch.address, telemetry=telemetry)) as served:
        await opened(served)
        await send(switch, 7, PING, times=5)
        await switch.collect()
        assert await dropped(served) == {(7, "ingress", "closed"): 5}


async def test_a_switch_that_does_not_exist_is_an_error_that_names_those_that_do(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, "127.0.0.1:1")) as served:
        answer = await served.http.get("/api/v1/drops", params={"switch": "leaf9"})
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["message"] == "there is no switch 'leaf9'; there are leaf1"
        assert await served.get("/api/v1/drops") == {"drops": [], "readAt": {"leaf1": None}}
        paths = (await served.http.get("/openapi.json")).json()["paths"]
        assert "/api/v1/drops" in paths
