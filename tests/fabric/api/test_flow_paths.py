"""Paths of followed flows on a leaf-spine fabric: the way that packets took, and news when it changes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from p4fabric.client import Client, Settings
from tests.fabric.api.conftest import PATIENCE, TARGET, Served, controller, network
from tests.fabric.api.spine_world import HOST_PORT, Cables, spine_config, spine_world
from tests.fabric.api.test_access import client, made
from tests.fabric.api.test_switches import apply, until_in_sync

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="frames are put into memory ports")

ROUTER = "02:00:5e:00:00:01"
MACS = {"h1": "02:00:00:00:00:07", "h2": "02:00:00:00:00:08", "s1": "02:00:00:00:00:04"}
HOSTS = [
    {
        "switch": leaf,
        "port": HOST_PORT,
        "host": host,
        "mac": MACS[host],
        "addresses": [address],
    }
    for leaf, host, address in (("leaf1", "h1", "10.0.1.7"), ("leaf2", "h2", "10.0.1.8"))
]
CLIENTS = network(subnets=["10.0.1.0/24"], attachments=HOSTS)
FOLLOW = {
    "kind": "TelemetryWatch",
    "name": "paths",
    "tenant": "operations",
    "spec": {"flows": [{"tenant": "acme", "from": "10.0.1.7/32", "protocol": "udp"}]},
}
WATCH = {"kind": "TelemetryWatch", "tenant": "operations", "name": "paths"}


class Sender:
    """Host h1 sends marked datagrams to h2, of one flow."""

    def __init__(self, cables: Cables) -> None:
        self._cables, self._numbers = cables, count(1)
        self.marks: list[bytes] = []

    def send(self, port: int = 2000) -> bytes:
        mark = b"mark%08d" % next(self._numbers)
        self.marks.append(mark)
        packet = IP(src="10.0.1.7", dst="10.0.1.8") / UDP(sport=1000, dport=port) / Raw(mark + bytes(200))
        self._cables.send(("leaf1", HOST_PORT), bytes(Ether(dst=MACS["h2"], src=MACS["h1"]) / packet))
        return mark

    async def go_on(self) -> None:
        while True:
            self.send()
            await asyncio.sleep(0.05)


@asynccontextmanager
async def followed(folder: Path, **sections: Any) -> AsyncIterator[tuple[Served, Cables]]:
    async with spine_world() as (cables, addresses):
        carrying = asyncio.create_task(cables.carry())
        try:
            async with controller(spine_config(folder, addresses, **sections)) as served:
                await served.until(lambda: served.fabric.links_up == 8 or carrying.done())
                assert not carrying.done(), carrying
                await apply(served, [CLIENTS, FOLLOW])
                await served.until_all("active")
                await until_in_sync(served)
                yield served, cables
        finally:
            carrying.cancel()


def steps(hops: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return [(hop["switch"], hop["ingressPort"], hop["egressPort"]) for hop in hops]


async def only_path(served: Served, **query: str) -> dict[str, Any] | None:
    items = (await served.get("/api/v1/flow-paths", **query))["items"]
    assert len(items) <= 1, items
    return items[0] if items else None


async def whole(served: Served, passes: str = "") -> dict[str, Any]:
    async def is_whole() -> dict[str, Any] | None:
        path = await only_path(served)
        through = path is not None and (not passes or passes in {hop["switch"] for hop in path["hops"]})
        return path if path is not None and path["complete"] and through else None

    found: dict[str, Any] = await served.until(is_whole)
    return found


async def events(served: Served) -> list[dict[str, Any]]:
    query = {"types": "FlowPathChanged,FlowPathSilent", "follow": "false"}
    found: list[dict[str, Any]] = (await served.get("/api/v1/events", **query))["items"]
    return found


async def test_a_path_is_the_way_that_packets_took_and_a_lost_link_makes_another(tmp_path: Path) -> None:
    async with followed(tmp_path) as (served, cables):
        sender = Sender(cables)
        sending = asyncio.create_task(sender.go_on())
        first = await whole(served)
        way = cables.way(sender.marks[0])
        assert len(way) == 3 and steps(first["hops"]) == way
        assert [first[name] for name in ("source", "destination", "sourcePort", "destinationPort")] == [
            "10.0.1.7",
            "10.0.1.8",
            1000,
            2000,
        ]
        assert (first["tenant"], first["active"], first["watches"]) == ("acme", True, [WATCH])
        assert first["sourceName"] == "host h1 at leaf1:5" and first["before"] == []
        assert first["latencyUs"] == sum(hop["latencyUs"] for hop in first["hops"])
        # Each clock was compared with ours, so hops are in order as far as that is known.
        await served.until(lambda: clocks_known(served))

        (spine,) = {name for name, _, _ in way if name.startswith("spine")}
        other = "spine2" if spine == "spine1" else "spine1"
        number = 1 if spine == "spine1" else 2
        cables.cut.add(("leaf1", number))
        second = await whole(served, other)
        sending.cancel()
        last = next(mark for mark in reversed(sender.marks) if len(cables.way(mark)) == 3)
        assert steps(second["hops"]) == cables.way(last) != way
        assert steps(second["before"]) == way
        assert second["number"] == first["number"] and second["changedAt"] > first["changedAt"]

        told = [one for one in await events(served) if one.get("change") in ("new", "path")]
        assert steps(told[0]["hops"]) == way and told[0]["change"] == "new"
        assert any(steps(one["hops"]) == cables.way(last) and one["complete"] for one in told[1:])
        # No half of two ways is told as a whole one.
        assert {tuple(steps(one["hops"])) for one in told if one["complete"]} == {
            tuple(way),
            tuple(cables.way(last)),
        }

        async def silent() -> bool:
            return bool((await events(served))[-1]["type"] == "FlowPathSilent")

        await served.until(silent)
        assert (await only_path(served) or {})["active"] is False


async def clocks_known(served: Served) -> bool:
    switches = (await served.get("/api/v1/telemetry"))["switches"]
    return all(one["clockErrorSeconds"] is not None for one in switches)


async def test_paths_are_found_by_what_people_call_their_ends(tmp_path: Path) -> None:
    async with followed(tmp_path) as (served, cables):
        sender = Sender(cables)

        async def all_told() -> bool:
            for port in (2000, 2001):
                sender.send(port)
            await asyncio.sleep(0.1)
            items = (await served.get("/api/v1/flow-paths"))["items"]
            return len(items) == 2 and all(one["complete"] for one in items)

        await served.until(all_told)
        for query in (
            {"from": "h1", "to": "h2", "destinationPort": "2000"},
            {"from": "10.0.1.7", "to": "10.0.1.0/24", "protocol": "udp", "destinationPort": "2000"},
            {"from": "clients/h1", "destinationPort": "2000", "sourcePort": "1000"},
            {"from": "leaf1:5", "to": MACS["h2"], "destinationPort": "2000"},
            {
                "telemetryWatch": "operations/paths",
                "destinationPort": "2000",
                "switch": "leaf2",
                "active": "true",
            },
        ):
            found = await only_path(served, **query)
            assert found is not None and found["destinationPort"] == 2000, query
            assert await served.get(f"/api/v1/flow-paths/{found['number']}")
        for nothing in (
            {"from": "h2"},
            {"protocol": "tcp"},
            {"tenant": "umbrella"},
            {"telemetryWatch": "a/b"},
        ):
            assert await only_path(served, **nothing) is None, nothing
        page = await served.get("/api/v1/flow-paths", limit="1")
        rest = await served.get("/api/v1/flow-paths", limit="1", **{"continue": page["continue"]})
        assert [one["destinationPort"] for one in (*page["items"], *rest["items"])] == [2001, 2000]
        for wrong in ({"from": "nobody"}, {"protocol": "gre"}, {"telemetryWatch": "paths"}):
            answer = await served.http.get("/api/v1/flow-paths", params=wrong)
            assert answer.status_code == 422 and next(iter(wrong)) in answer.text
        assert (await served.http.get("/api/v1/flow-paths/99")).status_code == 404


async def test_the_stream_goes_on_where_a_reader_left_it(tmp_path: Path) -> None:
    async with followed(tmp_path) as (served, cables):
        Sender(cables).send()
        await whole(served)
        query = {"types": "FlowPathChanged", "intent": "TelemetryWatch/operations/paths", "since": "1m"}
        async with served.http.stream("GET", "/api/v1/events", params=query) as stream:
            last, heard = "", {}
            async for line in stream.aiter_lines():
                if line.startswith("id:"):
                    last = line[3:].strip()
                if line.startswith("data:"):
                    heard = json.loads(line[5:])
                if last and heard:
                    break
        assert heard["type"] == "FlowPathChanged" and heard["change"] == "new"
        Sender(cables).send(2001)
        async with served.http.stream(
            "GET",
            "/api/v1/events",
            params={"types": "FlowPathChanged", "tenant": "acme"},
            headers={"Last-Event-ID": last},
        ) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    following = json.loads(line[5:])
                    if following.get("destinationPort") == 2001:
                        break
        assert following["change"] == "new"


async def command(served: Served, *words: str) -> asyncio.subprocess.Process:
    environment = {
        **os.environ,
        "P4FABRIC_API": served.url,
        "P4FABRIC_TOKEN_FILE": str(served.token_file),
    }
    return await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("p4fabric")), "path", *words,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def said(served: Served, *words: str) -> tuple[int | None, str, str]:
    process = await command(served, *words)
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_line_shows_paths_and_goes_on(tmp_path: Path) -> None:
    async with followed(tmp_path) as (served, cables):
        sender = Sender(cables)
        flow = ("--from", "h1", "--to", "h2", "--udp", "2000")
        status, out, err = await said(served, *flow)
        assert (status, out) == (1, "") and "`flows` of a TelemetryWatch" in err
        live = await command(served, "--from", "h1", "--watch", "-o", "json")
        sender.send()
        path = await whole(served)
        way = cables.way(sender.marks[0])
        status, out, _ = await said(served, *flow)
        assert status == 0 and "udp 10.0.1.7:1000 > 10.0.1.8:2000" in out and "in all" in out
        lines = [line.split() for line in out.splitlines()]
        rows = [words for words in lines if words and words[0] in {step[0] for step in way}]
        assert [(words[0], int(words[1]), int(words[2])) for words in rows] == way
        status, out, _ = await said(served, str(path["number"]), "-o", "json")
        assert json.loads(out)[0]["hops"] == path["hops"]
        status, out, _ = await said(served, *flow, "-o", "yaml")
        assert status == 0 and "ingressPort: 5" in out

        assert live.stdout is not None
        async with asyncio.timeout(PATIENCE):
            first = json.loads(await live.stdout.readline())
            assert steps(first["hops"]) == way
            sender.send(2001)
            while (news := json.loads(await live.stdout.readline()))["destinationPort"] != 2001:
                pass
        assert (news["type"], news["change"]) == ("FlowPathChanged", "new")
        live.terminate()
        await live.wait()

        async with Client(Settings(served.url, served.token_file.read_text().strip())) as asked:
            (found,) = [one async for one in asked.flow_paths(source="h1", destination_port=2000)]
            assert [(hop.switch, hop.ingress_port, hop.egress_port) for hop in found.hops] == way
            assert (await asked.flow_path(found.number)).number == found.number


async def test_tenants_see_their_own_flows_and_not_what_is_between(tmp_path: Path) -> None:
    edge = [{"switch": leaf, "ports": [HOST_PORT]} for leaf in ("leaf1", "leaf2")]
    tenants = [{"name": "acme", "attachments": edge}, {"name": "globex"}]
    async with followed(tmp_path, tenants=tenants) as (served, cables):
        sender = Sender(cables)
        sender.send()
        path = await whole(served)
        number = path["number"]
        async with client(served, await made(served, "a", "tenant", "acme")) as acme:
            (mine,) = (await acme.get("/api/v1/flow-paths")).json()["items"]
            assert [(one["switch"], one["ingressPort"], one["egressPort"]) for one in mine["hops"]] == [
                ("leaf1", HOST_PORT, None),
                (None, None, None),
                ("leaf2", None, HOST_PORT),
            ]
            assert [one["depth"] is None for one in mine["hops"]] == [True, True, False]
            assert [one["latencyUs"] for one in mine["hops"]] == [one["latencyUs"] for one in path["hops"]]
            assert mine["watches"] == [] and "spine" not in json.dumps(mine)
            assert (await acme.get(f"/api/v1/flow-paths/{number}")).status_code == 200
            query = {"follow": "false", "types": "FlowPathChanged"}
            told = (await acme.get("/api/v1/events", params=query)).json()["items"]
            assert told and "spine" not in json.dumps(told)
        async with client(served, await made(served, "g", "tenant", "globex")) as globex:
            assert (await globex.get("/api/v1/flow-paths")).json()["items"] == []
            assert (await globex.get("/api/v1/flow-paths", params={"tenant": "acme"})).json()["items"] == []
            assert (await globex.get(f"/api/v1/flow-paths/{number}")).status_code == 404
            assert (await globex.get("/api/v1/events", params=query)).json()["items"] == []


SERVERS = {
    "kind": "Network",
    "tenant": "acme",
    "name": "servers",
    "spec": {
        "subnets": ["10.0.2.0/24"],
        "gateways": ["10.0.2.1"],
        "attachments": [
            {"switch": "leaf2", "port": 6, "host": "s1", "mac": MACS["s1"], "addresses": ["10.0.2.4"]}
        ],
    },
}
WEB = {
    "kind": "Service",
    "tenant": "acme",
    "name": "web",
    "spec": {
        "virtualIp": "10.0.100.1",
        "protocol": "udp",
        "port": 53,
        "pool": [{"address": "10.0.2.4", "port": 5353}],
    },
}


async def test_a_flow_to_a_service_and_its_answer_are_each_one_path(tmp_path: Path) -> None:
    async with followed(tmp_path) as (served, cables):
        routed = network(subnets=["10.0.1.0/24"], gateways=["10.0.1.1"], attachments=HOSTS)
        to_service = {"from": "10.0.1.7/32", "to": "10.0.100.1/32", "protocol": "udp", "destinationPort": 53}
        flows = [{"tenant": "acme", **to_service}, {"tenant": "acme", "from": "10.0.2.4/32"}]
        await apply(served, [routed, SERVERS, WEB, {**FOLLOW, "spec": {"flows": flows}}])
        await served.until_all("active")
        await until_in_sync(served)
        there = IP(src="10.0.1.7", dst="10.0.100.1") / UDP(sport=1000, dport=53) / Raw(b"mark-request")
        back = IP(src="10.0.2.4", dst="10.0.1.7") / UDP(sport=5353, dport=1000) / Raw(b"mark-answers")

        async def both() -> list[dict[str, Any]] | None:
            for at, mac, packet in ((("leaf1", 5), MACS["h1"], there), (("leaf2", 6), MACS["s1"], back)):
                cables.send(at, bytes(Ether(dst=ROUTER, src=mac) / packet))
            await asyncio.sleep(0.2)
            items: list[dict[str, Any]] = (await served.get("/api/v1/flow-paths"))["items"]
            return items if len(items) == 2 and all(one["complete"] for one in items) else None

        found = await served.until(both)
        to_web = await only_path(served, **{"from": "h1", "to": "web", "destinationPort": "53"})
        from_web = await only_path(served, **{"from": "web", "to": "h1"})
        assert to_web is not None and from_web is not None and to_web["number"] != from_web["number"]
        assert steps(to_web["hops"]) == cables.way(b"mark-request")[:3]
        assert steps(from_web["hops"]) == cables.way(b"mark-answers")[:3]
        assert (to_web["destination"], to_web["destinationPort"]) == ("10.0.2.4", 5353)
        assert [hop["translated"] for hop in to_web["hops"]] == [True, False, False]
        assert [hop["translated"] for hop in from_web["hops"]] == [False, False, True]
        assert from_web["source"] == "10.0.2.4" and [one["watches"] for one in found] == [[WATCH], [WATCH]]
