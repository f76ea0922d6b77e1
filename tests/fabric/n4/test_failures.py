"""Switches that do not follow, SMFs that begin again, and controllers that ended at a bad moment."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from p4fabric import AsyncSoftSwitch
from p4fabric.controller.fabric.end_markers import EndMarkers
from p4fabric.controller.fabric.n4_changes import AT_ONCE, PATIENCE
from p4fabric.controller.fabric.n4_endpoint import Answer, Asked, N4Endpoint
from p4fabric.controller.n4.node import Node
from p4fabric.controller.n4.pfcp import Cause, MessageRefused, MessageType
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.names import IntentKey, PortRef, TenantName
from p4fabric.controller.telemetry.bus import Published
from p4fabric.controller.telemetry.events import SmfAssociated
from tests.fabric.n4.conftest import N3, NETWORKS, PORTS, bed, controlled, upf
from tests.fabric.n4.smf import PATIENCE as TEST_PATIENCE
from tests.fabric.n4.smf import Smf, ie
from tests.fabric.n4.test_n4 import (
    ACCEPTED,
    FIRST,
    NO_ASSOCIATION,
    NOT_FOUND,
    SECOND,
    SYSTEM_FAILURE,
    UE,
    attached,
    number,
    smf_named,
)
from tests.unit.n4.vectors import octets


class Line:
    """Between a controller and a switch; while it is cut, nothing gets through, and nobody is told."""

    def __init__(self, switch: str) -> None:
        self._switch = switch
        self._open = asyncio.Event()
        self._open.set()

    @asynccontextmanager
    async def at(self, path: Path) -> AsyncIterator[None]:
        async with await asyncio.start_unix_server(self._connected, path):
            yield

    @contextmanager
    def cut(self) -> Iterator[None]:
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._switch.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        await asyncio.wait(
            [asyncio.ensure_future(self._carry(*ends)) for ends in ((reader, back), (there, writer))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        back.close()
        writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(65_536):
            await self._open.wait()
            writer.write(octets)


async def test_a_switch_that_is_slow_is_waited_for_once_and_nothing_of_what_failed_stays(
    tmp_path: Path,
) -> None:
    smf = await Smf.open()
    async with AsyncSoftSwitch(device_id=1, interfaces=dict.fromkeys(PORTS.values())) as switch:
        line = Line(switch.address)
        async with (
            line.at(tmp_path / "line"),
            controlled(tmp_path, switch, smf, address=f"unix:{tmp_path}/line") as it,
        ):
            await it.apply(*NETWORKS, upf())
            seid, teid = await attached(it)
            with line.cut():
                assert (await smf.say("open5gs_handover", seid)).cause == SYSTEM_FAILURE
                began = time.monotonic()
                for _ in range(3):
                    assert (await smf.say("open5gs_handover", seid)).cause == SYSTEM_FAILURE
                assert time.monotonic() - began < PATIENCE
            await it.until_in_sync()
            assert await it.goes_down(UE) == (FIRST, 0x201, 1) and await it.goes_up(FIRST, teid, UE)
            assert (await smf.say("open5gs_handover", seid)).cause == ACCEPTED
            assert await it.goes_down(UE) == (SECOND, 0x301, 1)
    smf.close()


async def test_an_smf_that_begins_again_with_many_sessions_ends_them_by_and_by(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(smfs=["127.0.0.1", "127.0.0.2"])) as it:
        smf, count = it.smf, 2 * AT_ONCE + 50
        assert (await smf.associate()).cause == ACCEPTED
        idle = octets("open5gs_establishment")
        for first in range(0, count, 50):
            some = range(first, min(first + 50, count))
            for each in some:
                ue = IPv4Address("10.45.0.0") + 2 + each
                one = idle.replace(IPv4Address(UE).packed, ue.packed)
                smf.send(smf.numbered(one.replace(number(0xD3, 8), number(0x10000 + each, 8))))
            for _ in some:
                assert (await smf.hear()).cause == ACCEPTED
        assert it.fabric.n4 is not None
        store = it.fabric._changes._store
        before = (await store.list("upf-sessions/")).revision
        with it.fabric.bus.subscribe() as events:
            answer = await smf.associate()
            assert answer.cause == ACCEPTED
            (told,) = [one.event for one in events.take() if isinstance(one, Published)]
        assert isinstance(told, SmfAssociated) and told.sessions_ended == count
        sizes: list[int] = []
        async with asyncio.timeout(TEST_PATIENCE):
            async for response in store.watch("upf-sessions/", before):
                sizes.append(len(response.events))
                if sum(sizes) == count:
                    break
        assert max(sizes) <= AT_ONCE
        assert not [one for _, node in it.fabric.n4.nodes() for one in node.sessions]
        assert (await smf.say("open5gs_establishment")).cause == ACCEPTED


async def test_an_smf_that_begins_again_keeps_what_it_sets_up_before_that_is_noticed(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        smf, n4 = it.smf, it.fabric.n4
        await attached(it)
        assert n4 is not None and n4._peers is not None
        (served,) = n4._served.values()
        own = served.node.associations[IPv4Address("127.0.0.1")]
        async with served.turn:
            smf.send(smf.numbered(octets("open5gs_association_setup")))
            while not served.turn._waiters:  # noqa: ASYNC110
                await asyncio.sleep(0)
            assert (await smf.ask(smf.message(1, ie(96, number(own.recovery + 1, 4))))).kind == 2
            assert n4._peers._busy
        assert (await smf.hear()).cause == ACCEPTED
        seid = (await smf.say("open5gs_establishment")).up_seid
        async with asyncio.timeout(TEST_PATIENCE):
            while n4._peers._busy:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (await smf.say("open5gs_activate", seid)).cause == ACCEPTED


def changed(folder: Path, before: str, now: str) -> None:
    """The store has another Upf than its sessions were established at: the controller ended then."""
    with sqlite3.connect(folder / "p4fabric.db") as store:
        done = store.execute(
            "UPDATE records SET value = replace(value, ?, ?) WHERE key LIKE 'intents/Upf/%'", (before, now)
        )
        assert done.rowcount == 1
    store.close()


async def test_who_is_no_smf_any_more_after_a_restart_has_no_sessions(tmp_path: Path) -> None:
    smf = await Smf.open()
    async with AsyncSoftSwitch(device_id=1, interfaces=dict.fromkeys(PORTS.values())) as switch:
        async with controlled(tmp_path, switch, smf) as it:
            await it.apply(*NETWORKS, upf(smfs=["127.0.0.1", "127.0.0.3"]))
            seid, _ = await attached(it)
            other = await Smf.open("127.0.0.3")
            other.port = smf.port
            assert (await other.ask(smf_named(other, "10.0.0.44"))).cause == ACCEPTED
        changed(tmp_path, '"127.0.0.1"', '"127.0.0.2"')
        async with controlled(tmp_path, switch, smf) as it:
            assert it.fabric.n4 is not None
            await it.fabric.n4.settled()
            await it.until_in_sync()
            assert await it.goes_down(UE) is None
            assert (await smf.say("open5gs_idle", seid)).cause == NO_ASSOCIATION
            ((_, node),) = it.fabric.n4.nodes()
            assert not node.sessions and node.associations.keys() == {IPv4Address("127.0.0.3")}
            other.close()
    smf.close()


async def test_sessions_outside_of_the_pools_of_a_restarted_upf_end(tmp_path: Path) -> None:
    smf = await Smf.open()
    async with AsyncSoftSwitch(device_id=1, interfaces=dict.fromkeys(PORTS.values())) as switch:
        async with controlled(tmp_path, switch, smf) as it:
            await it.apply(*NETWORKS, upf())
            seid, _ = await attached(it)
        changed(tmp_path, '"10.45.0.0/16"', '"10.46.0.0/16"')
        async with controlled(tmp_path, switch, smf) as it:
            assert it.fabric.n4 is not None
            await it.fabric.n4.settled()
            await it.until_in_sync()
            assert await it.goes_down(UE) is None
            assert (await smf.say("open5gs_idle", seid)).cause == NO_ASSOCIATION
            assert (await smf.associate()).cause == ACCEPTED
            assert (await smf.say("open5gs_idle", seid)).cause == NOT_FOUND
    smf.close()


async def test_whoever_says_an_end_marker_is_not_held_up_by_a_switch_that_takes_none(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        await attached(it)
        taken, may = asyncio.Queue[bytes](), asyncio.Event()

        async def send(port: PortRef, frame: bytes) -> None:
            await may.wait()
            taken.put_nowait(frame)

        markers = EndMarkers(it.fabric._physical.hosts.directory, send)
        running = asyncio.create_task(markers.run())
        access = it.fabric._physical.attachments.network(IntentKey("Network", TenantName("acme"), "access"))
        assert access is not None
        for teid in range(1, 4):
            markers.say(access, IPv4Address(N3), IPv4Address(FIRST), teid)
        may.set()
        async with asyncio.timeout(TEST_PATIENCE):
            said = [await taken.get() for _ in range(3)]
        assert [int.from_bytes(one[46:50], "big") for one in said] == [1, 2, 3]
        running.cancel()


async def test_a_request_that_its_smf_has_given_up_is_not_carried_out() -> None:
    asked: list[int] = []
    may = asyncio.Event()
    node = object.__new__(Node)

    async def carry_out(
        node: Node, smf: IPv4Address, requests: Sequence[Asked]
    ) -> Sequence[Answer | MessageRefused]:
        asked.extend(one.header.sequence for one in requests)
        await may.wait()
        response = m.SessionDeletionResponse(cause=Cause.REQUEST_ACCEPTED)
        return [Answer(response, 1) for _ in requests]

    def answered(kind: MessageType, cause: Cause) -> None:
        pass

    given_up = 0.05
    endpoint = N4Endpoint(
        IPv4Address("127.0.0.1"), 1, lambda smf: node, carry_out, answered, lambda *_: None, given_up=given_up
    )
    await endpoint.open(0)
    running = asyncio.create_task(endpoint.run())
    smf = await Smf.open()
    smf.port = endpoint.port
    for _ in range(2):
        smf.send(smf.numbered(smf.message(54, seid=1)))
        await asyncio.sleep(given_up * 2)  # nothing is waited for: the second one grows old
    may.set()
    assert (await smf.hear()).sequence == asked[0]
    answer = await smf.ask(smf.message(54, seid=1))
    assert asked == [asked[0], answer.sequence] and len(smf.said) == 2
    smf.close()
    running.cancel()
