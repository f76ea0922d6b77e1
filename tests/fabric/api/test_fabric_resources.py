"""Switches, ports, hosts, links and paths as resources, on a real switch without interfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fabric.api.conftest import Served, configured, controller, network
from tests.fabric.api.test_resources import problem

STATED = [
    {"switch": "leaf1", "port": port, "mac": f"02:00:00:00:00:{port:02x}", "addresses": [f"10.0.1.{port}"]}
    | ({"host": f"h{port}"} if port < 3 else {})
    for port in range(1, 6)
]


async def pages(served: Served, path: str, **query: str) -> list[dict[str, Any]]:
    """All items of a list, two at a time."""
    found: list[dict[str, Any]] = []
    while True:
        page = await served.get(path, limit="2", **query)
        assert len(page["items"]) <= 2
        found += page["items"]
        if page["continue"] is None:
            return found
        query["continue"] = page["continue"]


async def test_switches_are_found_by_name_and_by_how_they_are(tmp_path: Path, switch_address: str) -> None:
    async with controller(configured(tmp_path, switch_address, "127.0.0.1:1", "127.0.0.1:2")) as served:
        await served.until(lambda: served.fabric.switches[0].in_sync)
        names = [switch["name"] for switch in await pages(served, "/api/v1/switches")]
        assert names == ["leaf1", "leaf2", "leaf3"]
        (here,) = await pages(served, "/api/v1/switches", connected="true")
        assert here == await served.get("/api/v1/switches/leaf1") and here["inSync"]
        assert len(await pages(served, "/api/v1/switches", inSync="false", role="leaf")) == 2
        assert await pages(served, "/api/v1/switches", role="spine") == []
        for path in ("switches/leaf9", "switches/leaf9/ports", "paths?from=leaf1&to=leaf9"):
            path = f"/api/v1/{path}"
            assert (
                "there are leaf1, leaf2" in problem(await served.http.get(path), 404, "not-found")["detail"]
            )
        for query in ({"role": "router"}, {"connected": "perhaps"}):
            problem(await served.http.get("/api/v1/switches", params=query), 422, "invalid")


async def test_ports_say_what_they_are_used_for(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, "127.0.0.1:1")) as served:
        assert (await served.get("/api/v1/switches/leaf1/ports"))["items"] == []
        ports = [{"switch": "leaf1", "port": port} for port in (11, 2, 1)]
        await served.http.post("/api/v1/intents", json=network("n", attachments=ports))
        found = await pages(served, "/api/v1/switches/leaf1/ports")
        assert [port["port"] for port in found] == [1, 2, 11]
        assert found[0] == {
            "switch": "leaf1", "port": 1, "interface": None, "up": None, "peer": None,
            "networks": ["acme/n"], "counters": {}, "rates": None, "queues": [],
        }  # fmt: skip


async def test_hosts_are_found_by_where_and_who_they_are(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, "127.0.0.1:1")) as served:
        spec = {"subnets": ["10.0.1.0/24"], "attachments": STATED}
        await served.http.post("/api/v1/intents", json=network("clients", **spec))
        hosts = await pages(served, "/api/v1/hosts")
        assert [host["port"] for host in hosts] == [1, 2, 3, 4, 5]
        assert [host["name"] for host in hosts] == ["h1", "h2", None, None, None]
        asked: list[tuple[dict[str, str], list[int]]] = [
            ({"tenant": "acme", "network": "clients"}, [1, 2, 3, 4, 5]),
            ({"tenant": "other"}, []),
            ({"port": "3", "switch": "leaf1"}, [3]),
            ({"name": "h2"}, [2]),
            ({"mac": "02:00:00:00:00:04"}, [4]),
            ({"address": "10.0.1.5"}, [5]),
            ({"switch": "leaf2"}, []),
        ]
        for query, ports in asked:
            assert [host["port"] for host in await pages(served, "/api/v1/hosts", **query)] == ports, query


async def test_without_links_there_are_no_paths(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, "127.0.0.1:1", "127.0.0.1:2")) as served:
        assert await pages(served, "/api/v1/links", switch="leaf1") == []
        assert await served.get("/api/v1/paths", **{"from": "leaf1", "to": "leaf2"}) == {
            "source": "leaf1", "destination": "leaf2", "links": None, "count": 0, "paths": [],
        }  # fmt: skip
        lacking = problem(await served.http.get("/api/v1/paths?from=leaf1"), 422, "invalid")
        assert [(error["field"], error["code"]) for error in lacking["errors"]] == [("to", "required")]
