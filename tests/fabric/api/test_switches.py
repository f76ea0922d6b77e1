"""The controller on real switches: intents become active, and a restart writes nothing at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from finsy.proto import p4r

from p4fabric.pipelines.fabric import bindings as b
from tests.fabric.api.conftest import Served, configured, controller, network, switch_process
from tests.fabric.api.wiretap import Wiretap

CLIENTS = network(
    "clients",
    subnets=["10.0.1.0/24", "2001:db8:1::/64"],
    gateways=["10.0.1.1", "2001:db8:1::1"],
    attachments=[
        {"switch": "leaf1", "port": 1},
        {"switch": "leaf1", "port": 2, "vlan": 200},
        {"switch": "leaf1", "port": 3, "mac": "02:00:00:00:00:03", "addresses": ["10.0.1.3"]},
    ],
)
SERVERS = network(
    "servers",
    subnets=["10.0.2.0/24"],
    gateways=["10.0.2.1"],
    attachments=[
        {"switch": "leaf1", "port": 4, "mac": "02:00:00:00:00:04", "addresses": ["10.0.2.4"]},
        {"switch": "leaf1", "port": 5, "mac": "02:00:00:00:00:05", "addresses": ["10.0.2.5"]},
    ],
)
POLICY = {
    "kind": "FirewallPolicy",
    "name": "no-telnet",
    "tenant": "acme",
    "spec": {
        "rules": [
            {
                "name": "telnet",
                "action": "deny",
                "from": {"network": "clients"},
                "protocol": "tcp",
                "ports": [23],
            }
        ]
    },
}
SERVICE = {
    "kind": "Service",
    "name": "web",
    "tenant": "acme",
    "spec": {
        "virtualIp": "10.0.100.1",
        "protocol": "tcp",
        "port": 80,
        "pool": [{"address": "10.0.2.4", "port": 8080, "weight": 2}, {"address": "10.0.2.5", "port": 8080}],
    },
}
SESSION = {
    "kind": "UpfSession",
    "name": "ue1",
    "tenant": "acme",
    "spec": {
        "accessNetwork": "clients", "dataNetwork": "servers", "n3Address": "10.0.1.200",
        "gnbAddress": "10.0.1.3", "uplinkTeid": 0x100, "downlinkTeid": 0x200,
        "ueAddress": "10.45.0.2", "qfi": 9,
    },
}  # fmt: skip
WATCH = {"kind": "TelemetryWatch", "name": "queues", "tenant": "acme", "spec": {"queueDepth": 16}}
EVERYTHING = [WATCH, SESSION, SERVICE, POLICY, SERVERS, CLIENTS]


async def apply(served: Served, documents: list[Any]) -> None:
    answer = await served.http.post("/api/v1/intents", json=documents)
    assert answer.status_code == 200, answer.text


def tables_of(updates: list[p4r.Update]) -> set[str]:
    entries = [update.entity.table_entry for update in updates if update.entity.HasField("table_entry")]
    return {b.BINDINGS.tables[entry.table_id].__name__ for entry in entries}


async def until_in_sync(served: Served) -> None:
    await served.until(lambda: all(switch.in_sync for switch in served.fabric.switches))


async def test_intents_of_all_kinds_become_active_and_a_restart_writes_nothing(
    tmp_path: Path, switch_address: str
) -> None:
    async with Wiretap(switch_address) as wire:
        config = configured(tmp_path, wire.address)
        async with controller(config) as served:
            await apply(served, EVERYTHING)
            await served.until_all("active")
            await until_in_sync(served)
            assert wire.pushes == 1
            assert {"PortVlan", "FirewallIpv4", "VirtualIps", "UpfUplinkSessions"} <= tables_of(wire.updates)
            counters = await served.get("/api/v1/intents/FirewallPolicy/acme/no-telnet/counters")
            assert [(count["packets"], list(count["switches"])) for count in counters["counters"]] == [
                (0, ["leaf1"])
            ]
            before = (await served.get("/api/v1/switches"))["items"]
        wire.updates.clear()
        async with controller(config) as served:
            await served.until_all("active")
            await until_in_sync(served)
            await asyncio.sleep(0.5)
            assert (await served.get("/api/v1/switches"))["items"] == before
        assert (wire.pushes, wire.updates) == (1, [])


async def test_a_controller_that_was_killed_comes_back_without_a_write(
    tmp_path: Path, switch_address: str
) -> None:
    """The store is copied while the first controller runs: what a crash at that moment leaves."""
    async with Wiretap(switch_address) as wire:
        async with controller(configured(tmp_path, wire.address)) as served:
            await apply(served, EVERYTHING)
            await served.until_all("active")
            crashed = tmp_path / "crashed"
            await asyncio.to_thread(_copy_store, tmp_path, crashed)
        wire.updates.clear()
        async with controller(configured(crashed, wire.address)) as served:
            await served.until_all("active")
            await until_in_sync(served)
        assert wire.updates == []


def _copy_store(source: Path, destination: Path) -> None:
    destination.mkdir()
    for file in source.glob("p4fabric.db*"):
        (destination / file.name).write_bytes(file.read_bytes())


async def test_deleting_everything_leaves_what_was_there_before_anything(
    tmp_path: Path, switch_address: str
) -> None:
    async with Wiretap(switch_address) as wire, controller(configured(tmp_path, wire.address)) as served:
        await until_in_sync(served)
        bare = served.fabric.switches[0].installed
        await apply(served, EVERYTHING)
        await served.until_all("active")
        assert served.fabric.switches[0].installed > bare + 20
        for document in EVERYTHING:
            path = f"/api/v1/intents/{document['kind']}/{document['tenant']}/{document['name']}"
            assert (await served.http.delete(path)).status_code == 200
        await served.until(lambda: served.fabric.switches[0].in_sync)
        assert served.fabric.switches[0].installed == bare
        inserted = [u for u in wire.updates if u.type == p4r.Update.INSERT]
        deleted = [u for u in wire.updates if u.type == p4r.Update.DELETE]
        assert len(inserted) - len(deleted) == bare


async def test_a_switch_that_goes_away_degrades_its_intents_only_and_heals(
    tmp_path: Path, switch_address: str
) -> None:
    there = network("there", subnets=["10.0.9.0/24"], attachments=[{"switch": "leaf2", "port": 1}])
    with switch_process(2) as second:
        async with (
            Wiretap(switch_address) as wire,
            controller(configured(tmp_path, wire.address, second)) as served,
        ):

            def states() -> dict[str, str]:
                return {view.key.name: view.status.state.value for view in served.fabric.intents.all()}

            await apply(served, [CLIENTS, there])
            await served.until_all("active")
            await wire.stop()
            await served.until(lambda: states() == {"clients": "degraded", "there": "active"})
            intent = await served.get("/api/v1/intents/Network/acme/clients")
            (reason,) = intent["status"]["reasons"]
            assert reason["message"].startswith("leaf1 is not connected since ")
            # What is asked meanwhile is kept, and done when the switch is back.
            await apply(served, [SERVERS])
            wire.updates.clear()
            await wire.start()
            await served.until_all("active")
            assert 0 < len(wire.updates) < served.fabric.switches[0].desired / 2


async def test_a_switch_that_lost_everything_gets_it_back(tmp_path: Path) -> None:
    with switch_process() as address:
        async with Wiretap(address) as wire, controller(configured(tmp_path, wire.address)) as served:
            await apply(served, EVERYTHING)
            await served.until_all("active")
            await until_in_sync(served)
            before = served.fabric.switches[0].installed
            with switch_process() as other:
                await wire.point_to(other)
                await served.until(lambda: wire.pushes == 2)
                await served.until_all("active")
                await until_in_sync(served)
                assert served.fabric.switches[0].installed == before
