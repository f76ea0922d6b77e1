from __future__ import annotations

import asyncio

from controller.names import SwitchName
from controller.telemetry.bus import EventBus, Lost, Published, Subscription
from controller.telemetry.events import SwitchConnected


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
        assert numbers(slow) == [Lost(6), 6, 7, 8, 9]
    assert bus.lost == 6 and bus.subscribers == 0


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
        assert numbers(late) == [Lost(2), 3, 4, 5, 6]


def test_an_id_of_another_life_or_from_the_future_gets_what_is_kept_and_the_truth() -> None:
    bus = EventBus(history=4)
    bus.publish(event(0))
    life = _id_of(bus, 0).rpartition(".")[0]
    for stranger in ("0badcafe.0", f"{life}.7", f"{life}.-1", f"{life}.{'9' * 5000}", "", ".", "é.1"):
        with bus.subscribe(after=stranger) as subscription:
            assert numbers(subscription) == [Lost(None), 0], stranger


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
    async with asyncio.timeout(2):
        assert len(await reader) == 1
