from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.bus import EventBus, Lost, Published, Subscription
from p4fabric.controller.telemetry.events import EventClass, IntentDeleted, SwitchConnected, class_of
from tests.unit.northbound.every_event import EVERY_EVENT, NET

SWITCHES = EventClass.SWITCHES


def event(number: int) -> SwitchConnected:
    return SwitchConnected(SwitchName(f"s{number}"))


def numbers(subscription: Subscription) -> list[int | Lost]:
    return [
        item if isinstance(item, Lost) else int(item.event.switch[1:])  # type: ignore[union-attr]
        for item in subscription.take()
    ]


def test_a_subscriber_sees_all_events_from_then_on_in_order() -> None:
    bus = EventBus(history=8)
    bus.publish(event(0))
    with bus.subscribe() as subscription:
        assert numbers(subscription) == []
        for number in (1, 2, 3):
            bus.publish(event(number))
        assert numbers(subscription) == [1, 2, 3]
        assert numbers(subscription) == []


def test_a_slow_subscriber_loses_the_oldest_and_is_told_how_many() -> None:
    bus = EventBus(history=4)
    with bus.subscribe() as slow, bus.subscribe() as quick:
        for number in range(10):
            bus.publish(event(number))
            assert numbers(quick) == [number]
        assert numbers(slow) == [Lost(SWITCHES, 6), 6, 7, 8, 9]
    assert sum(bus.lost.values()) == bus.lost[SWITCHES] == 6 and bus.subscribers == 0


def test_one_that_comes_back_goes_on_where_it_was() -> None:
    bus = EventBus(history=4)
    with bus.subscribe() as subscription:
        for number in range(3):
            bus.publish(event(number))
        items = [item for item in subscription.take() if isinstance(item, Published)]
    with bus.subscribe(after=items[0].id) as again:
        assert numbers(again) == [1, 2]
    for number in range(3, 7):
        bus.publish(event(number))
    with bus.subscribe(after=items[0].id) as late:
        assert numbers(late) == [Lost(SWITCHES, 2), 3, 4, 5, 6]


def test_an_id_of_another_life_or_from_the_future_gets_what_is_kept_and_the_truth() -> None:
    bus = EventBus(history=4)
    bus.publish(event(0))
    life, *seen = _id_of(bus, 0).split(".")
    others = [".".join((life, first, *seen[1:])) for first in ("7", "-1", "9" * 5000, "é")]
    for stranger in (".".join(("0badcafe", *seen)), f"{life}.0", *others, "", ".", "é.1"):
        with bus.subscribe(after=stranger) as subscription:
            assert numbers(subscription) == [Lost(None, None), 0], stranger


def _id_of(bus: EventBus, place: int) -> str:
    with bus.subscribe(after="") as subscription:
        return [item for item in subscription.take() if isinstance(item, Published)][place].id


async def test_closing_ends_subscribers_after_what_they_have_not_read() -> None:
    bus = EventBus()

    async def read_all() -> list[Published | Lost]:
        with bus.subscribe() as subscription:
            return [item async for item in subscription]

    reader = asyncio.create_task(read_all())
    await asyncio.sleep(0)
    bus.publish(event(0))
    bus.close()
    async with asyncio.timeout(60):
        assert len(await reader) == 1


def test_a_burst_of_one_class_pushes_out_no_event_of_another() -> None:
    bus = EventBus(history=16)
    with bus.subscribe() as slow:
        bus.publish(event(1))
        for _ in range(6000):
            bus.publish(IntentDeleted(NET))
        bus.publish(event(2))
        items = slow.take()
    assert items[0] == Lost(EventClass.INTENTS, 6000 - 16)
    switches = [item.event for item in items if isinstance(item, Published)]
    assert switches == [event(1), *[IntentDeleted(NET)] * 16, event(2)]


@given(st.lists(st.sampled_from(EVERY_EVENT) | st.integers(1, 5) | st.just("come back")))
def test_a_reader_gets_every_event_in_order_or_is_told_how_many_of_its_class_are_lost(
    steps: list[object],
) -> None:
    bus = EventBus(history=3)
    published: list[object] = []
    seen: list[Published | Lost] = []
    subscription = bus.subscribe()
    for step in [*steps, None]:
        if step == "come back":
            ids = [item.id for item in seen if isinstance(item, Published)]
            if ids and isinstance(seen[-1], Published):
                subscription = bus.subscribe(after=ids[-1])
        elif step is None or isinstance(step, int):
            seen += subscription.take(step)
        else:
            published.append(step)
            bus.publish(step)  # type: ignore[arg-type]
    events = [item.event for item in seen if isinstance(item, Published)]
    rest = iter(published)
    assert all(any(one is other for other in rest) for one in events)
    for of_class in EventClass:
        told = sum(
            item.count or 0 for item in seen if isinstance(item, Lost) and item.event_class is of_class
        )
        got = sum(class_of(type(one)) is of_class for one in events)
        assert told + got == sum(class_of(type(one)) is of_class for one in published)  # type: ignore[arg-type]
