"""Prometheus scrapes a controller with two switches under traffic, and every panel has an answer."""

from __future__ import annotations

import asyncio
import math
import shutil
import socket
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from p4fabric.controller.telemetry.reports import FlowReport, Origin, ReportGroup, encode
from p4fabric.softswitch import AsyncSoftSwitch, QueueLimits, QueueWatch
from tests.fabric.api.conftest import TARGET, Served, configured, controller, network
from tests.fabric.api.test_switches import apply, until_in_sync
from tests.monitoring.dashboards import DASHBOARDS, DEPLOY, Query, queries, variables
from tests.switch.pipeline.harness import free_tcp_port, free_udp_port

pytestmark = [
    pytest.mark.skipif(TARGET != "softswitch", reason="frames are put into memory ports"),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus (Debian: prometheus)"),
]

LINKS = (3, 4)
"""Ports of each leaf; two cables join them."""
HOSTS: list[dict[str, Any]] = [
    {
        "switch": f"leaf{number}",
        "port": port,
        "mac": f"02:00:00:00:0{number}:0{port}",
        "addresses": [f"10.0.1.{number}{port}"],
    }
    for number in (1, 2)
    for port in (1, 2)
]
CLIENTS = network(subnets=["10.0.1.0/24"], gateways=["10.0.1.1"], attachments=HOSTS)
POLICY = {
    "kind": "FirewallPolicy",
    "name": "no-telnet",
    "tenant": "acme",
    "spec": {"rules": [{"name": "telnet", "action": "deny", "protocol": "tcp", "ports": [23]}]},
}
SLOW = QueueLimits(rate_bps=80_000, depth=8)
"""Of leaf1's port 2: 10 frames of 1,000 bytes a second."""
FAST = QueueLimits(rate_bps=8_000_000, depth=64)


def leaf(number: int, reports_to: int, queues: Mapping[int, QueueLimits]) -> AsyncSoftSwitch:
    """Memory ports 1 to 4, of which 2 sends bins of its queues to a UDP port."""
    return AsyncSoftSwitch(
        device_id=number,
        interfaces=dict.fromkeys(range(1, 5)),
        queues=queues,
        watches={2: QueueWatch()},
        report_to=f"127.0.0.1:{reports_to}",
    )


def watch(depth: int) -> dict[str, Any]:
    spec = {"queueDepth": depth, "queueDelayMicroseconds": 50_000, "reportIntervalMilliseconds": 50}
    return {"kind": "TelemetryWatch", "name": "queues", "tenant": "acme", "spec": spec}


def told(source: int, to: int, content: Any) -> bytes:
    """A frame of 1,000 bytes between two of the hosts."""
    one, other = HOSTS[source], HOSTS[to]
    ip = IP(src=one["addresses"][0], dst=other["addresses"][0])
    frame = bytes(Ether(src=one["mac"], dst=other["mac"]) / ip / content)
    return frame + bytes(1000 - len(frame))


ACROSS = [told(0, 2, UDP(sport=1000 + flow, dport=2000)) for flow in range(64)]
TO_THE_SLOW_PORT = told(0, 1, UDP(sport=1, dport=2))
DROPPED = [
    told(0, 2, TCP(dport=23)),
    bytes(Ether(src=HOSTS[0]["mac"]) / Dot1Q(vlan=1) / Dot1Q(vlan=2) / IP()),
]


async def carry(one: AsyncSoftSwitch, other: AsyncSoftSwitch) -> None:
    """The cables, in one direction; what leaves by other ports is gone."""
    while True:
        for port, frame in await one.collect(0.05, count=1):
            if port in LINKS:
                other.inject(port, frame)


async def talk(leaf: AsyncSoftSwitch) -> None:
    """More than the slow port can send, many flows to the other leaf, and some that nobody may send."""
    while True:
        for frame in (*ACROSS, *[TO_THE_SLOW_PORT] * 4, *DROPPED):
            leaf.inject(1, frame)
        await asyncio.sleep(0.2)


async def report(reports_to: int) -> None:
    """What the program of leaf1 says of a packet that has waited; of three datagrams one is lost."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in count():
            waited = FlowReport(
                ingress_port=1,
                egress_port=2,
                queue=0,
                depth=5,
                latency_us=60_000,
                egress_ns=time.monotonic_ns(),
                congested=True,
            )
            group = ReportGroup(1, Origin.EGRESS, number % (1 << 22), (waited,))
            if number % 3:
                sender.sendto(encode(group), ("127.0.0.1", reports_to))
            await asyncio.sleep(0.2)


async def keep_changing(served: Served) -> None:
    """Something for switches to follow and for the compiler to do."""
    while True:
        for depth in (4, 5):
            await apply(served, [watch(depth)])
            await asyncio.sleep(0.5)


@asynccontextmanager
async def prometheus(folder: Path, served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Debian's Prometheus with the configuration that is shipped, and scrapes that are closer together.

    The controller's token is in `folder`, by the name that the configuration has.
    """
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    config["global"] = dict.fromkeys(config["global"], "1s")
    (scrape,) = config["scrape_configs"]
    scrape["static_configs"][0]["targets"] = [served.url.removeprefix("http://")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(DEPLOY / "prometheus/alerts.yml", folder)
    address = f"127.0.0.1:{free_tcp_port()}"
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
        "--log.level=warn",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=(folder / "prometheus.log").open("w"),
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=60) as http:
            yield http
    finally:
        process.kill()
        await process.wait()


async def answered(http: httpx.AsyncClient, path: str, params: Mapping[str, str]) -> Any:
    answer = (await http.get(f"/api/v1/{path}", params=params)).json()
    assert answer["status"] == "success", (params, answer)
    return answer["data"]


async def unanswered(http: httpx.AsyncClient, instance: str, asked: Iterable[Query]) -> list[Query]:
    """What has no value, or not the labels that its legend needs."""
    found = []
    for query in asked:
        expr = query.filled_in(instance=instance, interval="5s")
        result = (await answered(http, "query", {"query": expr}))["result"]
        labels = {label for series in result for label in series["metric"]}
        has_value = any(math.isfinite(float(series["value"][1])) for series in result)
        if not has_value or not query.legend <= labels:
            found.append(query)
    return found


@pytest.mark.timeout(300)
async def test_every_panel_has_an_answer_and_an_alert_fires(tmp_path: Path) -> None:
    reports_to = free_udp_port()
    telemetry = {
        "portInterval": 0.2,
        "counterInterval": 0.2,
        "reports": {"listen": f"127.0.0.1:{reports_to}"},
    }
    async with (
        leaf(1, reports_to, {2: SLOW, 3: FAST, 4: FAST}) as leaf1,
        leaf(2, reports_to, {3: FAST, 4: FAST}) as leaf2,
        controller(configured(tmp_path, leaf1.address, leaf2.address, telemetry=telemetry)) as served,
        asyncio.TaskGroup() as tasks,
    ):
        await apply(served, [CLIENTS, POLICY, watch(4)])
        await until_in_sync(served)
        running = [
            tasks.create_task(work)
            for work in (
                carry(leaf1, leaf2),
                carry(leaf2, leaf1),
                talk(leaf1),
                report(reports_to),
                keep_changing(served),
            )
        ]
        await served.until(lambda: served.fabric.links_up == 4)
        async with prometheus(tmp_path, served) as http:

            async def is_up() -> bool:
                try:
                    if (await http.get("/-/ready")).status_code != 200:
                        return False
                except httpx.TransportError:
                    return False
                found = await answered(http, "query", {"query": 'up{job="p4fabric"} == 1'})
                return bool(found["result"])

            await served.until(is_up, 60)
            instance = served.url.removeprefix("http://")
            left = [query for path in DASHBOARDS for query in queries(path)]
            try:
                async with asyncio.timeout(60):
                    while left := await unanswered(http, instance, left):  # noqa: ASYNC110 - it has no event
                        await asyncio.sleep(0.5)
            except TimeoutError:
                pytest.fail(f"no answer, or not with the labels of the legend: {left}")
            for path in DASHBOARDS:
                for selector, label in variables(path, instance=instance):
                    assert await answered(http, f"label/{label}/values", {"match[]": selector})

            async def dropping() -> bool:
                alerts = (await answered(http, "alerts", {}))["alerts"]
                ports = {
                    (alert["labels"]["switch"], alert["labels"]["port"])
                    for alert in alerts
                    if alert["labels"]["alertname"] == "QueueDropping" and alert["state"] == "firing"
                }
                return ports == {("leaf1", "2")}

            await served.until(dropping, 60)
        for task in running:
            task.cancel()
