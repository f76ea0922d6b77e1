"""What a session comes to in tables.

    plane = user_plane(session, node, before)

A direction all of whose packets have the same rule, and neither limits nor URRs, is simple. Of others,
packets find their rule by filters. What cannot be done is refused (`pdr_checks`). This module knows no table.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Address
from typing import TypeVar

from p4fabric.controller.n4.cp_forwarding import leads_to_smf
from p4fabric.controller.n4.node_rules import NodeRules, SliceRule
from p4fabric.controller.n4.pdr_checks import FROM_NETWORKS, CheckedSession
from p4fabric.controller.n4.pfcp import Cause, FailedRule, IeType, MessageRefused, RuleKind
from p4fabric.controller.n4.pfcp.flags import ApplyAction, MeasurementInformation
from p4fabric.controller.n4.pfcp.values import QerId, UrrId
from p4fabric.controller.n4.plane import (
    NO_RULE,
    Downlink,
    FilterSet,
    FlowDownlink,
    FlowFilter,
    FlowLookup,
    FlowRule,
    Limit,
    TunnelTo,
    Ue,
    Uplink,
    UserPlane,
)
from p4fabric.controller.n4.rates import TooManyLimits, places_of_limits
from p4fabric.controller.n4.sessions import Pdr, Session
from p4fabric.controller.n4.without_effect import WithoutEffect

__all__ = ["user_plane"]

K = TypeVar("K", bound=Hashable)
_ALL = FlowFilter()
_NOTHING = UserPlane()


def user_plane(
    session: Session,
    node: NodeRules,
    before: UserPlane = _NOTHING,
    exhausted: Collection[UrrId] = (),
) -> UserPlane:
    """What a session comes to.

    Uplink packets are taken from gNBs that downlink packets go to, and from nobody before these are known.

    Args:
        session: its rules.
        node: what they may be like.
        before: what it came to before: rules and limits keep their numbers.
        exhausted: URRs whose quota is used up: packets of their PDRs are dropped.

    Raises:
        MessageRefused: it needs what cannot be done.
    """
    pdrs = sorted(session.pdrs.values(), key=lambda one: (one.precedence, one.pdr_id))
    checked = CheckedSession(session, node)
    checked.check(pdrs)
    return _Plane(checked, pdrs, before, exhausted).made()


@dataclass(slots=True)
class _Way:
    """How packets of one address of the UE find their PDR, in one tunnel or to it."""

    filters: list[tuple[FlowFilter, Pdr]] = field(default_factory=list)
    rest: Pdr | None = None
    """Of packets that no filter finds."""

    def add(self, pdr: Pdr, filters: Sequence[FlowFilter]) -> None:
        """A PDR comes behind those that were added before."""
        if self.rest is not None:
            return
        if _ALL in filters:
            self.rest = pdr
        else:
            self.filters += ((one, pdr) for one in filters)

    @property
    def pdrs(self) -> Iterator[Pdr]:
        """All that packets may find."""
        found = {pdr.pdr_id: pdr for _, pdr in self.filters}
        if self.rest is not None:
            found[self.rest.pdr_id] = self.rest
        return iter(found.values())


@dataclass
class _Plane:
    checked: CheckedSession
    pdrs: Sequence[Pdr]
    before: UserPlane
    exhausted: Collection[UrrId]

    def made(self) -> UserPlane:
        """All of it."""
        ups: dict[tuple[int, Ue], _Way] = {}
        downs: dict[Ue, _Way] = {}
        session = self.checked.session
        for pdr in self.pdrs:
            if not (pdr.is_uplink or pdr.source in FROM_NETWORKS) or leads_to_smf(session, pdr):
                continue
            for ue in self.checked.ues(pdr):
                filters = self.checked.filters(pdr, ue)
                if not filters:
                    continue
                if pdr.is_uplink:
                    for f_teid in self.checked.session.f_teids_of(pdr):
                        ups.setdefault((f_teid.teid, ue), _Way()).add(pdr, filters)
                else:
                    downs.setdefault(ue, _Way()).add(pdr, filters)
        flows = {
            is_uplink: self._is_sliced(is_uplink) or self._has_flows(ways.values())
            for is_uplink, ways in ((True, ups), (False, downs))
        }
        places = self._places(flows)
        ways = [(True, way) for way in ups.values()] + [(False, way) for way in downs.values()]
        rules = tuple(self._rules(ways, flows, places))
        retired = self._retired(rules)
        numbers = {rule.pdr_id: rule.number for rule in rules}
        uplinks = tuple(self._uplinks(ups, downs, flows[True], numbers))
        downlinks = () if flows[False] else tuple(self._downlinks(downs))
        flow_downlinks = tuple(self._flow_downlinks(downs, numbers)) if flows[False] else ()
        return UserPlane(
            uplinks,
            downlinks,
            frozenset(downs),
            flow_downlinks,
            rules,
            tuple(self._limits()) if rules else (),
            retired,
            {**places, **{(one.pdr_id, *one.urr_ids): one.number for one in retired}}
            if rules or retired
            else {},
            self._limit_numbers if rules else {},
            self._slice.name if rules and self._slice is not None else "",
        )

    @cached_property
    def _slice(self) -> SliceRule | None:
        session = self.checked.session
        dnn = session.dnn or next((pdr.network_instance for pdr in self.pdrs if pdr.network_instance), "")
        return next((one for one in self.checked.node.slices if one.has(session.s_nssai, dnn)), None)

    def _is_sliced(self, is_uplink: bool) -> bool:
        return self._slice is not None and is_uplink in self._slice.limits

    def _has_flows(self, ways: Iterable[_Way]) -> bool:
        """Whether a direction needs rules of its own."""
        return any(
            way.filters or any((pdr.urr_ids and self._counts) or self._limits_of(pdr) for pdr in way.pdrs)
            for way in ways
        )

    def _places(self, flows: Mapping[bool, bool]) -> dict[tuple[int, ...], int]:
        keys = [
            self._key(pdr)
            for pdr in self.pdrs
            if (pdr.is_uplink or pdr.source in FROM_NETWORKS) and flows[pdr.is_uplink]
        ]
        found = _numbered(keys, self.before.places, 0)
        if max(found.values(), default=0) >= NO_RULE:
            text = "no number is left for a rule: others that are gone are still to be counted"
            raise MessageRefused(Cause.NO_RESOURCES_AVAILABLE, text)
        return found

    def _key(self, pdr: Pdr) -> tuple[int, ...]:
        return (pdr.pdr_id, *(sorted(pdr.urr_ids) if self._counts else ()))

    @property
    def _counts(self) -> bool:
        return not self.checked.ignores(WithoutEffect.USAGE_REPORTS)

    # Ways of packets.

    def _uplinks(
        self,
        ups: Mapping[tuple[int, Ue], _Way],
        downs: Mapping[Ue, _Way],
        has_flows: bool,
        numbers: Mapping[int, int],
    ) -> Iterator[Uplink]:
        n3 = self.checked.node.n3
        for (teid, ue), way in ups.items():
            if not any(self._forwards(pdr) for pdr in way.pdrs):
                continue
            flows = self._lookup(way, numbers, ue, is_uplink=True) if has_flows else None
            for gnb in self._gnbs(_way_to(ue, downs)):
                yield Uplink(n3, gnb, teid, ue, flows)

    def _gnbs(self, way: _Way | None) -> list[IPv4Address]:
        tunnels = (self.checked.tunnel(pdr) for pdr in (way.pdrs if way is not None else ()))
        return sorted({tunnel.gnb for tunnel in tunnels if tunnel is not None})

    def _downlinks(self, downs: Mapping[Ue, _Way]) -> Iterator[Downlink]:
        for ue, way in downs.items():
            tunnel = self._tunnel(way.rest) if way.rest is not None else None
            if tunnel is not None:
                yield Downlink(ue, tunnel.n3, tunnel.gnb, tunnel.teid, tunnel.qfi)

    def _flow_downlinks(self, downs: Mapping[Ue, _Way], numbers: Mapping[int, int]) -> Iterator[FlowDownlink]:
        for ue, way in downs.items():
            if any(self._tunnel(pdr) is not None for pdr in way.pdrs):
                yield FlowDownlink(ue, self._lookup(way, numbers, ue, is_uplink=False))

    def _lookup(self, way: _Way, numbers: Mapping[int, int], ue: Ue, *, is_uplink: bool) -> FlowLookup:
        filters = tuple((one, numbers[pdr.pdr_id]) for one, pdr in way.filters)
        return FlowLookup(
            FilterSet(is_uplink, filters, not isinstance(ue, IPv4Address)) if filters else None,
            NO_RULE if way.rest is None else numbers[way.rest.pdr_id],
        )

    # Rules.

    def _rules(
        self,
        ways: Iterable[tuple[bool, _Way]],
        flows: Mapping[bool, bool],
        places: Mapping[tuple[int, ...], int],
    ) -> Iterator[FlowRule]:
        found = {pdr.pdr_id: pdr for is_uplink, way in ways if flows[is_uplink] for pdr in way.pdrs}
        for _, pdr in sorted(found.items()):
            tunnel = None if pdr.is_uplink else self._tunnel(pdr)
            session_limit = flow_limit = 0
            for qer_id in self._limits_of(pdr):
                number = self._limit_numbers[qer_id]
                if self._limit_places[pdr.is_uplink][qer_id]:
                    flow_limit = number
                else:
                    session_limit = number
            key = self._key(pdr)
            yield FlowRule(
                places[key],
                pdr.is_uplink,
                pdr.pdr_id,
                key[1:],
                self._forwards(pdr) if pdr.is_uplink else tunnel is not None,
                tunnel,
                session_limit,
                flow_limit,
                self._counts_passed(pdr),
            )

    def _retired(self, rules: Iterable[FlowRule]) -> tuple[FlowRule, ...]:
        """Rules of before that are no more, and have counted."""
        left = {rule.number for rule in rules}
        gone = (one for one in (*self.before.rules, *self.before.retired) if one.number not in left)
        return tuple(replace(one, forwards=False, tunnel=None) for one in gone if one.urr_ids)

    def _forwards(self, pdr: Pdr) -> bool:
        return bool(self.checked.far(pdr).action & ApplyAction.FORW) and self._is_open(pdr)

    def _is_open(self, pdr: Pdr) -> bool:
        return self.checked.is_open(pdr) and not any(one in self.exhausted for one in pdr.urr_ids)

    def _tunnel(self, pdr: Pdr) -> TunnelTo | None:
        """Where downlink packets of a PDR go; None: nowhere."""
        return self.checked.tunnel(pdr) if self._is_open(pdr) else None

    def _counts_passed(self, pdr: Pdr) -> bool:
        """Whether a URR of a PDR counts what is left by gates and limits."""
        if not self._counts:
            return False
        told = (self.checked.session.urrs[one].measurement_information for one in pdr.urr_ids)
        return any(one is None or not one & MeasurementInformation.MBQE for one in told)

    # Limits.

    def _limits_of(self, pdr: Pdr) -> list[QerId]:
        """The QERs of a PDR that limit its packets."""
        if self.checked.ignores(WithoutEffect.BIT_RATES):
            return []
        return [qer.qer_id for qer in self.checked.qers(pdr) if qer.mbr is not None]

    @cached_property
    def _limit_places(self) -> Mapping[bool, Mapping[QerId, bool]]:
        """Of each direction, whether QERs come second."""
        found = {}
        for is_uplink in (True, False):
            pdrs = [pdr for pdr in self.pdrs if pdr.is_uplink is is_uplink]
            try:
                found[is_uplink] = places_of_limits(self._limits_of(pdr) for pdr in pdrs)
            except TooManyLimits as error:
                rule = FailedRule(RuleKind.QER, error.qer_id)
                raise MessageRefused(
                    Cause.SERVICE_NOT_SUPPORTED, str(error), offending_ie=IeType.MBR, failed_rule=rule
                ) from error
        return found

    @cached_property
    def _limit_numbers(self) -> dict[QerId, int]:
        """Of each QER that limits anything."""
        used = {qer for places in self._limit_places.values() for qer in places}
        return _numbered(sorted(used), self.before.limit_places, 1)

    def _limits(self) -> Iterator[Limit]:
        for is_uplink, places in self._limit_places.items():
            for qer_id, is_flows in sorted(places.items()):
                rate = self.checked.session.qers[qer_id].mbr
                assert rate is not None
                kbps = rate.uplink if is_uplink else rate.downlink
                if kbps:
                    yield Limit(self._limit_numbers[qer_id], is_uplink, is_flows, kbps)


def _way_to(ue: Ue, downs: Mapping[Ue, _Way]) -> _Way | None:
    """How packets to a UE find their PDR; PDRs may differ in whether they tell of what it delegates."""
    if ue in downs or isinstance(ue, IPv4Address):
        return downs.get(ue)
    around = (
        way for other, way in downs.items() if not isinstance(other, IPv4Address) and other.overlaps(ue)
    )
    return next(around, None)


def _numbered(keys: Sequence[K], before: Mapping[K, int], first: int) -> dict[K, int]:
    """The numbers of what has one already, and others of what is new, that nothing had before."""
    found = {key: before[key] for key in keys if key in before}
    taken, number = set(before.values()), first
    for key in keys:
        if key not in found:
            while number in taken:
                number += 1
            found[key] = number
            taken.add(number)
    return found
