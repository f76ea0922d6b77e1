"""The API over real HTTP, without switches: what it takes, what it refuses, and how it says so."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from p4fabric.controller.api import TokenError, read_token
from p4fabric.controller.store import SqliteStore, StoreError
from tests.fabric.api.conftest import PATIENCE, configured, controller, network


def service(name: str = "web", address: str = "10.0.100.1", server: str = "10.0.1.11") -> dict[str, Any]:
    spec = {"virtualIp": address, "protocol": "tcp", "port": 80, "pool": [{"address": server, "port": 80}]}
    return {"kind": "Service", "name": name, "tenant": "acme", "spec": spec}


async def test_an_intent_lives_from_put_to_delete(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        path = "/api/v1/intents/Network/acme/clients"
        body = {"spec": network()["spec"]}
        created = await served.http.put(path, json=body)
        assert created.status_code == 201 and created.json()["outcome"] == "created"
        again = await served.http.put(path, json=network())
        assert again.status_code == 200 and again.json()["outcome"] == "unchanged"
        assert again.json()["intent"]["metadata"]["generation"] == 1

        body["spec"]["gateways"] = []
        changed = (await served.http.put(path, json=body)).json()
        assert changed["outcome"] == "changed" and changed["intent"]["metadata"]["generation"] == 2
        found = await served.get(path)
        assert found["spec"] == body["spec"] and found["status"]["state"] in ("active", "degraded")
        assert (await served.get("/api/v1/intents", kind="Network"))["items"] == [found]
        assert (await served.get("/api/v1/intents", tenant="other"))["items"] == []
        assert await served.get("/api/v1/intents/Network/acme/clients/counters") == {
            "kind": "Network", "tenant": "acme", "name": "clients", "counters": [],
        }  # fmt: skip

        deleted = await served.http.delete(path)
        assert deleted.status_code == 200 and deleted.json()["intent"]["spec"] == body["spec"]
        assert (await served.http.get(path)).status_code == 404
        assert (await served.http.delete(path)).status_code == 404


async def test_a_list_is_applied_whole_in_any_order(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        answer = await served.http.post("/api/v1/intents", json=[service(), network()])
        assert answer.status_code == 200, answer.text
        assert [each["intent"]["kind"] for each in answer.json()["items"]] == ["Service", "Network"]
        assert len((await served.get("/api/v1/intents"))["items"]) == 2
        # The network is still needed.
        refused = await served.http.delete("/api/v1/intents/Network/acme/clients")
        assert refused.status_code == 409 and "Service/acme/web" in refused.text


async def test_one_bad_document_refuses_the_whole_list(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        wrong = {**service("other"), "spec": {**service()["spec"], "port": 80_000}}
        answer = await served.http.post("/api/v1/intents", json=[network(), service(), wrong])
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["field"] == "[2].spec.port" and error["value"] == 80_000
        clash = await served.http.post("/api/v1/intents", json=[network(), service(), service("other")])
        assert clash.status_code == 409 and "Service/acme/web" in clash.text
        assert (await served.get("/api/v1/intents"))["items"] == []


BAD: list[tuple[str, str, Any, int, str, str]] = [
    ("POST", "/api/v1/intents", b"{", 400, "body", "is not JSON"),
    ("POST", "/api/v1/intents", b"\xff\xfe", 400, "body", "is not JSON"),
    ("POST", "/api/v1/intents", b'{"kind": NaN}', 400, "body", "NaN is not a JSON number"),
    ("POST", "/api/v1/intents", b"[" * 100_000, 400, "body", "nested too deep"),
    ("POST", "/api/v1/intents", b"[]", 400, "body", "at least one document"),
    ("POST", "/api/v1/intents", b"null", 422, "document", "must be a mapping"),
    ("POST", "/api/v1/intents", {"kind": "Netwrk"}, 422, "kind", "of CongestionResponse, Endpoint"),
    ("POST", "/api/v1/intents", {**network(), "tenant": "A!"}, 422, "tenant", "RFC 1123"),
    ("POST", "/api/v1/intents", {**network(), "color": 1}, 422, "color", "not a known field"),
    ("POST", "/api/v1/intents", network(subnet=[]), 422, "spec.subnet", "known here: subnets"),
    ("POST", "/api/v1/intents", service(), 409, "spec.pool[0].address", "in no network"),
    ("PUT", "/api/v1/intents/Network/acme/clients", b"[]", 400, "body", "must be a mapping"),
    ("PUT", "/api/v1/intents/Network/acme/x", network(), 400, "name", "must be 'x', as the path says"),
    (
        "PUT",
        "/api/v1/intents/Netwrk/acme/x",
        b"{}",
        404,
        "kind",
        "must be one of CongestionResponse, Endpoint, FirewallPolicy",
    ),
    ("PUT", "/api/v1/intents/Network/acme/UPPER", network(), 400, "name", "as the path says"),
    ("GET", "/api/v1/intents/Network/acme/x", b"", 404, "name", "Network/acme/x does not exist"),
    ("GET", "/api/v1/intents/Service/acme/x/counters", b"", 404, "name", "does not exist"),
    ("GET", "/api/v1/intents?kind=Nope", b"", 422, "kind", "must be one of"),
    ("DELETE", "/api/v1/intents/Network/acme/x", b"", 404, "name", "does not exist"),
    ("POST", "/api/v1/intents/delete", [{"kind": "Network"}], 422, "tenant", "is required"),
    ("POST", "/api/v1/intents/delete", {"kind": "Netwrk", "tenant": "a", "name": "b"}, 422, "kind", "one of"),
    ("POST", "/api/v1/intents?dryRunEntries=5001", b"{}", 422, "dryRunEntries", "5000"),
    ("POST", "/api/v1/intents?dryRun=perhaps", b"{}", 422, "dryRun", "boolean"),
    ("GET", "/nothing", b"", 404, "path", "is no path"),
    ("PATCH", "/api/v1/intents", b"", 405, "path", "is not for PATCH; it is for GET, POST"),
]


async def test_bad_requests_get_errors_that_name_field_value_and_what_is_right(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        for method, path, body, status, field, message in BAD:
            content = body if isinstance(body, bytes) else json.dumps(body)
            answer = await served.http.request(method, path, content=content)
            assert answer.status_code == status, (method, path, body, answer.text)
            error = answer.json()["errors"][0]
            assert set(error) == {"field", "value", "code", "message"}
            assert error["field"] == field and message in error["message"], (path, error)
        assert (await served.get("/api/v1/intents"))["items"] == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path, chunked: bool) -> None:
    async with controller(configured(tmp_path, api={"maxRequestBytes": 1024})) as served:

        async def parts() -> Any:
            for _ in range(100):
                yield b" " * 100

        content = parts() if chunked else b" " * 10_000
        answer = await served.http.post("/api/v1/intents", content=content)
        assert answer.status_code == 413 and "at most 1024 bytes" in answer.text


async def test_nothing_but_health_page_and_documentation_is_open_without_the_token(tmp_path: Path) -> None:
    config = configured(tmp_path, api={"loginFailures": 10_000})
    async with (
        controller(config) as served,
        httpx.AsyncClient(base_url=served.url, timeout=PATIENCE) as stranger,
    ):
        token = served.token_file.read_text().strip()
        for path in ("/healthz", "/ui/", "/docs", "/openapi.json", "/docs/assets/swagger-ui-bundle.js"):
            assert (await stranger.get(path)).status_code == 200, path
        description = (await stranger.get("/openapi.json")).json()
        closed = [
            (method.upper(), path.replace("{", "").replace("}", ""))
            for path, methods in description["paths"].items()
            for method in methods
            if path != "/healthz"
        ]
        assert len(closed) > 10
        for method, path in [*closed, ("GET", "/nothing"), ("GET", "/docs/../metrics"), ("GET", "/uia")]:
            for shown in ("", token, f"Basic {token}", "Bearer", f"Bearer {token[:-1]}", "Bearer é"):
                headers = httpx.Headers({"Authorization": shown} if shown else {}, encoding="utf-8")
                answer = await stranger.request(method, path, headers=headers)
                assert answer.status_code == 401, (method, path, shown)
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                assert token not in answer.text


def test_the_token_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = read_token(path)
    assert path.stat().st_mode & 0o777 == 0o600 and read_token(path) == token and len(token) >= 32
    path.chmod(0o640)
    with pytest.raises(TokenError, match="chmod 600"):
        read_token(path)
    for content in (b"", b"short", b"two words, long enough", b"\xff" * 40):
        path.chmod(0o600)
        path.write_bytes(content)
        with pytest.raises(TokenError, match="remove it"):
            read_token(path)
    with pytest.raises(TokenError, match="cannot be used"):
        read_token(tmp_path / "no" / "token")


async def test_the_description_is_complete_and_its_page_needs_no_other_server(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        description = await served.get("/openapi.json")
        schemas = description["components"]["schemas"]
        assert {"Network", "UpfSpec", "Intent", "EpisodeDocument", "Problem"} <= schemas.keys()
        for reference in _references(description):
            assert reference.startswith("#/components/schemas/")
            assert reference.rpartition("/")[2] in schemas
        page = (await served.http.get("/docs")).text
        assert "https://" not in page
        for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
            assert f"/docs/assets/{asset}" in page


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [found for each in part for found in _references(each)]
    if isinstance(part, dict):
        here = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return here + [found for each in part.values() for found in _references(each)]
    return []


async def test_what_cannot_be_kept_is_not_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with controller(configured(tmp_path)) as served:

        async def full(store: object, transaction: object) -> int:
            raise StoreError("store: disk is full")

        monkeypatch.setattr(SqliteStore, "commit", full)
        answer = await served.http.post("/api/v1/intents", json=network())
        assert answer.status_code == 503 and "disk is full" in answer.text
        assert (await served.get("/api/v1/intents"))["items"] == []
        monkeypatch.undo()
        assert (await served.http.post("/api/v1/intents", json=network())).status_code == 200


async def test_intents_and_their_generations_survive_a_restart(tmp_path: Path) -> None:
    config = configured(tmp_path)
    async with controller(config) as served:
        await served.http.post("/api/v1/intents", json=[network(), service()])
        await served.http.post("/api/v1/intents", json=network(subnets=["10.0.1.0/24", "10.0.9.0/24"]))
        before = await served.get("/api/v1/intents")
    async with controller(config) as served:
        after = await served.get("/api/v1/intents")
        assert [_without_time(i) for i in after["items"]] == [_without_time(i) for i in before["items"]]
        assert after["items"][0]["metadata"]["generation"] == 2


def _without_time(intent: dict[str, Any]) -> dict[str, Any]:
    return {**intent, "status": {**intent["status"], "since": None}}


async def test_many_writers_at_once_get_each_what_they_asked_for(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:

        async def put(number: int) -> int:
            body = network(subnets=[f"10.0.{number % 20}.0/24"])
            return (
                await served.http.put(f"/api/v1/intents/Network/acme/n{number}", json={"spec": body["spec"]})
            ).status_code

        statuses = await asyncio.gather(*(put(number) for number in range(40)))
        # Two networks of a tenant cannot have one subnet: of each pair one got it.
        assert sorted(statuses) == [201] * 20 + [409] * 20
        assert len(served.fabric.intents.all()) == 20


async def test_metrics_speak_of_the_fabric_and_of_no_secret(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, "127.0.0.1:1")) as served:
        await served.http.post("/api/v1/intents", json=network())
        page = (await served.http.get("/metrics")).text
        assert 'p4fabric_switch_connected{switch="leaf1"} 0.0' in page
        assert 'p4fabric_intents{kind="Network",state="degraded"} 1.0' in page
        assert served.token_file.read_text().strip() not in page
        switches = (await served.get("/api/v1/switches"))["items"]
        assert [(switch["name"], switch["connected"]) for switch in switches] == [("leaf1", False)]
        (intent,) = (await served.get("/api/v1/intents"))["items"]
        (reason,) = intent["status"]["reasons"]
        assert reason["code"] == "switch-disconnected" and reason["switch"] == "leaf1"
        assert reason["message"].startswith("leaf1 is not connected since ")
        assert f"{reason['entriesWaiting']} entries wait" in reason["message"]
