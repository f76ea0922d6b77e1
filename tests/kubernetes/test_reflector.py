"""The copy that a reflector keeps is what a real API server has, whatever happens between the two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from p4fabric.controller.kubernetes.cluster import BadKubeconfig, Cluster
from p4fabric.controller.kubernetes.objects import ObjectName
from p4fabric.controller.kubernetes.reflector import Reflector
from tests.kubernetes.api_server import ADMIN, BINARY, ApiServer, api_server

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason=f"needs {BINARY}: make kubernetes")

NAMESPACE = "reflected"
MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("kubernetes")) as server:
        server.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        yield server


@asynccontextmanager
async def following(http: httpx.AsyncClient, told: list[ObjectName]) -> AsyncIterator[Reflector]:
    reflector = Reflector(http, MAPS, told.append, page=3)
    running = asyncio.create_task(reflector.run())
    try:
        async with asyncio.timeout(60):
            await reflector.synced()
        yield reflector
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait((running,))


async def until(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not wanted():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_it_is_what_the_server_has_over_pages_changes_and_a_restart(server: ApiServer) -> None:
    def names(reflector: Reflector) -> set[str]:
        return {one.name for one in reflector}

    async def write(name: str, value: str) -> None:
        body = {"metadata": {"name": name}, "data": {"a": value}}
        if await asyncio.to_thread(server.get, f"{MAPS}/{name}") is None:
            await asyncio.to_thread(server.create, MAPS, body)
        else:
            await asyncio.to_thread(server.patch, f"{MAPS}/{name}", body)

    def value(reflector: Reflector, name: str) -> object:
        found = reflector.get(ObjectName(NAMESPACE, name))
        return None if found is None else found.body["data"]["a"]

    for number in range(7):
        await write(f"m{number}", "first")
    told: list[ObjectName] = []
    cluster = await asyncio.to_thread(Cluster.load, server.kubeconfig(ADMIN))
    async with cluster.client() as http, following(http, told) as reflector:
        begun = {f"m{number}" for number in range(7)}
        assert begun <= names(reflector)
        assert {one.name for one in told} == names(reflector)
        # U+0085 and U+2028 are line separators to Python and none to JSON.
        await write("m1", "second\u0085\u2028line")
        await write("m7", "first")
        await asyncio.to_thread(server.delete, f"{MAPS}/m2")
        await until(
            lambda: value(reflector, "m1") == "second\u0085\u2028line" and "m2" not in names(reflector)
        )
        await until(lambda: "m7" in names(reflector))

        # While the server is away the copy stays; what changed meanwhile is told once it is back.
        await asyncio.to_thread(server.stop)
        told.clear()
        await asyncio.sleep(0)
        assert begun - {"m2"} <= names(reflector)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.delete, f"{MAPS}/m3")
        await write("m4", "third")
        await until(lambda: "m3" not in names(reflector) and value(reflector, "m4") == "third")
        assert {one.name for one in told} >= {"m3", "m4"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "must be a mapping"),
        ("current-context: x", "contexts: there is no 'x'"),
        ("contexts: []", "no current-context"),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://h'}}]\nusers: [{name: u, user: {exec: {}}}]",
            "exec is not supported",
        ),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority-data: '?'}}]\n"
            "users: [{name: u, user: {token: t}}]",
            "certificate-authority-data: is no base64",
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_says_why(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(BadKubeconfig, match=said):
        Cluster.load(path)
