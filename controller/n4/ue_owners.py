"""That no two sessions of a node have the same UE address, or parts of the same prefix."""

from __future__ import annotations

from collections.abc import Iterable

from p4fabric.controller.n4.pfcp import Cause, FailedRule, IeType, MessageRefused, RuleKind
from p4fabric.controller.n4.plane import Ue, UserPlane
from p4fabric.controller.n4.sessions import Session
from p4fabric.controller.n4.stock import NodeStock

__all__ = ["check_owners"]


def check_owners(session: Session, plane: UserPlane, stock: NodeStock) -> None:
    """Find an address that another session has.

    Raises:
        MessageRefused: there is one.
    """
    for ue in sorted(plane.ues, key=str):
        if stock.owner(ue) not in (None, session.seid):
            raise MessageRefused(
                Cause.RULE_CREATION_MODIFICATION_FAILURE,
                f"another session has {ue}",
                offending_ie=IeType.UE_IP_ADDRESS,
                failed_rule=_telling(session, ue),
            )


def _telling(session: Session, ue: Ue) -> FailedRule | None:
    """The first PDR that tells an address of the UE."""
    telling: Iterable[int] = (
        pdr_id
        for pdr_id, pdr in sorted(session.pdrs.items())
        if any(ue in (one.ipv4, one.prefix) for one in pdr.ue)
    )
    return next((FailedRule(RuleKind.PDR, one) for one in telling), None)
