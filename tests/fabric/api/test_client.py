"""The client library, on a whole controller with a real switch."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from p4fabric.client import (
    Client,
    Code,
    Conflict,
    FirewallPolicy,
    Intent,
    IntentState,
    Invalid,
    Named,
    Network,
    NotFound,
    PreconditionFailed,
    Retries,
    Settings,
    SyncClient,
    Unauthenticated,
    WaitTimeout,
    document_of,
)
from tests.fabric.api.conftest import Served, configured, controller, network
from tests.switch.pipeline.harness import free_tcp_port

FIREWALL = {
    "kind": "FirewallPolicy",
    "tenant": "acme",
    "name": "no-telnet",
    "spec": {
        "rules": [
            {
                "name": "telnet",
                "action": "deny",
                "from": {"network": "net1"},
                "protocol": "tcp",
                "ports": [23],
            }
        ]
    },
}


def at(served: Served) -> Settings:
    return Settings(served.url, served.token_file.read_text().strip())


def numbered(number: int, port: int, switch: str = "leaf1") -> dict[str, object]:
    spec = {
        "subnets": [f"10.0.{number}.0/24"],
        "gateways": [f"10.0.{number}.1"],
        "attachments": [{"switch": switch, "port": port}],
    }
    return network(f"net{number}", **spec)


async def test_the_life_of_intents(tmp_path: Path, switch_address: str) -> None:
    async with controller(configured(tmp_path, switch_address)) as served, Client(at(served)) as client:
        model = Network.model_validate(numbered(1, 1))
        created = await client.create(document_of(model, labels={"app": "web"}))
        assert created.outcome == "created" and created.resource.labels == {"app": "web"}
        with pytest.raises(PreconditionFailed):
            await client.create(model)
        (active,) = await client.wait([created.resource])
        assert active.status.state is IntentState.ACTIVE
        found = await client.get(Network, "acme", "net1")
        assert found.intent == model and str(found.intent.spec.subnets[0]) == "10.0.1.0/24"

        preview = await client.preview_apply([numbered(2, 2)])
        assert preview.status["Network/acme/net2"].state == "active" and preview.switches["leaf1"].added

        # One by one in pages of two, and only those of a kind and a label.
        await client.apply([FIREWALL, *(numbered(number, number) for number in (2, 3))])
        assert [one.key.name async for one in client.list(Intent, page=2)] == [
            "no-telnet",
            "net1",
            "net2",
            "net3",
        ]
        assert [one.key.name async for one in client.list(Network, labels="app=web")] == ["net1"]

        # What was read is written again, on condition that nobody else has written.
        patched = await client.patch(found, {"labels": {"app": None, "tier": "one"}}, version=found.version)
        assert patched.resource.labels == {"tier": "one"}
        with pytest.raises(PreconditionFailed):
            await client.replace(found)
        again = await client.replace(patched.resource)
        assert again.outcome == "unchanged" and again.resource.version == patched.resource.version

        # Each owner has its fields.
        with pytest.raises(Conflict) as refused:
            await client.apply([document_of(model, labels={"tier": "two"})], owner="other")
        assert refused.value.code is Code.OWNED_BY_OTHERS and refused.value.errors[0].field == "labels.tier"
        await client.apply([document_of(model, labels={"tier": "two"})], owner="other", force=True)
        owners = {one.name: one.fields for one in (await client.owners(found)).owners}
        assert "/labels/tier" in owners["other"] and "/labels/tier" not in owners["operator"]

        with pytest.raises(Conflict) as refused:
            await client.delete(found)
        assert refused.value.code is Code.IN_USE
        both: list[Named] = [("FirewallPolicy", "acme", "no-telnet"), found]
        preview = await client.preview_delete(both, entries=0)
        assert preview.status["Network/acme/net1"].state == "gone"
        gone = await client.delete_all(both)
        assert gone["leaf1"].removed == preview.switches["leaf1"].counts.removed > 0
        await client.wait(both, "deleted")
        with pytest.raises(NotFound):
            await client.get(FirewallPolicy, "acme", "no-telnet")


async def test_what_is_waited_for_is_said(tmp_path: Path, switch_address: str) -> None:
    async with controller(configured(tmp_path, switch_address)) as served, Client(at(served)) as client:
        told: list[Sequence[str]] = []
        (written,) = await client.apply([numbered(1, 1, "leaf9")])
        with pytest.raises(WaitTimeout) as late:
            await client.wait([written.resource], timeout=1.0, told=told.append)
        (waiting,) = late.value.waiting_for
        assert waiting.startswith("Network/acme/net1 is degraded: ") and "leaf9" in waiting
        assert told[-1] == [waiting]


async def test_refusals_name_fields_and_tokens_are_needed(tmp_path: Path, switch_address: str) -> None:
    async with controller(configured(tmp_path, switch_address)) as served, Client(at(served)) as client:
        with pytest.raises(Invalid) as refused:
            await client.apply([numbered(1, 1), numbered(2, -1)])
        assert refused.value.errors[0].field == "[1].spec.attachments[0].port"
        assert [one async for one in client.list(Intent)] == []
        async with Client(Settings(served.url, "x" * 40)) as stranger:
            with pytest.raises(Unauthenticated):
                await stranger.status()


async def test_what_changes_is_told_over_a_restart_of_the_controller(
    tmp_path: Path, switch_address: str
) -> None:
    """The second controller listens where the first one did; meanwhile an intent goes and another comes."""
    config = configured(tmp_path, switch_address, api={"listen": f"127.0.0.1:{free_tcp_port()}"})
    told: list[str] = []
    seen = asyncio.Event()

    async def follow(settings: Settings) -> None:
        async with Client(settings, retries=Retries(first=0.05, longest=0.1)) as client:
            async for change in client.watch(Network, tenant="acme"):
                told.append(f"{change.type} {change.resource.key.name} {change.resource.status.state}")
                seen.set()

    async def until(line: str) -> None:
        async with asyncio.timeout(60):
            while line not in told:
                seen.clear()
                await seen.wait()

    async with asyncio.TaskGroup() as tasks:
        async with controller(config) as served, Client(at(served)) as client:
            await client.apply([numbered(1, 1), numbered(2, 2)])
            follower = tasks.create_task(follow(at(served)))
            await until("modified net1 active")
            await until("modified net2 active")
        del told[:]
        async with controller(config) as served, Client(at(served)) as client:
            await client.delete(("Network", "acme", "net1"))
            await client.apply([numbered(3, 3)])
            await until("modified net3 active")
            await client.wait([("Network", "acme", "net1")], "deleted")
            await until("deleted net1 deleting")
            follower.cancel()
    assert [line for line in told if "net2" in line and "added" in line] == []


def look_around(settings: Settings) -> None:
    with SyncClient(settings) as client:
        (written,) = client.apply([numbered(1, 1)])
        client.wait([written.resource])
        assert [one.name for one in client.switches()] == [client.switch("leaf1").name] == ["leaf1"]
        ports = {port.port: port for port in client.ports("leaf1")}
        assert ports[1].networks == ["acme/net1"]
        for nothing in (client.links(), client.hosts(tenant="acme"), client.congestion()):
            assert [*nothing] == []
        assert client.paths("leaf1", "leaf1").links == 0
        assert client.status().severity == "ok" and client.drops().read_at.keys() == {"leaf1"}
        assert client.counters(written.resource).name == "net1"
        answer = client.explain(
            "leaf1:1", "10.0.1.1", source_address="10.0.1.7", source_mac="02:00:00:00:00:07"
        )
        assert not answer.passes and answer.forward.sender.port == 1
        past = list(client.events(types=["IntentStatusChanged"], intent=written.resource, follow=False))
        assert next(event.state for event in past if event.type == "IntentStatusChanged") == "accepted"
        (first,) = islice(client.events(since="1h", types=["SwitchConnected"]), 1)
        assert first.type == "SwitchConnected" and first.time.tzinfo is not None
        with pytest.raises(NotFound):
            client.switch("leaf9")
    with pytest.raises(RuntimeError, match="with statement"):
        client.status()


async def test_the_fabric_is_read_without_asyncio(tmp_path: Path, switch_address: str) -> None:
    async with controller(configured(tmp_path, switch_address)) as served:
        await asyncio.to_thread(look_around, at(served))


def test_the_client_loads_nothing_of_a_controller_or_a_switch() -> None:
    heavy = ("fastapi", "starlette", "uvicorn", "networkx", "grpc", "finsy", "google.protobuf", "pyroute2")
    program = f"""
import sys, p4fabric.client
print([name for name in sys.modules if name in {heavy!r} or name.startswith("p4fabric.softswitch")])
assert set(p4fabric.client.KINDS) <= set(p4fabric.client.__all__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
