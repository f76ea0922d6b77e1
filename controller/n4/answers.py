"""Answers to a peer's requests: what was done, or why not (TS 29.244, clauses 7.2.2.4, 7.2.3 and 7.5)."""

from __future__ import annotations

import struct

from p4fabric.controller.n4.pfcp import IeType, Message, MessageRefused, MessageType
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.composite import F_SEID
from p4fabric.controller.n4.pfcp.values import NodeId

__all__ = ["cp_seid", "refusal"]

_IE = struct.Struct(">HH")
_BODY = 16
_MOST_LOOKED_AT = 64
"""IEs before that of the SEID: strangers send requests as well."""


def refusal(
    kind: MessageType, error: MessageRefused, node_id: NodeId, recovery_time_stamp: int
) -> Message | None:
    """The answer to a request that is refused.

    Args:
        kind: of the request.
        error: why it is refused.
        node_id: of this node.
        recovery_time_stamp: of this node.

    Returns:
        None for what gets no answer: responses, and heartbeats, whose answer cannot refuse.
    """
    cause, offending, rule = error.cause, error.offending_ie, error.failed_rule
    match kind:
        case MessageType.SESSION_ESTABLISHMENT_REQUEST:
            return m.SessionEstablishmentResponse(
                node_id=node_id, cause=cause, offending_ie=offending, failed_rule=rule
            )
        case MessageType.SESSION_MODIFICATION_REQUEST:
            return m.SessionModificationResponse(cause=cause, offending_ie=offending, failed_rule=rule)
        case MessageType.SESSION_DELETION_REQUEST:
            return m.SessionDeletionResponse(cause=cause, offending_ie=offending)
        case MessageType.SESSION_REPORT_REQUEST:
            return m.SessionReportResponse(cause=cause, offending_ie=offending)
        case MessageType.ASSOCIATION_SETUP_REQUEST:
            return m.AssociationSetupResponse(
                node_id=node_id, cause=cause, recovery_time_stamp=recovery_time_stamp
            )
        case MessageType.ASSOCIATION_UPDATE_REQUEST:
            return m.AssociationUpdateResponse(node_id=node_id, cause=cause)
        case MessageType.ASSOCIATION_RELEASE_REQUEST:
            return m.AssociationReleaseResponse(node_id=node_id, cause=cause)
        case MessageType.NODE_REPORT_REQUEST:
            return m.NodeReportResponse(node_id=node_id, cause=cause, offending_ie=offending)
        case MessageType.SESSION_SET_DELETION_REQUEST:
            return m.SessionSetDeletionResponse(node_id=node_id, cause=cause, offending_ie=offending)
        case MessageType.PFD_MANAGEMENT_REQUEST:
            return m.PfdManagementResponse(cause=cause, offending_ie=offending)
        case _:
            return None


def cp_seid(datagram: bytes) -> int:
    """The SEID of the sender of a Session Establishment Request, for the header of its refusal.

    Returns:
        0 if the request does not tell, or is too broken to find it.
    """
    at = _BODY
    for _ in range(_MOST_LOOKED_AT):
        if at + 4 > len(datagram):
            break
        number, length = _IE.unpack_from(datagram, at)
        at += 4
        if number == IeType.F_SEID:
            try:
                return F_SEID.decode(datagram[at : at + length]).seid
            except (ValueError, struct.error):
                return 0
        at += length
    return 0
