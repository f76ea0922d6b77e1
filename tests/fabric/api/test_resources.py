"""Intents as resources over real HTTP: versions, pages, labels, owners, patches, deletions."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.fabric.api.conftest import Served, configured, controller, network

PATH = "/api/v1/intents/Network/acme/clients"
INTENTS = "/api/v1/intents"
MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+json"}


def named(name: str, number: int = 0, tenant: str = "acme", **more: Any) -> dict[str, Any]:
    return {**network(name, subnets=[f"10.{number}.0.0/24"]), "tenant": tenant, **more}


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of an error answer."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert (found["status"], found["code"]) == (status, code), found
    assert found["type"] == f"https://p4fabric.github.io/p4fabric/reference/problems/#{code}"
    return found


async def names(served: Served, **query: str) -> list[str]:
    return [intent["name"] for intent in (await served.get(INTENTS, **query))["items"]]


async def test_each_write_has_a_version_and_a_stale_writer_is_refused(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        created = await served.http.put(PATH, json=network(), headers={"If-None-Match": "*"})
        assert created.status_code == 201
        version = created.json()["intent"]["metadata"]["resourceVersion"]
        assert created.headers["ETag"] == f'"{version}"' == (await served.http.get(PATH)).headers["ETag"]
        again = await served.http.put(PATH, json=network(), headers={"If-None-Match": "*"})
        assert "does" in problem(again, 412, "precondition-failed")["detail"]

        same = await served.http.put(PATH, json=network(), headers={"If-Match": f'"{version}"'})
        assert same.json()["outcome"] == "unchanged" and same.headers["ETag"] == f'"{version}"'
        body = {"spec": {"subnets": ["10.0.7.0/24"]}}
        changed = await served.http.put(PATH, json=body, headers={"If-Match": f'"1", "{version}"'})
        newer = changed.json()["intent"]["metadata"]["resourceVersion"]
        assert int(newer) > int(version) and changed.json()["intent"]["metadata"]["generation"] == 2

        for headers in ({"If-Match": f'"{version}"'}, {"If-Match": f'W/"{newer}"'}, {"If-Match": '"x"'}):
            for method, more in (("PUT", {}), ("PATCH", MERGE), ("DELETE", {})):
                stale = await served.http.request(method, PATH, content="{}", headers={**headers, **more})
                assert stale.status_code in (412, 422), (method, headers)
        stale = await served.http.delete(PATH, headers={"If-Match": f'"{version}"'})
        assert newer in problem(stale, 412, "precondition-failed")["detail"]
        absent = await served.http.put(f"{PATH}9", json={"spec": {}}, headers={"If-Match": "*"})
        problem(absent, 412, "precondition-failed")
        for wrong in ({"If-Match": "12"}, {"If-None-Match": '"12"'}, {"If-Match": "*", "If-None-Match": "*"}):
            problem(await served.http.put(PATH, json=network(), headers=wrong), 422, "invalid")
        assert (await served.http.delete(PATH, headers={"If-Match": f'"{newer}"'})).status_code == 200


async def test_of_two_writers_with_one_version_exactly_one_wins(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        version = (await served.http.put(PATH, json=network())).headers["ETag"]

        async def write(number: int) -> int:
            body = {"spec": {"subnets": [f"10.0.{number}.0/24"]}}
            return (await served.http.put(PATH, json=body, headers={"If-Match": version})).status_code

        assert sorted(await asyncio.gather(*map(write, range(8)))) == [200] + [412] * 7


async def test_what_was_read_can_be_written_and_is_refused_once_it_is_stale(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        document = {**network(), "labels": {"app": "web"}, "annotations": {"example.org/why": "a ß\n"}}
        await served.http.post(INTENTS, json=document)
        read = await served.get(PATH)
        assert read["labels"] == document["labels"] and read["annotations"] == document["annotations"]
        as_yaml = yaml.safe_dump(read)
        for content in (as_yaml, yaml.safe_dump_all([read]), yaml.safe_dump({"items": [read]})):
            headers = {"Content-Type": "application/yaml; charset=utf-8"}
            answer = await served.http.post(INTENTS, content=content, headers=headers)
            assert answer.json()["items"][0]["outcome"] == "unchanged", answer.text
        listed = await served.http.get(INTENTS)
        assert (await served.http.post(INTENTS, content=listed.content)).status_code == 200

        await served.http.patch(PATH, json={"labels": {"app": None}}, headers=MERGE)
        stale = problem(await served.http.post(INTENTS, json=[read]), 412, "precondition-failed")
        assert stale["errors"][0]["field"] == "metadata.resourceVersion"
        read["metadata"]["resourceVersion"] = 7
        wrong = problem(await served.http.post(INTENTS, json=[read]), 422, "invalid")
        assert wrong["errors"][0]["field"] == "metadata.resourceVersion"


async def test_labels_and_owners_change_the_version_but_not_the_generation_nor_any_switch(
    tmp_path: Path,
) -> None:
    async with controller(configured(tmp_path)) as served:
        before = (await served.http.put(PATH, json=network())).json()["intent"]
        labelled = await served.http.patch(PATH, json={"labels": {"app": "web"}}, headers=MERGE)
        after, was = labelled.json(), before["metadata"]
        assert after["outcome"] == "changed" and after["intent"]["labels"] == {"app": "web"}
        metadata = after["intent"]["metadata"]
        assert metadata["generation"] == 1 and metadata["created"] == was["created"]
        assert int(metadata["resourceVersion"]) > int(was["resourceVersion"])
        again = await served.http.patch(PATH, json={"labels": {"app": "web"}}, headers=MERGE)
        assert again.json()["outcome"] == "unchanged"


async def test_a_merge_patch_changes_what_it_names(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        await served.http.put(PATH, json={**network(), "labels": {"a": "1", "b": "2"}})
        patch = {"labels": {"a": None, "c": "3"}, "spec": {"gateways": None, "floodRate": 9}}
        answer = await served.http.patch(PATH, json=patch, headers=MERGE)
        intent = answer.json()["intent"]
        assert intent["labels"] == {"b": "2", "c": "3"} and answer.headers["ETag"]
        assert intent["spec"] == {
            "subnets": ["10.0.1.0/24"], "attachments": [{"switch": "leaf1", "port": 1}], "floodRate": 9,
        }  # fmt: skip
        wrong = await served.http.patch(PATH, json={"spec": {"subnets": 5}, "labels": 5}, headers=MERGE)
        fields = [error["field"] for error in problem(wrong, 422, "invalid")["errors"]]
        assert fields == ["spec.subnets", "labels"]
        renamed = await served.http.patch(PATH, json={"name": "other"}, headers=MERGE)
        assert problem(renamed, 422, "invalid")["errors"][0]["field"] == "name"
        problem(await served.http.patch(f"{PATH}9", json={}, headers=MERGE), 404, "not-found")
        problem(await served.http.patch(PATH, json={}), 415, "unsupported-media-type")
        assert (await served.get(PATH))["spec"] == intent["spec"]


async def test_owners_apply_a_part_each_and_take_others_by_force_only(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        whole = {**network(), "labels": {"app": "web"}}
        created = await served.http.patch(PATH, json=whole, headers=APPLY, params={"owner": "ci"})
        assert created.status_code == 201
        part = {"labels": {"team": "edge"}, "spec": {"floodRate": 9}}
        mine = {"owner": "me"}
        both = (await served.http.patch(PATH, json=part, headers=APPLY, params=mine)).json()["intent"]
        assert both["labels"] == {"app": "web", "team": "edge"} and both["spec"]["floodRate"] == 9
        assert both["spec"]["subnets"] == ["10.0.1.0/24"] and both["metadata"]["owners"] == ["ci", "me"]
        again = await served.http.patch(PATH, json=part, headers=APPLY, params=mine)
        assert again.json()["outcome"] == "unchanged" and again.json()["intent"] == both

        taken = {**part, "labels": {"app": "db"}}
        refused = await served.http.patch(PATH, json=taken, headers=APPLY, params=mine)
        (error,) = problem(refused, 409, "owned-by-others")["errors"]
        assert error == {
            "field": "labels.app", "value": "db", "code": "owned-by-others",
            "message": "is owned by ci; force=true takes it",
        }  # fmt: skip
        forced = await served.http.patch(PATH, json=taken, headers=APPLY, params={**mine, "force": "true"})
        assert forced.json()["intent"]["labels"] == {"app": "db"}
        owners = (await served.get(f"{PATH}/owners"))["owners"]
        assert owners == [
            {"name": "ci", "fields": ["/spec/attachments", "/spec/gateways", "/spec/subnets"]},
            {"name": "me", "fields": ["/labels/app", "/spec/floodRate"]},
        ]
        # The bulk form does the same; what I apply no more goes, and with it my share.
        only = {**network(), "spec": {}}
        left = await served.http.post(INTENTS, json=[only], params=mine)
        intent = left.json()["items"][0]["intent"]
        assert intent["spec"] == network()["spec"] and intent["metadata"]["owners"] == ["ci"]
        assert await names(served, owner="me") == [] and await names(served, owner="ci") == ["clients"]


async def test_versions_labels_and_owners_survive_a_restart(tmp_path: Path) -> None:
    config = configured(tmp_path)
    async with controller(config) as served:
        await served.http.put(PATH, json={**network(), "labels": {"app": "web"}}, params={"owner": "ci"})
        await served.http.patch(PATH, json={"spec": {"floodRate": 9}}, headers=MERGE, params={"owner": "me"})
        before, owners = await served.get(PATH), await served.get(f"{PATH}/owners")
    async with controller(config) as served:
        after = await served.get(PATH)
        assert after["metadata"] == before["metadata"] and after["labels"] == {"app": "web"}
        assert await served.get(f"{PATH}/owners") == owners
        version = before["metadata"]["resourceVersion"]
        changed = await served.http.put(PATH, json=network(), headers={"If-Match": f'"{version}"'})
        assert changed.status_code == 200 and changed.json()["intent"]["metadata"]["generation"] == 3


async def test_a_list_comes_in_pages_and_by_filters(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        documents = [
            named(f"n{number}", number, tenant=f"t{number % 2}", labels={"app": "abc"[number % 3]})
            for number in range(12)
        ]
        await served.http.post(INTENTS, json=documents)
        everything = await names(served)
        found: list[str] = []
        pages = 0
        query = {"limit": "5"}
        while True:
            page = await served.get(INTENTS, **query)
            found += [intent["name"] for intent in page["items"]]
            pages += 1
            if page["continue"] is None:
                break
            query = {"limit": "5", "continue": page["continue"]}
        assert found == everything and pages == 3 and len(set(found)) == 12

        assert await names(served, tenant="t1") == sorted(f"n{number}" for number in range(1, 12, 2))
        assert await names(served, labelSelector="app in (a,b),!old", tenant="t0", kind="network") == [
            "n0", "n10", "n4", "n6",
        ]  # fmt: skip
        assert await names(served, name="n7") == ["n7"] == await names(served, name="n7", tenant="t1")
        assert await names(served, kind="Service") == []
        assert await names(served, state="degraded") == [] != await names(served, state="active")

        token = (await served.get(INTENTS, limit="5"))["continue"]
        other = await served.http.get(INTENTS, params={"tenant": "t1", "continue": token})
        assert "other filters" in problem(other, 422, "invalid")["detail"]
        for wrong in ("x", "e30=", "WzEsMiwzXQ==", "é"):
            answer = await served.http.get(INTENTS, params={"continue": wrong})
            assert problem(answer, 422, "invalid")["errors"][0]["field"] == "continue"


async def test_all_pages_of_a_list_say_from_where_on_changes_are_news(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        applied = await served.http.post(INTENTS, json=[named("a", 1), named("b", 2)])
        first = await served.get(INTENTS, limit="1")
        assert int(applied.json()["resourceVersion"]) <= int(first["resourceVersion"])
        await served.http.put(f"{INTENTS}/Network/acme/c", json=named("c", 3))
        second = await served.get(INTENTS, limit="1", **{"continue": first["continue"]})
        assert second["resourceVersion"] == first["resourceVersion"]
        whole = await served.get(INTENTS)
        assert int(whole["resourceVersion"]) > int(first["resourceVersion"])


async def test_unknown_parameters_are_refused_with_those_that_are_known(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        for path, known in (
            (INTENTS, "kind, labelSelector, limit"),
            (PATH, "there are none here"),
            ("/api/v1/switches", "connected"),
            ("/api/v1/status", "none"),
            ("/metrics", "none"),
        ):
            refused = problem(await served.http.get(path, params={"limt": "1"}), 422, "invalid")
            (error,) = refused["errors"]
            assert (error["field"], error["code"]) == ("limt", "unknown-parameter")
            assert known in error["message"]
        twice = await served.http.get(INTENTS, params=[("limit", "1"), ("limit", "2")])
        assert problem(twice, 422, "invalid")["errors"][0]["code"] == "given-twice"
        for limit in ("0", "1001", "x"):
            problem(await served.http.get(INTENTS, params={"limit": limit}), 422, "invalid")


async def test_kinds_in_paths_may_be_written_in_any_case(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        await served.http.put("/api/v1/intents/NETWORK/acme/clients", json={"spec": {}})
        found = await served.get("/api/v1/intents/network/acme/clients")
        assert found["kind"] == "Network"
        unknown = await served.http.get("/api/v1/intents/Netwrk/acme/clients")
        assert problem(unknown, 404, "not-found")["errors"][0]["code"] == "unknown-kind"


async def test_a_deletion_says_what_goes_with_the_intent(tmp_path: Path, switch_address: str) -> None:
    async with controller(configured(tmp_path, switch_address)) as served:
        await served.http.put(PATH, json=network())
        await served.until_all("active")
        await served.until(lambda: served.fabric.switches[0].in_sync)
        before = served.fabric.switches[0].installed
        deleted = await served.http.delete(PATH)
        goes = deleted.json()["entries"]["leaf1"]
        assert goes["removed"] > 0
        assert deleted.json()["intent"]["status"]["state"] == "active"
        await served.until(lambda: not served.fabric.intents.all())
        await served.until(lambda: served.fabric.switches[0].in_sync)
        # Other switches may be at the port again, which is an entry.
        assert served.fabric.switches[0].installed == before - goes["removed"] + goes["changed"]


async def test_errors_of_all_kinds_are_problems(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, api={"maxRequestBytes": 4096})) as served:
        await served.http.post(INTENTS, json=network())
        call = served.http.request
        problem(await call("GET", "/nothing"), 404, "unknown-path")
        problem(await call("GET", f"{PATH}/"), 404, "unknown-path")
        answer = await call("POST", PATH)
        problem(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] == "GET, PUT, PATCH, DELETE"
        problem(await call("POST", INTENTS, content=b" " * 4097), 413, "body-too-large")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        problem(await call("POST", INTENTS, content=b"{}", headers=form), 415, "unsupported-media-type")
        problem(await call("POST", INTENTS, content=b"{"), 400, "unreadable-body")
        text = {"Content-Type": "text/yaml"}
        problem(await call("POST", INTENTS, content=b"a: b: c", headers=text), 400, "unreadable-body")
        problem(await call("PUT", PATH, content=b"[1]", headers=text), 400, "unreadable-body")
        problem(await call("PUT", PATH, json={"spec": {"x": 1}}), 422, "invalid")
        labels = {f"k{number}": "" for number in range(70)}
        wrong = {**network(), "labels": labels, "annotations": {"a/b/c": "x", "n": "ok", "m": "é"}}
        refused = problem(
            await call("PUT", PATH, content=yaml.safe_dump(wrong), headers=text), 422, "invalid"
        )
        fields = [(error["field"], error["code"]) for error in refused["errors"]]
        assert fields == [("labels", "invalid-value"), ("annotations.a/b/c", "invalid-value")]
        stranger = await call("GET", PATH, headers={"Authorization": "Bearer x"})
        problem(stranger, 401, "unauthenticated")
        overlapping = named("other")
        overlapping["spec"]["subnets"] = ["10.0.1.0/25"]
        problem(await call("POST", INTENTS, json=overlapping), 409, "conflict")


async def test_the_description_is_valid_and_its_methods_have_good_names(tmp_path: Path) -> None:
    from openapi_spec_validator import validate

    async with controller(configured(tmp_path)) as served:
        description = json.loads((await served.http.get("/openapi.json")).content)
        validate(description)
        operations = [o for path in description["paths"].values() for o in path.values()]
        by_name = {operation["operationId"]: operation for operation in operations}
        names_of = [operation["operationId"] for operation in operations]
        assert len(set(names_of)) == len(names_of)
        # Two models of one name would have those of their modules.
        assert [name for name in description["components"]["schemas"] if "__" in name] == []
        assert {"listIntents", "getIntent", "putIntent", "patchIntent", "deleteIntent", "applyIntents"} <= {
            *names_of
        }
        assert description["servers"] == [
            {"url": "/", "description": "the controller that serves this description"}
        ]
        for operation in operations:
            responses = operation["responses"]
            assert list(responses["default"]["content"]) == ["application/problem+json"]
            for status, response in responses.items():
                for link in response.get("links", {}).values():
                    target = by_name[link["operationId"]]
                    known = {parameter["name"] for parameter in target.get("parameters", ())}
                    assert link["parameters"].keys() <= known, (operation["operationId"], link)
                schemas = [content["schema"] for content in response.get("content", {}).values()]
                assert status == "204" or (all(schemas) and schemas), operation["operationId"]
        kinds = description["components"]["schemas"]["Intent"]["discriminator"]["mapping"]
        assert set(kinds) == {
            "CongestionResponse",
            "Endpoint",
            "FirewallPolicy",
            "Network",
            "Service",
            "TelemetryWatch",
            "Upf",
            "UpfSession",
        }
