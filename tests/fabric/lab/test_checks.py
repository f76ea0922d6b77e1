"""The lab's checks fail when what they check does not hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from finsy.proto import p4r, rpc_code

from p4fabric.pipelines.fabric.bindings import FirewallIpv4
from tests.fabric.api.conftest import configured, controller
from tests.fabric.api.test_switches import CLIENTS, POLICY, apply
from tests.fabric.lab.programs import module
from tests.unit.southbound.fake_switch import FakeSwitch

checks = module("checks_of_intents")


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    fake = FakeSwitch()
    await fake.start()
    yield fake
    await fake.stop()


def full(update: p4r.Update) -> tuple[int, str] | None:
    """Refuse entries of the firewall, and no others."""
    if update.entity.table_entry.table_id == FirewallIpv4.TABLE_ID:
        return rpc_code.RESOURCE_EXHAUSTED, "the table is full"
    return None


async def judged(folder: Path, switch: FakeSwitch) -> Any:
    """The check of a real controller's answers, once they are settled."""
    async with controller(configured(folder, switch.address)) as served:
        await apply(served, [CLIENTS, POLICY])
        found: dict[str, Any] = {}

        async def settled() -> bool:
            found.update(await served.get("/api/v1/switches"))
            return bool(checks.settled(found["items"]))

        await served.until(settled)
        return checks.accepted((await served.get("/api/v1/intents"))["items"], found["items"])


async def test_entries_that_a_switch_takes_pass(tmp_path: Path, switch: FakeSwitch) -> None:
    check = await judged(tmp_path, switch)
    assert check.passed and check.figures == {"kinds": {"Network": 1, "FirewallPolicy": 1}}


async def test_an_entry_that_a_switch_refuses_fails_the_check_and_is_named(
    tmp_path: Path, switch: FakeSwitch
) -> None:
    switch.refuse_update = full
    check = await judged(tmp_path, switch)
    assert not check.passed
    assert "leaf1: " in check.seen and "the table is full" in check.seen
