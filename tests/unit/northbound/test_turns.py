"""Long work on the event loop takes turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from p4fabric.controller.p4runtime.rounds import sleep_until_round
from p4fabric.controller.turns import turn

WORKERS = 5


async def _wait_for_a_round() -> None:
    await sleep_until_round(0.0)


@pytest.mark.parametrize("wait", [turn, _wait_for_a_round])
async def test_one_of_those_who_have_much_to_do_goes_on_in_each_round_of_the_loop(
    wait: Callable[[], Awaitable[None]],
) -> None:
    rounds = 0
    done: list[tuple[int, int]] = []

    async def count_rounds() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    async def work(number: int) -> None:
        for _ in range(4):
            await wait()
            done.append((rounds, number))

    counting = asyncio.ensure_future(count_rounds())
    await asyncio.gather(*(work(number) for number in range(WORKERS)))
    counting.cancel()
    assert len({moment for moment, _ in done}) == len(done) == 4 * WORKERS
    assert [number for _, number in done] == 4 * list(range(WORKERS))


async def test_who_gives_up_waiting_keeps_nobody_from_going_on() -> None:
    waiting = [asyncio.ensure_future(turn()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    async with asyncio.timeout(60):
        await asyncio.gather(*waiting, return_exceptions=True)
        await turn()
    assert [each.cancelled() for each in waiting] == [False, True, False]


async def test_in_the_background_nobody_goes_on_before_all_others_had_some_time() -> None:
    now = asyncio.get_running_loop().time
    moments = []

    async def work() -> None:
        for _ in range(3):
            await turn(background=True)
            moments.append(now())

    await asyncio.gather(work(), work())
    rests = [later - earlier for earlier, later in pairwise(moments)]
    assert len(rests) == 5
    assert min(rests) > 0.01
