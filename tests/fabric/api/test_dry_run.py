"""A dry run tells what a change would do, on real switches, and does nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from p4fabric.softswitch import AsyncSoftSwitch
from tests.fabric.api.conftest import TARGET, Served, configured, controller, network
from tests.fabric.api.test_ports import port_missing
from tests.fabric.api.test_rest import service
from tests.fabric.api.test_switches import apply, until_in_sync

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="bmv2 does not say which ports it has")

PATH = "/api/v1/intents/Network/acme/clients"
DRY = {"dryRun": "true"}


@pytest.fixture
async def switch() -> AsyncIterator[AsyncSoftSwitch]:
    """A switch with memory ports 1 to 8."""
    async with AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 9))) as switch:
        yield switch


async def written(served: Served) -> Any:
    """What users wrote; statuses go on by themselves."""
    items = (await served.get("/api/v1/intents"))["items"]
    return [{name: value for name, value in item.items() if name != "status"} for item in items]


async def preview(
    served: Served, method: str, path: str = "/api/v1/intents", body: Any = None, **query: str
) -> Any:
    """The answer to a dry run, with which the fabric is as it was."""
    before = await written(served)
    desired = [switch.desired for switch in served.fabric.switches]
    kind = {"PATCH": "application/merge-patch+json"}.get(method, "application/json")
    answer = await served.http.request(
        method, path, json=body, params={**DRY, **query}, headers={"Content-Type": kind}
    )
    assert answer.status_code == 200, answer.text
    assert await written(served) == before
    assert [switch.desired for switch in served.fabric.switches] == desired
    return answer.json()


async def test_what_is_told_is_what_then_happens(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    async with controller(configured(tmp_path, switch.address)) as served:
        await served.until(lambda: served.fabric.switches[0].ports is not None)
        await until_in_sync(served)
        documents = [network(), service()]
        found = await preview(served, "POST", body=documents)
        assert [(one["outcome"], one["before"]) for one in found["intents"]] == [("created", None)] * 2
        first = found["intents"][0]["after"]
        assert first["spec"] == network()["spec"] and "metadata" not in first
        assert found["status"] == {
            "Network/acme/clients": {"state": "active", "reasons": []},
            "Service/acme/web": {
                "state": "degraded",
                "reasons": [
                    {
                        "code": "server-unseen",
                        "message": "server 10.0.1.11 not seen yet",
                        "address": "10.0.1.11",
                    }
                ],
            },
        }
        numbers = [(one["pool"], one["number"], one["given"]) for one in found["numbers"]]
        assert numbers == [("vlan", 100, True), ("vrf", 1, True)]
        leaf = found["switches"]["leaf1"]
        texts = {f"{entry['table']} {entry['text']}" for entry in leaf["added"]}
        assert any(text.startswith("gateways vlan_id=100 ") and text.endswith(" route") for text in texts)
        assert leaf["counts"]["added"] == len(leaf["added"]) and not leaf["truncated"]

        held = served.fabric.switches[0].installed
        await apply(served, documents)
        await until_in_sync(served)
        counts = leaf["counts"]
        assert served.fabric.switches[0].installed == held + counts["added"] - counts["removed"]
        for intent in (await served.get("/api/v1/intents"))["items"]:
            key = "/".join(intent[part] for part in ("kind", "tenant", "name"))
            expected = found["status"][key]
            assert {part: intent["status"][part] for part in expected} == expected
        again = await preview(served, "POST", body=documents)
        assert [one["outcome"] for one in again["intents"]] == ["unchanged"] * 2
        assert again["switches"] == {} and again["tables"] == [] and again["numbers"] == []


async def test_every_write_has_its_dry_run(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    async with controller(configured(tmp_path, switch.address)) as served:
        await apply(served, [network()])
        await until_in_sync(served)
        for method, body in (("PUT", network(gateways=[])), ("PATCH", {"spec": {"gateways": []}})):
            found = await preview(served, method, PATH, body)
            (one,) = found["intents"]
            assert one["outcome"] == "changed" and one["after"]["metadata"]["generation"] == 2
            assert one["before"]["spec"]["gateways"] and one["after"]["spec"]["gateways"] == []
            removed = {entry["table"] for entry in found["switches"]["leaf1"]["removed"]}
            assert "gateways" in removed
            (room,) = [room for room in found["tables"] if room["table"] == "gateways"]
            assert (room["before"], room["after"], room["peak"], room["need"]) == (1, 0, 1, 0)
        found = await preview(served, "DELETE", PATH)
        assert [(one["outcome"], one["after"]) for one in found["intents"]] == [("deleted", None)]
        assert found["status"] == {"Network/acme/clients": {"state": "gone", "reasons": []}}
        assert found["switches"]["leaf1"]["counts"]["removed"] > 5
        assert [(one["pool"], one["given"]) for one in found["numbers"]] == [("vlan", False), ("vrf", False)]
        few = await preview(served, "DELETE", PATH, dryRunEntries="3")
        leaf = few["switches"]["leaf1"]
        assert leaf["truncated"] and sum(len(leaf[kind]) for kind in ("added", "changed", "removed")) == 3
        assert leaf["counts"] == found["switches"]["leaf1"]["counts"]


async def test_ports_and_switches_that_are_not_there_are_seen_before_anything_is_applied(
    tmp_path: Path, switch: AsyncSoftSwitch
) -> None:
    async with controller(configured(tmp_path, switch.address, "127.0.0.1:1")) as served:
        await served.until(lambda: served.fabric.switches[0].ports is not None)
        await served.until(lambda: served.fabric.switches[0].in_sync)
        ends = [("leaf1", 1), ("leaf1", 77), ("leaf9", 1), ("leaf2", 1)]
        asked = network(attachments=[{"switch": name, "port": port} for name, port in ends])
        found = await preview(served, "POST", body=asked)
        expected = found["status"]["Network/acme/clients"]
        assert expected["state"] == "degraded"
        codes = [reason["code"] for reason in expected["reasons"]]
        assert sorted(codes) == ["no-path", "port-missing", "switch-disconnected", "unknown-switch"]
        assert port_missing(77) in expected["reasons"]
        await apply(served, [asked])
        await served.until(lambda: served.fabric.switches[0].in_sync)
        status = (await served.get(PATH))["status"]
        assert status["state"] == "degraded" and status["reasons"] == expected["reasons"]


async def test_what_others_need_is_refused_and_may_go_together_with_them(
    tmp_path: Path, switch: AsyncSoftSwitch
) -> None:
    async with controller(configured(tmp_path, switch.address)) as served:
        await apply(served, [network(), service()])
        for query in (DRY, {}):
            needed = await served.http.delete(PATH, params=query)
            assert needed.status_code == 409 and "Service/acme/web" in needed.text
        keys = [
            {"kind": one["kind"], "tenant": "acme", "name": one["name"]} for one in (network(), service())
        ]
        together = await preview(served, "POST", "/api/v1/intents/delete", keys)
        assert [one["outcome"] for one in together["intents"]] == ["deleted"] * 2
        gone = await served.http.post("/api/v1/intents/delete", json=[*keys, keys[0]])
        assert gone.status_code == 200 and len(gone.json()["items"]) == 2
        entries = gone.json()["entries"]["leaf1"]
        assert entries["removed"] == together["switches"]["leaf1"]["counts"]["removed"]
        assert (await served.http.post("/api/v1/intents/delete", json=keys)).status_code == 404


async def test_others_that_a_change_concerns_are_told_of(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    async with controller(configured(tmp_path, switch.address)) as served:
        seen = {"switch": "leaf1", "port": 2, "mac": "02:00:00:00:00:11", "addresses": ["10.0.1.11"]}
        subnets = ["10.0.1.0/24"]
        stated = network(subnets=subnets, gateways=["10.0.1.1"], attachments=[seen])
        await apply(served, [stated, service()])
        await until_in_sync(served)
        await served.until_all("active")
        del stated["spec"]["attachments"][0]["mac"], stated["spec"]["attachments"][0]["addresses"]
        found = await preview(served, "PUT", PATH, stated)
        (other,) = found["others"]
        assert (other["kind"], other["name"], other["without"]["state"]) == ("Service", "web", "active")
        assert [reason["code"] for reason in other["expected"]["reasons"]] == ["server-unseen"]
