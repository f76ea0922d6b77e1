"""Reports of switches on their way through a whole controller: to incidents, films, series and events."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from p4fabric.controller.cli.fabric_tables import incident_table
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.reports import (
    Bin,
    BinsReport,
    DropReport,
    FlowReport,
    FlowWords,
    Inner,
    Origin,
    Report,
    ReportGroup,
    Role,
    Window,
    encode,
)
from p4fabric.pipelines.values import VlanId
from tests.fabric.api.conftest import Served, configured, controller, network
from tests.fabric.api.test_access import client, made
from tests.fabric.api.test_events import following
from tests.fabric.api.test_resources import problem
from tests.fabric.api.test_switches import apply
from tests.switch.pipeline.harness import free_udp_port

MS = 1_000_000
LEAF = SwitchName("leaf1")
TENANTS = [
    {"name": "acme", "attachments": [{"switch": "leaf1", "ports": [1], "vlans": ["1-99"]}]},
    {"name": "globex", "attachments": [{"switch": "leaf1", "ports": [2]}]},
]
CLIENTS = network()
THEIRS = {
    "kind": "Network",
    "tenant": "globex",
    "name": "theirs",
    "spec": {
        "subnets": ["10.0.1.0/24"],
        "attachments": [{"switch": "leaf1", "port": 2}],
    },
}
WATCH = {"kind": "TelemetryWatch", "tenant": "acme", "name": "queues", "spec": {"ports": [5]}}


class Leaf:
    """A switch as far as its reports go."""

    def __init__(self, served: Served, address: tuple[str, int] | None = None) -> None:
        address = address or served.fabric.incidents.address
        assert address is not None
        self._address, self._socket = address, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sequences: dict[int, int] = {}
        self._started = time.time_ns() - 1_000_000_000_000
        self.vlans = {
            str(key.tenant): vlan
            for vlan in range(1, 4095)
            if (key := served.fabric._physical.attachments.with_vlan(VlanId(vlan))) is not None
        }

    def now(self) -> int:
        return time.time_ns() - self._started

    def send(self, origin: Origin, *reports: Report, lose: int = 0) -> None:
        sequence = self._sequences.get(origin, 0) + lose
        self._sequences[origin] = sequence + 1
        self._socket.sendto(encode(ReportGroup(1, origin, sequence, reports)), self._address)

    def send_raw(self, datagram: bytes) -> None:
        self._socket.sendto(datagram, self._address)

    def packet(self, role: Role, tenant: str, host: int, share: int = 0, wait_us: int = 6000) -> FlowReport:
        frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        inside = bytes(frame / IP(src=f"10.0.1.{host}", dst="10.0.1.9") / UDP(sport=40000, dport=5001))
        words = FlowWords(role, self.vlans[tenant], share, 100)
        return FlowReport(
            1, 5, wait_us, 0, 64, None, self.now(), words, Window(1, 10), 0, Inner(3, inside), congested=True
        )

    def bins(self, *depths: int) -> BinsReport:
        start = self.now() // MS * MS - len(depths) * MS
        bins = (
            Bin(start + i * MS, depth, 0, depth * 1000, 5, 7000, 3 if depth > 60 else 0)
            for i, depth in enumerate(depths)
        )
        return BinsReport(5, 0, tuple(bins), self.now())


@asynccontextmanager
async def reporting(folder: Path, **more: Any) -> AsyncIterator[tuple[Served, Leaf]]:
    """A controller that takes reports. Its switch is not there otherwise."""
    telemetry = {"reports": {"listen": "127.0.0.1:0"}, **more}
    config = configured(folder, "127.0.0.1:1", tenants=TENANTS, telemetry=telemetry)
    async with controller(config) as served:
        await apply(served, [CLIENTS, THEIRS, WATCH])
        await served.until(lambda: served.fabric.incidents.address)
        yield served, Leaf(served)


async def over(served: Served, count: int = 1) -> list[Any]:
    """Incidents, once so many are over."""

    async def found() -> list[Any]:
        items: list[Any] = (await served.get("/api/v1/incidents", active="false"))["items"]
        return items if len(items) >= count else []

    return await served.until(found)  # type: ignore[no-any-return]


def burst(leaf: Leaf) -> None:
    leaf.send(
        Origin.EGRESS,
        leaf.packet(Role.CULPRIT, "acme", 1, share=70),
        leaf.packet(Role.VICTIM, "globex", 2, wait_us=9000),
    )
    leaf.send(Origin.QUEUES, leaf.bins(3, 64, 50, 40, 2))


async def test_a_burst_becomes_an_incident_with_film_and_series(tmp_path: Path) -> None:
    async with reporting(tmp_path) as (served, leaf):
        async with following(served, types="IncidentOnset,IncidentCleared") as stream:
            burst(leaf)
            onset = await stream.next()
            assert (onset.name, onset.data["number"], onset.data["active"]) == ("IncidentOnset", 1, True)
            cleared = await stream.next()
            assert cleared.name == "IncidentCleared"
        (incident,) = await over(served)
        facts = [incident[name] for name in ("number", "active", "drops", "complete")]
        assert facts == [1, False, 3, True]
        assert incident["clockErrorSeconds"] is None
        (queue,) = incident["queues"]
        assert (queue["switch"], queue["port"], queue["priority"], queue["root"]) == ("leaf1", 5, 0, True)
        (culprit,), (victim,) = queue["culprits"], queue["victims"]
        assert (culprit["tenant"], culprit["source"], culprit["share"]) == ("acme", "10.0.1.1", 0.7)
        assert (victim["tenant"], victim["maxWaitUs"]) == ("globex", 9000)
        assert culprit["intents"] == [{"kind": "Network", "tenant": "acme", "name": "clients"}]
        assert "held 70%; 1 flow waited; 3 packets dropped" in incident["summary"]
        assert await served.get("/api/v1/incidents/1") == incident
        film = await served.get("/api/v1/incidents/1/film")
        assert film["films"][0]["maxDepth"] == [3, 64, 50, 40, 2]
        assert film["films"][0]["startNs"] == [ms * MS for ms in range(5)]
        (watched,) = (await served.get("/api/v1/queues"))["items"]
        assert (watched["switch"], watched["port"], watched["priority"]) == ("leaf1", 5, 0)
        series = await served.get("/api/v1/queues/leaf1/5/0/series", **{"from": "30s", "step": "100ms"})
        assert max(depth for depth in series["maxDepth"] if depth is not None) == 64
        assert sum(drops for drops in series["drops"] if drops is not None) == 3
        top = await served.get("/api/v1/top")
        assert [one["source"] for one in top["culprits"]] == ["10.0.1.1"]
        assert [one["source"] for one in top["victims"]] == ["10.0.1.2"]
        assert incident_table([incident], wide=True).row_count == 1


async def test_a_queue_is_listed_with_its_last_second(tmp_path: Path) -> None:
    async with reporting(tmp_path) as (served, leaf):
        leaf.send(Origin.QUEUES, leaf.bins(*[7] * 20))

        async def last() -> Any:
            items = (await served.get("/api/v1/queues"))["items"]
            return items and items[0]["lastSecond"]

        found = await served.until(last)
        assert found["p99WaitUs"] == found["maxDepth"] == 7
        assert 1 <= found["knownMilliseconds"] <= 20


async def test_the_health_of_telemetry_is_told(tmp_path: Path) -> None:
    async with reporting(tmp_path) as (served, leaf):
        health = await served.get("/api/v1/telemetry")
        assert health["listen"].startswith("127.0.0.1:") and health["reason"] is None
        (switch,) = health["switches"]
        assert (switch["heardAt"], switch["datagrams"], switch["lagSeconds"]) == (None, 0, None)
        leaf.send(Origin.QUEUES, leaf.bins(1))
        leaf.send(Origin.QUEUES, leaf.bins(1), lose=4)
        leaf.send_raw(b"nonsense")
        await served.until(lambda: served.fabric.incidents.collector.refused.total())
        health = await served.get("/api/v1/telemetry")
        (switch,) = health["switches"]
        assert [switch[name] for name in ("switch", "datagrams", "lost", "queues")] == ["leaf1", 2, 4, 1]
        assert health["refused"] == {"version": 1}
    async with controller(configured(tmp_path, "127.0.0.1:1")) as served:
        health = await served.get("/api/v1/telemetry")
        assert (health["listen"], health["reason"]) == (None, "telemetry.reports.listen is not set")


async def test_incidents_outlive_the_controller(tmp_path: Path) -> None:
    async with reporting(tmp_path) as (served, leaf):
        burst(leaf)
        (before,) = await over(served)
    async with reporting(tmp_path) as (served, leaf):
        assert await over(served) == [before]
        assert (await served.get("/api/v1/incidents/1/film"))["films"]
        burst(leaf)
        assert [one["number"] for one in await over(served, 2)] == [2, 1]
        page = await served.get("/api/v1/incidents", limit="1")
        rest = await served.get("/api/v1/incidents", limit="1", **{"continue": page["continue"]})
        assert [page["items"][0]["number"], rest["items"][0]["number"], rest["continue"]] == [2, 1, None]
        filters, version, _ = json.loads(urlsafe_b64decode(page["continue"]))
        for place in (["1", "9" * 30, "1"], ["1", "-1", "1"], ["1", "x", "1"]):
            forged = urlsafe_b64encode(json.dumps([filters, version, place]).encode()).decode()
            answer = await served.http.get("/api/v1/incidents", params={"limit": "1", "continue": forged})
            assert problem(answer, 422, "invalid")["errors"][0]["field"] == "continue", place


async def test_incidents_and_drops_are_exported(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.setblocking(False)
        ipfix = {"collector": f"127.0.0.1:{collector.getsockname()[1]}"}
        async with reporting(tmp_path, ipfix=ipfix) as (_, leaf), asyncio.timeout(60):
            burst(leaf)
            leaf.send(Origin.DROPS, DropReport(1, 5, egress_ns=leaf.now(), drop_queue=0, reason=80))
            sets: set[int] = set()
            while not {2, 256, 258} <= sets:
                message = await loop.sock_recv(collector, 2000)
                assert (int.from_bytes(message[:2], "big"), int.from_bytes(message[12:16], "big")) == (10, 1)
                sets.add(int.from_bytes(message[16:18], "big"))


async def test_a_collector_in_a_process_of_its_own_passes_on_what_makes_an_incident(tmp_path: Path) -> None:
    reports = {"listen": f"127.0.0.1:{free_udp_port()}", "socket": str(tmp_path / "feed")}
    config = configured(tmp_path, "127.0.0.1:1", tenants=TENANTS, telemetry={"reports": reports})
    document = {
        "switches": [{"name": "leaf1", "deviceId": 1, "address": "127.0.0.1:1", "role": "leaf"}],
        "telemetry": {"reports": reports},
    }
    file = tmp_path / "collector.yaml"
    file.write_text(json.dumps(document))
    command = Path(sys.executable).with_name("p4fabric")
    collector = await asyncio.create_subprocess_exec(
        command, "collector", "--config", file, stdout=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60), controller(config) as served:
            await apply(served, [CLIENTS, THEIRS, WATCH])
            assert collector.stdout is not None
            assert b"p4fabric collector at 127.0.0.1" in await collector.stdout.readline()
            burst(Leaf(served, ("127.0.0.1", int(reports["listen"].rpartition(":")[2]))))
            (incident,) = await over(served)
            assert (incident["drops"], incident["complete"]) == (3, True)
            assert "held 70%; 1 flow waited" in incident["summary"]
            film = await served.get(f"/api/v1/incidents/{incident['number']}/film")
            assert film["films"][0]["maxDepth"] == [3, 64, 50, 40, 2]
    finally:
        collector.terminate()
        assert await collector.wait() == 0


async def test_lost_reports_are_told(tmp_path: Path) -> None:
    async with reporting(tmp_path) as (served, leaf):
        leaf.send(Origin.EGRESS, leaf.packet(Role.VICTIM, "acme", 1))
        leaf.send(Origin.EGRESS, leaf.packet(Role.VICTIM, "acme", 1), lose=3)
        (incident,) = await over(served)
        assert (incident["complete"], incident["reportsLost"]) == (False, {"leaf1": 3})


async def test_a_tenant_sees_its_own_flows_and_how_much_is_others(tmp_path: Path) -> None:
    async with reporting(tmp_path) as (served, leaf):
        burst(leaf)
        await over(served)
        async with client(served, await made(served, "ci", "tenant", "globex")) as http:
            answer = await http.get("/api/v1/incidents")
            (incident,) = answer.json()["items"]
            (queue,) = incident["queues"]
            assert (queue["switch"], queue["port"]) == (None, None)
            assert [victim["source"] for victim in queue["victims"]] == ["10.0.1.2"]
            assert queue["culprits"] == []
            assert queue["others"] == {"flows": 1, "bytes": 70, "share": 0.7, "drops": 0}
            assert "others held 70%" in incident["summary"]
            assert "acme" not in answer.text and "leaf" not in answer.text
            assert (await http.get("/api/v1/incidents/1/film")).json()["films"] == []
            assert (await http.get("/api/v1/queues")).json()["items"] == []
            assert (await http.get("/api/v1/queues/leaf1/5/0/series")).status_code == 403
            assert (await http.get("/api/v1/top")).json()["queues"] == []
            for unseen in ({"tenant": "acme"}, {"switch": "leaf1"}):
                assert (await http.get("/api/v1/incidents", params=unseen)).json()["items"] == []


async def test_an_empty_series_says_why(tmp_path: Path) -> None:
    path = "/api/v1/queues/leaf1/5/0/series"
    async with reporting(tmp_path) as (served, leaf):
        series = await served.get(path)
        assert set(series["known"]) == {"unknown"} and set(series["maxDepth"]) == {None}
        assert series["notes"] == ["leaf1 has sent no reports yet"]
        leaf.send(
            Origin.TAIL_DROPS, DropReport(1, egress_port=5, egress_ns=leaf.now(), drop_queue=0, reason=71)
        )
        heard = served.fabric.incidents.collector.nodes[LEAF]
        await served.until(lambda: heard.received)
        (note,) = (await served.get(path))["notes"]
        assert "has sent nothing of leaf1:5 queue 0" in note
    async with controller(configured(tmp_path, "127.0.0.1:1")) as served:
        (note,) = (await served.get(path))["notes"]
        assert note == "reports are not taken: telemetry.reports.listen is not set"


async def test_on_bmv2_series_and_incidents_say_what_that_switch_does_not_tell(tmp_path: Path) -> None:
    leaf = {"name": "leaf1", "deviceId": 1, "address": "127.0.0.1:1", "role": "leaf", "target": "bmv2"}
    document = {
        "switches": [leaf],
        "api": {"listen": "127.0.0.1:0"},
        "telemetry": {"reports": {"listen": "127.0.0.1:0"}},
    }
    async with controller(FabricConfig.read(document, tmp_path / "fabric.yaml")) as served:
        await served.until(lambda: served.fabric.incidents.address)
        notes = (await served.get("/api/v1/queues/leaf1/5/0/series"))["notes"]
        await apply(served, [CLIENTS, WATCH])
        leaf1 = Leaf(served)
        leaf1.send(Origin.EGRESS, leaf1.packet(Role.CULPRIT, "acme", 1, share=70))
        (incident,) = await over(served)
        top = await served.get("/api/v1/top")
    for one in (incident, incident["queues"][0]):
        assert (one["drops"], one["dropsUnknown"]) == (None, "no tail-drop reports on bmv2")
    assert incident["summary"].endswith("held 70%; no tail-drop reports on bmv2")
    assert top["queues"][0]["drops"] is None
    assert notes[:2] == ["no tail-drop reports on bmv2", "no bins of queues on bmv2"]
    assert notes[-1] == "leaf1 has sent no reports yet"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "1m", "to": "2m"}, "to"),
        ({"from": "yesterday"}, "from"),
        ({"step": "7ms"}, "step"),
        ({"step": "1500ms"}, "step"),
        ({"from": "1h", "step": "1ms"}, "step"),
    ],
)
async def test_what_makes_no_series_is_refused(tmp_path: Path, query: dict[str, str], field: str) -> None:
    async with reporting(tmp_path) as (served, _):
        answer = await served.http.get("/api/v1/queues/leaf1/5/0/series", params=query)
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/incidents?since=999999999d&until=9999-12-31T23:59:59Z",
        "/api/v1/top?since=999999999d",
        "/api/v1/queues/leaf1/5/0/series?from=999999999d",
        "/api/v1/queues/leaf1/5/0/series?to=9999-12-31T23:59:59Z",
        "/api/v1/incidents/4611686018427387903",
    ],
)
async def test_moments_and_numbers_may_be_far_away(tmp_path: Path, path: str) -> None:
    async with reporting(tmp_path) as (served, _):
        assert (await served.http.get(path)).status_code in (200, 404)


async def test_a_file_that_cannot_be_used_stops_no_controller(tmp_path: Path) -> None:
    (tmp_path / "p4fabric.incidents.db").write_text("no database" * 999)
    async with reporting(tmp_path) as (served, leaf):
        burst(leaf)
        assert [one["number"] for one in await over(served)] == [1]
        await asyncio.sleep(0)
