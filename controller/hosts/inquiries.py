"""Asks hosts whether they are still where they are known to be, and finds out who does not answer.

A host that moves or is gone is silent where it was; one that is impersonated answers. All cases about a
host share the questions that it is asked, so that nobody can make the fabric flood it. A control channel may
be silent without being closed, so the silence of a host counts only if its switch answers a question of ours
then. This module knows nothing of frames, nor what becomes of a case.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from p4fabric.controller.hosts.claims import Contest, IpAddress
from p4fabric.controller.hosts.doubts import Doubts
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import HostKey

__all__ = ["Inquiries", "Limits", "Question", "Timing", "Verdicts"]

C = TypeVar("C", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a host counts as silent. The defaults give a host that moves its new place within 0.5 s."""

    attempts: int = 3
    """Questions without an answer."""
    interval: float = 0.15
    """Seconds from one question to the next, and from the last one to the verdict."""
    most_attempts: int = 21
    """A multiple of `attempts`: then a case is given up, where silence proves nothing (see `Inquiries`)."""
    in_turn: bool = False
    """Ask for one address at a time, instead of for all at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many cases may be open. One more is not opened: a host that has moved speaks again."""

    at_a_port: int = 32
    """Cases that one port has brought up."""
    altogether: int = 1024


@dataclass(frozen=True, slots=True)
class Question:
    """Ask this host, at this port, whether it has this address."""

    host: HostKey
    place: PortRef
    address: IpAddress


@dataclass(slots=True)
class _Case(Generic[C]):
    case: C
    contest: Contest
    addresses: tuple[IpAddress, ...]
    charged_to: PortRef
    since: float
    """From when on all reports must have been looked at for silence to prove something."""
    unanswered: int = 0
    """Questions since then."""
    asked: int = 0
    doubted: bool = False
    """It has had its questions, and waits for the switch's own answer."""


_Asked = tuple[HostKey, PortRef]


@dataclass(slots=True)
class _Inquiry(Generic[C]):
    """A host that is asked, or was so a moment ago: that keeps the next question apart from the last."""

    cases: dict[tuple[C, Contest], _Case[C]] = field(default_factory=dict)
    planned: bool = True
    """Whether its next moment is in the schedule; if not, it waits for its switch's own answer."""


@dataclass(slots=True)
class Verdicts(Generic[C]):
    """What came of a moment."""

    questions: list[Question] = field(default_factory=list)
    """To be asked now."""
    silent: list[tuple[C, Contest]] = field(default_factory=list)
    """Cases whose holder did not answer."""
    undecided: list[tuple[C, Contest]] = field(default_factory=list)
    """Cases given up, since silence proved nothing for too long."""


class Inquiries(Generic[C]):
    """Open cases, give it what hosts say, and `tick` it when `due`."""

    def __init__(
        self,
        silence_counts: Callable[[SwitchName, float], bool],
        is_connected: Callable[[SwitchName], bool],
        is_lost: Callable[[SwitchName], bool],
        timing: Timing,
        limits: Limits,
    ) -> None:
        """Make it, with no cases.

        Args:
            silence_counts: whether all that a switch has reported since a moment was looked at. Where it
                was not, for instance because somebody floods the switch, silence proves nothing.
            is_connected: whether a switch can be asked itself; where it cannot, silence proves nothing,
            is_lost: unless it is known that nobody reaches the hosts of that switch.
            timing: how patient.
            limits: how many cases.
        """
        self._silence_counts = silence_counts
        self._is_connected, self._is_lost = is_connected, is_lost
        self._timing, self._limits = timing, limits
        self._inquiries: dict[_Asked, _Inquiry[C]] = {}
        self._schedule: list[tuple[float, int, _Asked]] = []
        """One element for each inquiry; the number keeps heapq from comparing what has no order."""
        self._numbers = 0
        self._charged: Counter[PortRef] = Counter()
        self._cases = 0
        self._doubts = Doubts[tuple[_Asked, _Case[C]]]()

    @property
    def due(self) -> float | None:
        """When to `tick` next, in seconds of the clock; None: not before the next case."""
        return self._schedule[0][0] if self._schedule else None

    def is_open(self, case: C, contest: Contest) -> bool:
        """Whether this very case is open already."""
        inquiry = self._inquiries.get((contest.holder, contest.place))
        return inquiry is not None and (case, contest) in inquiry.cases

    def open(
        self, case: C, contest: Contest, addresses: Iterable[IpAddress], charged_to: PortRef, now: float
    ) -> str | None:
        """Have a host asked; returns why it is not, or None.

        Args:
            case: what depends on the answer.
            contest: who is asked where, and which answer decides: for one address, or any.
            addresses: what the host is asked for; at least one.
            charged_to: the port that brought the case up.
            now: seconds of the clock.
        """
        if self._charged[charged_to] >= self._limits.at_a_port:
            return f"{self._limits.at_a_port} claims of this port are already pending"
        if self._cases >= self._limits.altogether:
            return f"{self._limits.altogether} claims are already pending"
        asked = (contest.holder, contest.place)
        inquiry = self._inquiries.get(asked)
        if inquiry is None:
            inquiry = self._inquiries[asked] = _Inquiry()
            self._plan(asked, now)
        elif not inquiry.planned:
            inquiry.planned = True
            self._plan(asked, now)
        inquiry.cases[case, contest] = _Case(case, contest, tuple(addresses), charged_to, now)
        self._charged[charged_to] += 1
        self._cases += 1
        return None

    def answered(self, key: HostKey, port: PortRef, address: IpAddress | None) -> list[tuple[C, Contest]]:
        """A host spoke where it is known to be; returns the cases that this decides in its favour."""
        inquiry = self._inquiries.get((key, port))
        if inquiry is None:
            return []
        decided = [
            (case.case, case.contest)
            for case in inquiry.cases.values()
            if case.contest.address in (None, address)
        ]
        for pair in decided:
            self._remove(inquiry, pair)
        return decided

    def not_asked(self, question: Question, now: float) -> None:
        """A question could not be sent: until now, silence proves nothing."""
        inquiry = self._inquiries.get((question.host, question.place))
        for case in inquiry.cases.values() if inquiry is not None else ():
            case.since, case.unanswered = now, 0

    def tick(self, now: float) -> Verdicts[C]:
        """Do what is due."""
        found = Verdicts[C]()
        while self._schedule and self._schedule[0][0] <= now:
            planned, _, asked = heapq.heappop(self._schedule)
            inquiry = self._inquiries[asked]
            # Where this process stood still, answers may wait to be read.
            self._decide(asked, now, now - planned > self._timing.interval, found)
            if self._plan_or_end(asked, inquiry, now + self._timing.interval):
                continue
            addresses: dict[IpAddress, None] = {}
            for case in inquiry.cases.values():
                if case.doubted:
                    continue
                addresses.update(dict.fromkeys(self._next_addresses(case)))
                case.asked += 1
                case.unanswered += 1
            host, place = asked
            found.questions += [Question(host, place, address) for address in addresses]
        return found

    def to_ask(self) -> list[SwitchName]:
        """Switches that are to be asked now, for they have passed on no answer of a host in time.

        Call `switch_answered` or `switch_silent` for each of them.
        """
        return self._doubts.to_ask()

    def switch_answered(self, switch: SwitchName, now: float) -> Verdicts[C]:
        """A switch that was asked has answered: those of its hosts that have not are silent."""
        return self._go_on(switch, now, lambda case: self._silence_counts(switch, case.since))

    def switch_silent(self, switch: SwitchName, now: float) -> Verdicts[C]:
        """A switch that was asked has not answered: the silence of its hosts proves nothing."""
        return self._go_on(switch, now, lambda case: False)

    def _go_on(self, switch: SwitchName, now: float, is_silent: Callable[[_Case[C]], bool]) -> Verdicts[C]:
        found = Verdicts[C]()
        for asked, case in self._doubts.take(switch):
            inquiry, pair = self._inquiries.get(asked), (case.case, case.contest)
            if inquiry is None:
                continue
            # It may have been answered meanwhile, and another one like it opened.
            if inquiry.cases.get(pair) is case:
                case.doubted = False
                if is_silent(case):
                    found.silent.append(pair)
                    self._remove(inquiry, pair)
                else:
                    self._proves_nothing(inquiry, pair, case, now, found)
            if not inquiry.planned:
                self._plan_or_end(asked, inquiry, now)
        return found

    def _proves_nothing(
        self, inquiry: _Inquiry[C], pair: tuple[C, Contest], case: _Case[C], now: float, found: Verdicts[C]
    ) -> None:
        if case.asked >= self._timing.most_attempts:
            found.undecided.append(pair)
            self._remove(inquiry, pair)
        else:
            case.since, case.unanswered = now, 0

    def _decide(self, asked: _Asked, now: float, paused: bool, found: Verdicts[C]) -> None:
        inquiry, switch = self._inquiries[asked], asked[1].switch
        for pair, case in list(inquiry.cases.items()):
            if case.doubted:
                continue
            if case.unanswered < self._timing.attempts:
                if case.asked >= self._timing.most_attempts:
                    found.undecided.append(pair)
                    self._remove(inquiry, pair)
                continue
            if paused or not self._silence_counts(switch, case.since):
                self._proves_nothing(inquiry, pair, case, now, found)
            elif self._is_connected(switch):
                case.doubted = True
                self._doubts.add(switch, (asked, case))
            elif self._is_lost(switch):
                found.silent.append(pair)
                self._remove(inquiry, pair)
            else:
                self._proves_nothing(inquiry, pair, case, now, found)

    def _next_addresses(self, case: _Case[C]) -> tuple[IpAddress, ...]:
        if not self._timing.in_turn:
            return case.addresses
        return (case.addresses[case.asked % len(case.addresses)],)

    def _plan_or_end(self, asked: _Asked, inquiry: _Inquiry[C], at: float) -> bool:
        """Plan the next moment of an inquiry, or none; returns whether there is nothing to ask."""
        if not inquiry.cases:
            del self._inquiries[asked]
            return True
        inquiry.planned = not all(case.doubted for case in inquiry.cases.values())
        if inquiry.planned:
            self._plan(asked, at)
        return not inquiry.planned

    def _plan(self, asked: _Asked, at: float) -> None:
        self._numbers += 1
        heapq.heappush(self._schedule, (at, self._numbers, asked))

    def _remove(self, inquiry: _Inquiry[C], pair: tuple[C, Contest]) -> None:
        port = inquiry.cases.pop(pair).charged_to
        self._cases -= 1
        self._charged[port] -= 1
        if not self._charged[port]:
            del self._charged[port]
