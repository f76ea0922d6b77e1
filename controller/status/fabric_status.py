"""How the fabric and each of its switches are: values that name what is wrong and how badly.

Pure: facts in, statuses out, so that each rule can be read and tested by itself. All values can be written as
JSON by `dataclasses.asdict`. This module does not know how a fact was found out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from p4fabric.controller.intents.numbers import Number
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.severity import Finding, Problem, Severity, severity_of, whole, worst
from p4fabric.controller.status.values import time_text
from p4fabric.controller.topology.drain import DrainState
from p4fabric.controller.topology.model import Cable
from p4fabric.controller.topology.redundancy import LeafPair, Redundancy, SwitchRedundancy

__all__ = [
    "DrainFacts",
    "FabricFacts",
    "FabricStatus",
    "SwitchFacts",
    "SwitchStatus",
    "fabric_status",
    "switch_status",
]

_MOST_NAMED = 3
NO_LINKS = Redundancy(0, 0, Severity.OK, (), {}, ())
NO_LINKS_OF_SWITCH = SwitchRedundancy(0, 0, Severity.OK, ())


@dataclass(frozen=True, slots=True)
class SwitchFacts:
    """What is known of one switch."""

    name: SwitchName
    connected: bool
    since: float
    """When it was connected or went away, in seconds since 1970."""
    reason: str = ""
    """Why it is not connected, as its session says."""
    is_gone: bool = False
    """The operator declared it gone."""
    held: str | None = None
    """Why nothing is written to it, though it is connected."""
    error: str | None = None
    """Why the last attempt to read or write broke off."""
    desired: int = 0
    installed: int = 0
    failing: int = 0
    """Entries that it refused, or that wait for such."""
    first_failures: tuple[str, ...] = ()
    left_alone: int = 0
    """Entries that it held before, that nobody asked for, and that may be of intents that are refused."""
    unknown: tuple[str, ...] = ()
    """What it holds that this controller cannot read, and leaves alone."""
    may_be_off: bool = False
    """It is drained, and nobody needs it."""


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """How one switch is."""

    name: SwitchName
    severity: Severity
    findings: tuple[Finding, ...]
    connected: bool
    since: float
    """When it was connected or went away, in seconds since 1970."""
    is_gone: bool
    held: str | None
    desired: int
    """Entries."""
    installed: int
    failing: int
    links_expected: int
    links_found: int


@dataclass(frozen=True, slots=True)
class DrainFacts:
    """What is known of a switch or a link that is drained, or comes back."""

    about: str
    switches: tuple[SwitchName, ...]
    """That, or those at its ends."""
    state: DrainState
    since: float
    """In seconds since 1970."""
    waiting_for: tuple[str, ...] = ()
    """What is to happen before the next step, a sentence each."""
    still_used: tuple[str, ...] = ()
    """For whom there is no other way, a sentence each."""

    @property
    def may_be_off(self) -> bool:
        """Whether it is drained, and nobody needs it."""
        return self.state is DrainState.DRAINED and not (self.waiting_for or self.still_used)


@dataclass(frozen=True, slots=True)
class FabricFacts:
    """What is known of the fabric."""

    switches: Collection[SwitchFacts] = ()
    links: Redundancy = NO_LINKS
    resting: int = 0
    """Numbers that were given back and may not be given again yet."""
    blocked: Mapping[SwitchName, Collection[Number]] = field(default_factory=dict)
    """Those that each switch keeps."""
    refused_intents: Mapping[IntentKey, str] = field(default_factory=dict)
    """Stored intents that this version refuses, and why."""
    unread_records: Mapping[str, str] = field(default_factory=dict)
    """Records in the store that this version cannot read, by key, and why."""
    store_error: str | None = None
    """Why the store cannot be written; None while it can."""
    store_since: float = 0.0
    drains: Collection[DrainFacts] = ()


@dataclass(frozen=True, slots=True)
class FabricStatus:
    """How the fabric is."""

    severity: Severity
    findings: tuple[Finding, ...]
    """The worst first."""
    switches: tuple[SwitchStatus, ...]
    links_expected: int
    links_found: int
    """Of those expected."""
    links_missing: tuple[Cable, ...]
    """The others."""
    pairs: tuple[LeafPair, ...]
    """Pairs of leaves with the paths between them, those that lack some first (see `Redundancy`)."""
    numbers_resting: int
    intents_refused: int
    """Stored ones that this version refuses."""
    store_writable: bool


def switch_status(facts: SwitchFacts, links: SwitchRedundancy = NO_LINKS_OF_SWITCH) -> SwitchStatus:
    """How a switch is.

    Args:
        facts: what is known of it.
        links: its own.
    """
    findings = (*_of_switch(facts, links), *links.findings)
    return SwitchStatus(
        facts.name,
        severity_of(findings),
        findings,
        facts.connected,
        facts.since,
        facts.is_gone,
        facts.held,
        facts.desired,
        facts.installed,
        facts.failing,
        links.expected,
        links.found,
    )


def _of_switch(facts: SwitchFacts, links: SwitchRedundancy) -> Iterable[Finding]:
    name, since = facts.name, time_text(facts.since)

    def finding(severity: Severity, problem: Problem, text: str) -> Finding:
        return Finding(severity, problem, name, text, (name,))

    if facts.is_gone:
        text = f"{name} was declared gone: remove it from the configuration, or connect it again"
        yield finding(Severity.AT_RISK, Problem.SWITCH_GONE, text)
        return
    cut_off = links.expected > 0 and not links.found
    if facts.may_be_off and not facts.connected:
        text = f"{name} is not connected since {since}, which is expected: it is drained"
        yield finding(Severity.OK, Problem.SWITCH_DISCONNECTED, text)
        return
    why = f" ({facts.reason})" if facts.reason else ""
    if not facts.connected and cut_off:
        text = f"{name} is down since {since}: neither its control channel{why} nor any of its links works"
        yield finding(Severity.DOWN, Problem.SWITCH_DOWN, f"{text}; check its power")
    elif not facts.connected:
        waiting = facts.desired - facts.installed
        text = f"{name} is not connected since {since}{why}: it forwards as it did"
        if waiting > 0:
            text += f", and {_number(waiting, 'entry', 'entries')} cannot be written"
        text += "; check the management network and the switch's process"
        severity = Severity.DEGRADED if waiting > 0 else Severity.AT_RISK
        yield finding(severity, Problem.SWITCH_DISCONNECTED, text)
    elif cut_off and not any(one.problem is Problem.NO_PATH for one in links.findings):
        text = f"{name} is connected, and none of its links works; check its cables"
        yield finding(Severity.DOWN, Problem.SWITCH_CUT_OFF, text)
    if facts.connected and facts.held is not None:
        yield finding(Severity.DEGRADED, Problem.SWITCH_HELD, facts.held)
    elif facts.connected and facts.error is not None:
        text = f"{name} cannot be read or written: {facts.error}"
        yield finding(Severity.DEGRADED, Problem.SWITCH_FAILING, text)
    if facts.failing:
        text = f"{_number(facts.failing, 'change')} could not be made on {name}"
        named = _listed(facts.first_failures, facts.failing)
        text = f"{text}: {named}" if named else text
        yield finding(Severity.DEGRADED, Problem.CHANGES_FAILING, text)
    if facts.left_alone:
        number = _number(facts.left_alone, "entry", "entries")
        text = f"{number} on {name} may be of intents that this version refuses, and left alone"
        yield finding(Severity.AT_RISK, Problem.ENTRIES_LEFT_ALONE, text)
    if facts.unknown:
        text = f"{name} holds what this controller cannot read, and leaves alone: {_listed(facts.unknown)}"
        yield finding(Severity.AT_RISK, Problem.UNKNOWN_ENTRIES, text)


def fabric_status(facts: FabricFacts) -> FabricStatus:
    """How the fabric is.

    Switches do the same work: the fabric is down only when all of them are, or when no two leaves reach
    each other.
    """
    of_switches = facts.links.switches
    switches = tuple(
        switch_status(switch, of_switches.get(switch.name, NO_LINKS_OF_SWITCH)) for switch in facts.switches
    )
    others = [*_of_numbers(facts), *_of_store(facts), *map(_of_drain, facts.drains)]
    severity = worst(
        (whole([switch.severity for switch in switches]), facts.links.severity, severity_of(others))
    )
    # What links lack is often about several switches, and told once.
    findings = dict.fromkeys((*facts.links.findings, *others))
    findings |= {finding: None for switch in switches for finding in switch.findings}
    return FabricStatus(
        severity,
        tuple(sorted(findings, key=lambda finding: (-finding.severity.rank, finding.by_design))),
        switches,
        facts.links.expected,
        facts.links.found,
        facts.links.missing,
        facts.links.pairs,
        facts.resting,
        len(facts.refused_intents),
        facts.store_error is None,
    )


def _of_numbers(facts: FabricFacts) -> Iterable[Finding]:
    """Numbers rest for moments all the time; they are worth a word where a switch cannot let go of them."""
    by_name = {switch.name: switch for switch in facts.switches}
    for name, numbers in sorted(facts.blocked.items()):
        switch = by_name.get(name)
        stuck = switch is None or not switch.connected or switch.held is not None or switch.failing
        if not numbers or not stuck:
            continue
        named = _listed([f"{number.pool} {number.number}" for number in numbers])
        text = f"{_number(len(numbers), 'number')} cannot be given again while {name} may use them: {named}"
        away = switch is None or not switch.connected
        cure = "connect it, or declare it gone" if away else "see what it refuses"
        yield Finding(Severity.AT_RISK, Problem.NUMBERS_KEPT, name, f"{text}; {cure}", (name,))


def _of_drain(drain: DrainFacts) -> Finding:
    """It is as an operator wants it, and worth a word: others should know before they look for a fault."""
    since, about = time_text(drain.since), drain.about
    match drain.state:
        case DrainState.DRAINED if drain.still_used:
            text = f"{about} is drained since {since}, and stays in use: {_listed(drain.still_used)}"
        case DrainState.DRAINED:
            text = f"{about} is drained since {since}: it may be switched off"
        case DrainState.PREPARING | DrainState.MOVING:
            text = f"{about} is being drained since {since}: do not switch it off yet"
        case _:
            text = f"{about} comes back into use since {since}"
    if drain.waiting_for:
        text += f"; waits: {_listed(drain.waiting_for)}"
    return Finding(Severity.OK, Problem.DRAINED, about, text, drain.switches)


def _of_store(facts: FabricFacts) -> Iterable[Finding]:
    if refused := facts.refused_intents:
        named = _listed([f"{key}: {why}" for key, why in sorted(refused.items())])
        text = (
            f"this version refuses {_number(len(refused), 'stored intent')}: {named}; switches keep "
            "their entries; apply them in another form, delete them (those of an unknown kind by "
            "`p4fabric delete-record intents/KIND/TENANT/NAME`), or go back to the previous version"
        )
        yield Finding(Severity.DEGRADED, Problem.INTENTS_REFUSED, "intents", text)
    if unread := facts.unread_records:
        named = _listed([f"{key}: {why}" for key, why in sorted(unread.items())])
        text = (
            f"this version cannot read {_number(len(unread), 'record')} in the store: {named}; they stay as "
            "they are; go back to the version that wrote them, or `p4fabric delete-record KEY`"
        )
        yield Finding(Severity.DEGRADED, Problem.RECORDS_NOT_UNDERSTOOD, "store", text)
    if facts.store_error is not None:
        since = time_text(facts.store_since)
        text = (
            f"the store cannot be written since {since} ({facts.store_error}): switches keep what they have, "
            "and every change is refused; check the disk and the file's permissions"
        )
        yield Finding(Severity.DEGRADED, Problem.STORE_FAILING, "store", text)


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"1 {one}" if count == 1 else f"{count} {many or one + 's'}"


def _listed(texts: Collection[str], number: int | None = None) -> str:
    """The first texts, and how many more there are; there may be more than are given."""
    first = list(texts)[:_MOST_NAMED]
    more = (len(texts) if number is None else number) - len(first)
    return ", ".join([*first, *([f"and {more} more"] if more > 0 and first else [])])
