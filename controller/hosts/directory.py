"""All hosts of the fabric: those that are stated, and those that were heard.

What is stated counts before what is heard. Among hosts that were only heard, whoever speaks first has an
address, and keeps its place and its addresses for as long as it answers there. A host that is silent for
long is asked, and forgotten if it does not answer. One function (`HostRules.judge`) decides what is
believed, both when something is heard and when intents or statements change. One message, one statement
and one host's ageing cost the same however many hosts there are. This module knows nothing of frames or
entries.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable
from operator import itemgetter

from p4fabric.controller.hosts.ageing import AgeingSettings
from p4fabric.controller.hosts.attachments import AttachmentIndex
from p4fabric.controller.hosts.claims import HostChange, HostClaim, IpAddress
from p4fabric.controller.hosts.inquiries import Question, Timing
from p4fabric.controller.hosts.learning import HostLearning, HostListener, Limits
from p4fabric.controller.hosts.rules import ClaimsTo, HostRules, claimed_addresses
from p4fabric.controller.hosts.statements import (
    Endpoint,
    Owner,
    Statements,
    Touched,
    endpoints_of,
    stated_at,
)
from p4fabric.controller.intents.kinds import endpoint as intents
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.topology.model import Host, HostKey
from p4fabric.pipelines.fabric.bindings import HostSeen
from p4fabric.pipelines.values import VlanId

_SLICE = 128
"""Hosts that are judged again at once: a few milliseconds."""

__all__ = ["HostDirectory"]

_log = logging.getLogger(__name__)


class HostDirectory:
    """Feed it intents' networks, statements, HostSeen digests and connections; `tick` it when `due`."""

    def __init__(
        self,
        listener: HostListener,
        claims_to: ClaimsTo,
        *,
        is_expected: Callable[[TenantName, IpAddress], bool] = lambda tenant, address: False,
        heard_all: Callable[[SwitchName, float], bool] = lambda switch, since: True,
        is_lost: Callable[[SwitchName], bool] = lambda switch: False,
        on_due: Callable[[], None] = lambda: None,
        limits: Limits | None = None,
        timing: Timing | None = None,
        ageing: AgeingSettings | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Make it, knowing no hosts.

        Args:
            listener: told of changes.
            claims_to: which intents claim an address, and as what.
            is_expected: whether an intent relies on the host that has an address: it is kept, however
                silent it is.
            heard_all: whether all that a switch has reported since a moment was looked at; False also
                where reports may have been lost.
            is_lost: whether it is known of a switch that is not connected that nobody reaches its hosts: they
                may move, and others may have their addresses.
            on_due: called when `due` may be earlier than it was.
            limits: how much to learn.
            timing: how long a host may take to answer a claim to what it has.
            ageing: when silent hosts are asked.
            clock: seconds; the event loop's if not given.
        """
        self._listener = listener
        self._on_due = on_due
        self.attachments = AttachmentIndex()
        self._statements = Statements()
        self.rules = HostRules(self.attachments, self._statements, claims_to)
        self._learning = HostLearning(
            self.rules,
            self._statements,
            listener,
            self._refresh,
            is_expected,
            heard_all,
            is_lost,
            clock or (lambda: asyncio.get_running_loop().time()),
            limits or Limits(),
            timing or Timing(),
            ageing or AgeingSettings(),
        )
        self._hosts: dict[HostKey, Host] = {}
        """What counts: statements and what was learned, put together."""
        self._with_address: dict[tuple[TenantName, IpAddress], set[HostKey]] = {}
        """Of `_hosts`, link-local addresses aside."""
        self._to_judge: set[HostKey] = set()
        """Hosts that a change of the rules is about and that were not judged since."""
        self._judged_next: deque[HostKey] = deque()
        """All of these in order, and some that were judged already."""

    # What is known.

    @property
    def hosts(self) -> Collection[Host]:
        """All hosts, as they count, or counted until the rules changed a moment ago."""
        return self._hosts.values()

    def get(self, key: HostKey) -> Host | None:
        """A host as it counts, or None."""
        self._judge_now(key)
        return self._hosts.get(key)

    def owner(self, tenant: TenantName, address: IpAddress) -> Host | None:
        """The host of a tenant that packets for an address are for, or None.

        Hosts in networks without subnets are not reached by their addresses.
        """
        self._judge_holders(tenant, address)
        for key in self._with_address.get((tenant, address), ()):
            network = self.attachments.network(key[0])
            if network is not None and network.spec.subnets:
                return self._hosts[key]
        return None

    @property
    def learned(self) -> Iterable[Host]:
        """What was heard, as it is kept over a restart."""
        return iter(self._learning.hosts)

    # What is stated.

    def network_changed(self, network: Network, vlan: VlanId) -> None:
        """A network is new or another one: judge its hosts again, and those whose addresses it claims.

        Args:
            network: the network; what it states of hosts counts.
            vlan: its VLAN id on the fabric's links.
        """
        before = self.attachments.network(network.key)
        self.attachments.put(network, vlan)
        touched = Touched(self._touched_by(network.key, before, network), set())
        stated = {endpoint.key: endpoint for endpoint in self._statements.of_owner(network.key)}
        wanted = {endpoint.key: endpoint for endpoint in endpoints_of(network)}
        for key, endpoint in stated.items():
            if wanted.get(key) != endpoint:
                _join(touched, self._statements.remove(network.key, key))
        for key, endpoint in wanted.items():
            if stated.get(key) != endpoint:
                _join(touched, self._statements.put(endpoint))
        claims = claimed_addresses(before) ^ claimed_addresses(network)
        touched.addresses.update((network.tenant, address) for address, _ in claims)
        self._judge_again(touched)

    def network_removed(self, key: IntentKey) -> None:
        """A network is gone, and its hosts with it."""
        before = self.attachments.network(key)
        self.attachments.remove(key)
        touched = Touched(self._touched_by(key, before, None), set())
        touched.addresses.update((key.tenant, address) for address, _ in claimed_addresses(before))
        for endpoint in self._statements.of_owner(key):
            _join(touched, self._statements.remove(key, endpoint.key))
        self._judge_again(touched)

    def endpoint_changed(self, before: intents.Endpoint | None, after: intents.Endpoint | None) -> None:
        """An Endpoint is another one now: judge again who is at its port, and who has its addresses.

        Args:
            before: as it was; None: there was none.
            after: as it is; None: it is gone.
        """
        touched = Touched(set(), set())
        for one in (before, after):
            if one is not None:
                there = (*self._learning.hosts.at_port(one.spec.ref), *self._statements.at_port(one.spec.ref))
                touched.keys.update(key for key in there if key[0] == one.network)
        if before is not None:
            self.attachments.detach(before.network, before.spec.ref)
            _join(touched, self._statements.remove(before.key, (before.network, before.spec.mac)))
        if after is not None:
            self.attachments.attach(after.network, after.attachment)
            stated = stated_at(after.attachment, after.spec.mac, after.key, after.network)
            _join(touched, self._statements.put(stated))
        self._judge_again(touched)

    def claims_changed(self, addresses: set[tuple[TenantName, IpAddress]]) -> None:
        """Intents claim addresses of a tenant that they did not claim before, or no longer claim them."""
        self._judge_again(Touched(set(), addresses))

    def state(self, endpoint: Endpoint) -> str | None:
        """Take a host as its owner states it; returns why it does not count (for now), or None.

        It is kept even if it does not count, and counts as soon as nothing stands against it.
        """
        self._judge_again(self._statements.put(endpoint))
        return self.refused(endpoint)

    def withdraw(self, owner: Owner, key: HostKey | None = None) -> None:
        """Withdraw what an owner states about a host, or everything that it states."""
        keys = [key] if key is not None else [endpoint.key for endpoint in self._statements.of_owner(owner)]
        touched = Touched(set(), set())
        for one in keys:
            _join(touched, self._statements.remove(owner, one))
        self._judge_again(touched)

    def refused(self, endpoint: Endpoint) -> str | None:
        """Why a statement does not count, or not wholly; None if it does."""
        first = self._statements.of_host(endpoint.key)
        if first is not None and first.owner != endpoint.owner:
            return f"{first.owner} states {endpoint.mac} at {first.port}"
        claim = HostClaim(endpoint.network, endpoint.mac, endpoint.port)
        if (refusal := self.rules.judge(claim, stated=True)) is not None:
            return refusal.reason
        for address in sorted(endpoint.addresses, key=int):
            if (why := self._why_not_stated(endpoint, address)) is not None:
                return why
        return None

    # What is heard.

    def restore(self, hosts: Iterable[Host]) -> list[tuple[Host, str]]:
        """Know hosts that were learned before a restart.

        Returns those that are no longer accepted as they were, and why.

        Intents and statements come first. What is not heard again ages as if it had been heard now.
        """
        refused: list[tuple[Host, str]] = []
        for host in sorted(hosts, key=lambda host: host.key):
            why = self._learning.restore(host)
            if why is not None:
                refused.append((host, why))
            self._refresh(host.key, "known from before the controller started")
        self._on_due()
        return refused

    def seen(self, switch: SwitchName, message: HostSeen) -> str | None:
        """Judge one message; returns why nothing was learned from it (for now), or None."""
        port = PortRef(switch, message.ingress_port)
        network = self.attachments.network_of(port, message.vlan_id)
        if network is None:
            return f"the port is not open for VLAN {message.vlan_id}"
        due = self.due
        claim = HostClaim(network, message.mac, port, _shown(message))
        self._judge_now(claim.key)
        if claim.address is not None:
            self._judge_holders(network.tenant, claim.address)
        reason = self._learning.heard(claim)
        if reason is not None:
            # Hosts could fill the log.
            _log.debug("%s: %s is not learned: %s", port, message.mac, reason)
        if self.due != due:
            self._on_due()
        return reason

    def forget(self, key: HostKey, reason: str) -> None:
        """Forget what was heard of a host; it may be learned again."""
        self._learning.forget(key, reason)

    # Time and connections.

    @property
    def due(self) -> float | None:
        """When to `tick` next, in seconds of the clock; None: not before `on_due`."""
        return -math.inf if self._judged_next else self._learning.due

    def tick(self) -> list[Question]:
        """Judge some hosts again, let claims have what nobody answers for, and forget who is gone.

        Returns:
            What to ask now.
        """
        self._judge_some()
        return self._learning.tick()

    def to_ask(self) -> list[SwitchName]:
        """Switches that are to be asked now, for they have passed on no answer of a host in time.

        Call `switch_answered` or `switch_silent` for each of them. Those that are not connected are not
        asked.
        """
        return self._learning.to_ask()

    def switch_answered(self, switch: SwitchName) -> None:
        """A switch that was asked has answered: those of its hosts that have not are silent."""
        self._learning.switch_answered(switch)

    def switch_silent(self, switch: SwitchName) -> None:
        """A switch that was asked has not answered: the silence of its hosts proves nothing."""
        self._learning.switch_silent(switch)

    def not_asked(self, question: Question) -> None:
        """A question could not be sent, so that its host cannot answer.

        A host ages only by questions that were sent. A claim to its place does not wait for them: hosts
        move away from switches that are lost.
        """
        self._learning.ageing.not_asked(question)

    def switch_connected(self, switch: SwitchName) -> None:
        """A switch reports what its hosts say from now on."""
        self._learning.ageing.switch_connected(switch)
        self._on_due()

    def switch_disconnected(self, switch: SwitchName) -> None:
        """A switch reports nothing: its hosts do not age."""
        self._learning.ageing.switch_disconnected(switch)

    # What follows from a change of the rules.

    def _touched_by(self, key: IntentKey, before: Network | None, after: Network | None) -> set[HostKey]:
        """The hosts of a network that a change of it is about."""
        learned = self._learning.hosts
        if before is None or after is None or before.spec.subnets != after.spec.subnets:
            return {*learned.in_network(key), *self._statements.in_network(key)}
        changed = {(a.ref, a.mac) for a in before.spec.attachments}
        changed ^= {(a.ref, a.mac) for a in after.spec.attachments}
        there = (host for port, _ in changed for host in learned.at_port(port))
        stated = (host for port, _ in changed for host in self._statements.at_port(port))
        return {host for host in (*there, *stated) if host[0] == key}

    def _judge_again(self, touched: Touched) -> None:
        keys = touched.keys
        for address in touched.addresses:
            keys |= self._with_address.get(address, set())
            endpoint = self._statements.of_address(*address)
            if endpoint is not None:
                keys.add(endpoint.key)
        if len(keys) <= _SLICE and not self._to_judge:
            for key in sorted(keys):
                self._judge_host_again(key)
            return
        # The event loop is not to wait for them all; each is judged before anybody looks at it.
        keys -= self._to_judge
        self._to_judge |= keys
        self._judged_next.extend(sorted(keys, key=itemgetter(1)))
        self._on_due()

    def _judge_some(self) -> None:
        for _ in range(min(_SLICE, len(self._judged_next))):
            self._judge_now(self._judged_next.popleft())

    def _judge_holders(self, tenant: TenantName, address: IpAddress) -> None:
        if self._to_judge:
            for key in list(self._with_address.get((tenant, address), ())):
                self._judge_now(key)

    def _judge_now(self, key: HostKey) -> None:
        if key in self._to_judge:
            self._to_judge.remove(key)
            self._judge_host_again(key)

    def _judge_host_again(self, key: HostKey) -> None:
        """Withdraw what the rules no longer allow, and count what they allow now."""
        why = self._learning.judge_again(key)
        if why is None:
            endpoint = self._statements.of_host(key)
            why = "not stated any more"
            if endpoint is not None:
                why = self.refused(endpoint) or f"stated by {endpoint.owner}"
        self._refresh(key, why)

    def _refresh(self, key: HostKey, reason: str) -> None:
        """Put together what counts of a host, and tell of it if it is something else than before."""
        before, after = self._hosts.get(key), self._as_it_counts(key)
        if before == after:
            return
        for address in before.addresses if before is not None else ():
            there = self._with_address.get((key[0].tenant, address))
            if there is not None:
                there.discard(key)
                if not there:
                    del self._with_address[key[0].tenant, address]
        if after is None:
            del self._hosts[key]
        else:
            self._hosts[key] = after
            for address in after.addresses:
                if not address.is_link_local:
                    self._with_address.setdefault((key[0].tenant, address), set()).add(key)
        self._listener.host_changed(HostChange(key, before, after, reason))

    def _as_it_counts(self, key: HostKey) -> Host | None:
        known, endpoint = self._learning.hosts.get(key), self._statements.of_host(key)
        learned = known.host if known is not None else None
        if endpoint is None:
            return learned
        claim = HostClaim(endpoint.network, endpoint.mac, endpoint.port)
        if self.rules.judge(claim, stated=True) is not None:
            return learned
        stated = frozenset(a for a in endpoint.addresses if self._why_not_stated(endpoint, a) is None)
        return Host(
            endpoint.mac,
            endpoint.network,
            endpoint.port,
            stated | (learned.addresses if learned is not None else frozenset()),
        )

    def _why_not_stated(self, endpoint: Endpoint, address: IpAddress) -> str | None:
        first = self._statements.of_address(endpoint.network.tenant, address)
        if first is not None and first != endpoint:
            return f"{first.owner} states {address} for {first.mac}"
        claim = HostClaim(endpoint.network, endpoint.mac, endpoint.port, address)
        refusal = self.rules.judge(claim, stated=True)
        return refusal.reason if refusal is not None else None


def _join(touched: Touched, other: Touched) -> None:
    touched.keys |= other.keys
    touched.addresses |= other.addresses


def _shown(message: HostSeen) -> IpAddress | None:
    """The address that a message shows."""
    address = message.ipv4 if int(message.ipv4) else message.ipv6
    return address if int(address) else None
