"""Watching intents over real HTTP: nothing is missed, nothing comes twice, and nobody waits for the slow."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fabric.api.conftest import PATIENCE, Served, configured, controller, network, switch_process
from tests.fabric.api.test_resources import named, problem
from tests.fabric.api.watching import INTENTS, Picture, watching

MERGE = {"Content-Type": "application/merge-patch+json"}


async def put(served: Served, name: str, **more: Any) -> None:
    document = {**named(name), **more}
    document["spec"] = more.get("spec", {})
    answer = await served.http.put(f"{INTENTS}/Network/{document['tenant']}/{name}", json=document)
    assert answer.status_code in (200, 201), answer.text


async def patch(served: Served, name: str, **body: Any) -> None:
    answer = await served.http.patch(f"{INTENTS}/Network/acme/{name}", json=body, headers=MERGE)
    assert answer.status_code == 200, answer.text


async def delete(served: Served, name: str) -> None:
    assert (await served.http.delete(f"{INTENTS}/Network/acme/{name}")).status_code == 200


async def test_who_begins_is_told_what_there_is_and_then_what_becomes_of_it(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        for name in ("a", "b"):
            await put(served, name)
        async with watching(served) as stream:
            present = [await stream.next() for _ in range(3)]
            assert [(event.name, event.id is not None) for event in present] == [
                ("added", False), ("added", False), ("bookmark", True),
            ]  # fmt: skip
            assert [event.intent for event in present[:2]] == ["a", "b"]
            listed = await served.get(INTENTS)
            assert [event.data["intent"] for event in present[:2]] == listed["items"]
            await put(served, "c", labels={"app": "web"})
            added = await stream.next()
            assert (added.name, added.intent) == ("added", "c") and added.id is not None
            await patch(served, "c", labels={"app": None})
            modified = await stream.next()
            assert (modified.name, modified.data["intent"]["labels"]) == ("modified", {})
            await delete(served, "c")
            deleted = await stream.next()
            assert (deleted.name, deleted.data["intent"]) == ("deleted", modified.data["intent"])


async def test_how_far_an_intent_is_is_told_as_well(tmp_path: Path, switch_address: str) -> None:
    async with controller(configured(tmp_path, switch_address)) as served:
        version = (await served.get(INTENTS))["resourceVersion"]
        async with watching(served, version) as stream:
            applied = await served.http.post(INTENTS, json=network())
            states: list[str] = []
            while not states or states[-1] != "active":
                event = await stream.next()
                states.append(event.state)
                assert (
                    event.data["intent"]["metadata"]["resourceVersion"]
                    == (applied.json()["items"][0]["intent"]["metadata"]["resourceVersion"])
                )
            assert states[0] in ("accepted", "installing", "degraded")
            await delete(served, "clients")
            *before, gone = [*await stream.until("deleted"), None]
            assert gone is None and [event.state for event in before][-1] == "deleting"
            assert (await served.get(INTENTS))["items"] == []


@pytest.mark.parametrize("is_followed", [True, False])
async def test_a_switch_that_goes_is_told_of_each_of_its_intents(tmp_path: Path, is_followed: bool) -> None:
    """Their statuses are worked out when they are asked for, so nothing of them is touched."""
    with ExitStack() as switch:
        address = switch.enter_context(switch_process())
        async with controller(configured(tmp_path, address)) as served, AsyncExitStack() as follower:
            await served.http.post(INTENTS, json=network())
            await served.until_all("active")
            version = (await served.get(INTENTS))["resourceVersion"]
            if is_followed:
                stream = await follower.enter_async_context(watching(served, version))
            switch.close()
            if not is_followed:
                await served.until(lambda: not served.fabric.switches[0].connected)
                stream = await follower.enter_async_context(watching(served, version))
            event = await stream.next()
            assert (event.name, event.state) == ("modified", "degraded")
            assert event.data["intent"]["status"]["reasons"][0]["switch"] == "leaf1"


@pytest.mark.parametrize("seed", range(3))
async def test_a_picture_is_what_there_is_whenever_the_connection_breaks(tmp_path: Path, seed: int) -> None:
    """A client lists once, follows, loses its connection at any place, and goes on where it was."""
    rng = random.Random(seed)
    done = asyncio.Event()
    async with controller(configured(tmp_path), bookmarks=0.05) as served:
        selectors: dict[str, dict[str, str]] = {
            "all": {},
            "labels": {"labelSelector": "app=web"},
            "tenant": {"tenant": "t1"},
            "state": {"state": "active"},
        }
        pictures = {name: Picture() for name in selectors}

        async def change() -> None:
            for _ in range(60):
                number = rng.randrange(8)
                path = f"{INTENTS}/Network/t{number % 3}/n{number}"
                labels = {"app": rng.choice(["web", "db"])}
                match rng.randrange(4):
                    case 0:
                        await served.http.delete(path)
                    case 1:
                        documents = [
                            named(f"m{rng.randrange(9)}", tenant=f"t{rng.randrange(3)}", labels=labels)
                            for _ in range(5)
                        ]
                        for document in documents:
                            document["spec"] = {}
                        names = {(d["tenant"], d["name"]): d for d in documents}
                        await served.http.post(INTENTS, json=list(names.values()))
                    case _:
                        await served.http.put(path, json={"spec": {}, "labels": labels})
                if rng.random() < 0.3:
                    await asyncio.sleep(rng.random() * 0.02)
            done.set()

        async def keep(name: str) -> None:
            picture, query = pictures[name], selectors[name]
            picture.list(await served.get(INTENTS, **query))
            seen = 0
            while True:
                how = {"last_id": picture.version} if seen % 2 else {"version": picture.version}
                async with watching(served, **how, **query) as stream:
                    left = rng.randrange(1, 12)
                    while left or done.is_set():
                        picture.take(await stream.next())
                        seen, left = seen + 1, max(0, left - 1)
                        if done.is_set():
                            listed = await served.get(INTENTS, **query)
                            if int(picture.version) >= int(listed["resourceVersion"]):
                                return

        async with asyncio.TaskGroup() as tasks:
            for name in selectors:
                tasks.create_task(keep(name))
            await asyncio.sleep(0.05)
            tasks.create_task(change())
        for name, query in selectors.items():
            listed = await served.get(INTENTS, **query)
            expected = Picture()
            expected.list(listed)
            assert pictures[name].intents == expected.intents, name


async def test_what_there_is_comes_page_by_page_while_it_changes_and_is_told_once(tmp_path: Path) -> None:
    """The first page fills what lies between the two, so the rest waits until the client reads on."""
    text = {"example.org/long": "x" * 60_000}
    async with controller(configured(tmp_path)) as served:
        for begin in range(0, 300, 50):
            documents = [
                {**named(f"n{number:03}"), "spec": {}, "annotations": text}
                for number in range(begin, begin + 50)
            ]
            assert (await served.http.post(INTENTS, json=documents)).status_code == 200
        async with watching(served) as stream:
            events = [await stream.next()]
            await patch(served, "n000", labels={"app": "told"})
            await delete(served, "n001")
            await patch(served, "n290", labels={"app": "untold"})
            await delete(served, "n291")
            await put(served, "n299a")
            events += await stream.until("bookmark")
            assert all(event.id is None for event in events)
            told = [(event.name, event.intent) for event in events]
            present = [f"n{number:03}" for number in range(300) if number != 291] + ["n299a"]
            assert [name for what, name in told if what == "added"] == present
            assert [one for one in told if one[0] != "added"] == [("modified", "n000"), ("deleted", "n001")]
            (late,) = (event for event in events if event.intent == "n290")
            assert late.data["intent"]["labels"] == {"app": "untold"}
            # From there on, each change once.
            await patch(served, "n290", labels={"app": "later"})
            event = await stream.next()
            assert (event.name, event.intent) == ("modified", "n290") and event.id is not None


async def test_filters_are_the_servers_and_what_passes_no_more_is_deleted(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        version = (await served.get(INTENTS))["resourceVersion"]
        async with (
            watching(served, version, labelSelector="app=web") as web,
            watching(served, version, tenant="acme", kind="network", name="b") as one,
            watching(served, version, tenant="other") as other,
        ):
            await put(served, "a", labels={"app": "web"})
            await put(served, "b", labels={"app": "db"})
            await put(served, "x", tenant="other")
            assert ((await web.next()).name, (await one.next()).intent) == ("added", "b")
            assert {(event := await other.next()).intent, event.name} == {"x", "added"}
            await patch(served, "b", labels={"app": "web"})
            await patch(served, "a", labels={"app": "db"})
            told = [(event.name, event.intent) for event in [await web.next(), await web.next()]]
            assert told == [("added", "b"), ("deleted", "a")]
            await put(served, "y", tenant="other")
            assert (await other.next()).intent == "y"


async def test_numbers_that_are_not_kept_are_expired(tmp_path: Path) -> None:
    config = configured(tmp_path)
    async with controller(config) as served:
        former = (await served.get(INTENTS))["resourceVersion"]
        served.fabric.intents.log._most_changes = 5
        for number in range(7):
            await put(served, f"n{number}")
        listed = await served.get(INTENTS)
        for old in (former, str(int(listed["resourceVersion"]) + 1), "0"):
            for how in ({"params": {"resourceVersion": old}}, {"headers": {"Last-Event-ID": old}}):
                params = {"watch": "true", **how.get("params", {})}
                answer = await served.http.get(INTENTS, params=params, headers=how.get("headers"))
                problem(answer, 410, "expired")
        for wrong in ("", "x", "-1", "9" * 30):
            answer = await served.http.get(INTENTS, params={"watch": "true", "resourceVersion": wrong})
            problem(answer, 422, "invalid")
        async with watching(served, str(int(listed["resourceVersion"]) - 1)) as stream:
            assert (await stream.next()).id == listed["resourceVersion"]
        for query in ({"watch": "true", "limit": "5"}, {"resourceVersion": former}):
            problem(await served.http.get(INTENTS, params=query), 422, "invalid")
    async with controller(config) as served:
        answer = await served.http.get(
            INTENTS, params={"watch": "true", "resourceVersion": listed["resourceVersion"]}
        )
        problem(answer, 410, "expired")


async def test_silence_and_what_is_filtered_are_filled_with_bookmarks(tmp_path: Path) -> None:
    async with controller(configured(tmp_path), bookmarks=0.05) as served:
        version = (await served.get(INTENTS))["resourceVersion"]
        async with watching(served, version, tenant="nobody") as stream:
            first = await stream.next()
            assert (first.name, first.id) == ("bookmark", version)
            await put(served, "a")
            told = await served.get(INTENTS)
            while (await stream.next()).id != told["resourceVersion"]:
                pass
    async with controller(configured(tmp_path)) as served:
        version = (await served.get(INTENTS))["resourceVersion"]
        async with watching(served, version, tenant="nobody") as stream:
            for number in range(3):
                documents = [{**named(f"n{n}"), "spec": {}, "labels": {"n": str(number)}} for n in range(400)]
                await served.http.post(INTENTS, json=documents)
            bookmark = await stream.next()
            assert bookmark.name == "bookmark" and int(bookmark.id or 0) >= int(version) + 1000


async def test_who_does_not_read_holds_nobody_up_and_is_told_that_it_was_too_slow(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        log = served.fabric.intents.log
        log._most_changes = 64
        version = (await served.get(INTENTS))["resourceVersion"]
        url, token = httpx.URL(served.url), served.token_file.read_text().strip()
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, (url.host, url.port))
        request = f"GET {INTENTS}?watch=true&resourceVersion={version} HTTP/1.1\r\nHost: x\r\n"
        await loop.sock_sendall(slow, f"{request}Authorization: Bearer {token}\r\n\r\n".encode())
        assert (await loop.sock_recv(slow, 4096)).startswith(b"HTTP/1.1 200")
        text = {"example.org/long": "x" * 20_000}
        async with watching(served, version) as stream:
            seen = 0
            for number in range(300):
                await put(served, "a", annotations={**text, "example.org/n": str(number)})
                seen = int((await stream.next()).id or 0)
            assert seen >= int(version) + 300
        read = b""
        async with asyncio.timeout(60):
            while part := await loop.sock_recv(slow, 1 << 20):
                read += part
                if read.endswith(b"0\r\n\r\n"):
                    break
        slow.close()
        last = read[read.rindex(b"event: ") :]
        assert last.startswith(b"event: error") and b'"code":"slow"' in last
        # What it was told, it was told in order and without a gap.
        ids = [int(line[4:]) for line in read.split(b"\n") if line.startswith(b"id: ")]
        assert ids == list(range(int(version) + 1, int(version) + 1 + len(ids))) and len(ids) < 300


async def test_the_client_of_the_how_to_guide_keeps_a_picture(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/watch-intents.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code is not None
    async with controller(configured(tmp_path)) as served:
        guide: dict[str, Any] = {}
        exec(code[1].replace("http://127.0.0.1:8080", served.url), guide)
        await put(served, "a", labels={"app": "web"})
        pictures: list[set[str]] = []

        def show(picture: dict[tuple[str, str, str], Any]) -> None:
            pictures.append({name for _, _, name in picture})
            if len(pictures) == 4:
                raise EOFError

        def run() -> None:
            token = served.token_file.read_text().strip()
            with (
                httpx.Client(timeout=PATIENCE, headers={"Authorization": f"Bearer {token}"}) as http,
                suppress(EOFError),
            ):
                guide["follow"](http, show, labelSelector="app=web")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(run))
            await served.until(lambda: served.fabric.intents.log.is_followed)
            await put(served, "b", labels={"app": "web"})
            await served.until(lambda: len(pictures) >= 2)
            await delete(served, "a")
            await served.until(lambda: len(pictures) >= 3)
            await patch(served, "b", labels={"app": "db"})
        assert pictures[0] == {"a"} and pictures[-1] == set(), pictures


async def test_a_client_of_http_1_0_gets_events_without_chunks(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        version = (await served.get(INTENTS))["resourceVersion"]
        url, token = httpx.URL(served.url), served.token_file.read_text().strip()
        reader, writer = await asyncio.open_connection(url.host, url.port)
        request = f"GET {INTENTS}?watch=true&resourceVersion={version} HTTP/1.0\r\n"
        writer.write(f"{request}Authorization: Bearer {token}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readline() == b"retry: 1000\n" and await reader.readline() == b"\n"
        await served.until(lambda: served.fabric.intents.log.is_followed)
        await put(served, "a")
        assert await reader.readline() == f"id: {int(version) + 1}\n".encode()
        assert await reader.readline() == b"event: added\n"
        writer.close()


async def test_a_controller_that_stops_ends_its_watches(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served, watching(served) as stream:
        assert (await stream.next()).name == "bookmark"
        served.stop.set()
        with pytest.raises(EOFError):
            await stream.next()


async def test_nothing_is_left_of_who_went_away(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        await served.get(INTENTS)
        before = len(asyncio.all_tasks())
        async with watching(served) as stream:
            await stream.next()
            assert served.fabric.intents.log.is_followed
        await served.until(lambda: len(asyncio.all_tasks()) <= before)
        assert not served.fabric.intents.log.is_followed
