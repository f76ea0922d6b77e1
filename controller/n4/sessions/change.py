"""What a message makes of a session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, TypeVar

from p4fabric.controller.n4.pfcp import Cause, FailedRule, IeType, MessageRefused, RuleKind
from p4fabric.controller.n4.pfcp.flags import (
    EstablishmentFlags,
    MeasurementMethod,
    ModificationFlags,
    PdnType,
)
from p4fabric.controller.n4.pfcp.messages import SessionEstablishmentRequest, SessionModificationRequest
from p4fabric.controller.n4.pfcp.reports import CreatedPdr, UpdatedPdr
from p4fabric.controller.n4.pfcp.rules import Pdi, UpdateFar, UpdatePdr
from p4fabric.controller.n4.pfcp.schema import Group
from p4fabric.controller.n4.pfcp.values import (
    FarId,
    FTeid,
    FTeidChoice,
    OuterHeaderCreation,
    UeIpAddress,
    UrrId,
)
from p4fabric.controller.n4.sessions.checks import check
from p4fabric.controller.n4.sessions.choices import Choices, Stock
from p4fabric.controller.n4.sessions.limits import Limits
from p4fabric.controller.n4.sessions.reading import (
    created_far,
    created_pdr,
    name_of,
    updated_far,
    updated_pdr,
)
from p4fabric.controller.n4.sessions.resources import Resources
from p4fabric.controller.n4.sessions.values import Session, Urr

__all__ = ["Changed", "EndMarker", "ended", "establish", "modify"]

K = TypeVar("K", bound=int)
V = TypeVar("V")
G = TypeVar("G", bound=Group)
_DEFAULTS = Limits()
_NOTHING = Stock()


@dataclass(frozen=True, slots=True)
class EndMarker:
    """That no more packets follow on a FAR's old tunnel is to be said there, before they take the new one."""

    far_id: FarId
    tunnel: OuterHeaderCreation


@dataclass(frozen=True, slots=True)
class Changed:
    """What a message made of a session.

    Attributes:
        session: as it is now.
        created_pdrs: what was chosen for new PDRs, for the answer.
        updated_pdrs: what was chosen for PDRs that were changed, for the answer.
        end_markers: to be sent.
        drops_buffered: whether packets that are buffered are to be dropped.
        queried: URRs whose usage the answer tells.
        removed_urrs: URRs that are gone, and whose last usage the answer tells.
        taken: of the stock, to be given back if the change is not carried out after all.
        released: of the stock, to be given back once no switch uses it.
    """

    session: Session
    created_pdrs: tuple[CreatedPdr, ...] = ()
    updated_pdrs: tuple[UpdatedPdr, ...] = ()
    end_markers: tuple[EndMarker, ...] = ()
    drops_buffered: bool = False
    queried: tuple[UrrId, ...] = ()
    removed_urrs: tuple[Urr, ...] = ()
    taken: Stock = _NOTHING
    released: Stock = _NOTHING


def establish(
    request: SessionEstablishmentRequest, seid: int, resources: Resources, limits: Limits = _DEFAULTS
) -> Changed:
    """The session that a request asks for.

    Args:
        request: of the SMF.
        seid: of the new session.
        resources: what tunnel ends and UE addresses are taken from.
        limits: of the session.

    Raises:
        MessageRefused: nothing was established, and nothing is taken.
    """
    if request.pdn_type in (PdnType.NON_IP, PdnType.ETHERNET):
        raise MessageRefused(
            Cause.SERVICE_NOT_SUPPORTED,
            f"{request.pdn_type.name} is not carried",
            offending_ie=IeType.PDN_TYPE,
        )
    session = Session(
        seid,
        request.cp_f_seid,
        request.node_id,
        request.pdn_type,
        name_of(request.apn_dnn),
        request.s_nssai,
        request.user_plane_inactivity,
    )
    creates = SessionModificationRequest(
        create_pdrs=request.create_pdrs,
        create_fars=request.create_fars,
        create_urrs=request.create_urrs,
        create_qers=request.create_qers,
        create_bars=request.create_bars,
    )
    is_restored = bool(request.flags and request.flags & EstablishmentFlags.RESTI)
    return modify(session, creates, resources, limits, is_restored=is_restored)


def modify(
    session: Session,
    request: SessionModificationRequest,
    resources: Resources,
    limits: Limits = _DEFAULTS,
    *,
    is_restored: bool = False,
) -> Changed:
    """What a request makes of a session: rules are removed, then created, then updated.

    `is_restored` says that the SMF restores the session: it brings the tunnel ends that it had before.

    PDRs and FARs let go of URRs, QERs and BARs that are removed; a FAR that PDRs use is not removed.

    Raises:
        MessageRefused: the session stays as it was, and nothing is taken.
    """
    _few_enough(request, limits)
    choices = Choices(resources, limits, session, is_restored)
    try:
        change = _Change(session, limits, choices)
        change.remove(request)
        change.create(request)
        change.update(request)
        return change.finished(request)
    except MessageRefused:
        choices.taken.give_back(resources)
        raise


def ended(session: Session) -> Stock:
    """What a session has of the stock, to be given back when it is deleted and no switch uses it."""
    return Stock(tuple(session.claimed), tuple(session.chosen_ues.values()))


class _Change:
    """A session between two messages."""

    def __init__(self, session: Session, limits: Limits, choices: Choices) -> None:
        self._before, self._limits, self._choices = session, limits, choices
        self._pdrs, self._fars = dict(session.pdrs), dict(session.fars)
        self._qers, self._urrs, self._bars = dict(session.qers), dict(session.urrs), dict(session.bars)
        self._created: list[CreatedPdr] = []
        self._updated: list[UpdatedPdr] = []
        self._end_markers: list[EndMarker] = []
        self._removed_urrs: list[Urr] = []

    def remove(self, request: SessionModificationRequest) -> None:
        """Take rules away, and whatever refers to those of them that rules can do without."""
        _removed(self._pdrs, (one.pdr_id for one in request.remove_pdrs), RuleKind.PDR)
        _removed(self._fars, (one.far_id for one in request.remove_fars), RuleKind.FAR)
        urrs = _removed(self._urrs, (one.urr_id for one in request.remove_urrs), RuleKind.URR)
        qers = _removed(self._qers, (one.qer_id for one in request.remove_qers), RuleKind.QER)
        bars = _removed(self._bars, (one.bar_id for one in request.remove_bars), RuleKind.BAR)
        self._removed_urrs.extend(urrs.values())
        if urrs or qers:
            for pdr_id, pdr in self._pdrs.items():
                self._pdrs[pdr_id] = replace(
                    pdr,
                    urr_ids=tuple(one for one in pdr.urr_ids if one not in urrs),
                    qer_ids=tuple(one for one in pdr.qer_ids if one not in qers),
                )
        if bars:
            for far_id, far in self._fars.items():
                if far.bar_id in bars:
                    self._fars[far_id] = replace(far, bar_id=None)

    def create(self, request: SessionModificationRequest) -> None:
        """Add rules."""
        for urr in request.create_urrs:
            _countable(urr.measurement_method, FailedRule(RuleKind.URR, urr.urr_id))
            _added(self._urrs, urr.urr_id, _bare(urr), RuleKind.URR)
        for qer in request.create_qers:
            _added(self._qers, qer.qer_id, _bare(qer), RuleKind.QER)
        for bar in request.create_bars:
            _added(self._bars, bar.bar_id, _bare(bar), RuleKind.BAR)
        for far in request.create_fars:
            _added(self._fars, far.far_id, created_far(far), RuleKind.FAR)
        for pdr in request.create_pdrs:
            f_teid, ues = self._chosen(pdr.pdi, FailedRule(RuleKind.PDR, pdr.pdr_id))
            made = created_pdr(pdr, self._limits, f_teid, ues)
            _added(self._pdrs, pdr.pdr_id, made, RuleKind.PDR)
            told = _told(pdr.pdi, f_teid, ues)
            if told:
                self._created.append(CreatedPdr(pdr_id=pdr.pdr_id, f_teid=told[0], ue_ip_addresses=told[1]))

    def update(self, request: SessionModificationRequest) -> None:
        """Change rules."""
        for urr in request.update_urrs:
            _countable(urr.measurement_method, FailedRule(RuleKind.URR, urr.urr_id))
            _changed(self._urrs, urr.urr_id, RuleKind.URR, partial(_merged, update=urr))
        for qer in request.update_qers:
            _changed(self._qers, qer.qer_id, RuleKind.QER, partial(_merged, update=qer))
        for bar in request.update_bars:
            _changed(self._bars, bar.bar_id, RuleKind.BAR, partial(_merged, update=bar))
        for far in request.update_fars:
            self._update_far(far)
        for pdr in request.update_pdrs:
            self._update_pdr(pdr)

    def _update_far(self, far: UpdateFar) -> None:
        before = self._fars.get(far.far_id)
        _changed(self._fars, far.far_id, RuleKind.FAR, lambda old: updated_far(old, far))
        tunnel = before.forwarding.tunnel if before and before.forwarding else None
        now = self._fars[far.far_id].forwarding
        flags = far.forwarding.flags if far.forwarding else None
        if flags and flags & ModificationFlags.SNDEM and tunnel and now and now.tunnel != tunnel:
            self._end_markers.append(EndMarker(far.far_id, tunnel))

    def _update_pdr(self, pdr: UpdatePdr) -> None:
        rule = FailedRule(RuleKind.PDR, pdr.pdr_id)
        if pdr.pdr_id not in self._pdrs:
            raise _unknown(rule)
        f_teid, ues = (None, ()) if pdr.pdi is None else self._chosen(pdr.pdi, rule)
        old = self._pdrs[pdr.pdr_id]
        self._pdrs[pdr.pdr_id] = updated_pdr(old, pdr, self._limits, f_teid, ues)
        told = pdr.pdi and _told(pdr.pdi, f_teid, ues)
        if told:
            self._updated.append(UpdatedPdr(pdr_id=pdr.pdr_id, f_teid=told[0], ue_ip_addresses=told[1]))

    def _chosen(self, pdi: Pdi, rule: FailedRule) -> tuple[FTeid | None, tuple[UeIpAddress, ...]]:
        return self._choices.f_teid(pdi, rule), self._choices.ue_addresses(pdi, rule)

    def finished(self, request: SessionModificationRequest) -> Changed:
        """The new session, if it makes sense."""
        before, choices = self._before, self._choices
        claimed, unused = before.claimed, frozenset[FTeid]()
        if request.create_pdrs or request.update_pdrs or request.remove_pdrs:
            used = {pdr.f_teid for pdr in self._pdrs.values()} | set(choices.by_id.values())
            claimed, unused = frozenset(choices.claimed & used), frozenset(choices.claimed - used)
        inactivity = request.user_plane_inactivity
        session = Session(
            before.seid,
            request.cp_f_seid or before.cp,
            before.node_id,
            before.pdn_type,
            before.dnn,
            request.s_nssai or before.s_nssai,
            before.inactivity if inactivity is None else inactivity,
            self._pdrs,
            self._fars,
            self._qers,
            self._urrs,
            self._bars,
            choices.by_id,
            choices.ues,
            claimed,
        )
        check(session, before, self._limits)
        flags = request.flags or ModificationFlags(0)
        queried = tuple(one.urr_id for one in request.query_urrs)
        for urr_id in queried:
            if urr_id not in self._urrs:
                raise _unknown(FailedRule(RuleKind.URR, urr_id))
        return Changed(
            session,
            tuple(self._created),
            tuple(self._updated),
            tuple(self._end_markers),
            bool(flags & ModificationFlags.DROBU),
            tuple(self._urrs) if flags & ModificationFlags.QAURR else queried,
            tuple(self._removed_urrs),
            choices.taken,
            Stock(tuple(unused)) if unused else _NOTHING,
        )


def _few_enough(request: SessionModificationRequest, limits: Limits) -> None:
    """Refuse at once what no session may have, before anything is taken or read for it."""
    for created, updated, most in (
        (request.create_pdrs, request.update_pdrs, limits.pdrs),
        (request.create_fars, request.update_fars, limits.fars),
        (request.create_qers, request.update_qers, limits.qers),
        (request.create_urrs, request.update_urrs, limits.urrs),
        (request.create_bars, request.update_bars, limits.bars),
    ):
        if len(created) > most or len(updated) > most:
            raise MessageRefused(
                Cause.NO_RESOURCES_AVAILABLE,
                f"{max(len(created), len(updated))} rules of a kind, of {most} that a session may have",
            )


def _told(
    pdi: Pdi, f_teid: FTeid | None, ues: tuple[UeIpAddress, ...]
) -> tuple[FTeid | None, tuple[UeIpAddress, ...]] | None:
    """What the answer tells of a PDR: what it asked to be chosen, and nothing else."""
    chosen_f_teid = f_teid if isinstance(pdi.f_teid, FTeidChoice) else None
    chosen_ues = tuple(
        ue
        for asked, ue in zip(pdi.ue_ip_addresses, ues, strict=True)
        if asked.choose_ipv4 or asked.choose_ipv6
    )
    return (chosen_f_teid, chosen_ues) if chosen_f_teid or chosen_ues else None


def _removed(table: dict[K, V], ids: Iterable[K], kind: RuleKind) -> dict[K, V]:
    gone = {}
    for one in ids:
        if one not in table:
            raise _unknown(FailedRule(kind, one))
        gone[one] = table.pop(one)
    return gone


def _added(table: dict[K, V], number: K, value: V, kind: RuleKind) -> None:
    if number in table:
        raise MessageRefused(
            Cause.RULE_CREATION_MODIFICATION_FAILURE,
            "the session has this rule already",
            failed_rule=FailedRule(kind, number),
        )
    table[number] = value


def _changed(table: dict[K, V], number: K, kind: RuleKind, change: Callable[[V], V]) -> None:
    if number not in table:
        raise _unknown(FailedRule(kind, number))
    table[number] = change(table[number])


def _unknown(rule: FailedRule) -> MessageRefused:
    return MessageRefused(
        Cause.RULE_CREATION_MODIFICATION_FAILURE, "the session has no such rule", failed_rule=rule
    )


def _countable(method: MeasurementMethod | None, rule: FailedRule) -> None:
    if method is not None and method & MeasurementMethod.EVENT:
        raise MessageRefused(
            Cause.SERVICE_NOT_SUPPORTED,
            "events are not counted",
            offending_ie=IeType.MEASUREMENT_METHOD,
            failed_rule=rule,
        )


def _bare(rule: G) -> G:
    """Without IEs that mean nothing here."""
    return replace(rule, others=()) if rule.others else rule


def _merged(rule: G, update: Group) -> G:
    """A rule with what an update tells."""
    names = {one.name for one in fields(rule)} - {"others"}
    told: dict[str, Any] = {}
    for one in fields(update):
        value = getattr(update, one.name)
        if one.name in names and value is not None and value != ():
            told[one.name] = value
    return replace(rule, **told)
