"""What a node asks SMFs: reports of sessions, heartbeats, associations."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.fabric.n4_reports import NotReported
from p4fabric.controller.fabric.n4_requests import MOST_ON_THE_WAY, NotAnswered, RequestsToSmfs
from p4fabric.controller.n4.pfcp import Cause, decode_header, encode
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp import reports as r
from p4fabric.controller.n4.pfcp import values as v
from p4fabric.controller.n4.pfcp.flags import ReportType
from p4fabric.controller.n4.transactions import Peer
from p4fabric.controller.names import IntentKey, TenantName
from tests.fabric.n4.conftest import bed, upf
from tests.fabric.n4.smf import CAUSE, PATIENCE, Smf, ie
from tests.fabric.n4.test_n4 import ACCEPTED, UE, attached

UPF = IntentKey("Upf", TenantName("acme"), "edge")
DATA = m.SessionReportRequest(
    report_type=ReportType.DLDR, downlink_data=r.DownlinkDataReport(pdr_ids=(v.PdrId(1),))
)


async def test_a_report_goes_to_the_smf_of_its_session_until_it_is_answered(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(smfs=["127.0.0.1", "127.0.0.2"])) as it:
        assert it.fabric.n4 is not None
        seid, _ = await attached(it)
        reports = await it.fabric.n4.reports()
        sent = asyncio.create_task(reports.send(SessionKey(UPF, seid), DATA))
        first = await it.smf.requested(56)
        again = await it.smf.requested(56)  # after T1
        assert first.datagram == again.datagram and first.seid == 0xD3
        # Downlink Data Report {PDR ID}, as SMFs need it.
        assert first.ies[39] == b"\x01" and first.ies[83] == ie(56, b"\x00\x01")
        stranger = await Smf.open("127.0.0.2")
        stranger.port = it.smf.port
        stranger.answer(first, ie(CAUSE, b"\x40"), seid=seid)  # neither its report nor its answer
        it.smf.answer(first, ie(CAUSE, b"\x01"), ie(50, b"\x01"), seid=seid)
        async with asyncio.timeout(PATIENCE):
            answer = await sent
        assert answer.cause is Cause.REQUEST_ACCEPTED and answer.flags
        it.smf.answer(first, ie(CAUSE, b"\x01"), seid=seid)  # once more, which nobody waits for
        stranger.close()
        with pytest.raises(NotReported, match="no session"):
            await reports.send(SessionKey(UPF, seid + 1), DATA)


NODE_ID, STAMP = ie(60, b"\x00", IPv4Address("10.0.0.4").packed), 0xEC000000
"""Of the SMF in Open5GS' association setup."""


def stamp(by: int = 0) -> bytes:
    return ie(96, (STAMP + by).to_bytes(4, "big"))


async def test_a_upf_sets_up_an_association_where_it_is_to(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(setUpAssociations=True)) as it:
        request = await it.smf.requested(5)
        assert request.recovery and request.ies[43][0] & 0x10, "FTUP is not announced"
        it.smf.answer(request, NODE_ID, ie(CAUSE, b"\x01"), stamp())
        async with asyncio.timeout(PATIENCE):
            while (await it.smf.say("open5gs_establishment")).cause != ACCEPTED:
                pass  # The answer is being taken in.
        await it.apply(upf(smfs=["127.0.0.2"]))
        told = await it.smf.requested(7)
        assert told.ies[111] == b"\x01", "SARR: release the association"


async def test_heartbeats_show_whether_an_smf_has_begun_again(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(), heartbeat=0.5) as it:
        assert it.fabric.n4 is not None
        ((_, node),) = it.fabric.n4.nodes()
        assert (await it.smf.associate()).cause == ACCEPTED
        for by in (0, -1):
            beat = await it.smf.requested(1)
            assert beat.recovery == node.recovery
            it.smf.answer(beat, stamp(by))
        assert node.associations
        it.smf.answer(await it.smf.requested(1), stamp(1))
        async with asyncio.timeout(PATIENCE):
            while node.associations:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_an_smfs_own_heartbeat_shows_it_as_well(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        assert it.fabric.n4 is not None
        ((_, node),) = it.fabric.n4.nodes()
        seid, _ = await attached(it)
        assert (await it.smf.ask(it.smf.message(1, stamp()))).recovery == node.recovery
        assert (await it.smf.say("open5gs_activate", seid)).cause == ACCEPTED
        await it.smf.ask(it.smf.message(1, stamp(1)))
        async with asyncio.timeout(PATIENCE):
            while await it.goes_down(UE) is not None:
                pass
        assert not node.associations and not node.sessions


class Smfs:
    """What is sent to SMFs, and those that answer."""

    def __init__(self, *, answers: bool) -> None:
        self.sent: list[bytes] = []
        self.asking = RequestsToSmfs(self._heard, 8805, t1=0.01, n1=2)
        self._answers = answers

    def _heard(self, peer: Peer, datagram: bytes) -> None:
        self.sent.append(datagram)
        header = decode_header(datagram)
        if self._answers:
            said = encode(m.SessionReportResponse(cause=Cause.REQUEST_ACCEPTED), header.sequence, 9)
            asyncio.get_running_loop().call_soon(self.asking.heard, peer, decode_header(said), said)


async def test_an_smf_that_never_answers_is_asked_so_often_and_no_more() -> None:
    smfs = Smfs(answers=False)
    running = asyncio.create_task(smfs.asking.run())
    with pytest.raises(NotAnswered):
        await smfs.asking.ask(IPv4Address("10.0.0.4"), DATA, 7)
    assert len(smfs.sent) == 3 and len(set(smfs.sent)) == 1
    running.cancel()


async def test_more_requests_than_may_be_on_the_way_wait_and_none_is_lost() -> None:
    smfs = Smfs(answers=True)
    many = 3 * MOST_ON_THE_WAY
    asked = [smfs.asking.ask(IPv4Address("10.0.0.4"), DATA, number) for number in range(many)]
    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*asked)
    assert len(answers) == many == len({decode_header(one).sequence for one in smfs.sent})


async def test_who_asks_no_more_has_nothing_sent_again() -> None:
    smfs = Smfs(answers=False)
    running = asyncio.create_task(smfs.asking.run())
    given_up = asyncio.create_task(smfs.asking.ask(IPv4Address("10.0.0.4"), DATA, 1))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(NotAnswered):  # which takes as long as sending the other one again would
        await smfs.asking.ask(IPv4Address("10.0.0.4"), DATA, 2)
    assert [decode_header(one).seid for one in smfs.sent] == [1, 2, 2, 2]
    running.cancel()
