"""What becomes of a session's packets, PDR by PDR, for people who look for a fault.

`user_plane` decides it; this says of each PDR whether its packets are carried, and if not, why. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from p4fabric.controller.n4.cp_forwarding import leads_to_smf
from p4fabric.controller.n4.matches import version_of
from p4fabric.controller.n4.pfcp.flags import ApplyAction, Gate, SourceInterface
from p4fabric.controller.n4.plane import UserPlane
from p4fabric.controller.n4.sessions import Pdr, Session

__all__ = ["Dropped", "Way", "dnn_of", "ways"]


class Dropped(StrEnum):
    """Why packets of a PDR are not carried."""

    BEHIND = "behindAnother"
    """A PDR with a lower precedence takes all of them."""
    NO_PACKETS = "matchesNothing"
    """It means a version of IP that the UE does not have."""
    NOT_FORWARDED = "notForwarded"
    """Its FAR does not forward: it drops, or would buffer."""
    GATE_CLOSED = "gateClosed"
    NO_GNB = "noGnb"
    """The SMF has not told the gNB's end of the tunnel, or has taken it back."""


@dataclass(frozen=True, slots=True)
class Way:
    """Packets of one PDR in one tunnel.

    Attributes:
        teid: of the tunnel's end that they are sent to: this node's of uplink packets, the gNB's of downlink
            packets; None: it is not known.
        qfi: of downlink packets.
        dropped: why they are not carried; None: they are.
    """

    pdr_id: int
    is_uplink: bool
    teid: int | None
    gnb: IPv4Address | None
    qfi: int | None
    is_gate_open: bool
    dropped: Dropped | None


def ways(session: Session, plane: UserPlane) -> Iterator[Way]:
    """What becomes of packets from and to the UE, in the order of precedence.

    Args:
        session: its rules.
        plane: what they come to.
    """
    claimed: set[object] = set()
    for pdr in sorted(session.pdrs.values(), key=lambda one: (one.precedence, one.pdr_id)):
        if pdr.is_uplink:
            yield from _uplink(session, plane, pdr, claimed)
        elif pdr.source is not SourceInterface.CP_FUNCTION:
            yield _downlink(session, plane, pdr, claimed)


def dnn_of(session: Session) -> str | None:
    """The data network of a session, as its SMF names it; None: it names none."""
    told = (pdr.network_instance for _, pdr in sorted(session.pdrs.items()))
    return session.dnn or next(filter(None, told), None)


def _uplink(session: Session, plane: UserPlane, pdr: Pdr, claimed: set[object]) -> Iterator[Way]:
    gate, matches = _is_open(session, pdr), _matches(session, pdr)
    for f_teid in session.f_teids_of(pdr):
        teid = f_teid.teid
        gnb = next((one.gnb for one in plane.uplinks if one.teid == teid), None)
        # The controller takes what is for the SMF, whatever other PDRs say.
        to_smf = leads_to_smf(session, pdr)
        is_behind = not to_smf and _is_behind(plane, pdr, teid in claimed)
        dropped = _dropped(session, pdr, matches, gate, is_behind, gnb is None)
        if matches and not to_smf:
            claimed.add(teid)
        yield Way(pdr.pdr_id, True, teid, gnb if dropped is None else None, None, gate, dropped)


def _downlink(session: Session, plane: UserPlane, pdr: Pdr, claimed: set[object]) -> Way:
    gate, matches = _is_open(session, pdr), _matches(session, pdr)
    ues = {ue for one in session.ue_addresses_of(pdr) for ue in (one.ipv4, one.prefix) if ue is not None}
    far = session.fars.get(pdr.far_id) if pdr.far_id is not None else None
    tunnel = far.forwarding.tunnel if far is not None and far.forwarding is not None else None
    qfi = next((qer.qfi for one in pdr.qer_ids if (qer := session.qers[one]).qfi is not None), None)
    is_behind = _is_behind(plane, pdr, ues <= claimed)
    dropped = _dropped(session, pdr, matches, gate, is_behind, tunnel is None)
    if matches:
        claimed |= ues
    teid, gnb = (None, None) if tunnel is None else (tunnel.teid, tunnel.ipv4)
    return Way(pdr.pdr_id, False, teid, gnb, qfi, gate, dropped)


def _is_behind(plane: UserPlane, pdr: Pdr, comes_later: bool) -> bool:
    """Whether another PDR takes all packets; where flows are told apart, those that it leaves have rules."""
    rules = [rule for rule in plane.rules if rule.is_uplink is pdr.is_uplink]
    return all(rule.pdr_id != pdr.pdr_id for rule in rules) if rules else comes_later


def _dropped(
    session: Session, pdr: Pdr, matches: bool, gate: bool, is_behind: bool, lacks_gnb: bool
) -> Dropped | None:
    far = session.fars.get(pdr.far_id) if pdr.far_id is not None else None
    if not matches:
        return Dropped.NO_PACKETS
    if is_behind:
        return Dropped.BEHIND
    if far is None or not far.action & ApplyAction.FORW:
        return Dropped.NOT_FORWARDED
    if not gate:
        return Dropped.GATE_CLOSED
    return Dropped.NO_GNB if lacks_gnb else None


def _matches(session: Session, pdr: Pdr) -> bool:
    ues = session.ue_addresses_of(pdr)
    versions = {4 for one in ues if one.ipv4 is not None} | {6 for one in ues if one.ipv6 is not None}
    filters = session.filters_of(pdr)
    return not filters or any(version_of(one) in (None, *versions) for one in filters)


def _is_open(session: Session, pdr: Pdr) -> bool:
    gates = (session.qers[one].gate_status for one in pdr.qer_ids)
    return all((gate.uplink if pdr.is_uplink else gate.downlink) is Gate.OPEN for gate in gates)
