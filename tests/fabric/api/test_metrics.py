"""The page that Prometheus reads, of a controller with real switches: ports, queues, restarts."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from p4fabric.softswitch import AsyncSoftSwitch
from p4fabric.softswitch.server.ports import QueueLimits
from tests.fabric.api.conftest import TARGET, Served, configured, controller, network
from tests.fabric.api.test_drops import send, told
from tests.fabric.api.test_switches import apply, until_in_sync
from tests.fabric.api.wiretap import Wiretap

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="frames are put into memory ports")

FAST = {"portInterval": 0.1, "counterInterval": 0.1}
OPEN = network(attachments=[{"switch": "leaf1", "port": 1}, {"switch": "leaf1", "port": 2}])
FRAME = told() / bytes(986)
"""1,000 bytes to everybody, with an EtherType that a network without subnets bridges."""
WATCH = {
    "kind": "TelemetryWatch",
    "name": "queues",
    "tenant": "acme",
    "spec": {
        "ports": [2],
        "queueDepth": 5,
        "queueDelayMicroseconds": 20_000,
        "reportIntervalMilliseconds": 10,
    },
}


@asynccontextmanager
async def switch(**queues: QueueLimits) -> AsyncIterator[AsyncSoftSwitch]:
    """Memory ports 1 to 4."""
    limits = {int(name.removeprefix("port")): limit for name, limit in queues.items()}
    async with AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 5)), queues=limits) as running:
        yield running


class Page:
    """A scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = [sample for family in families(text) for sample in family.samples]

    def __getitem__(self, name: str) -> dict[tuple[str, ...], float]:
        """Values by those of the labels, in the order of their names; without the switch."""
        found = [sample for sample in self._samples if sample.name == f"p4fabric_{name}"]
        return {tuple(v for k, v in s.labels.items() if k != "switch"): s.value for s in found}

    @property
    def names(self) -> set[str]:
        """Of metrics that have a value."""
        return {sample.name.removeprefix("p4fabric_") for sample in self._samples}

    def counters(self) -> dict[tuple[str, tuple[str, ...]], float]:
        return {
            (s.name, tuple(s.labels.values())): s.value for s in self._samples if s.name.endswith("_total")
        }


async def scrape(served: Served) -> Page:
    answer = await served.http.get("/metrics")
    assert answer.status_code == 200
    return Page(answer.text)


async def until(served: Served, wanted: Any) -> Page:
    """Scrape until it shows what is wanted."""

    async def looked() -> Page | None:
        page = await scrape(served)
        return page if wanted(page) else None

    found: Page = await served.until(looked)
    return found


async def opened(served: Served) -> None:
    await apply(served, [{**OPEN, "spec": {"attachments": OPEN["spec"]["attachments"]}}])
    await served.until_all("active")
    await until_in_sync(served)


async def test_what_ports_and_queues_count_is_on_the_page(tmp_path: Path) -> None:
    # Two frames fit port 2 at once, and one more every 10 s: one leaves, one waits, the rest is dropped.
    slow = QueueLimits(rate_bps=800, depth=1)
    async with (
        switch(port2=slow) as leaf,
        controller(configured(tmp_path, leaf.address, telemetry=FAST)) as served,
    ):
        await opened(served)
        before = await until(served, lambda page: ("1",) in page["port_up"])
        # Counters are there before the first packet.
        assert before["port_packets_total"]["ingress", "1"] == 0
        assert (
            before["queue_drops_total"]["2", "0"]
            == before["port_drops_total"]["egress", "2", "queue_full"]
            == 0
        )
        await send(leaf, 1, FRAME, times=20)
        after = await until(served, lambda page: page["queue_drops_total"]["2", "0"] >= 10)
        after = await until(served, lambda page: page["port_packets_total"]["ingress", "1"] >= 20)

        def grown(name: str, *labels: str) -> float:
            return after[name][labels] - before[name][labels]

        assert grown("port_packets_total", "ingress", "1") == 20
        assert grown("port_bytes_total", "ingress", "1") == 20_000
        dropped = grown("queue_drops_total", "2", "0")
        waiting = after["queue_depth_packets"]["2", "0"]
        sent = grown("port_packets_total", "egress", "2")
        assert sent + dropped + waiting == 20 and waiting >= 1
        assert grown("queue_packets_total", "2", "0") == sent
        assert grown("port_drops_total", "egress", "2", "queue_full") == dropped
        assert grown("port_bytes_total", "egress", "2") == 1000 * sent
        # What is of no priority alone is of the port, and nothing counts twice.
        assert {labels[1] for labels in after["queue_packets_total"]} == {str(n) for n in range(8)}
        assert after["port_queue_limit_packets"]["2",] == 1
        assert after["port_rate_limit_bytes_per_second"] == {("2",): 100.0}
        assert after["port_up"] == {(str(port),): 1.0 for port in range(1, 5)}
        assert ("port3", "", "3") in after["port_info"]
        assert after["switch_ports_read"] == {(): 1.0}
        (switch_document,) = (await served.get("/api/v1/switches"))["items"]
        assert switch_document["portsUnread"] is None


OF_SWITCHES = ("port_", "queue_", "program_", "congestion_", "watch_", "ecmp_")
"""How names of metrics begin whose values a switch tells."""


async def test_a_switch_that_is_away_has_no_values_and_its_counters_go_on_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with switch() as first, switch() as second, Wiretap(first.address, gnmi=True) as wire:  # noqa: SIM117
        async with controller(configured(tmp_path, wire.address, telemetry=FAST)) as served:
            await opened(served)
            await apply(served, [WATCH])
            received = ("ingress", "1")
            await until(served, lambda page: received in page["port_packets_total"])
            await send(first, 1, FRAME, times=50)
            before = await until(served, lambda page: page["port_packets_total"][received] == 50)
            assert before["program_drops_total"] and before["congestion_episodes_total"]
            await wire.stop()
            away = await until(served, lambda page: page["switch_connected"] == {(): 0.0})
            away = await until(served, lambda page: page["switch_ports_read"] == {(): 0.0})
            assert not [name for name in away.names if name.startswith(OF_SWITCHES)]
            await wire.point_to(second.address)
            await until_in_sync(served)
            await send(second, 1, FRAME, times=3)
            after = await until(served, lambda page: page["port_packets_total"].get(received, 0) == 53)
            after = await until(served, lambda page: page["program_drops_total"])
            later = after.counters()
            assert not [key for key, value in before.counters().items() if later[key] < value]


async def test_a_watched_queue_has_counters_before_it_is_congested(tmp_path: Path) -> None:
    # A frame of 1,000 bytes takes 10 ms: the tenth waits for 90.
    slow = QueueLimits(rate_bps=800_000, depth=64)
    fast = {**FAST, "clearAfter": 0.1}
    async with (
        switch(port2=slow) as leaf,
        controller(configured(tmp_path, leaf.address, telemetry=fast)) as served,
    ):
        await opened(served)
        assert not (await scrape(served))["congestion_episodes_total"]
        await apply(served, [WATCH])
        await served.until_all("active")
        await until_in_sync(served)
        calm = await scrape(served)
        assert calm["watch_depth_packets"] == {("2",): 5} and calm["watch_delay_seconds"] == {("2",): 0.02}
        assert calm["congestion_episodes_total"] == {("2", str(priority)): 0 for priority in range(8)}
        assert not calm["queue_delay_seconds_max"]
        await send(leaf, 1, FRAME, times=20)
        queue = ("2", "0")
        over = await until(
            served,
            lambda page: page["congestion_episodes_total"][queue] and not served.fabric.congestion.active,
        )
        assert over["congestion_seconds_total"][queue] > 0
        # Whoever asks, and however often, is told the highest of the last quarter minute.
        for _ in range(2):
            page = await scrape(served)
            assert page["queue_depth_packets_max"][queue] >= 5
            assert 0.02 <= page["queue_delay_seconds_max"][queue] < 1
        assert sum(page["congestion_episodes_total"].values()) == page["congestion_episodes_total"][queue]
        waits = await until(
            served, lambda page: page["queue_delay_seconds_bucket"].get(("+Inf", *queue)) == 20
        )
        buckets = waits["queue_delay_seconds_bucket"]
        # The first leaves at once, the others 10 ms one after another; nothing else is on the page.
        within = {le: value for (le, *rest), value in buckets.items() if tuple(rest) == queue}
        assert (within["1.6e-05"], within["0.262144"]) == (1, 20) and 1 < within["0.032768"] <= 5
        assert len(buckets) == len(within) == 16


async def test_a_switch_that_does_not_say_what_its_ports_count_is_named(tmp_path: Path) -> None:
    """The wiretap passes P4Runtime on, and no gNMI."""
    async with switch() as leaf, Wiretap(leaf.address) as wire:  # noqa: SIM117
        async with controller(configured(tmp_path, wire.address, telemetry=FAST)) as served:
            await opened(served)

            async def refused() -> bool:
                (found,) = (await served.get("/api/v1/switches"))["items"]
                return "UNIMPLEMENTED" in str(found["portsUnread"])

            await served.until(refused)
            page = await scrape(served)
            assert page["switch_ports_read"] == {(): 0.0} and not page["port_packets_total"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
async def test_prometheus_finds_nothing_wrong_with_the_page(tmp_path: Path) -> None:
    async with switch() as leaf, controller(configured(tmp_path, leaf.address, telemetry=FAST)) as served:
        await opened(served)
        await apply(served, [WATCH])
        await served.until_all("active")
        await send(leaf, 1, FRAME)

        def is_full(page: Page) -> bool:
            counted = page["port_packets_total"].get(("ingress", "1"))
            return bool(counted and page["queue_delay_seconds_bucket"])

        page = await until(served, is_full)
        linter = await asyncio.create_subprocess_exec(
            "promtool",
            *("check", "metrics"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},
        )
        said, _ = await linter.communicate(page.text.encode())
        assert (linter.returncode, said.decode()) == (0, "")
