"""Usage: what is counted of real packets, and how SMFs are told of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from scapy.layers.inet import UDP

from p4fabric import AsyncSoftSwitch
from p4fabric.controller.store import SqliteStore, StoreError
from p4fabric.controller.store.revisions import Transaction
from tests.fabric.n4.conftest import NETWORKS, OTHER_SERVER, PORTS, Bed, bed, controlled, upf
from tests.fabric.n4.smf import CAUSE, PATIENCE, Answer, Smf, ie, walk
from tests.fabric.n4.test_flows import created, flow, sdf, to_the_gnb
from tests.fabric.n4.test_n4 import ACCEPTED, FIRST, NOT_SUPPORTED, SYSTEM_FAILURE, UE, URR, attached, number
from tests.unit.n4.vectors import octets

WITHOUT = ["buffering", "guaranteedBitRates"]
FREE_UE = "10.60.0.1"
IN_MODIFICATION, IN_DELETION, IN_REPORT = 78, 79, 80
PERIO, VOLTH, IMMER, VOLQU, TERMR = 1 << 0, 1 << 1, 1 << 7, 1 << 8, 1 << 11
TRIGGERS = 37


@dataclass(frozen=True)
class Usage:
    """A usage report: octets and packets in all, uplink, downlink."""

    urr: int
    sequence: int
    trigger: int
    octets: tuple[int, ...]
    packets: tuple[int, ...] = ()


def usage(answer: Answer, kind: int) -> list[Usage]:
    found = []
    for one, value in walk(answer.datagram[16:]):
        if one != kind:
            continue
        told = dict(walk(value))
        volume = told[66]
        counts = [int.from_bytes(volume[at : at + 8], "big") for at in range(1, len(volume), 8)]
        assert volume[0] in (0x07, 0x3F) and len(volume) == 1 + 8 * volume[0].bit_count()
        assert told[75] <= told[76]
        urr, sequence = (int.from_bytes(told[part], "big") for part in (81, 104))
        trigger = int.from_bytes(told[63], "little")
        found.append(Usage(urr, sequence, trigger, tuple(counts[:3]), tuple(counts[3:])))
    return found


def packet(length: int) -> UDP:
    """With so many octets, and an IP header."""
    return UDP(sport=1000, dport=2000) / bytes(length - 28)


async def query(smf: Smf, seid: int, *urrs: int) -> list[Usage]:
    asked = [ie(77, ie(81, number(urr, 4))) for urr in urrs]
    answer = await created(smf, seid, *asked)
    assert answer.cause == ACCEPTED
    return usage(answer, IN_MODIFICATION)


async def report(smf: Smf, seid: int) -> list[Usage]:
    """The next one that comes, which is answered."""
    heard = await smf.requested(56)
    assert heard.ies[39] == b"\x02"
    smf.answer(heard, ie(CAUSE, b"\x01"), seid=seid)
    return usage(heard, IN_REPORT)


async def free5gc(it: Bed) -> int:
    """A session with two URRs of both PDRs, each with a threshold of 1,000 octets a direction."""
    await it.smf.associate()
    established = await it.smf.say("free5gc_establishment")
    assert established.cause == ACCEPTED
    seid = established.up_seid
    assert (await to_the_gnb(it.smf, seid, 2)).cause == ACCEPTED
    return seid


async def test_usage_is_exact_when_it_is_asked_for_and_at_the_end(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        seid = await free5gc(it)
        for length in (100, 28, 300):
            assert await it.goes_up(FIRST, 1, FREE_UE, inner=packet(length))
        assert await it.goes_down(FREE_UE, inner=packet(77))
        first, second = await query(it.smf, seid, 1, 2)
        assert first == Usage(1, 0, IMMER, (505, 428, 77), (4, 3, 1))
        assert (second.urr, second.octets) == (2, (505, 428, 77))
        # A gate that closes stops what is counted behind it, and not what is counted before.
        assert (await created(it.smf, seid, ie(14, ie(109, number(2, 4)), ie(25, b"\x05")))).cause == ACCEPTED
        assert not await it.goes_up(FIRST, 1, FREE_UE, inner=packet(100))
        open_again = ie(14, ie(109, number(2, 4)), ie(25, b"\x00"))
        assert (await created(it.smf, seid, open_again)).cause == ACCEPTED
        assert await it.goes_down(FREE_UE, inner=packet(50))
        ended = await it.smf.say("open5gs_deletion", seid)
        assert ended.cause == ACCEPTED
        one, other = usage(ended, IN_DELETION)
        assert (one.urr, one.sequence, one.trigger, one.octets) == (1, 1, TERMR, (50, 0, 50))
        assert (other.urr, other.octets) == (2, (50, 0, 50))


async def test_a_flow_that_ends_is_counted_to_its_last_packet(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        seid = await free5gc(it)
        urr = ie(6, ie(81, number(9, 4)), ie(62, b"\x02"), ie(37, number(0, 3)), ie(100, b"\x10"))
        ies = flow(20, FREE_UE, 1, 5, sdf("permit out ip from 10.0.4.11 to assigned"), urrs=(9,))
        assert (await created(it.smf, seid, urr, *ies)).cause == ACCEPTED
        for length in (100, 200):
            assert await it.goes_down(FREE_UE, source=OTHER_SERVER, inner=packet(length)) == (FIRST, 0x201, 5)
        assert await it.goes_up(FIRST, 1, FREE_UE, to=OTHER_SERVER, inner=packet(60))
        assert await it.goes_down(FREE_UE, inner=packet(500)) == (FIRST, 0x201, 1)
        # PDRs go first, and the URR stays: what they have counted is not forgotten.
        gone = [ie(15, ie(56, number(one, 2))) for one in (20, 21)]
        assert (await created(it.smf, seid, *gone)).cause == ACCEPTED
        assert await it.goes_down(FREE_UE, source=OTHER_SERVER, inner=packet(60)) == (FIRST, 0x201, 1)
        removed = await created(it.smf, seid, ie(17, ie(81, number(9, 4))))
        assert usage(removed, IN_MODIFICATION) == [Usage(9, 0, TERMR, (360, 60, 300), (3, 1, 2))]


async def test_a_flow_that_comes_again_is_not_charged_for_what_it_was(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        seid = await free5gc(it)
        urr = ie(6, ie(81, number(9, 4)), ie(62, b"\x02"), ie(37, number(0, 3)))
        ies = flow(20, FREE_UE, 1, 5, sdf("permit out ip from 10.0.4.11 to assigned"), urrs=(9,))
        assert (await created(it.smf, seid, urr, *ies)).cause == ACCEPTED
        for _ in range(2):
            assert await it.goes_down(FREE_UE, source=OTHER_SERVER, inner=packet(500)) == (FIRST, 0x201, 5)
        assert (await query(it.smf, seid, 9))[0].octets == (1000, 0, 1000)
        gone = [ie(15, ie(56, number(one, 2))) for one in (20, 21)]
        assert (await created(it.smf, seid, *gone)).cause == ACCEPTED
        assert (await created(it.smf, seid, *ies[:2])).cause == ACCEPTED
        assert await it.goes_down(FREE_UE, source=OTHER_SERVER, inner=packet(70)) == (FIRST, 0x201, 5)
        assert (await query(it.smf, seid, 9))[0].octets == (70, 0, 70)


async def test_a_quota_is_told_to_be_used_up_once_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        seid, _ = await attached(it)
        grant = ie(13, ie(81, number(1, 4)), ie(37, b"\x00\x01\x00"), ie(73, b"\x01", number(500, 8)))
        assert (await created(it.smf, seid, grant)).cause == ACCEPTED
        failed = asyncio.Event()

        async def full(store: object, transaction: object) -> int:
            if "upf-sessions/" in repr(transaction):
                failed.set()
            raise StoreError("store: disk is full")

        assert it.fabric.n4 is not None
        (served,) = it.fabric.n4._served.values()
        with monkeypatch.context() as patched:
            patched.setattr(SqliteStore, "commit", full)
            assert await it.goes_down(UE, inner=packet(600)) == (FIRST, 0x201, 1)
            async with asyncio.timeout(PATIENCE):
                await failed.wait()
            async with served.turn:  # Whoever failed has it until all is as it was.
                assert not any(one.is_exhausted for one in served.node.sessions[seid].usage.values())
            assert await it.goes_down(UE) == (FIRST, 0x201, 1)
        (found,) = await report(it.smf, seid)
        assert found.trigger == VOLQU and found.octets[0] in (600, 632), "the last packet may come too late"
        assert await it.goes_down(UE) is None


async def test_a_session_that_cannot_end_carries_packets_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        seid, _ = await attached(it)
        commit, tried = SqliteStore.commit, list[object]()

        async def full(store: SqliteStore, transaction: Transaction) -> int:
            if "upf-sessions/" in repr(transaction):
                tried.append(transaction)
                if len(tried) in (2, 3):  # It counts no more; it is to end, and to go on after all.
                    raise StoreError("store: disk is full")
            return await commit(store, transaction)

        monkeypatch.setattr(SqliteStore, "commit", full)
        assert (await it.smf.say("open5gs_deletion", seid)).cause == SYSTEM_FAILURE
        await it.until_in_sync()
        assert await it.goes_down(UE) == (FIRST, 0x201, 1)


async def test_a_threshold_that_is_reached_is_reported_and_counted_anew(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        seid = await free5gc(it)
        for _ in range(3):
            assert await it.goes_up(FIRST, 1, FREE_UE, inner=packet(400))
        found = await report(it.smf, seid)
        assert [(one.urr, one.sequence, one.octets) for one in found] == [
            (1, 0, (1200, 1200, 0)),
            (2, 0, (1200, 1200, 0)),
        ]
        assert all(one.trigger & VOLTH for one in found)
        assert await it.goes_up(FIRST, 1, FREE_UE, inner=packet(999))
        first, _ = await query(it.smf, seid, 1, 2)
        assert (first.sequence, first.octets) == (1, (999, 999, 0))


async def test_a_quota_that_is_used_up_stops_packets_until_there_is_a_new_one(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        seid, teid = await attached(it)
        quota = ie(73, b"\x01", number(500, 8))
        grant = ie(13, ie(81, number(1, 4)), ie(37, b"\x00\x01\x00"), quota)
        assert (await created(it.smf, seid, grant)).cause == ACCEPTED
        assert await it.goes_up(FIRST, teid, UE, inner=packet(700)), "the URR is of the downlink PDR only"
        assert await it.goes_down(UE, inner=packet(600)) == (FIRST, 0x201, 1)
        (found,) = await report(it.smf, seid)
        assert (found.trigger, found.octets) == (VOLQU, (600, 0, 600))
        assert await it.goes_down(UE) is None and await it.goes_up(FIRST, teid, UE)
        assert (await created(it.smf, seid, grant)).cause == ACCEPTED
        assert await it.goes_down(UE, inner=packet(100)) == (FIRST, 0x201, 1)
        (found,) = await query(it.smf, seid, 1)
        assert found.octets == (100, 0, 100)


async def test_a_period_that_ends_is_reported_in_the_order_of_numbers(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        seid, _ = await attached(it)
        period = ie(13, ie(81, number(1, 4)), ie(37, b"\x01\x00\x00"), ie(64, number(1, 4)))
        assert (await created(it.smf, seid, period)).cause == ACCEPTED
        assert await it.goes_down(UE, inner=packet(321)) == (FIRST, 0x201, 1)
        octets, numbers = 0, list[int]()
        while not octets:
            (found,) = await report(it.smf, seid)
            assert found.trigger & PERIO
            octets, numbers = octets + found.octets[0], [*numbers, found.sequence]
        assert octets == 321 and numbers == list(range(len(numbers)))


async def test_usage_goes_on_where_it_was_when_the_controller_is_restarted(tmp_path: Path) -> None:
    smf = await Smf.open()
    async with AsyncSoftSwitch(device_id=1, interfaces=dict.fromkeys(PORTS.values())) as switch:
        async with controlled(tmp_path, switch, smf) as it:
            await it.apply(*NETWORKS, upf(withoutEffect=WITHOUT))
            seid, _ = await attached(it)
            assert await it.goes_down(UE, inner=packet(100)) == (FIRST, 0x201, 1)
            (found,) = await query(smf, seid, 1)
            assert await it.goes_down(UE, inner=packet(200)) == (FIRST, 0x201, 1)
        async with controlled(tmp_path, switch, smf) as it:
            assert await it.goes_down(UE, inner=packet(300)) == (FIRST, 0x201, 1)
            (again,) = usage(await smf.say("open5gs_deletion", seid), IN_DELETION)
            assert (found.octets, again.octets) == ((100, 0, 100), (500, 0, 500))
            assert (found.sequence, again.sequence) == (0, 1)
    smf.close()


async def test_what_cannot_be_reported_is_refused_by_name(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        await it.smf.associate()
        request = octets("open5gs_establishment")
        # Reporting triggers of the URR: dropped downlink traffic as well.
        refused = await it.smf.ask(request.replace(b"\x00\x25\x00\x03\x02", b"\x00\x25\x00\x03\x42"))
        assert (refused.cause, refused.offending, refused.failed_rule) == (NOT_SUPPORTED, TRIGGERS, (URR, 1))
