"""Makes a claim to a known host's place or address wait until the host does not answer there.

A host that moves is silent where it was; one that is impersonated answers. All claims against a host
share the questions that it is asked, so that nobody can make the fabric pester it. This module must
never know frames or switches, nor what becomes of a claim that nobody contests any more.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from controller.names import PortRef, SwitchName
from controller.topology.model import HostKey
from controller.topology.sighting import Contest, Sighting

__all__ = ["Limits", "Question", "Takeovers", "Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """When a host counts as silent. The defaults give a host that moves its new place within 0.5 s."""

    attempts: int = 3
    """Questions without an answer."""
    interval: float = 0.15
    """Seconds from one question to the next, and from the last one to the verdict."""
    most_attempts: int = 21
    """A multiple of `attempts`: then a claim is dropped, where silence proves nothing (see `Takeovers`)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many claims may wait. One more is ignored: a host that has moved speaks again."""

    at_a_port: int = 32
    """Claims from one port."""
    altogether: int = 1024


@dataclass(frozen=True, slots=True)
class Question:
    """Ask this host, at this port, whether it has this address."""

    host: HostKey
    place: PortRef
    address: IPv4Address | IPv6Address


@dataclass(slots=True)
class _Claim:
    sighting: Sighting
    contest: Contest
    addresses: tuple[IPv4Address | IPv6Address, ...]
    since: float
    """From when on all reports must have been looked at for silence to prove something."""
    unanswered: int = 0
    """Questions since then."""
    asked: int = 0


_Asked = tuple[HostKey, PortRef]


@dataclass(slots=True)
class _Inquiry:
    """A host that is asked, or was so a moment ago: that keeps the next question apart from the last."""

    claims: dict[tuple[Sighting, Contest], _Claim] = field(default_factory=dict)


class Takeovers:
    """Give it claims and answers, and `tick` it when `due`."""

    def __init__(
        self,
        on_claim: Callable[[], None],
        heard_all: Callable[[SwitchName, float], bool],
        timing: Timing,
        limits: Limits,
    ) -> None:
        """Make it, with no claims.

        Args:
            on_claim: called when `due` may be earlier than it was.
            heard_all: whether all that a switch has reported since a moment was looked at. Where it
                was not, for instance because somebody floods the switch, silence proves nothing.
            timing: how patient.
            limits: how many claims.
        """
        self._on_claim = on_claim
        self._heard_all = heard_all
        self._timing, self._limits = timing, limits
        self._inquiries: dict[_Asked, _Inquiry] = {}
        self._schedule: list[tuple[float, int, _Asked]] = []
        """One element for each inquiry; the number keeps heapq from comparing what has no order."""
        self._numbers = 0
        self._claims_from: Counter[PortRef] = Counter()
        self._claims = 0

    @property
    def due(self) -> float | None:
        """When to `tick` next, in seconds of the clock; None: not before the next claim."""
        return self._schedule[0][0] if self._schedule else None

    def waits(self, sighting: Sighting, contest: Contest) -> bool:
        """Whether this very claim waits already."""
        inquiry = self._inquiries.get((contest.holder, contest.place))
        return inquiry is not None and (sighting, contest) in inquiry.claims

    def claim(
        self,
        sighting: Sighting,
        contest: Contest,
        addresses: Iterable[IPv4Address | IPv6Address],
        now: float,
    ) -> str | None:
        """Let a claim wait for the holder's answer; returns why it may not, or None.

        Args:
            sighting: what would be learned.
            contest: whom it would be taken from.
            addresses: what the holder is asked for.
            now: seconds of the clock.
        """
        port = sighting.port
        if self._claims_from[port] >= self._limits.at_a_port:
            return f"{self._limits.at_a_port} claims of this port wait already"
        if self._claims >= self._limits.altogether:
            return f"{self._limits.altogether} claims wait already"
        asked = (contest.holder, contest.place)
        inquiry = self._inquiries.get(asked)
        if inquiry is None:
            inquiry = self._inquiries[asked] = _Inquiry()
            self._plan(asked, now)
            self._on_claim()
        inquiry.claims[sighting, contest] = _Claim(sighting, contest, tuple(addresses), now)
        self._claims_from[port] += 1
        self._claims += 1
        return None

    def answered(self, sighting: Sighting) -> list[tuple[Sighting, Contest]]:
        """A known host spoke where it is known to be; returns the claims that this refutes."""
        inquiry = self._inquiries.get((sighting.key, sighting.port))
        if inquiry is None:
            return []
        refuted = [
            (claim.sighting, claim.contest)
            for claim in inquiry.claims.values()
            if claim.contest.address in (None, sighting.address)
        ]
        for pair in refuted:
            self._remove(inquiry, pair)
        return refuted

    def tick(self, now: float) -> tuple[list[Question], list[tuple[Sighting, Contest]]]:
        """Do what is due; returns what to ask, and the claims whose holders were silent."""
        questions: list[Question] = []
        silent: list[tuple[Sighting, Contest]] = []
        while self._schedule and self._schedule[0][0] <= now:
            planned, _, asked = heapq.heappop(self._schedule)
            inquiry = self._inquiries[asked]
            # Where this process stood still, answers may wait to be read.
            paused = now - planned > self._timing.interval
            for pair, claim in list(inquiry.claims.items()):
                if claim.unanswered < self._timing.attempts:
                    continue
                if not paused and self._heard_all(claim.contest.place.switch, claim.since):
                    silent.append(pair)
                    self._remove(inquiry, pair)
                elif claim.asked >= self._timing.most_attempts:
                    self._remove(inquiry, pair)
                else:
                    claim.since, claim.unanswered = now, 0
            if not inquiry.claims:
                del self._inquiries[asked]
                continue
            addresses: dict[IPv4Address | IPv6Address, None] = {}
            for claim in inquiry.claims.values():
                claim.asked += 1
                claim.unanswered += 1
                addresses.update(dict.fromkeys(claim.addresses))
            host, place = asked
            questions += [Question(host, place, address) for address in addresses]
            self._plan(asked, now + self._timing.interval)
        return questions, silent

    def _plan(self, asked: _Asked, at: float) -> None:
        self._numbers += 1
        heapq.heappush(self._schedule, (at, self._numbers, asked))

    def _remove(self, inquiry: _Inquiry, pair: tuple[Sighting, Contest]) -> None:
        del inquiry.claims[pair]
        self._claims -= 1
        port = pair[0].port
        self._claims_from[port] -= 1
        if not self._claims_from[port]:
            del self._claims_from[port]
