"""The running fabric with a store that it does not like, switches that are gone, and links that fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from finsy.proto import p4r

from p4fabric.controller.config import FabricConfig
from p4fabric.controller.fabric import (
    IntentState,
    LinkIsThere,
    SwitchIsConnected,
    UnknownLink,
    UnknownRecord,
    UnknownSwitch,
    running_fabric,
)
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.reasons import Code
from p4fabric.controller.severity import Finding, Problem, Severity
from p4fabric.controller.store import SqliteStore
from p4fabric.controller.store.revisions import Transaction
from p4fabric.controller.telemetry.events import FabricStatusChanged, IntentDeleted, LinkUp
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, IPv6Address, Port, VlanId
from tests.unit.northbound.test_fabric import (
    HOST,
    Running,
    bridged,
    digest,
    fake_switch,
    joined,
    running,
)
from tests.unit.southbound.fake_switch import FakeSwitch

S1, S2 = SwitchName("s1"), SwitchName("s2")


def key(name: str) -> IntentKey:
    return IntentKey("Network", TenantName("acme"), name)


def network(name: str, number: int, *switches: str) -> dict[str, Any]:
    """A network with a subnet and a port of its own."""
    attachments = [{"switch": switch, "port": number} for switch in switches or ("s1",)]
    spec = {"subnets": [f"10.0.{number}.0/24"], "gateways": [f"10.0.{number}.1"], "attachments": attachments}
    return {"kind": "Network", "name": name, "tenant": "acme", "spec": spec}


def config_in(folder: Path, *switches: FakeSwitch) -> FabricConfig:
    listed = [
        {"name": f"s{n}", "deviceId": n, "address": switch.address, "role": "leaf"}
        for n, switch in enumerate(switches, 1)
    ]
    return FabricConfig.read({"switches": listed}, folder / "fabric.yaml")


@asynccontextmanager
async def started(folder: Path, *switches: FakeSwitch, connected: int) -> AsyncIterator[Running]:
    """A controller of which so many switches are connected."""
    async with running_fabric(config_in(folder, *switches)) as fabric:
        found = Running(fabric)
        follower = asyncio.create_task(found.follow())
        await found.until(lambda: sum(switch.connected for switch in fabric.switches) == connected)
        yield found
    await follower


@asynccontextmanager
async def store_of(folder: Path, fake: FakeSwitch) -> AsyncIterator[SqliteStore]:
    """The store of a controller that is not running."""
    store = await SqliteStore.open(config_in(folder, fake).store.path)
    try:
        yield store
    finally:
        await store.close()


async def write(store: SqliteStore, record: str, value: dict[str, Any]) -> None:
    (found,) = (await store.list(record)).records or (None,)
    modified = found.modified if found is not None else 0
    await store.commit(Transaction({record: json.dumps(value).encode()}, set(), {record: modified}))


async def refuse(folder: Path, fake: FakeSwitch, name: str) -> None:
    """Change a stored intent into one that breaks a rule."""
    document = network(name, 2)
    document["spec"]["subnets"] = ["10.0.2.0/24", "10.0.2.0/25"]
    async with store_of(folder, fake) as store:
        await write(store, f"intents/Network/acme/{name}", record(document))


def record(document: dict[str, Any]) -> dict[str, Any]:
    """An intent as the store keeps it."""
    described: dict[str, Any] = {"created": 1.0, "labels": {}, "annotations": {}, "owners": {}}
    return {"document": document, "generation": 1, **described}


def vlans(fake: FakeSwitch) -> dict[int, int]:
    """The VLAN id of each edge port."""
    entries = [e.table_entry for e in fake.entities.values() if e.table_entry.table_id == b.PortVlan.TABLE_ID]
    decoded = [b.PortVlan.decode(entry) for entry in entries]
    return {int(entry.ingress_port): int(getattr(entry.action, "vlan_id", 0)) for entry in decoded}


def updates(fake: FakeSwitch) -> list[p4r.Update]:
    return [update for request in fake.writes for update in request.updates]


def opens(entity: p4r.Entity) -> bool:
    """Whether it lets hosts into a network."""
    return entity.table_entry.table_id in (b.PortVlan.TABLE_ID, b.Networks.TABLE_ID)


async def problems(found: Running) -> dict[Problem, Finding]:
    return {finding.problem: finding for finding in (await found.fabric.status()).findings}


def state(found: Running, name: str) -> IntentState | None:
    view = found.fabric.intents.get(key(name))
    return None if view is None else view.status.state


async def with_two_networks(folder: Path, fake: FakeSwitch) -> dict[bytes, p4r.Entity]:
    """Networks one and two, and a host in two; returns what there was before the host."""
    async with running(folder, fake) as found:
        await found.fabric.intents.apply([network("one", 1), network("two", 2)])
        await found.until_in_sync()
        without_host, address = dict(fake.entities), IPv4Address("10.0.2.7")
        fake.say(digest(b.HostSeen(Port(2), VlanId(vlans(fake)[2]), HOST, address, IPv6Address(0))))
        await found.until(lambda: bridged(fake) == {2})
        await found.until_in_sync()
    fake.writes.clear()
    return without_host


async def test_a_stored_intent_that_is_refused_keeps_its_entries_and_stops_nobody(tmp_path: Path) -> None:
    async with fake_switch() as fake:
        await with_two_networks(tmp_path, fake)
        before, port_2 = dict(fake.entities), vlans(fake)[2]
        await refuse(tmp_path, fake, "two")
        async with running(tmp_path, fake) as found:
            await found.until_in_sync()
            await asyncio.sleep(0.1)
            assert before.items() <= fake.entities.items()
            assert (state(found, "one"), state(found, "two")) == (IntentState.ACTIVE, IntentState.DEGRADED)
            said = await problems(found)
            assert "Network/acme/two: spec.subnets" in said[Problem.INTENTS_REFUSED].text
            left = said[Problem.ENTRIES_LEFT_ALONE].text
            assert left.endswith("entries on s1 may be of intents that this version refuses, and left alone")
            assert found.fabric.intents.by_state()["Network", "degraded"] == 1
            # Its number stays its own, and what is asked for and deleted now goes as ever.
            await found.fabric.intents.apply([network("three", 3)])
            await found.until(lambda: state(found, "three") is IntentState.ACTIVE)
            assert vlans(fake)[3] not in (vlans(fake)[1], port_2)
            await found.fabric.intents.delete(key("one"))
            await found.until(lambda: found.heard(IntentDeleted))
            assert vlans(fake)[2] == port_2 and 1 not in vlans(fake)
            # With the last one that is refused, what it left goes, and its number rests until then.
            await found.fabric.intents.delete(key("two"))
            await found.until(lambda: 2 not in vlans(fake))
            await found.until_in_sync()
            assert state(found, "two") is None
            assert not {Problem.INTENTS_REFUSED, Problem.ENTRIES_LEFT_ALONE} & (await problems(found)).keys()
            await found.fabric.intents.apply([network("four", 4), network("five", 5)])
            await found.until(lambda: 5 in vlans(fake))
            assert port_2 in vlans(fake).values()


async def test_a_refused_intent_that_is_applied_anew_takes_its_entries_over(tmp_path: Path) -> None:
    async with fake_switch() as fake:
        without_host = await with_two_networks(tmp_path, fake)
        await refuse(tmp_path, fake, "two")
        async with running(tmp_path, fake) as found:
            await found.until_in_sync()
        # A version that knows better has its hosts, too.
        async with store_of(tmp_path, fake) as store:
            assert len((await store.list("hosts/Network/acme/two/")).records) == 1
        async with running(tmp_path, fake) as found:
            await found.until_in_sync()
            assert bridged(fake) == {2}
            await found.fabric.intents.apply([network("two", 2)])
            await found.until(lambda: state(found, "two") is IntentState.ACTIVE)
            await asyncio.sleep(0.1)
            assert fake.entities == without_host, "hosts are learned anew"
            assert not any(opens(update.entity) for update in updates(fake))
            assert Problem.ENTRIES_LEFT_ALONE not in await problems(found)


async def test_what_cannot_be_read_keeps_its_number_and_its_entries(tmp_path: Path) -> None:
    async with fake_switch() as fake:
        await with_two_networks(tmp_path, fake)
        kept = vlans(fake)[2]
        async with store_of(tmp_path, fake) as store:
            (number,) = [r for r in (await store.list("numbers/")).records if r.key.endswith(f"/{kept}")]
            for record in (number.key, "intents/Network/acme/two"):
                await write(store, record, {"of": "a newer version"})
        async with running(tmp_path, fake) as found:
            await found.until_in_sync()
            text = (await problems(found))[Problem.RECORDS_NOT_UNDERSTOOD].text
            assert "intents/Network/acme/two" in text and number.key in text
            await found.fabric.intents.apply([network("three", 3)])
            await found.until(lambda: state(found, "three") is IntentState.ACTIVE)
            assert vlans(fake)[2] == kept != vlans(fake)[3]
            # An operator who does not want it any more deletes it: its entries go with the last record.
            with pytest.raises(UnknownRecord, match="intents/Network/acme/three"):
                await found.fabric.operations.delete_record("intents/Network/acme/three")
            await found.fabric.operations.delete_record(number.key)
            await found.fabric.operations.delete_record("intents/Network/acme/two")
            await found.until(lambda: 2 not in vlans(fake))
            await found.until_in_sync()
            assert Problem.RECORDS_NOT_UNDERSTOOD not in await problems(found)
            with pytest.raises(UnknownRecord):
                await found.fabric.operations.delete_record(number.key)
        async with running(tmp_path, fake) as found:
            await found.until_in_sync()
            assert Problem.RECORDS_NOT_UNDERSTOOD not in await problems(found)
            await found.fabric.intents.apply([network("two", 2)])
            await found.until(lambda: state(found, "two") is IntentState.ACTIVE)
            await asyncio.sleep(0.1)
            await found.fabric.intents.apply([network("four", 4)])
            await found.until(lambda: vlans(fake).get(4) is not None)
            assert kept in vlans(fake).values()


async def test_an_intent_of_a_kind_that_is_not_known_is_deleted_by_its_record(tmp_path: Path) -> None:
    async with fake_switch() as fake:
        await with_two_networks(tmp_path, fake)
        document = {"kind": "Tunnel", "name": "x", "tenant": "acme", "spec": {}}
        async with store_of(tmp_path, fake) as store:
            await write(store, "intents/Tunnel/acme/x", record(document))
        async with running(tmp_path, fake) as found:
            await found.until_in_sync()
            assert "delete-record" in (await problems(found))[Problem.INTENTS_REFUSED].text
            await found.fabric.operations.delete_record("intents/Tunnel/acme/x")
            assert Problem.INTENTS_REFUSED not in await problems(found)
        async with store_of(tmp_path, fake) as store:
            assert not (await store.list("intents/Tunnel/")).records


@pytest.mark.parametrize("mended", ["itself", "by the other's leaving"])
async def test_an_intent_that_did_not_stand_with_another_is_active_once_it_does(
    tmp_path: Path, mended: str
) -> None:
    async with fake_switch() as fake:
        await with_two_networks(tmp_path, fake)
        clash = network("two", 2)
        clash["spec"]["attachments"] = [{"switch": "s1", "port": 1}]
        async with store_of(tmp_path, fake) as store:
            await write(store, "intents/Network/acme/two", record(clash))
        async with running(tmp_path, fake) as found:
            await found.until(lambda: state(found, "two") is IntentState.DEGRADED)
            if mended == "itself":
                await found.fabric.intents.apply([network("two", 2)])
            else:
                await found.fabric.intents.delete(key("one"))
            await found.until(lambda: state(found, "two") is IntentState.ACTIVE)


async def test_a_switch_that_is_back_is_believed_once_it_was_read(tmp_path: Path) -> None:
    async with fake_switch() as fake, running(tmp_path, fake) as found:
        await found.fabric.intents.apply([network("one", 1)])
        await found.until(lambda: state(found, "one") is IntentState.ACTIVE)
        await fake.stop()
        await found.until(lambda: not found.fabric.switches[0].connected)
        fake.entities.clear()
        fake.answers_reads.clear()
        await fake.start()
        await found.until(lambda: found.fabric.switches[0].connected)
        view = found.fabric.intents.get(key("one"))
        assert view is not None and view.status.state is IntentState.DEGRADED
        assert [reason.code for reason in view.status.reasons] == [Code.SWITCH_UNREAD]
        assert not found.fabric.switches[0].in_sync
        fake.answers_reads.set()
        await found.until(lambda: state(found, "one") is IntentState.ACTIVE)
        assert 1 in vlans(fake) and found.fabric.switches[0].in_sync


async def test_numbers_wait_for_a_switch_that_is_away_until_it_is_declared_gone(tmp_path: Path) -> None:
    async with fake_switch() as one, fake_switch() as other:
        async with running(tmp_path, one, other) as found:
            await found.fabric.intents.apply([network("one", 1, "s1", "s2")])
            await found.until_in_sync()
            freed = vlans(one)[1]
            with pytest.raises(SwitchIsConnected):
                await found.fabric.operations.declare_gone(S2)
            with pytest.raises(UnknownSwitch):
                await found.fabric.operations.declare_gone(SwitchName("s3"))
            await other.stop()
            await found.until(lambda: not found.fabric.switches[1].connected)
            await found.fabric.intents.delete(key("one"))
            await found.until(lambda: not vlans(one))
            await found.fabric.intents.apply([network("two", 2)])
            await found.until(lambda: 2 in vlans(one))
            assert vlans(one)[2] != freed
            assert Problem.NUMBERS_KEPT in await problems(found)
            await found.fabric.operations.declare_gone(S2)
            await found.until(lambda: found.heard(IntentDeleted))
            assert Problem.SWITCH_GONE in await problems(found)
            await asyncio.sleep(0.1)
            await found.fabric.intents.apply([network("three", 3)])
            await found.until(lambda: vlans(one).get(3) == freed)
        # It is still gone after a restart, and back once it is connected.
        async with started(tmp_path, one, other, connected=1) as found:
            assert Problem.SWITCH_GONE in await problems(found)
            await other.start()
            await found.until_in_sync()
            assert Problem.SWITCH_GONE not in await problems(found)
            await found.until(lambda: not vlans(other))
            # Numbers wait for it as for the others.
            await found.fabric.intents.apply([network("four", 4, "s1", "s2")])
            await found.until_in_sync()
            await other.stop()
            await found.fabric.intents.delete(key("four"))
            await found.until(lambda: 4 not in vlans(one))
            assert Problem.NUMBERS_KEPT in await problems(found)
        async with store_of(tmp_path, one) as store:
            assert not (await store.list("switches/gone/")).records


async def test_numbers_do_not_wait_for_a_switch_that_the_configuration_names_no_more(tmp_path: Path) -> None:
    async with fake_switch() as one, fake_switch() as other:
        async with running(tmp_path, one, other) as found:
            await found.fabric.intents.apply([network("one", 1, "s1", "s2")])
            await found.until_in_sync()
            freed = vlans(one)[1]
            await other.stop()
            await found.until(lambda: not found.fabric.switches[1].connected)
            await found.fabric.intents.delete(key("one"))
            await found.until(lambda: not vlans(one))
            assert Problem.NUMBERS_KEPT in await problems(found)
        async with running(tmp_path, one) as found:
            await found.until_in_sync()
            await found.until(lambda: not found.fabric.latest_status().numbers_resting)
            await found.fabric.intents.apply([network("two", 2)])
            await found.until(lambda: vlans(one).get(2) == freed)


async def test_a_link_that_failed_is_expected_and_missed_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p4fabric.controller.fabric.status_service.LONGEST", 0.1)
    async with fake_switch() as one, fake_switch() as other:
        async with running(tmp_path, one, other) as found:
            async with joined(one, other):
                await found.until(lambda: len(found.heard(LinkUp)) == 2)
                await found.until_in_sync()
                status = await found.fabric.status()
                assert (status.severity, status.links_expected, status.links_found) == (Severity.OK, 1, 1)
            # The cable is cut.
            await found.until(lambda: found.fabric.links_up == 0)
            status = await found.fabric.status()
            assert (status.severity, status.links_expected, status.links_found) == (Severity.DOWN, 1, 0)
            page = (await found.fabric.metrics.page()).decode()
            assert "p4fabric_severity 3.0" in page
            assert 'p4fabric_switch_links{state="expected",switch="s1"} 1.0' in page
            events = await found.until(lambda: found.heard(FabricStatusChanged))
            await found.until(lambda: found.heard(FabricStatusChanged)[-1].severity is Severity.DOWN)
            assert len(events) < 5
            new = {finding.problem: finding.text for finding in found.heard(FabricStatusChanged)[-1].new}
            assert "s1:5 - s2:5" in new[Problem.NO_PATH]
        async with running(tmp_path, one, other) as found:
            status = await found.fabric.status()
            assert (status.severity, status.links_expected, status.links_found) == (Severity.DOWN, 1, 0)


async def test_a_link_that_was_taken_away_is_declared_gone_and_nobody_misses_it(tmp_path: Path) -> None:
    async with fake_switch() as one, fake_switch() as other:
        async with running(tmp_path, one, other) as found:
            end = PortRef(S1, Port(5))
            with pytest.raises(UnknownLink, match="no link is expected at s1:5"):
                await found.fabric.operations.declare_link_gone(end)
            with pytest.raises(UnknownSwitch):
                await found.fabric.operations.declare_link_gone(PortRef(SwitchName("s3"), Port(5)))
            async with joined(one, other):
                await found.until(lambda: len(found.heard(LinkUp)) == 2)
                with pytest.raises(LinkIsThere, match="s1:5 - s2:5 is up: it is not gone"):
                    await found.fabric.operations.declare_link_gone(end)
            await found.until(lambda: found.fabric.links_up == 0)
            assert (await found.fabric.status()).links_expected == 1
            await found.fabric.operations.declare_link_gone(PortRef(S2, Port(5)))
            status = await found.fabric.status()
            assert (status.links_expected, status.links_found) == (0, 0)
        async with running(tmp_path, one, other) as found:
            assert (await found.fabric.status()).links_expected == 0
            # It is expected again once it is up.
            async with joined(one, other):
                await found.until(lambda: len(found.heard(LinkUp)) == 2)
                assert (await found.fabric.status()).links_expected == 1
