"""Who is let in, as whom, and what is recorded: tokens, roles, failures, the audit log; over real HTTP."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from p4fabric.controller.access.rules import PUBLIC, RULES, rule_of
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.principals import Role
from tests.fabric.api.conftest import PATIENCE, Served, configured, controller, network
from tests.fabric.api.test_resources import problem

TOKENS = "/api/v1/tokens"
INTENTS = "/api/v1/intents"
ACME = {"tenants": [{"name": "acme", "attachments": [{"switch": "leaf1", "ports": ["1-8"]}]}]}
NOWHERE = "127.0.0.1:1"


async def made(served: Served, name: str, role: str, tenant: str | None = None, **more: Any) -> str:
    """A token that an operator made."""
    body = {"name": name, "role": role, "tenant": tenant, **more}
    answer = await served.http.post(TOKENS, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return str(answer.json()["token"])


def client(served: Served, token: str) -> httpx.AsyncClient:
    """Somebody who shows a token; answers are compared with the description."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(
        base_url=served.url, timeout=PATIENCE, headers=headers, event_hooks=served.http.event_hooks
    )


async def test_tokens_are_told_once_kept_as_hashes_and_survive_a_restart(tmp_path: Path) -> None:
    config = configured(tmp_path)
    async with controller(config) as served:
        token = await made(served, "ci", "tenant", "acme")
        secret = token.split("_", 2)[2]
        assert len(secret) >= 43  # 256 bits in base64
        listed = await served.http.get(TOKENS)
        (one,) = listed.json()["items"]
        assert (one["name"], one["role"], one["tenant"], one["createdBy"]) == (
            "ci",
            "tenant",
            "acme",
            "operator",
        )
        assert secret not in listed.text and one["expires"] is None
        problem(await served.http.post(TOKENS, json={"name": "ci", "role": "reader"}), 409, "conflict")
        for wrong in (
            {"name": "x", "role": "tenant"},
            {"name": "x", "role": "reader", "tenant": "acme"},
            {"name": "x", "role": "root"},
            {"name": "../x", "role": "reader"},
            {"name": "x", "role": "reader", "expires": "2020-01-01T00:00:00Z"},
            {"name": "x", "role": "reader", "expires": "2099-01-01T00:00:00"},
            {"name": "x", "role": "reader", "scope": "all"},
        ):
            problem(await served.http.post(TOKENS, json=wrong), 422, "invalid")
    files = b"".join(await asyncio.to_thread(_contents, tmp_path))
    assert b"tokens/ci" in files and secret.encode() not in files
    async with controller(config) as served, client(served, token) as http:
        assert (await http.get("/api/v1/principal")).json() == {
            "name": "ci", "role": "tenant", "tenant": "acme", "source": "token",
        }  # fmt: skip


def _contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("p4fabric.db*")]


async def test_a_revoked_token_is_refused_at_once_and_its_streams_end(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        token, other = await made(served, "one", "reader"), await made(served, "other", "reader")
        async with (
            client(served, token) as http,
            client(served, other) as left,
            http.stream("GET", "/api/v1/events") as stream,
            left.stream("GET", "/api/v1/events") as goes_on,
        ):
            lines, others = stream.aiter_lines(), goes_on.aiter_lines()
            assert (await anext(lines)).startswith("retry") == (await anext(others)).startswith("retry")
            assert (await served.http.delete(f"{TOKENS}/one")).status_code == 204
            async with asyncio.timeout(60):
                assert [line async for line in lines if line] == []
            problem(await http.get(INTENTS), 401, "unauthenticated")
            await served.http.put("/api/v1/intents/Network/acme/clients", json=network())
            async with asyncio.timeout(60):
                assert any([line.startswith("event:") async for line in _until_event(others)])
        problem(await served.http.delete(f"{TOKENS}/one"), 404, "not-found")
        assert [one["name"] for one in (await served.get(TOKENS))["items"]] == ["other"]


async def _until_event(lines: Any) -> Any:
    async for line in lines:
        yield line
        if line.startswith("event:"):
            return


async def test_a_request_that_is_being_read_when_its_token_is_revoked_does_nothing(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        token = await made(served, "slow", "operator")
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def body() -> Any:
            yield b'{"kind": "Network", '
            begun.set()
            await go_on.wait()
            yield b'"tenant": "acme", "name": "n1", "spec": {"subnets": ["10.0.0.0/24"]}}'

        async with client(served, token) as http:
            headers = {"Content-Type": "application/json"}
            sending = asyncio.create_task(http.post(INTENTS, content=body(), headers=headers))
            await begun.wait()
            await served.until(lambda: served.access.live._by_token)
            await served.http.delete(f"{TOKENS}/slow")
            go_on.set()
            problem(await sending, 401, "unauthenticated")
        assert (await served.get(INTENTS))["items"] == []


async def test_a_token_and_its_streams_end_when_it_expires(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        expires = datetime.now(UTC) + timedelta(seconds=1.5)
        token = await made(served, "short", "reader", expires=expires.isoformat())
        async with client(served, token) as http:
            async with asyncio.timeout(60), http.stream("GET", "/api/v1/events") as stream:
                assert [line async for line in stream.aiter_lines() if line] == ["retry: 1000"]
            assert time.time() >= expires.timestamp()
            problem(await http.get(INTENTS), 401, "unauthenticated")


def test_each_operation_has_a_rule_and_one_without_cannot_be_made() -> None:
    assert not PUBLIC & RULES.keys()
    with pytest.raises(LookupError, match="operation getSecrets needs a rule"):
        rule_of("getSecrets")


async def test_each_operation_is_for_the_roles_of_its_rule_and_no_others(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, NOWHERE)) as served:
        description = served.description
        operations = {
            found["operationId"]: (method.upper(), path)
            for path, methods in description["paths"].items()
            for method, found in methods.items()
        }
        assert operations.keys() == RULES.keys() | PUBLIC
        for role in Role:
            tenant = "acme" if role is Role.TENANT else None
            token = await made(served, f"a-{role}", role, tenant)
            async with client(served, token) as http:
                for operation, (method, path) in operations.items():
                    rule = rule_of(operation)
                    path = (
                        path.replace("{kind}", "network").replace("{tenant}", "acme").replace("{port}", "1")
                    )
                    path = path.replace("{name}", "nothing").replace("{switch}", "nothing")
                    if operation == "listEvents" and rule is not None and role in rule.roles:
                        async with http.stream(method, path) as stream:
                            assert stream.status_code == 200
                        continue
                    answer = await http.request(method, path)
                    if rule is None or role in rule.roles:
                        assert answer.status_code not in (401, 403), (role, operation, answer.text)
                    else:
                        assert operation in problem(answer, 403, "forbidden")["detail"], (role, operation)


async def test_wrong_credentials_are_counted_by_address_and_lock_out_nobody_who_is_known(
    tmp_path: Path,
) -> None:
    async with controller(configured(tmp_path, api={"loginFailures": 5})) as served:
        known, new = await made(served, "known", "reader"), await made(served, "new", "reader")
        async with client(served, known) as http:
            assert (await http.get(INTENTS)).status_code == 200
            now = time.monotonic()
            served.access.authenticator._clock = lambda: now
            async with httpx.AsyncClient(base_url=served.url, timeout=PATIENCE) as stranger:
                statuses = []
                for number in range(12):
                    shown = {"Authorization": f"Bearer p4f_{number:016x}_{'x' * 43}"}
                    statuses.append((await stranger.get(INTENTS, headers=shown)).status_code)
                assert statuses == [401] * 5 + [429] * 7
                # Nothing is looked at, not even what is right.
                right = {"Authorization": f"Bearer {new}"}
                refused = await stranger.get(INTENTS, headers=right)
                problem(refused, 429, "too-many-requests")
                assert refused.headers["Retry-After"] == "1"
                now += 1.0
                assert (await stranger.get(INTENTS, headers=right)).status_code == 200
            assert (await http.get(INTENTS)).status_code == 200
            assert (await served.http.get(INTENTS)).status_code == 200


async def test_a_token_expires_at_a_moment_that_can_be_told(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        for expires, why in (
            ("9999-12-31T23:59:59-23:59", "must be in the years 1 to 9999 of UTC"),
            ("0001-01-01T00:00:00+23:59", "must be in the years 1 to 9999 of UTC"),
            ("2020-01-01T00:00:00Z", "is in the past"),
        ):
            body = {"name": "eyes", "role": "reader", "expires": expires}
            (error,) = problem(await served.http.post(TOKENS, json=body), 422, "invalid")["errors"]
            assert error["field"] == "expires" and why in error["message"]
        await made(served, "eyes", "reader", expires="9999-12-31T23:59:59Z")
        (listed,) = (await served.get(TOKENS))["items"]
        assert listed["expires"] == "9999-12-31T23:59:59.000Z"


async def test_the_audit_log_says_who_changed_what_and_who_was_refused(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, NOWHERE, **ACME)) as served:
        token = await made(served, "ci", "tenant", "acme")
        reader = await made(served, "eyes", "reader")
        headers = {"User-Agent": "pipeline/1"}
        async with client(served, token) as http, client(served, reader) as eyes:
            both = [network("a", subnets=["10.0.1.0/24"]), network("b", subnets=["10.0.2.0/24"])]
            written = await http.post(INTENTS, json=both, headers=headers)
            version = written.json()["items"][1]["intent"]["metadata"]["resourceVersion"]
            assert (await http.post(INTENTS, json=both)).status_code == 200  # it changes nothing
            await http.post(INTENTS, json=network("c", subnets=["10.0.3.0/24"]), params={"dryRun": "true"})
            await http.delete(f"{INTENTS}/network/acme/b")
            await http.put(f"{INTENTS}/network/acme/bad", json={"spec": {"subnets": 1}})
            await eyes.delete(f"{INTENTS}/network/acme/a")
            problem(await http.get("/api/v1/audit"), 403, "forbidden")
            problem(await eyes.get("/api/v1/audit"), 403, "forbidden")
        async with httpx.AsyncClient(base_url=served.url, timeout=PATIENCE) as stranger:
            await stranger.get(f"/{token}", headers={"Authorization": f"Bearer {token[:-1]}"})
        await served.http.delete(f"{TOKENS}/ci")

        answer = await served.http.get("/api/v1/audit")
        entries = answer.json()["items"]
        told = [(entry["principal"] and entry["principal"]["name"], entry["operation"], entry["status"])
                for entry in entries]  # fmt: skip
        assert told == [
            ("operator", "revokeToken", 204),
            (None, None, 401),
            ("eyes", "deleteIntent", 403),
            ("ci", "putIntent", 422),
            ("ci", "deleteIntent", 200),
            ("ci", "applyIntents", 200),
            ("operator", "createToken", 201),
            ("operator", "createToken", 201),
        ]
        applied = entries[5]
        assert applied["resources"] == ["Network/acme/a", "Network/acme/b"]
        assert applied["resourceVersion"] == version
        assert applied["principal"] == {"name": "ci", "role": "tenant", "tenant": "acme", "source": "token"}
        assert (applied["caller"]["address"], applied["caller"]["agent"]) == ("127.0.0.1", "pipeline/1")
        assert token.split("_", 2)[2][:20] not in answer.text and entries[1]["path"] == "/[hidden]"
        made_by_ci = await served.get("/api/v1/audit", principal="ci", refused="false")
        assert [entry["operation"] for entry in made_by_ci["items"]] == ["deleteIntent", "applyIntents"]
        page = await served.get("/api/v1/audit", limit="3")
        following = await served.get("/api/v1/audit", **{"limit": "3", "continue": page["continue"]})
        numbers = [entry["number"] for entry in page["items"] + following["items"]]
        assert numbers == [8, 7, 6, 5, 4, 3]


async def test_the_owner_of_what_is_applied_is_whoever_shows_the_token(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        token = await made(served, "ci", "operator")
        async with client(served, token) as http:
            answer = await http.post(INTENTS, json=network("a", subnets=["10.0.1.0/24"]))
        assert answer.json()["items"][0]["intent"]["metadata"]["owners"] == ["ci"]


async def test_no_route_passes_by_the_rules(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        routers = [getattr(route, "original_router", None) for route in served.app.routes]
        routes = [
            *(route for route in served.app.routes if not hasattr(route, "original_router")),
            *(route for router in routers if router is not None for route in router.routes),
        ]
        outside = {getattr(route, "path", None) for route in routes if not isinstance(route, StrictRoute)}
        assert outside == {"/docs", "/docs/assets", "/docs/oauth2-redirect", "/openapi.json", "/ui"}
