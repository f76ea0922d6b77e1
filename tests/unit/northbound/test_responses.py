"""Remedies in the running fabric: kept, written, told, and ended by hand, by intent or by the next one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from p4fabric.controller.compiler.remedy import Action, Remedied, Remedy, RemedyKey
from p4fabric.controller.fabric import Fabric, IntentConflict, UnknownRemedy
from p4fabric.controller.intents.kinds.response import CongestionResponse
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.response import CongestedQueue, Culprit, Ended, Evidence, Place, Verdict
from p4fabric.controller.telemetry.events import RemedyEnded, RemedyGranted, RemedyRecommended
from p4fabric.controller.telemetry.flow import Flow, FlowId
from p4fabric.controller.telemetry.incidents import FlowNames
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.pipelines.entities import MeterConfig
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IpProtocol, L4Port, Port
from tests.unit.northbound.test_fabric import Running, fake_switch, network, running
from tests.unit.northbound.test_fabric_state import store_of, write
from tests.unit.southbound.fake_switch import FakeSwitch

S1 = SwitchName("s1")
RECORD = "remedies/CongestionResponse/operations/loop/1"
FLOW = Flow(IpProtocol(17), IPv4Address("10.0.1.7"), IPv4Address("10.0.1.8"), L4Port(1), L4Port(2))
NET = IntentKey("Network", TenantName("acme"), "clients")


def loop(mode: str = "act", **spec: Any) -> dict[str, Any]:
    spec = {"mode": mode, "allTenants": True, "police": {"rateKilobits": 1000}, "holdSeconds": 1, **spec}
    return {"kind": "CongestionResponse", "tenant": "operations", "name": "loop", "spec": spec}


def congested(
    now: float, responses: Sequence[CongestionResponse], remedies: Mapping[RemedyKey, Remedy]
) -> Evidence:
    """A queue that one flow holds, whatever is done."""
    ends = IPv4Address("10.0.1.7"), IPv4Address("10.0.1.8")
    place = Place(Remedied(NET, *ends, FLOW.protocol, FLOW.source_port, FLOW.destination_port), S1, S1)
    culprit = Culprit(FlowId(100, FLOW), FlowNames(NET.tenant), 0.9, place)
    queue = CongestedQueue(7, Queue(PortRef(S1, Port(9)), 0), False, now - 1, now, (culprit,))
    waits = 40_000_000 if not remedies else 0
    return Evidence(now, responses, remedies, (queue,), wait=lambda queue, since, until: waits)


def in_vain(
    now: float, responses: Sequence[CongestionResponse], remedies: Mapping[RemedyKey, Remedy]
) -> Evidence:
    """The same, and packets wait as long whatever is done."""
    return replace(congested(now, responses, remedies), wait=lambda queue, since, until: 40_000_000)


def held(switch: FakeSwitch) -> list[b.RemediedIpv4]:
    entries = [one.table_entry for one in switch.entities.values() if one.HasField("table_entry")]
    return [b.RemediedIpv4.decode(one) for one in entries if one.table_id == b.RemediedIpv4.TABLE_ID]


async def congest(found: Running, *documents: dict[str, Any]) -> Fabric:
    fabric = found.fabric
    await fabric.intents.apply([network(), *documents])
    fabric.responses._look = congested
    return fabric


async def test_a_remedy_is_kept_written_told_and_can_be_revoked(tmp_path: Path) -> None:
    async with fake_switch() as switch, running(tmp_path, switch) as found:
        fabric = await congest(found, loop())
        (entry,) = await found.until(lambda: held(switch))
        assert entry.meter == MeterConfig(125_000, 64_000, 125_000, 64_000)
        record = await fabric.store.get(RECORD)
        assert record is not None and json.loads(record.value)["action"] == "police"
        (view,) = fabric.responses.views()
        assert (view.key.number, view.remedy.action, view.ended) == (1, Action.POLICE, None)
        assert [event.key.number for event in found.heard(RemedyGranted)] == [1]

        await fabric.responses.revoke(1)
        await found.until(lambda: not held(switch))
        assert await fabric.store.get(RECORD) is None
        assert fabric.responses.views()[0].ended is Ended.REVOKED
        await found.until(lambda: found.heard(RemedyEnded))
        with pytest.raises(UnknownRemedy):
            fabric.responses.get(1)


async def test_a_response_that_recommends_tells_once_and_does_nothing(tmp_path: Path) -> None:
    async with fake_switch() as switch, running(tmp_path, switch) as found:
        fabric = await congest(found, loop("recommend"))
        await found.until(lambda: found.heard(RemedyRecommended))
        for _ in range(5):
            await fabric.responses.step()
        assert [one.verdict for one in fabric.responses.findings] == [Verdict.RECOMMENDS]
        assert len(found.heard(RemedyRecommended)) == 1 and not held(switch)


async def test_nothing_is_left_of_a_response_that_is_deleted(tmp_path: Path) -> None:
    async with fake_switch() as switch, running(tmp_path, switch) as found:
        fabric = await congest(found, loop())
        await found.until(lambda: held(switch))
        await fabric.intents.delete(IntentKey("CongestionResponse", TenantName("operations"), "loop"))
        await found.until(lambda: not held(switch))
        assert await fabric.store.get(RECORD) is None


async def test_one_for_all_tenants_takes_over_the_flow_of_a_tenants_response(tmp_path: Path) -> None:
    async with fake_switch() as switch, running(tmp_path, switch) as found:
        spec = {"mode": "act", "police": {"rateKilobits": 100_000_000}, "holdSeconds": 1}
        placebo = {"kind": "CongestionResponse", "tenant": "acme", "name": "placebo", "spec": spec}
        fabric = await congest(found, placebo)
        await found.until(lambda: held(switch))
        fabric.responses._look = in_vain
        await fabric.intents.apply([loop()])
        await found.until(
            lambda: [one.meter for one in held(switch)] == [MeterConfig(125_000, 64_000, 125_000, 64_000)]
        )
        standing, over = fabric.responses.views()
        assert (standing.key.response.name, over.key.response.name) == ("loop", "placebo")
        assert over.ended is Ended.WITHDRAWN


async def test_a_tenant_has_no_more_responses_than_are_looked_at(tmp_path: Path) -> None:
    async with fake_switch() as switch, running(tmp_path, switch) as found:
        many = [loop("recommend") | {"name": f"n{number}"} for number in range(17)]
        await found.fabric.intents.apply(many[:16])
        for one in ("n9x", "a"):
            with pytest.raises(IntentConflict):
                await found.fabric.intents.apply([loop("recommend") | {"name": one}])
        await found.fabric.intents.apply([many[16] | {"tenant": "acme"}, many[3]])


@pytest.mark.parametrize("is_over", [True, False])
async def test_the_next_controller_holds_a_lease_and_ends_one_that_is_over(
    tmp_path: Path, is_over: bool
) -> None:
    async with fake_switch() as switch:
        async with running(tmp_path, switch) as found:
            await congest(found, loop(leaseSeconds=3600))
            await found.until(lambda: held(switch))
        assert held(switch), "what a controller leaves when it ends"
        if is_over:
            async with store_of(tmp_path, switch) as store:
                record = await store.get(RECORD)
                assert record is not None
                await write(store, RECORD, {**json.loads(record.value), "expires": 1.0})
        async with running(tmp_path, switch) as found:
            await found.until_in_sync()
            assert len(held(switch)) == (not is_over)
            assert len(found.fabric.responses.views()) == (not is_over)
            assert (await found.fabric.store.get(RECORD) is None) is is_over
