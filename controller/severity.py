"""What is wrong, how badly, and how the severity of a whole follows from that of its parts.

Values only; they can be written as JSON by `dataclasses.asdict`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from p4fabric.controller.names import SwitchName

__all__ = ["Finding", "Problem", "Severity", "severity_of", "whole", "worst"]


class Severity(StrEnum):
    """From good to bad."""

    OK = "ok"
    """All is as it was asked for."""
    AT_RISK = "at risk"
    """Everything works, and less than there should be stands between that and a failure."""
    DEGRADED = "degraded"
    """Some of what was asked for is not so."""
    DOWN = "down"
    """It does not do what it is there for."""

    @property
    def rank(self) -> int:
        """0 is good; more is worse."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Problem(StrEnum):
    """What kind of thing is wrong, for programs."""

    SWITCH_DOWN = "switchDown"
    """Neither its control channel nor any of its links works."""
    SWITCH_DISCONNECTED = "switchDisconnected"
    SWITCH_CUT_OFF = "switchCutOff"
    """It is connected, and none of its links works."""
    SWITCH_GONE = "switchGone"
    """An operator declared it gone."""
    SWITCH_HELD = "switchHeld"
    """Nothing is written to it until an operator decides."""
    SWITCH_FAILING = "switchFailing"
    """It cannot be read or written."""
    CHANGES_FAILING = "changesFailing"
    """It refuses entries, or they wait for such."""
    UNKNOWN_ENTRIES = "unknownEntries"
    """It holds what cannot be read."""
    ENTRIES_LEFT_ALONE = "entriesLeftAlone"
    """It holds what may be of intents that are refused."""
    NO_PATH = "noPath"
    """Leaves do not reach each other."""
    LINKS_MISSING = "linksMissing"
    ONLY_LINK = "onlyLink"
    """The loss of one link cuts leaves off from each other."""
    ONLY_SWITCH = "onlySwitch"
    """The loss of one switch cuts leaves off from each other."""
    MISWIRED = "miswired"
    UNEXPECTED_LINK = "unexpectedLink"
    DRAINED = "drained"
    """An operator drained it, or uses it again."""
    NUMBERS_KEPT = "numbersKept"
    """Numbers cannot be given again while a switch may use them."""
    INTENTS_REFUSED = "intentsRefused"
    """Stored intents that this version refuses."""
    RECORDS_NOT_UNDERSTOOD = "recordsNotUnderstood"
    """Records in the store that this version cannot read."""
    STORE_FAILING = "storeFailing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an operator should know."""

    severity: Severity
    """Of what it is about; `ok` is worth knowing, and harms nothing."""
    problem: Problem
    about: str
    """A switch, a link, several leaves, `store`, or `intents`."""
    text: str
    """What is wrong, since when where that is known, and what to do about it."""
    switches: tuple[SwitchName, ...] = ()
    """Those concerned."""
    by_design: bool = False
    """It would be the same with all expected links up: no repair changes it."""

    @property
    def effect(self) -> Severity:
        """What it makes of a whole: a risk that nobody planned to avoid is as it was asked for."""
        if self.by_design and self.severity is Severity.AT_RISK:
            return Severity.OK
        return self.severity


def worst(severities: Iterable[Severity]) -> Severity:
    """That of several things which are all needed: as bad as the worst."""
    return max(severities, key=lambda severity: severity.rank, default=Severity.OK)


def whole(parts: Collection[Severity]) -> Severity:
    """That of something made of parts that do the same work: down only once all are."""
    found = worst(parts)
    if found is Severity.DOWN and any(part is not Severity.DOWN for part in parts):
        return Severity.DEGRADED
    return found


def severity_of(findings: Iterable[Finding]) -> Severity:
    """That of whatever findings are about."""
    return worst(finding.effect for finding in findings)
