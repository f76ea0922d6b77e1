"""Port status on real interfaces: subscribers hear of it in the moment in which it changes. Needs root."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from finsy.proto import gnmi as messages

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.gnmi.client import Gnmi, Subscriber
from tests.switch.server.client import Client, kinds_config
from tests.veth import make_pair, remove, set_up

STATUS = "/interfaces/interface[name=gtest{}]/state/oper-status"
ROUNDS = 20
MEDIAN, WORST = 0.010, 0.100
"""Seconds from the system call to the subscriber. The worst is that of a machine with more to do."""


@pytest.fixture
def cables() -> Iterator[None]:
    """gtest0 to gtest1, gtest2 to gtest3."""
    make_pair("gtest0", "gtest1")
    make_pair("gtest2", "gtest3")
    yield
    remove("gtest0")
    remove("gtest2")


@pytest.fixture
async def subscriber(cables: None) -> AsyncIterator[Subscriber]:
    """Follows the status of ports 1 and 2 of a switch, on gtest0 and gtest2."""
    async with AsyncSoftSwitch(interfaces={1: "gtest0", 2: "gtest2"}) as switch:
        async with Client(switch.address, 1) as primary:
            assert await primary.arbitrate() == 0
            await primary.push(kinds_config())
        async with Gnmi(switch.address) as gnmi:
            following = gnmi.subscribe(STATUS.format(0), STATUS.format(2), mode=0)
            for one in following.request.subscribe.subscription:
                one.mode = messages.ON_CHANGE
            await following.send()
            assert await following.until_sync() == {STATUS.format(0): "UP", STATUS.format(2): "UP"}
            yield following


@pytest.mark.parametrize("end", ["gtest2", "gtest3"])
async def test_a_status_arrives_within_milliseconds_whichever_end_of_the_cable_changes(
    subscriber: Subscriber, end: str
) -> None:
    took = []
    for status in ("DOWN", "UP") * ROUNDS:
        since = time.monotonic()
        set_up(end, status == "UP")
        assert await subscriber.next() == {STATUS.format(2): status}
        took.append(time.monotonic() - since)
    took.sort()
    assert took[len(took) // 2] < MEDIAN and took[-1] < WORST, took


async def test_an_interface_that_vanishes_is_down_and_one_that_is_made_again_is_up(
    subscriber: Subscriber,
) -> None:
    await asyncio.to_thread(remove, "gtest2")
    assert await subscriber.next() == {STATUS.format(2): "DOWN"}
    await asyncio.to_thread(make_pair, "gtest2", "gtest3")
    assert await subscriber.next() == {STATUS.format(2): "UP"}
