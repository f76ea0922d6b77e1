"""Finds learned hosts that are gone: one that was silent for long is asked, and forgotten if it stays silent.

The pipeline reports each ARP and neighbor message of a host, but no other packet, and has no idle timeout: a
host may be busy and yet not be heard for hours. So silence proves nothing before the host was asked. The
questions are spread over time. This module does not know what is forgotten with a host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from p4fabric.controller.hosts.claims import Contest, HostClaim, IpAddress
from p4fabric.controller.hosts.inquiries import Inquiries, Question, Timing, Verdicts
from p4fabric.controller.hosts.inquiries import Limits as InquiryLimits
from p4fabric.controller.hosts.learned import LearnedHost
from p4fabric.controller.hosts.pacing import Appointment, PacedSchedule, Rates
from p4fabric.controller.names import SwitchName

__all__ = ["Ageing", "AgeingSettings"]

_NO_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class AgeingSettings:
    """When hosts are asked, and how often."""

    silence: float = 300.0
    """Seconds after which a silent host is asked (IEEE 802.1Q's default ageing time); 0: never."""
    timing: Timing = field(
        default_factory=lambda: Timing(attempts=4, interval=2.0, most_attempts=12, in_turn=True)
    )
    """Of the questions; every one that stays without an answer is for another of the host's addresses."""
    rates: Rates = field(default_factory=lambda: Rates(per_port=20.0, altogether=200.0))
    """Hosts that begin to be asked, a second. The pipeline reports 200 answers a second of a port."""


_Element = tuple[LearnedHost, int]
"""A host, and the number that `LearnedHost.appointment` must have for the element to count."""


class Ageing:
    """Tell it of hosts and of switches, and `tick` it when `due`."""

    def __init__(
        self,
        settings: AgeingSettings,
        is_kept: Callable[[LearnedHost], bool],
        is_known: Callable[[LearnedHost], bool],
        asked_for: Callable[[LearnedHost], list[IpAddress]],
        silence_counts: Callable[[SwitchName, float], bool],
        clock: Callable[[], float],
    ) -> None:
        """Make it.

        Args:
            settings: when and how often.
            is_kept: whether a host stays known however silent it is.
            is_known: whether a host is still known, and has not been forgotten and learned again.
            asked_for: the addresses that a host is asked for.
            silence_counts: whether all that a switch has reported since a moment was looked at.
            clock: seconds.
        """
        self._settings = settings
        self._is_kept, self._is_known, self._asked_for = is_kept, is_known, asked_for
        self._silence_counts = silence_counts
        self._clock = clock
        self._inquiries = Inquiries[LearnedHost](
            self._heard_all,
            self.is_connected,
            lambda switch: False,
            settings.timing,
            InquiryLimits(_NO_LIMIT, _NO_LIMIT),
        )
        self._schedule = PacedSchedule[_Element](self._appointment, settings.rates)
        self._numbers = 0
        self._urgent: set[LearnedHost] = set()
        """Hosts that are asked though they were heard a while ago only."""
        self._connected: dict[SwitchName, float] = {}
        """Switches that report, and since when."""
        self._parked: dict[SwitchName, set[LearnedHost]] = {}
        """Hosts whose time came while their switch was away."""

    @property
    def due(self) -> float | None:
        """When to `tick` next, in seconds of the clock; None: not before a host is added."""
        times = [due for due in (self._schedule.due, self._inquiries.due) if due is not None]
        return min(times, default=None)

    def add(self, known: LearnedHost) -> None:
        """A host was learned, or has moved."""
        self._wait(known, known.heard_at)

    def check(self, known: LearnedHost) -> None:
        """Ask a host soon: its place is wanted for another."""
        if not self._is_asked(known) and known not in self._urgent:
            self._urgent.add(known)
            self._put_in(known, self._clock())

    def heard(self, known: LearnedHost, claim: HostClaim) -> None:
        """A host spoke where it is."""
        for _ in self._inquiries.answered(claim.key, claim.port, claim.address):
            self._put_back(known)

    def switch_connected(self, switch: SwitchName) -> None:
        """A switch reports what hosts say. Its hosts have all the time again that they had at first."""
        now = self._clock()
        self._connected[switch] = now
        for known in self._parked.pop(switch, ()):
            self._put_back(known, now)

    def switch_disconnected(self, switch: SwitchName) -> None:
        """A switch reports nothing any more."""
        self._connected.pop(switch, None)

    def is_connected(self, switch: SwitchName) -> bool:
        """Whether a switch reports what hosts say, as far as is known."""
        return switch in self._connected

    def to_ask(self) -> list[SwitchName]:
        """Switches that are to be asked whether they can be heard; see `Inquiries.to_ask`."""
        return self._inquiries.to_ask()

    def switch_answered(self, switch: SwitchName) -> list[LearnedHost]:
        """A switch that was asked has answered; returns the hosts that have not."""
        return self._judge(self._inquiries.switch_answered(switch, self._clock()))

    def switch_silent(self, switch: SwitchName) -> None:
        """A switch that was asked has not answered."""
        self._judge(self._inquiries.switch_silent(switch, self._clock()))

    def not_asked(self, question: Question) -> None:
        """A question could not be sent."""
        self._inquiries.not_asked(question, self._clock())

    def tick(self) -> tuple[list[Question], list[LearnedHost]]:
        """Do what is due; returns what to ask now, and the hosts that did not answer."""
        now = self._clock()
        for known, _ in self._schedule.pop(now):
            known.appointment = None
            self._urgent.discard(known)
            if not self._is_asked(known):
                self._ask(known)
        verdicts = self._inquiries.tick(now)
        return verdicts.questions, self._judge(verdicts)

    def _judge(self, verdicts: Verdicts[LearnedHost]) -> list[LearnedHost]:
        """Look at hosts again of which nothing was found out; returns those that did not answer."""
        now = self._clock()
        for known, _ in verdicts.undecided:
            self._put_back(known, now)
        silent: list[LearnedHost] = []
        for known, contest in verdicts.silent:
            moved = known.host.attachment != contest.place
            if moved or (self._is_known(known) and self._is_kept(known)):
                self._put_back(known, now)
            elif self._is_known(known):
                silent.append(known)
        return silent

    def _is_asked(self, known: LearnedHost) -> bool:
        return self._inquiries.is_open(known, Contest(known.key, known.host.attachment, None))

    def _ask(self, known: LearnedHost) -> None:
        contest = Contest(known.key, known.host.attachment, None)
        self._inquiries.open(known, contest, self._asked_for(known), contest.place, self._clock())

    def _put_back(self, known: LearnedHost, since: float | None = None) -> None:
        """Look at a host again when it is silent for long after it was heard, or after a moment."""
        if self._is_known(known):
            self._wait(known, known.heard_at if since is None else since)

    def _wait(self, known: LearnedHost, since: float) -> None:
        if self._settings.silence and known.appointment is None:
            self._put_in(known, since + self._settings.silence)

    def _put_in(self, known: LearnedHost, at: float) -> None:
        self._numbers += 1
        known.appointment = self._numbers
        self._schedule.add((known, self._numbers), at)

    def _appointment(self, element: _Element, now: float) -> Appointment | None:
        known, number = element
        if known.appointment != number:
            return None
        port, silence = known.host.attachment, self._settings.silence
        connected = self._connected.get(port.switch)
        if not self._is_known(known) or connected is None:
            known.appointment = None
            self._urgent.discard(known)
            if self._is_known(known):
                self._parked.setdefault(port.switch, set()).add(known)
            return None
        if known in self._urgent:
            return Appointment(now, port)
        if self._is_kept(known):
            return Appointment(now + silence, port)
        return Appointment(max(known.heard_at, connected) + silence, port)

    def _heard_all(self, switch: SwitchName, since: float) -> bool:
        connected = self._connected.get(switch)
        return connected is not None and connected <= since and self._silence_counts(switch, since)
