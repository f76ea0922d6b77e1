"""Which changes of a status are told, and when."""

from __future__ import annotations

import asyncio

from controller.fabric.announcements import StatusAnnouncements
from controller.fabric.status import IntentState, IntentStatus
from controller.names import IntentKey, TenantName

KEY = IntentKey("Network", TenantName("acme"), "clients")
ACCEPTED, INSTALLING, ACTIVE, DEGRADED = (
    IntentState.ACCEPTED,
    IntentState.INSTALLING,
    IntentState.ACTIVE,
    IntentState.DEGRADED,
)


async def told(*changes: tuple[IntentState, int], settling: float = 3600.0) -> list[tuple[str, int]]:
    """What is told of statuses that follow each other at once."""
    found: list[tuple[str, int]] = []
    announcements = StatusAnnouncements(
        lambda key, status: found.append((status.state.value, status.generation)), settling=settling
    )
    for state, generation in changes:
        announcements.changed(KEY, IntentStatus(state, generation))
    if settling == 0.0:
        await asyncio.sleep(0.01)
    announcements.close()
    return found


async def test_a_new_generation_is_followed_step_by_step() -> None:
    steps = [(ACCEPTED, 1), (INSTALLING, 1), (ACTIVE, 1), (ACCEPTED, 2), (INSTALLING, 2), (ACTIVE, 2)]
    assert await told(*steps) == [(state.value, generation) for state, generation in steps]


async def test_entries_that_come_and_go_in_moments_are_no_news() -> None:
    assert await told((ACTIVE, 1), *[(INSTALLING, 1), (ACTIVE, 1)] * 20) == [("active", 1)]


async def test_what_does_not_settle_is_told() -> None:
    assert await told((ACTIVE, 1), (INSTALLING, 1), settling=0.0) == [("active", 1), ("installing", 1)]


async def test_trouble_is_told_at_once() -> None:
    assert await told((ACTIVE, 1), (INSTALLING, 1), (DEGRADED, 1), (ACTIVE, 1)) == [
        ("active", 1),
        ("degraded", 1),
        ("active", 1),
    ]
