"""Incidents on disk: they are the same again, the oldest goes first, and a broken disk hurts nobody."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.telemetry.archive import ArchiveError, IncidentArchive, Query
from p4fabric.controller.telemetry.archive.record import from_json, to_json
from p4fabric.controller.telemetry.incidents import FlowNames, Incident
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import Role
from p4fabric.controller.telemetry.series import Film, FilmBin
from p4fabric.pipelines.values import Port
from tests.unit.telemetry.incident_world import MS, SECOND, START, World, packet, queue

ACME = TenantName("acme")
NAMES = FlowNames(ACME, "host h1", "service web", (IntentKey("Service", ACME, "web"),))


def incident(number: int = 1, at_second: int = 0, switch: str = "leaf1") -> Incident:
    """One with flows of all roles, of acme."""
    world = World(name=lambda flow, queue: NAMES)
    world.take(
        packet(10, Role.CULPRIT, 1, where=queue(switch), share=(60, 100), window=1),
        packet(11, Role.VICTIM, 2, where=queue(switch)),
        packet(12, Role.NONE, 3, where=queue(switch)),
    )
    (made,) = world.end()
    moved = tuple(
        replace(one, began=one.began + at_second * SECOND, ended=one.ended + at_second * SECOND)
        for one in made.queues
    )
    return replace(made, number=number, queues=moved)


def film(number: int = 1, length: int = 100) -> Film:
    where = Queue(PortRef(SwitchName("leaf1"), Port(2)), 0)
    return Film(
        where, tuple(FilmBin(START + ms * MS, number * ms % 97, ms, 1, 2, 3, False) for ms in range(length))
    )


@asynccontextmanager
async def archive(
    path: Path, *, most_bytes: int = 1 << 24, age: float = 1e6, now: int = START
) -> AsyncIterator[IncidentArchive]:
    async with IncidentArchive.opened(path, most_bytes=most_bytes, most_age=age, clock=lambda: now) as opened:
        yield opened


async def numbers(kept: IncidentArchive, query: Query | None = None, most: int = 100) -> list[int]:
    return [one.number for one in await kept.page(query or Query(), None, most)]


def test_an_incident_is_the_same_again() -> None:
    one = incident()
    assert from_json(to_json(one)) == one
    assert from_json(to_json(one)).root.culprits[0].names == NAMES


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"number":1,"active":false,"lost":{},"queues":[{}]}'])
def test_what_is_no_incident_says_so(text: str) -> None:
    with pytest.raises(ValueError):
        from_json(text)


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    async with archive(tmp_path / "incidents.db") as kept:
        kept.put(incident(7), (film(),))
    async with archive(tmp_path / "incidents.db") as kept:
        assert await kept.last_number() == 7
        assert await kept.get(7) == incident(7)
        assert await kept.films(7) == (film(),)
        assert await kept.get(8) is None and await kept.films(8) == ()
    assert (tmp_path / "incidents.db").stat().st_mode & 0o777 == 0o600


async def test_what_went_on_when_the_controller_stopped_is_over(tmp_path: Path) -> None:
    async with archive(tmp_path / "incidents.db") as kept:
        kept.put(replace(incident(7), active=True))
    async with archive(tmp_path / "incidents.db") as kept:
        assert [one.active for one in await kept.page(Query(), None, 9)] == [False]


async def test_pages_are_the_newest_first_and_of_what_is_asked_for(tmp_path: Path) -> None:
    async with archive(tmp_path / "incidents.db") as kept:
        for number, switch in enumerate(("leaf1", "leaf2", "leaf1", "leaf2"), 1):
            kept.put(incident(number, number * 10, switch))
        assert await numbers(kept) == [4, 3, 2, 1]
        (first, second) = await kept.page(Query(), None, 2)
        assert [one.number for one in await kept.page(Query(), (second.began, second.number), 9)] == [2, 1]
        assert await numbers(kept, Query(switch="leaf1")) == [3, 1]
        assert await numbers(kept, Query(tenant="acme", until=START + 25 * SECOND)) == [2, 1]
        assert await numbers(kept, Query(since=first.began)) == [4]
        assert await numbers(kept, Query(tenant="other")) == []


async def test_what_is_put_again_replaces_what_was_known(tmp_path: Path) -> None:
    async with archive(tmp_path / "incidents.db") as kept:
        kept.put(replace(incident(1), active=True))
        kept.put(incident(2), (film(),))
        await kept.flush()
        kept.put(incident(1))
        kept.remove(2)
        assert await numbers(kept) == [1]
        found = await kept.get(1)
        assert found is not None and not found.active


async def test_the_oldest_go_when_there_is_no_room(tmp_path: Path) -> None:
    async with archive(tmp_path / "incidents.db", most_bytes=60_000) as kept:
        for number in range(1, 200):
            kept.put(incident(number, number), (film(number, 500),))
            await kept.flush()
        left = await numbers(kept, most=1000)
        assert 5 < len(left) < 100 and left == list(range(199, 199 - len(left), -1))
    assert (tmp_path / "incidents.db").stat().st_size < 300_000


async def test_what_is_too_old_goes(tmp_path: Path) -> None:
    async with archive(tmp_path / "incidents.db", age=15.0, now=START + 30 * SECOND) as kept:
        for number in (1, 2, 3):
            kept.put(incident(number, number * 10))
        assert await numbers(kept) == [3, 2]


async def test_incidents_are_written_without_being_asked_for(tmp_path: Path) -> None:
    written = asyncio.Event()

    def clock() -> int:
        written.set()
        return START

    path = tmp_path / "incidents.db"
    async with IncidentArchive.opened(path, most_bytes=1 << 24, most_age=1e6, clock=clock) as kept:
        task = asyncio.create_task(kept.run())
        kept.put(incident(1))
        async with asyncio.timeout(60):
            await written.wait()
        task.cancel()
    async with archive(path) as again:
        assert await numbers(again) == [1]


async def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(ArchiveError, match="is no file of incidents"):
        async with archive(path):
            pass
    (tmp_path / "text").write_text("no database" * 1000)
    with pytest.raises(ArchiveError, match="cannot be kept or read"):
        async with archive(tmp_path / "text"):
            pass


async def test_a_disk_that_fails_is_counted_and_hurts_nobody(tmp_path: Path) -> None:
    async with archive(tmp_path / "incidents.db") as kept:
        kept.put(incident(1))
        await kept.flush()
        with sqlite3.connect(tmp_path / "incidents.db") as other:
            other.execute("DROP TABLE tenants")
        kept.put(incident(2))
        await kept.flush()
        assert kept.failures == 1
        assert await numbers(kept) == [1]
