"""Learns hosts from the ARP and neighbor messages that edge ports report.

Among hosts that were only heard, whoever speaks first has an address. A known host keeps its place and its
addresses for as long as it answers there; one that is silent for long is asked, and forgotten if it does not
answer. One message costs the same however many hosts there are. This module does not know what comes of
a host.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from p4fabric.controller.hosts.ageing import Ageing, AgeingSettings
from p4fabric.controller.hosts.claims import (
    AddressConflict,
    Contest,
    HostChange,
    HostClaim,
    IpAddress,
    Location,
    PortFull,
    Refusal,
    RefusedClaim,
)
from p4fabric.controller.hosts.inquiries import Inquiries, Question, Timing, Verdicts
from p4fabric.controller.hosts.inquiries import Limits as InquiryLimits
from p4fabric.controller.hosts.learned import LearnedHost, LearnedHosts, as_seen
from p4fabric.controller.hosts.notices import Notices
from p4fabric.controller.hosts.question import link_local
from p4fabric.controller.hosts.rules import HostRules
from p4fabric.controller.hosts.statements import Statements
from p4fabric.controller.limit import RateLimit
from p4fabric.controller.names import PortRef, SwitchName, TenantName
from p4fabric.controller.topology.model import Host, HostKey

__all__ = ["HostLearning", "HostListener", "Limits"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one edge port may make the fabric learn."""

    changes_a_second: float = 20.0
    """New hosts, new addresses, and claims to what another host has."""
    burst: int = 100
    """Changes that may come at once, after a pause."""
    hosts: int = 128
    """Learned hosts at one port."""
    full_port_silence: float = 60.0
    """Seconds after which a host at a full port is asked whether it is still there."""
    addresses: int = 16
    """IP addresses that are learned of one host."""
    asked: int = 4
    """Addresses that a host is asked for: the ones it showed last."""
    inquiries: InquiryLimits = field(default_factory=InquiryLimits)
    """Claims that may wait for an answer."""


class HostListener(Protocol):
    """Told what has become of hosts. It must not call back."""

    def host_changed(self, change: HostChange) -> None:
        """A host is new, another one, or gone."""

    def learned(self, key: HostKey, host: Host | None, reason: str) -> None:
        """What is known of a host by hearing is this now, or nothing: keep it over a restart."""

    def address_moved(self, address: IpAddress, host: Host, before: Host) -> None:
        """An address belongs to another host: the one that had it, as it was, did not answer for it."""

    def claim_refused(self, claim: RefusedClaim) -> None:
        """A host claims what is another's; told about once a minute for each port and address."""

    def address_conflict(self, conflict: AddressConflict) -> None:
        """Two hosts use one address; told as often as refused claims are."""

    def port_full(self, full: PortFull) -> None:
        """A port has as many hosts as it may have; told about once a minute for each port."""


class HostLearning:
    """Feed it claims, rules that change and connections; `tick` it when `due`."""

    def __init__(
        self,
        rules: HostRules,
        statements: Statements,
        listener: HostListener,
        on_change: Callable[[HostKey, str], None],
        is_expected: Callable[[TenantName, IpAddress], bool],
        heard_all: Callable[[SwitchName, float], bool],
        is_lost: Callable[[SwitchName], bool],
        clock: Callable[[], float],
        limits: Limits,
        timing: Timing,
        ageing: AgeingSettings,
    ) -> None:
        """Make it, knowing no hosts.

        Args:
            rules: what may be learned.
            statements: what need not be.
            listener: told of what was learned, and of claims that were not believed.
            on_change: called with each host of which something else is known, and why.
            is_expected: whether an intent relies on the host that has an address.
            heard_all: whether all that a switch has reported since a moment was looked at.
            is_lost: whether nobody reaches the hosts of a switch that is not connected.
            clock: seconds.
            limits: how much to learn.
            timing: how long a host may take to answer a claim to what it has.
            ageing: when silent hosts are asked.
        """
        self._rules, self._statements = rules, statements
        self._listener = listener
        self._on_change = on_change
        self._is_expected, self._is_lost = is_expected, is_lost
        self._clock = clock
        self._limits = limits
        self.hosts = LearnedHosts()
        self._changes = RateLimit[PortRef](limits.changes_a_second, limits.burst)
        self._notices = Notices()
        self._inquiries = Inquiries[HostClaim](
            heard_all, lambda switch: self.ageing.is_connected(switch), is_lost, timing, limits.inquiries
        )
        self.ageing = Ageing(
            ageing,
            is_kept=self._is_kept,
            is_known=lambda known: self.hosts.get(known.key) is known,
            asked_for=self._asked_of,
            silence_counts=heard_all,
            clock=clock,
        )

    @property
    def due(self) -> float | None:
        """When to `tick` next, in seconds of the clock; None: not before something was heard."""
        times = [due for due in (self._inquiries.due, self.ageing.due) if due is not None]
        return min(times, default=None)

    def heard(self, claim: HostClaim) -> str | None:
        """A host spoke; returns why nothing was learned from it (for now), or None."""
        return self._consider(claim)

    def restore(self, host: Host) -> str | None:
        """Know a host that was learned before; returns why not all of it is believed, or None."""
        free = {a for a in host.addresses if self.hosts.holder(host.network, a) is None}
        known = self.hosts.put(replace(host, addresses=frozenset(free)), self._clock())
        self.ageing.add(known)
        reason = self._withdraw_refused(known)
        after = self.hosts.get(host.key)
        if after is None or after.host != host:
            why = reason or "another restored host has its addresses"
            self._listener.learned(host.key, after.host if after is not None else None, why)
        return reason

    def judge_again(self, key: HostKey) -> str | None:
        """Withdraw what is no longer allowed of a host, or need not be learned; returns why, or None."""
        known = self.hosts.get(key)
        if known is None:
            return None
        before = known.host
        reason = self._withdraw_refused(known)
        if reason is not None:
            after = self.hosts.get(key)
            if after is None or after.host != before:
                self._listener.learned(key, after.host if after is not None else None, reason)
        return reason

    def forget(self, key: HostKey, reason: str) -> None:
        """Forget a host; it may be learned again."""
        if self.hosts.get(key) is not None:
            self.hosts.remove(key)
            self._listener.learned(key, None, reason)
            self._on_change(key, reason)

    def tick(self) -> list[Question]:
        """Let claims have what nobody answers for, and forget who is gone; returns what to ask now."""
        verdicts = self._inquiries.tick(self._clock())
        self._decide(verdicts)
        questions, gone = self.ageing.tick()
        self._forget_silent(gone)
        return verdicts.questions + questions

    def to_ask(self) -> list[SwitchName]:
        """Switches that are to be asked whether they can be heard; see `Inquiries.to_ask`."""
        return list(dict.fromkeys([*self._inquiries.to_ask(), *self.ageing.to_ask()]))

    def switch_answered(self, switch: SwitchName) -> None:
        """A switch that was asked has answered: hosts that have not are silent."""
        self._decide(self._inquiries.switch_answered(switch, self._clock()))
        self._forget_silent(self.ageing.switch_answered(switch))

    def switch_silent(self, switch: SwitchName) -> None:
        """A switch that was asked has not answered: the silence of its hosts proves nothing."""
        self._decide(self._inquiries.switch_silent(switch, self._clock()))
        self.ageing.switch_silent(switch)

    def _decide(self, verdicts: Verdicts[HostClaim]) -> None:
        """Let claims have what nobody answers for."""
        for claim, contest in verdicts.silent:
            reason = self._consider(claim, won=contest)
            if reason is not None:
                _log.debug("%s: the claim of %s is refused: %s", claim.port, claim.mac, reason)

    def _forget_silent(self, gone: Iterable[LearnedHost]) -> None:
        for known in gone:
            silence = self._clock() - known.heard_at
            self.forget(known.key, f"not heard for {silence:.0f} s, and did not answer")

    def _consider(self, claim: HostClaim, won: Contest | None = None) -> str | None:
        """Believe a claim, or say why not. `won`: what it takes from a host that was silent."""
        refusal = self._rules.judge(claim)
        if refusal is not None:
            self._tell_of_spoofing(claim, refusal)
            return refusal.reason
        known = self.hosts.get(claim.key)
        if known is not None and known.host.attachment == claim.port and won is None:
            self._heard(known, claim)
        endpoint = self._statements.of_host(claim.key)
        address = claim.address
        if endpoint is not None and (address is None or address in endpoint.addresses):
            return None  # Nothing that is not known.
        host = as_seen(known.host if known is not None else None, claim, address)
        if known is not None and host == known.host:
            return None
        if len(host.addresses) > self._limits.addresses:
            return f"the host has {self._limits.addresses} addresses already"
        contests = self._contests(claim, known)
        if contests and contests[0] != won:
            return self._inquire(claim, contests[0])
        if len(contests) > 1:
            # It is there now; whether the address is its own is another question.
            return self._consider(replace(claim, shown=None), won) or self._consider(claim)
        if won is None and not self._may_change(claim.port):
            return self._too_many_changes
        if not self._has_room(claim.port, claim.key):
            return f"the port has {self._limits.hosts} hosts already"
        self._learn(host, claim)
        return None

    def _heard(self, known: LearnedHost, claim: HostClaim) -> None:
        self.hosts.heard(known, claim, self._clock(), self._limits.asked)
        self.ageing.heard(known, claim)
        for refuted, contest in self._inquiries.answered(claim.key, claim.port, claim.address):
            if contest.address is None:
                self._tell(refuted, contest.place, f"{known.host.mac} answers at {contest.place}")
            elif self._notices.wanted(_refused(refuted, contest.place, ""), self._clock()):
                holder = Location(known.host.mac, contest.place)
                claimant = Location(refuted.mac, refuted.port)
                conflict = AddressConflict(refuted.network, contest.address, holder, claimant)
                self._listener.address_conflict(conflict)

    def _contests(self, claim: HostClaim, known: LearnedHost | None) -> list[Contest]:
        """Whose place and whose address would be taken, in the order of asking."""
        contests = []
        if known is not None and known.host.attachment != claim.port:
            contests.append(Contest(known.key, known.host.attachment, None))
        owner = self._other_holder(claim)
        if owner is not None:
            contests.append(Contest(owner.key, owner.host.attachment, claim.address))
        return contests

    def _other_holder(self, claim: HostClaim) -> LearnedHost | None:
        """The other host that has the address."""
        if claim.address is None:
            return None
        holder = self.hosts.holder(claim.network, claim.address)
        return None if holder is None or holder.key == claim.key else holder

    def _inquire(self, claim: HostClaim, contest: Contest) -> str:
        """Have the holder asked first."""
        switch = contest.place.switch
        if not self.ageing.is_connected(switch) and not self._is_lost(switch):
            # It may forward as before: that its host cannot be asked proves nothing.
            reason = f"{contest.holder[1]} is at {contest.place}, and {switch} is not connected"
            self._tell(claim, contest.place, reason)
            return reason
        waiting = f"{contest.holder[1]} is probed at {contest.place} first"
        if self._inquiries.is_open(claim, contest):
            return waiting
        if not self._may_change(claim.port):
            return self._too_many_changes
        holder = self.hosts.get(contest.holder)
        assert holder is not None
        asked = [contest.address] if contest.address is not None else self._asked_of(holder, claim.address)
        return self._inquiries.open(claim, contest, asked, claim.port, self._clock()) or waiting

    def _asked_of(self, known: LearnedHost, first: IpAddress | None = None) -> list[IpAddress]:
        """The addresses that a host may answer for."""
        own, shown = known.host.addresses, list(reversed(known.shown))
        preferred = [first] if first is not None and first in own else []
        # Whoever shares its port could show addresses in its name that it does not answer for.
        preferred += [address for address in shown if address in own]
        every = dict.fromkeys([*preferred, *sorted(own, key=int), *shown])
        return list(every)[: self._limits.asked] or [link_local(known.host.mac)]

    def _may_change(self, port: PortRef) -> bool:
        return self._changes.allows(port, self._clock())

    @property
    def _too_many_changes(self) -> str:
        return f"the port reports more than {self._limits.changes_a_second:g} changes a second"

    def _has_room(self, port: PortRef, key: HostKey) -> bool:
        """Whether a port may have a host more. If not, those that are silent longest are asked."""
        there = self.hosts.at_port(port)
        if key in there or len(there) < self._limits.hosts:
            return True
        known = self.hosts.get(next(iter(there)))
        if known is not None and self._clock() - known.heard_at >= self._limits.full_port_silence:
            self.hosts.put_last(known)
            self.ageing.check(known)
        if self._notices.port_full_wanted(port, self._clock()):
            self._listener.port_full(PortFull(port, self._limits.hosts))
        return False

    def _learn(self, host: Host, claim: HostClaim) -> None:
        loser, address = self._other_holder(claim), claim.address
        before = loser.host if loser is not None else None
        if loser is not None and address is not None:
            self._take(loser, address, f"{address} is {claim.mac}'s now, at {claim.port}")
        now, reason = self._clock(), f"heard at {claim.port}"
        known = self.hosts.put(host, now)
        self.hosts.heard(known, claim, now, self._limits.asked)
        self.ageing.add(known)
        self._listener.learned(host.key, host, reason)
        self._on_change(host.key, reason)
        if before is not None and address is not None:
            self._listener.address_moved(address, host, before)

    def _take(self, loser: LearnedHost, address: IpAddress, reason: str) -> None:
        """Take an address from a host that did not answer for it."""
        self.hosts.remove_addresses(loser, [address])
        self._withdraw_refused(loser)
        known = self.hosts.get(loser.key)
        self._listener.learned(loser.key, known.host if known is not None else None, reason)
        self._on_change(loser.key, reason)

    def _withdraw_refused(self, known: LearnedHost) -> str | None:
        """Take from a host what it may not have; returns why, or None where it may have everything."""
        host, endpoint = known.host, self._statements.of_host(known.key)
        claim = HostClaim(host.network, host.mac, host.attachment)
        if (refusal := self._rules.judge(claim)) is not None:
            self.hosts.remove(known.key)
            return refusal.reason
        lost: dict[IpAddress, str] = {}
        for address in sorted(host.addresses, key=int):
            if endpoint is not None and address in endpoint.addresses:
                lost[address] = f"{address} is stated by {endpoint.owner}"
            elif (refusal := self._rules.judge(replace(claim, shown=address))) is not None:
                lost[address] = refusal.reason
        if endpoint is not None and len(lost) == len(host.addresses):
            # All that is known of it is stated.
            self.hosts.remove(known.key)
            return f"stated by {endpoint.owner}"
        if lost:
            self.hosts.remove_addresses(known, lost)
        return "; ".join(lost.values()) or None

    def _is_kept(self, known: LearnedHost) -> bool:
        """Whether a host stays known, however silent it is."""
        if self._statements.of_host(known.key) is not None:
            return True
        tenant = known.host.network.tenant
        return any(self._is_expected(tenant, address) for address in known.host.addresses)

    def _tell_of_spoofing(self, claim: HostClaim, refusal: Refusal) -> None:
        if refusal.spoofed:
            self._tell(claim, refusal.held_at, refusal.reason)

    def _tell(self, claim: HostClaim, held_at: PortRef | None, reason: str) -> None:
        refused = _refused(claim, held_at, reason)
        if self._notices.wanted(refused, self._clock()):
            self._listener.claim_refused(refused)


def _refused(claim: HostClaim, held_at: PortRef | None, reason: str) -> RefusedClaim:
    return RefusedClaim(claim.network, claim.mac, claim.address, claim.port, held_at, reason)
