"""Whether the rules of a session make sense together, once all of a message is applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p4fabric.controller.n4.pfcp import Cause, FailedRule, IeType, MessageRefused, RuleKind
from p4fabric.controller.n4.pfcp.flags import SourceInterface
from p4fabric.controller.n4.sessions.limits import Limits
from p4fabric.controller.n4.sessions.values import Pdr, Session

__all__ = ["check"]


def check(session: Session, before: Session, limits: Limits) -> None:
    """Find what no rule may be like, among those that differ from before or may refer to what does.

    Raises:
        MessageRefused: a rule refers to one that there is not, cannot match, or there are too many.
    """
    _few_enough(session, limits)
    if session.pdrs != before.pdrs or session.fars.keys() != before.fars.keys():
        for pdr in session.pdrs.values():
            rule = FailedRule(RuleKind.PDR, pdr.pdr_id)
            _refers((pdr.far_id,), session.fars, IeType.FAR_ID, "FAR", rule)
            _refers(pdr.urr_ids, session.urrs, IeType.URR_ID, "URR", rule)
            _refers(pdr.qer_ids, session.qers, IeType.QER_ID, "QER", rule)
            _matches_something(session, pdr, rule)
            _filters_are_known(session, pdr, rule)
    for far in session.fars.values():
        if far.bar_id is not None and far.bar_id not in session.bars:
            rule = FailedRule(RuleKind.FAR, far.far_id)
            _refers((far.bar_id,), session.bars, IeType.BAR_ID, "BAR", rule)


def _few_enough(session: Session, limits: Limits) -> None:
    counts = (
        (RuleKind.PDR, session.pdrs, limits.pdrs),
        (RuleKind.FAR, session.fars, limits.fars),
        (RuleKind.QER, session.qers, limits.qers),
        (RuleKind.URR, session.urrs, limits.urrs),
        (RuleKind.BAR, session.bars, limits.bars),
    )
    for kind, table, most in counts:
        if len(table) > most:
            raise MessageRefused(
                Cause.NO_RESOURCES_AVAILABLE, f"{len(table)} {kind.name}s of {most} that a session may have"
            )


def _refers(
    ids: tuple[Any, ...], table: Mapping[Any, object], ie: IeType, kind: str, rule: FailedRule
) -> None:
    for one in ids:
        if one not in table:
            raise MessageRefused(
                Cause.RULE_CREATION_MODIFICATION_FAILURE,
                f"the session has no {kind} {one}",
                offending_ie=ie,
                failed_rule=rule,
            )


def _matches_something(session: Session, pdr: Pdr, rule: FailedRule) -> None:
    if pdr.f_teid is not None:
        return
    missing = IeType.UE_IP_ADDRESS
    if pdr.source is SourceInterface.ACCESS:
        if session.f_teids_of(pdr):
            return
        missing = IeType.F_TEID
    elif session.ue_addresses_of(pdr):
        return
    raise MessageRefused(
        Cause.CONDITIONAL_IE_MISSING,
        "is missing, and no other PDR of the session tells it",
        offending_ie=missing,
        failed_rule=rule,
    )


def _filters_are_known(session: Session, pdr: Pdr, rule: FailedRule) -> None:
    try:
        session.filters_of(pdr)
    except KeyError as error:
        raise MessageRefused(
            Cause.RULE_CREATION_MODIFICATION_FAILURE,
            str(error.args[0]),
            offending_ie=IeType.SDF_FILTER,
            failed_rule=rule,
        ) from error
