"""SMFs in three dialects control a real switch: what is said, and what packets do."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from p4fabric import AsyncSoftSwitch
from p4fabric.controller.names import IntentKey, TenantName
from tests.fabric.n4.conftest import NETWORKS, PORTS, Bed, bed, controlled, upf
from tests.fabric.n4.smf import Answer, Smf, ie
from tests.unit.n4.test_tshark import complaints, dissected
from tests.unit.n4.vectors import octets

ACCEPTED, REJECTED, NOT_FOUND, NO_ASSOCIATION, FAILED, NOT_SUPPORTED, SYSTEM_FAILURE = (
    1, 64, 65, 72, 73, 76, 77,
)  # fmt: skip
CREATE_FAR, SDF_FILTER, APPLY_ACTION, UE_IP_ADDRESS, GBR = 3, 23, 44, 93, 27
PDR, FAR, QER, URR = 0, 1, 2, 3
UE = "10.45.0.2"
FIRST, SECOND = "10.0.3.10", "10.0.3.11"


def number(value: int, octets: int) -> bytes:
    return value.to_bytes(octets, "big")


def to_gnb(smf: Smf, seid: int, far: int, gnb: str, teid: int, *more: bytes) -> bytes:
    """How free5GC tells the gNB's end: the PDR with its whole PDI again, and the FAR."""
    network = ie(22, b"internet")
    pdi = ie(2, ie(20, b"\x01"), network, ie(93, b"\x06", IPv4Address("10.60.0.1").packed))
    created = ie(84, b"\x01\x00", number(teid, 4), IPv4Address(gnb).packed)
    forwarding = ie(11, ie(42, b"\x00"), network, created, ie(49, b"\x00"))
    return smf.message(
        52,
        ie(57, b"\x02", number(1, 8), IPv4Address("10.0.0.4").packed),
        ie(9, ie(56, number(2, 2)), ie(29, number(255, 4)), pdi, ie(108, number(far, 4))),
        ie(10, ie(108, number(far, 4)), ie(44, b"\x02"), forwarding),
        *more,
        seid=seid,
    )


async def attached(it: Bed) -> tuple[int, int]:
    """A UE is attached in the way of Open5GS: its SEID and its uplink TEID."""
    assert (await it.smf.associate()).cause == ACCEPTED
    established = await it.smf.say("open5gs_establishment")
    assert established.cause == ACCEPTED
    assert (await it.smf.say("open5gs_activate", established.up_seid)).cause == ACCEPTED
    return established.up_seid, established.f_teids[2][0]


async def test_open5gs_attaches_hands_over_and_releases_a_ue(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        smf = it.smf
        assert (await smf.associate()).cause == ACCEPTED
        established = await smf.say("open5gs_establishment")
        assert (established.cause, established.seid) == (ACCEPTED, 0xD3)
        # PDRs of one CHOOSE ID share a tunnel end; the one without it has its own.
        ends = established.f_teids
        assert ends.keys() == {2, 3, 4} and ends[2] == ends[4] != ends[3]
        teid, seid = ends[2][0], established.up_seid
        assert await it.goes_down(UE) is None and not await it.goes_up(FIRST, teid, UE)

        assert (await smf.say("open5gs_activate", seid)).cause == ACCEPTED
        assert await it.goes_down(UE) == (FIRST, 0x201, 1)
        assert await it.goes_up(FIRST, teid, UE)
        assert not await it.goes_up(FIRST, teid, "10.45.0.3"), "a UE sends as another"
        assert not await it.goes_up(SECOND, teid, UE), "another gNB sends for it"

        assert (await smf.say("open5gs_handover", seid)).cause == ACCEPTED
        assert await it.end_marker() == (FIRST, 0x201)
        assert await it.goes_down(UE) == (SECOND, 0x301, 1)
        assert await it.goes_up(SECOND, teid, UE) and not await it.goes_up(FIRST, teid, UE)

        assert (await smf.say("open5gs_idle", seid)).cause == ACCEPTED
        assert await it.goes_down(UE) is None and not await it.goes_up(SECOND, teid, UE)
        assert (await smf.say("open5gs_activate", seid)).cause == ACCEPTED
        assert await it.goes_down(UE) == (FIRST, 0x201, 1)

        assert (await smf.say("open5gs_deletion", seid)).cause == ACCEPTED
        assert await it.goes_down(UE) is None and not await it.goes_up(FIRST, teid, UE)
        gone = await smf.say("open5gs_deletion", seid)
        assert (gone.cause, gone.seid) == (NOT_FOUND, 0)


async def test_free5gc_gives_teids_itself_and_tells_the_gnb_later(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        smf, ue = it.smf, "10.60.0.1"
        await smf.associate()
        established = await smf.say("free5gc_establishment")
        assert established.cause == ACCEPTED and not established.f_teids
        seid = established.up_seid
        assert await it.goes_down(ue) is None
        for gnb, teid in ((FIRST, 0x201), (SECOND, 0x301)):
            assert (await smf.ask(to_gnb(smf, seid, 2, gnb, teid))).cause == ACCEPTED
            assert await it.goes_down(ue) == (gnb, teid, 1)
            assert await it.goes_up(gnb, 1, ue)
        assert (await smf.say("open5gs_deletion", seid)).cause == ACCEPTED
        assert await it.goes_down(ue) is None and not await it.goes_up(SECOND, 1, ue)


async def test_sd_core_sends_forwarding_parameters_where_updates_belong(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        smf, ue = it.smf, "10.250.0.1"
        await smf.associate()
        established = await smf.say("sdcore_establishment")
        assert established.cause == ACCEPTED
        seid = established.up_seid
        assert await it.goes_down(ue) is None
        assert (await smf.say("sdcore_activate", seid)).cause == ACCEPTED
        assert await it.goes_down(ue) == (FIRST, 0x201, 9)
        assert await it.goes_up(FIRST, 1, ue)
        assert (await smf.say("open5gs_deletion", seid)).cause == ACCEPTED
        assert await it.goes_down(ue) is None


async def test_the_same_request_gets_the_same_answer_and_is_carried_out_once(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        smf = it.smf
        await smf.associate()
        request = smf.numbered(octets("open5gs_establishment"))
        for _ in range(3):
            smf.send(request)
        answer = await smf.hear()
        smf.send(request)
        assert (await smf.hear()).datagram == answer.datagram
        # Had another one been made, the UE's address would be the other's.
        assert (await smf.say("open5gs_activate", answer.up_seid)).cause == ACCEPTED
        assert len({one for one in smf.said if Answer(one).kind == 51}) == 1


async def test_a_restarted_controller_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    smf = await Smf.open()
    async with AsyncSoftSwitch(device_id=1, interfaces=dict.fromkeys(PORTS.values())) as switch:
        async with controlled(tmp_path, switch, smf) as it:
            await it.apply(*NETWORKS, upf())
            seid, teid = await attached(it)
            before = await smf.ask(smf.message(1, ie(96, number(1, 4))))
        async with controlled(tmp_path, switch, smf) as it:
            assert (await smf.ask(smf.message(1, ie(96, number(1, 4))))).recovery == before.recovery
            assert await it.goes_down(UE) == (FIRST, 0x201, 1) and await it.goes_up(FIRST, teid, UE)
            # An SMF that was not answered asks again: it does not find the session in its own way.
            again = await smf.say("open5gs_establishment")
            assert again.cause == ACCEPTED and again.up_seid != seid
            assert (await smf.say("open5gs_activate", seid)).cause == NOT_FOUND
            seid, teid = again.up_seid, again.f_teids[2][0]
            assert (await smf.say("open5gs_handover", seid)).cause == ACCEPTED
            assert await it.goes_down(UE) == (SECOND, 0x301, 1) and await it.goes_up(SECOND, teid, UE)
        async with controlled(tmp_path, switch, smf) as it:
            assert await it.goes_down(UE) == (SECOND, 0x301, 1)
            assert (await smf.say("open5gs_deletion", seid)).cause == ACCEPTED
            assert await it.goes_down(UE) is None
        async with controlled(tmp_path, switch, smf):
            assert (await smf.say("open5gs_deletion", seid)).cause == NOT_FOUND
    smf.close()


async def test_an_association_that_is_released_or_set_up_again_has_no_sessions(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        smf, node = it.smf, ie(60, b"\x00", IPv4Address("10.0.0.4").packed)
        seid, _ = await attached(it)
        released = await smf.ask(smf.message(9, node))
        assert released.cause == ACCEPTED and await it.goes_down(UE) is None
        for request in (octets("open5gs_idle"), octets("open5gs_establishment")):
            assert (await smf.ask(request, seid)).cause == NO_ASSOCIATION
        assert (await smf.ask(smf.message(9, node))).cause == NO_ASSOCIATION
        assert (await smf.ask(smf.message(7, node))).cause == NO_ASSOCIATION

        seid, _ = await attached(it)
        assert await it.goes_down(UE) == (FIRST, 0x201, 1)
        assert (await smf.ask(smf.message(7, node))).cause == ACCEPTED
        again = await smf.associate()
        assert (again.cause, again.recovery) == (ACCEPTED, released_recovery(smf))
        assert await it.goes_down(UE) is None
        assert (await smf.say("open5gs_idle", seid)).cause == NOT_FOUND


def released_recovery(smf: Smf) -> int:
    """The time stamp of the first association."""
    return next(Answer(one).recovery for one in smf.said if Answer(one).kind == 6)


async def test_who_is_no_smf_of_ours_is_refused_and_has_no_sessions(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(smfs=["127.0.0.1", "127.0.0.2"])) as it:
        seid, _ = await attached(it)
        stranger, other = await Smf.open("127.0.0.9"), await Smf.open("127.0.0.2")
        stranger.port = other.port = it.smf.port
        assert (await stranger.associate()).cause == REJECTED
        assert (await stranger.say("open5gs_establishment")).cause == NO_ASSOCIATION
        assert (await stranger.say("open5gs_deletion", seid)).cause == NO_ASSOCIATION
        # Another SMF must not call itself as this one, and does not find its sessions.
        assert (await other.associate()).cause == REJECTED
        mine = smf_named(other, "10.0.0.44")
        assert (await other.ask(mine)).cause == ACCEPTED
        assert (await other.say("open5gs_deletion", seid)).cause == NOT_FOUND
        assert await it.goes_down(UE) == (FIRST, 0x201, 1)
        for one in (stranger, other):
            one.close()


def smf_named(smf: Smf, node_id: str) -> bytes:
    node = ie(60, b"\x00", IPv4Address(node_id).packed)
    return smf.message(5, node, ie(96, number(3_900_000_000, 4)), ie(89, b"\x00"))


async def test_what_cannot_be_done_is_refused_in_whole_and_by_name(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=[])) as it:
        smf = it.smf
        seid, teid = await attached(it)
        for name, offending, rule in (
            ("open5gs_idle", APPLY_ACTION, (FAR, 1)),
            ("open5gs_dedicated_flow", GBR, (QER, 2)),
        ):
            refused = await smf.say(name, seid)
            assert (refused.cause, refused.offending) == (NOT_SUPPORTED, offending)
            assert refused.failed_rule == rule and refused.seid == 0xD3
            assert await it.goes_down(UE) == (FIRST, 0x201, 1) and await it.goes_up(FIRST, teid, UE)


async def test_two_sessions_do_not_have_one_ue_address(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        await attached(it)
        other = bytearray(octets("open5gs_establishment"))
        other[other.index(number(0xD3, 8)) + 7] = 0xD4
        refused = await it.smf.ask(bytes(other))
        assert (refused.cause, refused.offending) == (FAILED, UE_IP_ADDRESS)
        assert (refused.failed_rule, refused.seid) == ((PDR, 1), 0xD4)
        assert await it.goes_down(UE) == (FIRST, 0x201, 1)


async def test_a_switch_that_does_not_follow_leaves_all_as_it_was(tmp_path: Path) -> None:
    smf = await Smf.open()
    ports = dict.fromkeys(PORTS.values())
    listen = f"unix:{tmp_path}/leaf.sock"
    async with AsyncSoftSwitch(device_id=1, interfaces=ports, listen=listen) as switch:  # noqa: SIM117
        async with controlled(tmp_path, switch, smf) as it:
            await it.apply(*NETWORKS, upf())
            seid, _ = await attached(it)
            await switch.__aexit__(None, None, None)
            async with asyncio.timeout(60):
                while it.fabric.switches[0].connected:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            refused = await smf.say("open5gs_handover", seid)
            assert (refused.cause, refused.seid) == (SYSTEM_FAILURE, 0xD3)
            # Requests that come at once are carried out together, and yet each has its own outcome: a session
            # whose gNB is not known yet needs no switch.
            other = octets("free5gc_establishment")
            for request in (octets("open5gs_idle"), other, octets("open5gs_handover")):
                smf.send(smf.numbered(request, None if request is other else seid))
            assert [(await smf.hear()).cause for _ in range(3)] == [SYSTEM_FAILURE, ACCEPTED, SYSTEM_FAILURE]
            async with AsyncSoftSwitch(device_id=1, interfaces=ports, listen=listen) as it.switch:
                await it.until_in_sync()
                assert await it.goes_down(UE) == (FIRST, 0x201, 1)
                assert (await smf.say("open5gs_handover", seid)).cause == ACCEPTED
                assert await it.goes_down(UE) == (SECOND, 0x301, 1)
    smf.close()


async def test_a_upf_that_is_deleted_or_moved_has_no_sessions(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        first = (await attached(it))[0], released_recovery(it.smf)
        await it.apply(upf(n3Address="10.0.3.3"))
        assert await it.goes_down(UE) is None
        assert (await it.smf.say("open5gs_idle", first[0])).cause == NO_ASSOCIATION
        assert (await it.smf.associate()).recovery > first[1]
        await attached(it)
        await it.fabric.intents.delete(IntentKey("Upf", TenantName("acme"), "edge"))
        assert it.fabric.n4 is not None
        await it.fabric.n4.settled()
        await it.until_in_sync()
        assert await it.goes_down(UE) is None
        assert (await it.smf.associate()).cause == REJECTED


@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
async def test_all_that_is_said_is_dissected_without_a_complaint(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        smf = it.smf
        seid, _ = await attached(it)
        for name in ("open5gs_handover", "open5gs_dedicated_flow", "open5gs_deletion", "open5gs_deletion"):
            await smf.say(name, seid)
        await smf.ask(smf.message(1, ie(96, number(1, 4))))
        await smf.ask(smf.message(3))
        await smf.ask(octets("open5gs_establishment")[:-4] + b"\x00\x9f\x00\x00")
        smf.send(b"\x40" + octets("open5gs_association_setup")[1:])
        await smf.hear()
        await smf.ask(smf.message(9, ie(60, b"\x00", IPv4Address("10.0.0.4").packed)))
    said: Sequence[str] = dissected(smf.said, tmp_path)
    assert len(said) == len(smf.said) > 10
    for one in said:
        assert "Packet Forwarding Control Protocol" in one and not complaints(one), one


async def test_two_smfs_at_once_have_sessions_of_their_own(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(smfs=["127.0.0.1", "127.0.0.2"])) as it:
        other = await Smf.open("127.0.0.2")
        other.port = it.smf.port
        assert (await it.smf.associate()).cause == ACCEPTED
        assert (await other.ask(smf_named(other, "10.0.0.44"))).cause == ACCEPTED
        one, two = await asyncio.gather(
            many(it.smf, "10.45.1.0", "10.0.0.4"), many(other, "10.45.2.0", "10.0.0.44")
        )
        teids = [teid for found in (one, two) for teid in found.values()]
        assert len(set(teids)) == len(teids) == 2 * SESSIONS
        for ue, teid in (*list(one.items())[::7], *list(two.items())[::7]):
            assert await it.goes_up(FIRST, teid, ue) and await it.goes_down(ue) == (FIRST, 0x201, 1)
        other.close()


SESSIONS = 30


async def many(smf: Smf, first: str, node_id: str) -> dict[str, int]:
    """Establish and connect sessions, all of them asked for before any answer is looked at.

    Returns:
        The uplink TEIDs by UE.
    """
    ues = [str(IPv4Address(first) + number) for number in range(1, SESSIONS + 1)]
    for number, ue in enumerate(ues):
        request = octets("open5gs_establishment").replace(IPv4Address(UE).packed, IPv4Address(ue).packed)
        request = request.replace((0xD3).to_bytes(8, "big"), (0x1000 + number).to_bytes(8, "big"))
        request = request.replace(
            ie(60, b"\x00", IPv4Address("10.0.0.4").packed), ie(60, b"\x00", IPv4Address(node_id).packed)
        )
        smf.send(smf.numbered(request))
    found: dict[str, int] = {}
    for _ in ues:
        answer = await smf.hear()
        assert answer.cause == ACCEPTED
        found[ues[answer.seid - 0x1000]] = answer.f_teids[2][0]
        smf.send(smf.numbered(octets("open5gs_activate"), answer.up_seid))
    for _ in ues:
        assert (await smf.hear()).cause == ACCEPTED
    return found
