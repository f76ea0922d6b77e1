"""Drains over REST: what is asked, how far it is, who may ask, and what is kept; on a real switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.fabric.api.conftest import PATIENCE, Served, configured, controller, network
from tests.fabric.api.test_resources import problem

LEAF, LINK = "/api/v1/switches/leaf1/drain", "/api/v1/links/leaf1/9/drain"
HOST = {"switch": "leaf1", "port": 1, "mac": "02:00:00:00:00:01", "addresses": ["10.0.1.11"]}
LINKS = [["leaf1:9", "leaf2:9"]]


async def settled(served: Served, path: str) -> dict[str, Any]:
    """A drain once no step is left."""

    async def found() -> Any:
        drain = await served.get(path)
        return drain if drain["settled"] else None

    drain: dict[str, Any] = await served.until(found)
    return drain


def said(drain: dict[str, Any], field: str) -> list[str]:
    return [reason["message"] for reason in drain[field]]


async def put(served: Served, path: str, **query: str) -> dict[str, Any]:
    response = await served.http.put(path, params=query)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_switch_that_nobody_needs_may_be_switched_off_and_used_again(
    tmp_path: Path, switch_address: str
) -> None:
    async with controller(configured(tmp_path, switch_address)) as served:
        await served.until(lambda: served.fabric.switches[0].in_sync)
        assert (await served.get(LEAF))["state"] == "inUse"
        asked = await put(served, LEAF)
        assert asked["about"] == asked["switch"] == "leaf1" and not asked["drained"]
        drain = await settled(served, LEAF)
        assert drain["drained"] and drain["state"] == "drained" and drain["stillUsed"] == []
        assert await put(served, LEAF) == drain, "asking again changes nothing"
        assert (await served.get("/api/v1/drains"))["items"] == [drain]
        assert (await served.get("/api/v1/switches/leaf1"))["drain"] == "drained"
        status = await served.get("/api/v1/status")
        (finding,) = status["findings"]
        assert status["severity"] == "ok" and finding["problem"] == "drained"
        assert "may be switched off" in finding["text"]
        assert (
            'p4fabric_drains{kind="switch",state="drained"} 1.0' in (await served.http.get("/metrics")).text
        )
        assert (await served.http.delete(LEAF)).json()["state"] == "preparingReturn"
        back = await settled(served, LEAF)
        assert (back["state"], back["since"], back["resourceVersion"]) == ("inUse", None, None)
        assert (await served.get("/api/v1/drains"))["items"] == []
        events = await served.get("/api/v1/events", follow="false", types="SwitchDrainChanged")
        assert [event["state"] for event in events["items"]] == [
            "preparing", "moving", "drained", "preparingReturn", "returning", "inUse",
        ]  # fmt: skip
        audit = await served.get("/api/v1/audit")
        assert [(one["operation"], one["resources"]) for one in audit["items"]] == [
            ("undrainSwitch", ["switches/leaf1"]),
            ("drainSwitch", ["switches/leaf1"]),
        ]


async def test_who_has_no_other_way_is_named_and_keeps_it(tmp_path: Path, switch_address: str) -> None:
    async with controller(configured(tmp_path, switch_address)) as served:
        await served.http.post(
            "/api/v1/intents", json=network("n", subnets=["10.0.1.0/24"], attachments=[HOST])
        )
        await served.until_all("active")
        await put(served, LEAF)
        drain = await settled(served, LEAF)
        assert drain["state"] == "drained" and not drain["drained"]
        assert said(drain, "stillUsed") == ["leaf1 has host 10.0.1.11, which has no other way"]
        await served.until_all("active")
        status = await served.get("/api/v1/status")
        assert status["severity"] == "ok" and "stays in use: leaf1 has host" in status["findings"][0]["text"]


async def test_a_drain_waits_for_switches_that_are_away_and_is_kept_over_a_restart(
    tmp_path: Path, switch_address: str
) -> None:
    config = configured(tmp_path, switch_address, "127.0.0.1:1", links=LINKS)
    async with controller(config) as served:
        await served.until(lambda: served.fabric.switches[0].in_sync)
        drain = await put(served, LINK)
        assert drain["about"] == "leaf1:9 - leaf2:9" and drain["switch"] is None
        assert drain == await served.get("/api/v1/links/leaf2/9/drain")
        assert said(drain, "waitingFor") == ["leaf2 is not connected: it may send as before"]
        before = drain
    async with controller(config) as served:
        await served.until(lambda: served.fabric.switches[0].in_sync)
        assert await served.get(LINK) == before
        await served.http.post("/api/v1/switches/leaf2/gone")
        drain = await settled(served, LINK)
        assert drain["drained"] and int(drain["resourceVersion"]) > int(before["resourceVersion"])


async def test_a_dry_run_says_what_would_change_and_changes_nothing(
    tmp_path: Path, switch_address: str
) -> None:
    async with controller(configured(tmp_path, switch_address)) as served:
        await served.http.post(
            "/api/v1/intents", json=network("n", subnets=["10.0.1.0/24"], attachments=[HOST])
        )
        await served.until_all("active")
        preview = await put(served, LEAF, dryRun="true")
        assert said(preview, "stillUsed") == ["leaf1 has host 10.0.1.11, which has no other way"]
        assert preview["switches"] == {}
        assert (await served.get(LEAF))["state"] == "inUse"
        assert [one["operation"] for one in (await served.get("/api/v1/audit"))["items"]] == ["applyIntents"]


async def test_only_operators_drain(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, "127.0.0.1:1", "127.0.0.1:2", links=LINKS)) as served:
        for role in ("reader", "tenant"):
            body = {"name": role, "role": role} | ({"tenant": "acme"} if role == "tenant" else {})
            token = (await served.http.post("/api/v1/tokens", json=body)).json()["token"]
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=served.url, timeout=PATIENCE, headers=headers) as other:
                for path in (LEAF, LINK):
                    problem(await other.put(path), 403, "forbidden")
                    problem(await other.delete(path), 403, "forbidden")
                    assert (await other.get(path)).status_code == (200 if role == "reader" else 403)
                assert (await other.get("/api/v1/drains")).status_code == (200 if role == "reader" else 403)


async def test_what_there_is_not_cannot_be_drained(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, "127.0.0.1:1")) as served:
        for path, why in (
            ("/api/v1/switches/leaf9/drain", "there are leaf1"),
            ("/api/v1/links/leaf9/9/drain", "there are leaf1"),
            (LINK, "no link is expected at leaf1:9"),
        ):
            for ask in (served.http.put, served.http.get, served.http.delete):
                assert why in problem(await ask(path), 404, "not-found")["detail"]
