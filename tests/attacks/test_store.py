"""A store that is lost, empty or another fabric's empties no switch; the right one always reconciles."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from p4fabric.controller.p4runtime import Pipeline
from p4fabric.controller.store import StoreUnusable
from tests.fabric.api.conftest import Served, configured, controller, network, switch_process
from tests.fabric.api.test_cli import P4FABRIC
from tests.fabric.api.test_switches import EVERYTHING, apply, until_in_sync
from tests.fabric.api.wiretap import Wiretap

THERE = network("there", subnets=["10.0.9.0/24"], attachments=[{"switch": "leaf2", "port": 1}])


@pytest.fixture
def switch_address() -> Iterator[str]:
    with switch_process() as address:
        yield address


@pytest.fixture
async def wire(switch_address: str) -> AsyncIterator[Wiretap]:
    async with Wiretap(switch_address) as wire:
        yield wire


async def fill(folder: Path, wire: Wiretap, *others: str, documents: list[Any] = EVERYTHING) -> None:
    """A controller gives switches all that some intents need, and is stopped."""
    async with controller(configured(folder, wire.address, *others)) as served:
        await apply(served, documents)
        await served.until_all("active")
        await until_in_sync(served)
    wire.updates.clear()
    wire.pushes = 0


async def switches(served: Served) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await served.get("/api/v1/switches"))["items"]
    return found


async def until_held(served: Served) -> dict[str, Any]:
    async def held() -> list[dict[str, Any]]:
        return [switch for switch in await switches(served) if switch["held"] is not None]

    found: list[dict[str, Any]] = await served.until(held)
    return found[0]


async def test_an_empty_store_file_is_refused_before_any_switch_is_touched(
    tmp_path: Path, wire: Wiretap
) -> None:
    await fill(tmp_path, wire)
    (tmp_path / "p4fabric.db").write_bytes(b"")
    with pytest.raises(StoreUnusable, match=r"is empty, as if it had lost what it held.*--new-store"):
        async with controller(configured(tmp_path, wire.address)):
            pass
    assert (wire.pushes, wire.updates) == (0, [])


def test_the_command_says_what_is_wrong_with_an_empty_store_and_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "fabric.yaml").write_text("switches: []\napi: {listen: '127.0.0.1:0'}\n")
    (tmp_path / "p4fabric.db").touch()
    command = [*P4FABRIC, "controller", "-c", "fabric.yaml", "--log-level", "warning"]
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1 and "p4fabric.db is empty" in refused.stderr
    assert "--new-store" in refused.stderr and "Traceback" not in refused.stderr
    with subprocess.Popen([*command, "--new-store"], cwd=tmp_path, stdout=subprocess.PIPE) as begun:
        assert begun.stdout is not None and b"p4fabric controller at" in begun.stdout.readline()
        begun.terminate()
        assert begun.wait(timeout=20) == 0
    assert not list(tmp_path.glob("p4fabric.db-*")), "a controller that was stopped leaves one file"


@pytest.mark.parametrize("how", ["new store", "missing file", "older backup"])
async def test_a_store_that_knows_little_of_what_a_switch_holds_changes_nothing_until_it_is_confirmed(
    tmp_path: Path, wire: Wiretap, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    store, older = tmp_path / "p4fabric.db", b""
    if how == "older backup":
        await fill(tmp_path, wire, documents=[network("clients", subnets=["10.0.1.0/24"])])
        older = store.read_bytes()
    await fill(tmp_path, wire)
    store.write_bytes(older)
    if how == "missing file":
        store.unlink()
    config = configured(tmp_path, wire.address)
    caplog.set_level(logging.ERROR)
    async with controller(config, new_store=how == "new store") as served:
        leaf = await until_held(served)
        assert "are not in this store; nothing is written to it" in leaf["held"]
        assert leaf["connected"] and not leaf["inSync"]
        page = (await served.http.get("/metrics")).text
        assert 'p4fabric_switch_held{switch="leaf1"} 1.0' in page
        # An intent that would need a write says why it has none.
        await apply(served, [network("more", attachments=[{"switch": "leaf1", "port": 7}])])
        await served.until(lambda: served.fabric.intents.all()[-1].status.state == "degraded")
        status = (await served.get("/api/v1/intents/Network/acme/more"))["status"]
        assert "are not in this store" in status["reasons"][0]["message"]
        assert (await served.http.delete("/api/v1/intents/Network/acme/more")).status_code == 200
    assert (wire.pushes, wire.updates) == (0, [])
    assert len([record for record in caplog.records if "not in this store" in record.message]) == 1
    async with controller(config, confirm_removal=True) as served:
        await until_in_sync(served)
        assert (await switches(served))[0]["held"] is None
    assert wire.updates


async def test_the_right_store_resolves_it_without_a_write(tmp_path: Path, wire: Wiretap) -> None:
    await fill(tmp_path, wire)
    right = (tmp_path / "p4fabric.db").read_bytes()
    (tmp_path / "p4fabric.db").unlink()
    async with controller(configured(tmp_path, wire.address)) as served:
        await until_held(served)
    (tmp_path / "p4fabric.db").write_bytes(right)
    async with controller(configured(tmp_path, wire.address)) as served:
        await served.until_all("active")
        await until_in_sync(served)
    assert (wire.pushes, wire.updates) == (0, [])


async def test_applying_the_intents_again_resolves_it(tmp_path: Path, wire: Wiretap) -> None:
    await fill(tmp_path, wire)
    (tmp_path / "p4fabric.db").unlink()
    async with controller(configured(tmp_path, wire.address)) as served:
        await until_held(served)
        await apply(served, EVERYTHING)
        await served.until_all("active")
        await until_in_sync(served)


async def test_a_switch_that_would_lose_little_is_held_with_one_that_would_lose_much(
    tmp_path: Path, wire: Wiretap
) -> None:
    with switch_process(2) as second:
        async with Wiretap(second) as other:
            await fill(tmp_path, wire, other.address, documents=[*EVERYTHING, THERE])
            other.updates.clear()
            (tmp_path / "p4fabric.db").unlink()
            await wire.stop()  # the one that would lose much is found last
            async with controller(configured(tmp_path, wire.address, other.address)) as served:
                await served.until(lambda: served.fabric.switches[1].connected)
                await wire.start()
                await served.until(lambda: all(switch.held for switch in served.fabric.switches))
            assert wire.updates == other.updates == []


async def test_what_is_deleted_by_the_api_goes_also_from_a_switch_that_was_away(
    tmp_path: Path, wire: Wiretap
) -> None:
    await fill(tmp_path, wire)
    await wire.stop()
    async with controller(configured(tmp_path, wire.address)) as served:
        wanted = served.fabric.switches[0].desired
        for document in EVERYTHING:
            path = f"/api/v1/intents/{document['kind']}/{document['tenant']}/{document['name']}"
            assert (await served.http.delete(path)).status_code == 200
        await wire.start()
        await until_in_sync(served)
        assert served.fabric.switches[0].installed < wanted - 20
    assert len(wire.updates) > 20


async def test_a_fabric_that_holds_nothing_starts_without_a_store_and_without_flags(
    tmp_path: Path, wire: Wiretap
) -> None:
    async with controller(configured(tmp_path, wire.address)) as served:
        await until_in_sync(served)
        assert (await switches(served))[0]["held"] is None


@pytest.mark.parametrize("lost", [True, False], ids=["the store is lost", "the store is right"])
async def test_a_new_pipeline_does_not_empty_a_switch_for_a_store_that_knows_nothing(
    tmp_path: Path, wire: Wiretap, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    await fill(tmp_path, wire)
    of = Pipeline.of

    def of_next_version(*arguments: Any, **named: Any) -> Pipeline:
        pipeline = of(*arguments, **named)
        pipeline.config.cookie.cookie ^= 1
        return pipeline

    monkeypatch.setattr(Pipeline, "of", of_next_version)
    if lost:
        (tmp_path / "p4fabric.db").unlink()
    async with controller(configured(tmp_path, wire.address)) as served:
        if not lost:
            await served.until_all("active")
            assert wire.pushes == 1
            return
        leaf = await until_held(served)
        assert "entries of another pipeline" in leaf["held"] and not leaf["connected"]
        await apply(served, [network("more", attachments=[{"switch": "leaf1", "port": 7}])])
        await served.until(lambda: served.fabric.intents.all()[0].status.state == "degraded")
        (reason,) = served.fabric.intents.all()[0].status.reasons
        assert "entries of another pipeline" in reason
    assert (wire.pushes, wire.updates) == (0, [])
    async with controller(configured(tmp_path, wire.address), confirm_removal=True) as served:
        await until_in_sync(served)
        assert wire.pushes == 1
