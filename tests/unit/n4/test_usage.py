"""When usage is told, of how much, and that none is told twice or forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.fabric.n4_counters import SessionCounters, SessionCounts
from p4fabric.controller.fabric.n4_usage import DueReport, SessionUsage, untold
from p4fabric.controller.n4.pfcp.flags import (
    MeasurementInformation,
    MeasurementMethod,
    ReportingTriggers,
    UsageReportTrigger,
)
from p4fabric.controller.n4.pfcp.values import FSeid, UrrId, Volume
from p4fabric.controller.n4.plane import FlowRule, UserPlane
from p4fabric.controller.n4.prepared import Kept
from p4fabric.controller.n4.sessions import Session
from p4fabric.controller.n4.sessions.values import Urr
from p4fabric.controller.n4.usage import Counted, RuleCounts, UrrAccount, accounts, due, settled, told, total
from p4fabric.controller.names import IntentKey, TenantName

R, T = ReportingTriggers, UsageReportTrigger
ONE = UrrId(1)
UP, DOWN = FlowRule(4, True, 2, (1,)), FlowRule(5, False, 1, (1, 2))
URR = Urr(
    urr_id=ONE,
    measurement_method=MeasurementMethod(MeasurementMethod.VOLUM | MeasurementMethod.DURAT),
    reporting_triggers=R(R.VOLTH | R.TIMTH | R.VOLQU | R.PERIO | R.START),
    volume_threshold=Volume(total=1000),
    volume_quota=Volume(downlink=2000),
    time_threshold=60,
    measurement_period=100,
)
SMF = IPv4Address("10.0.9.4")


def counted(up: int, down: int) -> Counted:
    return total(
        URR, UrrAccount(0), (UP, DOWN), {4: RuleCounts((9, 9), (1, up)), 5: RuleCounts((9, 9), (2, down))}
    )


def test_usage_is_what_passes_limits_or_what_comes_before_them() -> None:
    counts = {4: RuleCounts((3, 300), (2, 200)), 5: RuleCounts((5, 500), (4, 400))}
    assert total(URR, UrrAccount(0), (UP, DOWN), counts) == Counted(2, 200, 4, 400)
    before = replace(URR, measurement_information=MeasurementInformation(MeasurementInformation.MBQE))
    assert total(before, UrrAccount(0), (UP, DOWN), counts) == Counted(3, 300, 5, 500)
    other = replace(URR, urr_id=UrrId(2))
    assert total(other, UrrAccount(0), (UP, DOWN), counts) == Counted(0, 0, 4, 400)


@pytest.mark.parametrize(
    ("up", "down", "now", "trigger"),
    [
        (0, 0, 59, 0),
        (1, 0, 1, T.START),
        (400, 599, 1, T.START),
        (400, 600, 1, T.START | T.VOLTH),
        (0, 2000, 1, T.START | T.VOLTH | T.VOLQU),
        (0, 0, 60, T.TIMTH),
        (0, 0, 100, T.TIMTH | T.PERIO),
    ],
)
def test_a_report_is_due_for_each_reason_that_there_is(up: int, down: int, now: float, trigger: int) -> None:
    found = counted(up, down) if up or down else Counted()
    assert due(URR, UrrAccount(0), found, now) == trigger


def test_a_quota_goes_on_over_reports_and_anew_when_it_is_granted_again() -> None:
    account = UrrAccount(0)
    for sequence, down in enumerate((1200, 1900)):
        report, account = told(URR, account, counted(0, down), T(T.VOLTH), 10)
        assert (report.ur_seqn, account.is_exhausted) == (sequence, False)
    assert due(URR, account, counted(0, 1999), 10) == 0
    assert due(URR, account, counted(0, 2000), 10) == T.VOLQU
    report, account = told(URR, account, counted(0, 2000), T(T.VOLQU), 10)
    assert report.volume is not None and report.volume.total == 100 and account.is_exhausted
    assert due(URR, account, counted(0, 2500), 10) == 0, "what is used up is told once"
    account = accounts({ONE: URR}, {ONE: account}, [ONE], 11)[ONE]
    assert not account.is_exhausted
    assert due(URR, account, counted(0, 3999), 11) & T.VOLQU == 0
    assert due(URR, account, counted(0, 4000), 11) & T.VOLQU


@given(st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(["told", "untold", "settled", "nothing"]))))
def test_all_that_was_counted_is_told_once(steps: list[tuple[int, str]]) -> None:
    session = Session(1, FSeid(1, SMF), SMF, urrs={ONE: URR})
    kept = Kept(SMF, session, UserPlane(), {ONE: UrrAccount(0)})
    key = SessionKey(IntentKey("Upf", TenantName("acme"), "edge"), 1)
    counts, sums = {4: RuleCounts()}, 0
    for octets, what in [*steps, (0, "told")]:
        packets, before = counts[4].passed
        counts = {4: RuleCounts((0, 0), (packets + 1, before + octets))}
        account = kept.usage[ONE]
        found = total(URR, account, (UP,), counts)
        if what == "settled":  # The rule is gone, and another one begins.
            kept = replace(kept, usage={ONE: settled(URR, account, (UP,), counts)})
            counts = {4: RuleCounts()}
        elif what != "nothing":
            report, later = told(URR, account, found, T(T.PERIO), 5)
            kept = replace(kept, usage={ONE: later})
            if what == "untold":
                kept = untold(kept, DueReport(key, (report,), {ONE: found - account.reported}))
            else:
                assert report.volume is not None and report.volume.total is not None
                sums += report.volume.total
    assert sums == sum(octets for octets, _ in steps)


def test_a_quota_that_is_not_valid_any_more_is_told_and_goes_on() -> None:
    urr = replace(URR, reporting_triggers=R(R.QUVTI), quota_validity_time=10)
    account = accounts({ONE: urr}, {}, [], 5)[ONE]
    assert (due(urr, account, Counted(), 14.9), due(urr, account, Counted(), 15)) == (0, T.QUVTI)
    _, account = told(urr, account, Counted(), T(T.QUVTI), 15)
    assert not account.is_exhausted
    assert (due(urr, account, Counted(), 24.9), due(urr, account, Counted(), 25)) == (0, T.QUVTI)
    account = accounts({ONE: urr}, {ONE: account}, [ONE], 24)[ONE]
    assert (due(urr, account, Counted(), 33.9), due(urr, account, Counted(), 34)) == (0, T.QUVTI)


def test_what_was_told_is_not_told_again_when_less_is_known() -> None:
    _, account = told(URR, UrrAccount(0), counted(0, 900), T(T.PERIO), 5)
    assert due(URR, account, Counted(), 200, is_complete=False) == 0, "what is not known now is told later"
    report, account = told(URR, account, Counted(), T(T.IMMER), 6)
    assert report.volume is not None and report.volume.total == 0
    report, _ = told(URR, account, counted(0, 950), T(T.IMMER), 7)
    assert report.volume is not None and report.volume.total == 50


class Counters(SessionCounters):
    """Switches that answer at once."""

    def __init__(self) -> None:
        pass

    async def read(self, keys: Sequence[SessionKey]) -> dict[SessionKey, SessionCounts]:
        return {key: SessionCounts({}, is_complete=True) for key in keys}


async def test_others_have_their_turns_while_many_sessions_are_looked_at() -> None:
    kept = Kept(SMF, Session(1, FSeid(1, SMF), SMF, urrs={ONE: URR}), UserPlane(), {ONE: UrrAccount(0)})
    many = [replace(kept, session=replace(kept.session, seid=seid)) for seid in range(1, 20_001)]
    usage = SessionUsage(Counters(), clock=lambda: 1)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    assert not list(await usage.due(IntentKey("Upf", TenantName("acme"), "edge"), many))
    other.cancel()
    assert turns > 10
