"""When a change of the fabric's status becomes an event, on a clock that is held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from p4fabric.controller.fabric.status_service import LONGEST, SETTLING, StatusService
from p4fabric.controller.names import SwitchName
from p4fabric.controller.severity import Problem, Severity
from p4fabric.controller.status.fabric_status import FabricFacts, SwitchFacts
from p4fabric.controller.telemetry.events import FabricStatusChanged
from p4fabric.controller.topology.model import Cable
from p4fabric.controller.topology.paths import Paths
from p4fabric.controller.topology.redundancy import Redundancy
from p4fabric.controller.topology.service import LinksKnown
from tests.unit.southbound.test_switch_reconciler import without_waiting
from tests.unit.topology.fabrics import cable, leaf_spine

LEAF1 = SwitchName("leaf1")
CUT = cable("leaf1:1", "spine1:1")


class Fabric:
    """Two leaves and two spines, whose links fail as told, and leaf1's control channel."""

    def __init__(self) -> None:
        self.roles, cables = leaf_spine(2, 2)
        self.cables = frozenset(cables)
        self.leaf1 = SwitchFacts(LEAF1, True, 0.0, desired=10, installed=10)
        self.known = self.with_links(self.cables)
        self.events: list[FabricStatusChanged] = []
        self.service = StatusService(lambda: self.known, self.facts, self.events.append, beside=self.at_once)

    @staticmethod
    async def at_once(work: Callable[[], Redundancy]) -> Redundancy:
        return work()

    def with_links(self, cables: frozenset[Cable]) -> LinksKnown:
        return LinksKnown(Paths(self.roles, cables), self.cables, frozenset())

    def facts(self, links: Redundancy) -> FabricFacts:
        return FabricFacts([self.leaf1], links)

    def link(self, *, up: bool) -> None:
        self.known = self.with_links(self.cables if up else self.cables - {CUT})
        self.service.changed()

    def away(self, waiting: int) -> None:
        self.leaf1 = SwitchFacts(LEAF1, False, 0.0, desired=10 + waiting, installed=10)
        self.service.changed()


@asynccontextmanager
async def running(fabric: Fabric) -> AsyncIterator[None]:
    task = asyncio.ensure_future(fabric.service.run())
    await asyncio.sleep(LONGEST + 0.1)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@without_waiting
async def test_a_failure_that_stays_is_told_once_and_its_end_too() -> None:
    fabric = Fabric()
    async with running(fabric):
        assert fabric.events == []
        fabric.link(up=False)
        await asyncio.sleep(SETTLING - 0.1)
        assert fabric.events == []
        await asyncio.sleep(60)
        (event,) = fabric.events
        assert (event.before, event.severity) == (Severity.OK, Severity.AT_RISK)
        assert Problem.LINKS_MISSING in {finding.problem for finding in event.new} and event.over == ()
        fabric.link(up=True)
        await asyncio.sleep(60)
        (_, over) = fabric.events
        assert (over.severity, over.new, over.over) == (Severity.OK, (), event.new)


@without_waiting
async def test_what_comes_and_goes_within_a_moment_is_no_event() -> None:
    fabric = Fabric()
    async with running(fabric):
        fabric.link(up=False)
        await asyncio.sleep(SETTLING / 2)
        fabric.link(up=True)
        await asyncio.sleep(60)
        assert fabric.events == []


@without_waiting
async def test_a_link_that_flaps_for_a_minute_is_a_few_events() -> None:
    fabric = Fabric()
    async with running(fabric):
        for number in range(121):
            fabric.link(up=bool(number % 2))
            await asyncio.sleep(0.5)
        await asyncio.sleep(SETTLING + LONGEST)
        assert 1 <= len(fabric.events) <= 60 / LONGEST + 2
        assert fabric.events[-1].severity is Severity.AT_RISK, "as it is in the end"


@without_waiting
async def test_entries_that_wait_for_a_switch_that_is_away_are_no_news_each() -> None:
    fabric = Fabric()
    async with running(fabric):
        for waiting in range(1, 20):
            fabric.away(waiting)
            await asyncio.sleep(10)
        assert [event.severity for event in fabric.events] == [Severity.DEGRADED]


@without_waiting
async def test_links_are_looked_at_anew_only_after_they_changed() -> None:
    fabric = Fabric()
    first = await fabric.service.status()
    assert (await fabric.service.status()).pairs is first.pairs
    fabric.link(up=False)
    assert (await fabric.service.status()).links_found == 3
