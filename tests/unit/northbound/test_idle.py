"""Idle UEs: what the buffer and SMFs are told, and when packets are led directly again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from p4fabric.buffer.orders import Close, Drop, Forward, Hold, News, Order, TunnelKey
from p4fabric.controller.buffer_config import BufferConfig
from p4fabric.controller.compiler import FabricDelta
from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.fabric.buffer_client import BufferClient
from p4fabric.controller.fabric.n4_idle import IdleSessions
from p4fabric.controller.fabric.n4_idle_watch import IdleWatch
from p4fabric.controller.fabric.n4_reports import NotReported, SessionReports
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.fabric.n4_usage_changes import UsageChanges
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.n4.pfcp import Cause
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import ReportResponseFlags
from p4fabric.controller.n4.pfcp.rules import UpdateBar
from p4fabric.controller.n4.pfcp.values import BarId, Timer
from p4fabric.controller.n4.prepared import Kept
from tests.unit.n4.test_buffering import BUFFER, WITH_BUFFER
from tests.unit.n4.test_node import N3
from tests.unit.n4.test_node import Bed as NodeBed
from tests.unit.northbound.test_acknowledged import LEAF, SPINE, settle
from tests.unit.northbound.test_acknowledged import Bed as Switches

SPEC = {
    "smfs": ["10.0.0.4"],
    "accessNetwork": "access",
    "n3Address": str(N3),
    "dataNetworks": [{"dnn": "internet", "network": "data", "uePools": ["10.45.0.0/16"]}],
    "buffer": {"name": "one", "address": str(BUFFER)},
}
TAKEN = m.SessionReportResponse(cause=Cause.REQUEST_ACCEPTED)
ONE = TunnelKey(N3, 2)


class Client(BufferClient):
    """Notes what the buffer is told."""

    def __init__(self, idle: IdleSessions) -> None:
        super().__init__(BufferConfig(name="one", address="unix:/nowhere"), list, print, print)
        self.told: list[Order] = []
        self.idle = idle

    def tell(self, orders: Sequence[Order]) -> asyncio.Future[bool]:
        self.told += orders
        return super().tell(orders)


class Changes(UsageChanges):
    """Sessions become what they are to be; switches follow when a test says so."""

    def __init__(self, delta: FabricDelta) -> None:
        self.delta = delta

    async def counted(self, served: ServedUpf, sessions: Sequence[Kept]) -> FabricDelta:
        for one in sessions:
            served.node.counted(one)
        return self.delta


class Reports(SessionReports):
    """An SMF that answers when a test says so."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[m.SessionReportResponse]] = []

    async def send(self, session: SessionKey, report: m.SessionReportRequest) -> m.SessionReportResponse:
        answer: asyncio.Future[m.SessionReportResponse] = asyncio.get_running_loop().create_future()
        self.asked.append(answer)
        return await answer


class Bed:
    """A UE that is idle, whose packets wait in the tunnel `ONE`."""

    def __init__(self) -> None:
        self.at_node = NodeBed(WITH_BUFFER)
        self.node = self.at_node.node
        upf = parse_intent({"kind": "Upf", "name": "edge", "tenant": "acme", "spec": SPEC})
        assert isinstance(upf, Upf)
        self.served = ServedUpf(upf, self.node)
        self.idle = IdleSessions([BufferConfig(name="one", address="unix:/nowhere")], lambda: [self.served])
        self.client = Client(self.idle)
        self.idle.clients = {"one": self.client}
        self.switches, self.reports = Switches(), Reports()
        changes = Changes(self.switches.delta)
        acks, outcomes = self.switches.acks, Counter[str]()
        self.watch = IdleWatch(self.idle, changes, acks, self.reports, outcomes, again=0.01)
        self.seid = self.at_node.attached().session.seid
        self.do("open5gs_idle")

    @property
    def kept(self) -> Kept:
        return self.node.sessions[self.seid]

    def do(self, name: str) -> None:
        self.idle.follow(self.served, [self.at_node.do(name, self.seid)])

    def arrives(self, *teids: int) -> None:
        self.idle._heard(News(arrived=tuple(TunnelKey(N3, one) for one in teids or (ONE.teid,))))

    def told(self) -> list[Order]:
        """Since the last time."""
        told = self.client.told
        self.client.told = []
        return told


@asynccontextmanager
async def bed() -> AsyncIterator[Bed]:
    it = Bed()
    running = asyncio.create_task(it.watch.run())
    await settle()
    it.told()
    yield it
    running.cancel()
    await asyncio.wait({running})


async def test_a_buffer_that_is_away_or_not_its_any_more_gets_no_packets_of_who_is_connected() -> None:
    for is_moved in (False, True):
        async with bed() as it:
            it.arrives()
            if is_moved:
                it.idle.moved(it.served)
            else:
                it.idle._is_away("one")
            it.do("open5gs_activate")
            assert not it.kept.plane.detours
        async with bed() as it:
            it.arrives()
            it.do("open5gs_activate")
            assert it.kept.plane.detours
            if is_moved:
                it.idle.moved(it.served)
            else:
                it.idle._is_away("one")
            await settle()
            assert not it.kept.plane.detours


async def test_a_tunnel_stands_until_no_switch_leads_packets_there() -> None:
    async with bed() as it:
        it.arrives()
        it.do("open5gs_activate")
        it.told()
        it.idle._heard(News(ready=(ONE,)))
        it.switches.follow(LEAF)
        await settle()
        assert not it.kept.plane.buffers
        (forward,) = it.told()
        assert isinstance(forward, Forward) and forward.tunnel == ONE
        assert list(it.idle._standing("one")) == [forward]
        it.switches.follow(SPINE)
        await settle()
        assert it.told() == [Close(ONE, 3.0)] and not list(it.idle._standing("one"))


async def test_an_smf_that_wants_another_report_meanwhile_gets_it() -> None:
    async with bed() as it:
        it.arrives()
        await settle()
        it.do("open5gs_idle")
        it.told()
        it.arrives()
        await settle()
        (first,) = it.reports.asked
        first.set_result(TAKEN)
        await settle()
        assert [type(one) for one in it.told()] == [Hold], "the buffer tells again of what waits"
        it.arrives()
        await settle()
        it.reports.asked[1].set_result(TAKEN)
        it.arrives()
        await settle()
        assert not it.told() and len(it.reports.asked) == 2


async def test_a_report_that_is_not_taken_is_repeated() -> None:
    async with bed() as it:
        refusal = m.SessionReportResponse(cause=Cause.REQUEST_REJECTED)
        for outcome in (NotReported("silence"), refusal, RuntimeError("a fault"), TAKEN):
            it.arrives()
            await settle()
            answer = it.reports.asked[-1]
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)
            async with asyncio.timeout(20):
                while outcome is not TAKEN and not it.client.told:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            it.told()
        it.arrives()
        await settle()
        assert len(it.reports.asked) == 4


async def test_drobu_in_an_answer_is_about_the_session() -> None:
    async with bed() as it:
        both = replace(it.kept, plane=replace(it.kept.plane, buffers={1: ONE.teid, 9: 77}))
        it.node.counted(both)
        it.arrives(ONE.teid, 77)
        await settle()
        it.reports.asked[0].set_result(replace(TAKEN, flags=ReportResponseFlags.DROBU))
        await settle()
        assert it.told() == [Drop(ONE), Drop(TunnelKey(N3, 77))] and not it.node.waiting.arrived


async def test_a_tunnel_has_one_buffering_duration_which_ends_with_its_idle_period() -> None:
    async with bed() as it:
        for minutes in (10, 20):
            it.arrives()
            await settle()
            (bar_id,) = it.kept.session.bars
            update = UpdateBar(bar_id=BarId(bar_id), buffering_duration=Timer(1, minutes))
            it.reports.asked[-1].set_result(replace(TAKEN, update_bar=update))
            await settle()
            it.node.waiting.reported.clear()
        (timer,) = it.idle.durations.values()
        assert timer.when() - asyncio.get_running_loop().time() > 1100
        it.watch._expire(it.served, ONE.teid)
        assert it.told() == [Drop(ONE)] and not it.idle.durations and timer.cancelled()
        it.idle.durations[it.served, ONE.teid] = timer = asyncio.get_running_loop().call_later(600, print)
        it.do("open5gs_activate")
        assert not it.idle.durations and timer.cancelled()
