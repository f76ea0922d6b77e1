"""Which changes of a status are told, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from p4fabric.controller.fabric.announcements import StatusAnnouncements
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.status import IntentState, IntentStatus
from p4fabric.controller.telemetry.bus import EventBus, Published
from p4fabric.controller.telemetry.events import (
    CongestionOnset,
    Event,
    IntentsStatusChanged,
    IntentStatusChanged,
    LinkDown,
)
from p4fabric.controller.topology.model import Link
from p4fabric.pipelines.values import Port
from tests.unit.northbound.every_event import EPISODE

KEY = IntentKey("Network", TenantName("acme"), "clients")
ACCEPTED, INSTALLING, ACTIVE, DEGRADED = (
    IntentState.ACCEPTED,
    IntentState.INSTALLING,
    IntentState.ACTIVE,
    IntentState.DEGRADED,
)


async def turns() -> None:
    """Let the loop do what it was given; nothing here waits for a clock."""
    for _ in range(100):
        await asyncio.sleep(0)


async def told(*changes: tuple[IntentState, int], settling: float = 3600.0) -> list[tuple[str, int]]:
    """What is told of statuses that follow each other at once."""
    found: list[Event] = []
    announcements = StatusAnnouncements(found.append, settling=settling, gathering=0.0)
    for state, generation in changes:
        announcements.changed(KEY, IntentStatus(state, generation))
    await turns()
    announcements.close()
    assert all(isinstance(event, IntentStatusChanged) for event in found)
    return [(event.state, event.generation) for event in found if isinstance(event, IntentStatusChanged)]


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


AWAY = Reason(Code.SWITCH_DISCONNECTED, "leaf1 is not connected", switch="leaf1")
SESSIONS = [IntentKey("UpfSession", TenantName("acme"), f"ue-{number}") for number in range(6000)]


def _reason(text: str) -> Reason:
    return Reason(Code.SERVER_UNSEEN, text)


class Announced:
    """What is told, in moments that end when the test says so."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.announcements = StatusAnnouncements(self.events.append, gathering=0.0)

    def change(self, keys: Iterable[IntentKey], state: IntentState, *reasons: str) -> None:
        for key in keys:
            self.announcements.changed(key, IntentStatus(state, 1, tuple(map(_reason, reasons))))

    async def moment(self) -> list[Event]:
        await turns()
        told, self.events[:] = list(self.events), []
        return told


async def test_many_intents_that_one_cause_changes_are_told_of_by_one_event() -> None:
    announced = Announced()
    announced.change(SESSIONS, ACTIVE)
    await announced.moment()
    announced.change(SESSIONS, DEGRADED, AWAY)
    assert await announced.moment() == [
        IntentsStatusChanged(
            "degraded", 6000, {"UpfSession": 6000}, (AWAY,), (), tuple(SESSIONS[:5]), {"acme": 6000}
        )
    ]
    announced.change(SESSIONS, ACTIVE)
    (back,) = await announced.moment()
    assert isinstance(back, IntentsStatusChanged)
    assert (back.state, back.reasons, back.cleared) == ("active", (), (AWAY,))


async def test_the_cause_is_what_changed_not_what_was_there_before() -> None:
    announced = Announced()
    silent = "server 10.0.2.11 not seen yet"
    announced.change(SESSIONS[:20], ACTIVE)
    announced.change(SESSIONS[20:40], DEGRADED, silent)
    await announced.moment()
    announced.change(SESSIONS[:20], DEGRADED, AWAY)
    announced.change(SESSIONS[20:40], DEGRADED, silent, AWAY)
    (event,) = await announced.moment()
    assert isinstance(event, IntentsStatusChanged) and (event.count, event.reasons) == (40, (AWAY,))


async def test_two_causes_are_two_events_and_a_few_others_are_told_of_one_by_one() -> None:
    announced = Announced()
    announced.change(SESSIONS, ACTIVE)
    await announced.moment()
    announced.change(SESSIONS[:3000], DEGRADED, AWAY)
    announced.change(SESSIONS[3000:5998], DEGRADED, "switch leaf2 is not connected")
    announced.change(SESSIONS[5998:], DEGRADED, "leaf3: the table is full")
    events = await announced.moment()
    counts = [event.count if isinstance(event, IntentsStatusChanged) else 1 for event in events]
    assert counts == [3000, 2998, 1, 1]


async def test_causes_of_which_each_intent_has_its_own_are_few_events_all_the_same() -> None:
    announced = Announced()
    announced.change(SESSIONS, ACTIVE)
    await announced.moment()
    for number, key in enumerate(SESSIONS):
        announced.change([key], DEGRADED, f"leaf1: entry {number} does not fit")
    (event,) = await announced.moment()
    assert isinstance(event, IntentsStatusChanged) and event.count == 6000
    assert event.reasons[-1] == "and 5997 more"


async def test_what_comes_and_goes_within_the_moment_of_a_burst_is_not_told() -> None:
    announced = Announced()
    announced.change(SESSIONS, ACTIVE)
    await announced.moment()
    announced.change(SESSIONS, DEGRADED, AWAY)
    announced.change(SESSIONS, ACTIVE)
    assert await announced.moment() == []


async def test_an_intent_that_goes_is_told_of_before_its_end_and_only_once() -> None:
    announced = Announced()
    announced.change([KEY], ACCEPTED)
    announced.announcements.forget(KEY)
    assert [event.state for event in announced.events if isinstance(event, IntentStatusChanged)] == [
        "accepted"
    ]
    announced.change([KEY], ACTIVE)
    told = await announced.moment()
    assert [event.state for event in told if isinstance(event, IntentStatusChanged)] == ["accepted", "active"]


async def test_a_reader_that_sleeps_while_6000_intents_flap_gets_all_links_and_congestion() -> None:
    bus = EventBus(history=64)
    announcements = StatusAnnouncements(bus.publish, gathering=0.0)
    link = Link(PortRef(SwitchName("leaf1"), Port(1)), PortRef(SwitchName("spine1"), Port(1)))
    others: list[Event] = []
    with bus.subscribe() as sleeper:
        for turn in range(20):
            for key in SESSIONS:
                reasons: tuple[Reason, ...] = (AWAY,) if turn % 2 else ()
                announcements.changed(key, IntentStatus(DEGRADED if turn % 2 else ACTIVE, 1, reasons))
            others += [LinkDown(link, "no probe came through"), CongestionOnset(EPISODE)]
            for event in others[-2:]:
                bus.publish(event)
            await turns()
        taken = sleeper.take()
    assert all(isinstance(item, Published) for item in taken)
    events = [item.event for item in taken if isinstance(item, Published)]
    assert [event for event in events if not isinstance(event, IntentsStatusChanged)] == others
    flaps = [event for event in events if isinstance(event, IntentsStatusChanged)]
    assert len(flaps) == 20 and all(event.count == 6000 for event in flaps)
