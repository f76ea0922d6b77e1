"""What URRs have counted, when that is due to be told, and how (TS 29.244, clauses 5.2.2 and 8.2.41).

Switches count packets of each rule of a session from its first one on, before its limits and, where a URR
measures there, behind them. A URR's usage is what the rules of its PDRs have counted since the last report of
it. Values and functions only; nothing here reads a switch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from p4fabric.controller.n4.pfcp.flags import (
    MeasurementInformation,
    MeasurementMethod,
    ReportingTriggers,
    UsageReportTrigger,
)
from p4fabric.controller.n4.pfcp.reports import UsageReport
from p4fabric.controller.n4.pfcp.rules import UpdateUrr
from p4fabric.controller.n4.pfcp.values import UrrId, Volume, VolumeMeasurement
from p4fabric.controller.n4.plane import FlowRule
from p4fabric.controller.n4.sessions.values import Urr
from p4fabric.controller.n4.stamps import stamp_of

__all__ = [
    "SUPPORTED_TRIGGERS",
    "Counted",
    "RuleCounts",
    "Told",
    "UrrAccount",
    "accounts",
    "due",
    "granted_by",
    "settled",
    "told",
    "total",
]

_T, _R = UsageReportTrigger, ReportingTriggers
SUPPORTED_TRIGGERS = _R.PERIO | _R.VOLTH | _R.TIMTH | _R.START | _R.VOLQU | _R.TIMQU | _R.QUVTI
"""Others are refused."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Packets and octets of IP of both directions."""

    uplink_packets: int = 0
    uplink: int = 0
    downlink_packets: int = 0
    downlink: int = 0

    def __add__(self, other: Counted) -> Counted:
        """Both together."""
        return Counted(
            self.uplink_packets + other.uplink_packets,
            self.uplink + other.uplink,
            self.downlink_packets + other.downlink_packets,
            self.downlink + other.downlink,
        )

    def __sub__(self, other: Counted) -> Counted:
        """What is more than the other; never less than nothing."""
        return Counted(
            max(0, self.uplink_packets - other.uplink_packets),
            max(0, self.uplink - other.uplink),
            max(0, self.downlink_packets - other.downlink_packets),
            max(0, self.downlink - other.downlink),
        )

    def at_least(self, other: Counted) -> Counted:
        """The same, or the other where that is more."""
        return Counted(
            max(self.uplink_packets, other.uplink_packets),
            max(self.uplink, other.uplink),
            max(self.downlink_packets, other.downlink_packets),
            max(self.downlink, other.downlink),
        )

    def reaches(self, volume: Volume) -> bool:
        """Whether it is as much as one of the volumes that are told."""
        both = ((self.uplink + self.downlink, volume.total), (self.uplink, volume.uplink))
        return any(
            most is not None and octets >= most for octets, most in (*both, (self.downlink, volume.downlink))
        )


class RuleCounts(NamedTuple):
    """Of one rule: packets and octets that it has taken, and that its limits have let pass."""

    taken: tuple[int, int] = (0, 0)
    passed: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class UrrAccount:
    """How far a URR is.

    Attributes:
        since: when what is to be told next began, in milliseconds since 1970.
        sequence: of the next report.
        reported: of what its rules have counted in all, what was told.
        settled: what rules counted that are gone.
        granted: of what was counted in all, where the quota began.
        granted_at: when the quota began, in milliseconds since 1970.
        valid_since: when the time that the quota is valid for began, in milliseconds since 1970.
        is_exhausted: whether the quota is used up, so that packets are dropped.
        has_begun: whether START was told.
    """

    since: int
    sequence: int = 0
    reported: Counted = Counted()
    settled: Counted = Counted()
    granted: Counted = Counted()
    granted_at: int = 0
    valid_since: int = 0
    is_exhausted: bool = False
    has_begun: bool = False


class Told(NamedTuple):
    """A report, and how far its URR is then."""

    report: UsageReport
    account: UrrAccount


def accounts(
    urrs: Mapping[UrrId, Urr],
    before: Mapping[UrrId, UrrAccount],
    granted: Collection[UrrId],
    now: float,
) -> dict[UrrId, UrrAccount]:
    """How far the URRs of a session are, when a message has changed it.

    Args:
        urrs: as they are now.
        before: how far they were.
        granted: those that were given a new quota: it is for what comes after the last report.
        now: seconds since 1970.
    """
    at = int(now * 1000)
    found = {}
    for urr_id in urrs:
        account = before.get(urr_id) or UrrAccount(at, granted_at=at, valid_since=at)
        if urr_id in granted:
            account = replace(
                account,
                granted=account.reported,
                granted_at=account.since,
                valid_since=at,
                is_exhausted=False,
            )
        found[urr_id] = account
    return found


def granted_by(updates: Iterable[UpdateUrr]) -> list[UrrId]:
    """The URRs that are given a new quota."""
    return [one.urr_id for one in updates if one.volume_quota or one.time_quota or one.quota_validity_time]


def total(
    urr: Urr, account: UrrAccount, rules: Iterable[FlowRule], counts: Mapping[int, RuleCounts]
) -> Counted:
    """What a URR has counted in all."""
    found = account.settled
    before_limits = bool((urr.measurement_information or 0) & MeasurementInformation.MBQE)
    for rule in rules:
        if urr.urr_id in rule.urr_ids:
            one = counts.get(rule.number, RuleCounts())
            packets, octets = one.taken if before_limits else one.passed
            found += Counted(packets, octets) if rule.is_uplink else Counted(0, 0, packets, octets)
    return found


def due(
    urr: Urr, account: UrrAccount, counted: Counted, now: float, *, is_complete: bool = True
) -> UsageReportTrigger:
    """Why a report of a URR is due; no flag: none is.

    Args:
        urr: which one.
        account: how far it is.
        counted: in all.
        now: seconds since 1970.
        is_complete: whether that is all; else reports that only say that time has passed wait.
    """
    asked, found = urr.reporting_triggers, _T(0)
    counted = counted.at_least(account.reported)
    if not is_complete:
        asked &= ~(_R.PERIO | _R.TIMTH)
    usage, quota = counted - account.reported, counted - account.granted
    elapsed, used = now - account.since / 1000, now - account.granted_at / 1000
    if asked & _R.PERIO and urr.measurement_period and elapsed >= urr.measurement_period:
        found |= _T.PERIO
    if asked & _R.VOLTH and urr.volume_threshold is not None and usage.reaches(urr.volume_threshold):
        found |= _T.VOLTH
    if asked & _R.TIMTH and urr.time_threshold and elapsed >= urr.time_threshold:
        found |= _T.TIMTH
    if asked & _R.START and not account.has_begun and counted != account.reported:
        found |= _T.START
    if account.is_exhausted:
        return found
    if asked & _R.VOLQU and urr.volume_quota is not None and quota.reaches(urr.volume_quota):
        found |= _T.VOLQU
    if asked & _R.TIMQU and urr.time_quota and used >= urr.time_quota:
        found |= _T.TIMQU
    valid = now - account.valid_since / 1000
    if asked & _R.QUVTI and urr.quota_validity_time and valid >= urr.quota_validity_time:
        found |= _T.QUVTI
    return found


def told(urr: Urr, account: UrrAccount, counted: Counted, trigger: UsageReportTrigger, now: float) -> Told:
    """The report of what a URR has counted since the last one."""
    # Less is known than was told while a switch does not answer: what was told is not told again.
    counted = counted.at_least(account.reported)
    usage, method = counted - account.reported, urr.measurement_method
    volume = None
    if method & MeasurementMethod.VOLUM:
        packets: tuple[int | None, ...] = (None, None, None)
        if (urr.measurement_information or 0) & MeasurementInformation.MNOP:
            packets = (
                usage.uplink_packets + usage.downlink_packets,
                usage.uplink_packets,
                usage.downlink_packets,
            )
        volume = VolumeMeasurement(usage.uplink + usage.downlink, usage.uplink, usage.downlink, *packets)
    seconds = int(now) - account.since // 1000
    report = UsageReport(
        urr_id=urr.urr_id,
        ur_seqn=account.sequence,
        trigger=trigger,
        start_time=stamp_of(account.since / 1000),
        end_time=stamp_of(now),
        volume=volume,
        duration=max(0, seconds) if method & MeasurementMethod.DURAT else None,
    )
    exhausts = trigger & (_T.VOLQU | _T.TIMQU)
    later = replace(
        account,
        since=int(now * 1000),
        sequence=account.sequence + 1,
        reported=counted,
        # Whoever lets a quota become invalid is told of it again when as much time has passed once more.
        valid_since=int(now * 1000) if trigger & _T.QUVTI else account.valid_since,
        is_exhausted=account.is_exhausted or bool(exhausts),
        has_begun=account.has_begun or counted != Counted(),
    )
    return Told(report, later)


def settled(
    urr: Urr, account: UrrAccount, rules: Iterable[FlowRule], counts: Mapping[int, RuleCounts]
) -> UrrAccount:
    """How far a URR is when rules of its PDRs are gone, and what these have counted is kept."""
    return replace(account, settled=total(urr, account, rules, counts))
