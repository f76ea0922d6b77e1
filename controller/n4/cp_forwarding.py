"""What sessions send to their SMF and get from it, in tunnels (N4-u, TS 29.244, clause 5.3). Pure.

These are solicitations of UEs with IPv6, and router advertisements.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Network

from p4fabric.controller.n4.pfcp.flags import ApplyAction, DestinationInterface, SourceInterface
from p4fabric.controller.n4.pfcp.values import OuterHeaderCreation
from p4fabric.controller.n4.plane import TunnelTo, UserPlane
from p4fabric.controller.n4.prepared import Kept
from p4fabric.controller.n4.sessions import Pdr, Session

__all__ = ["OwnTunnels", "comes_from_smf", "leads_to_smf", "prefix_of", "tunnel_to_smf", "tunnel_to_ue"]


class OwnTunnels:
    """Sessions of UEs with IPv6, by the TEIDs of tunnels that end here."""

    def __init__(self) -> None:
        """Make it empty."""
        self._sessions: dict[int, int] = {}

    def put(self, seid: int, before: Kept | None, now: Kept | None) -> None:
        """A session is another one than before; None: there is none."""
        for teid in _teids(before):
            if self._sessions.get(teid) == seid:
                del self._sessions[teid]
        for teid in _teids(now):
            self._sessions[teid] = seid

    def session(self, teid: int) -> int | None:
        """The SEID of the session with a tunnel; None: there is none, or its UE has no IPv6."""
        return self._sessions.get(teid)


def _teids(kept: Kept | None) -> Iterator[int]:
    if kept is not None and prefix_of(kept.plane) is not None:
        yield from (one.teid for one in kept.session.claimed)


def prefix_of(plane: UserPlane) -> IPv6Network | None:
    """The first prefix of a UE; None: it has no IPv6."""
    return min((one for one in plane.ues if isinstance(one, IPv6Network)), default=None)


def leads_to_smf(session: Session, pdr: Pdr) -> bool:
    """Whether packets of a PDR are for the SMF."""
    far = session.fars.get(pdr.far_id) if pdr.far_id is not None else None
    forwarding = None if far is None else far.forwarding
    return forwarding is not None and forwarding.destination is DestinationInterface.CP_FUNCTION


def tunnel_to_smf(session: Session) -> OuterHeaderCreation | None:
    """Where solicitations go; None: the SMF does not want them, and they are answered here."""
    for _, pdr in sorted(session.pdrs.items()):
        if pdr.is_uplink and pdr.far_id is not None and leads_to_smf(session, pdr):
            far = session.fars[pdr.far_id]
            if far.action & ApplyAction.FORW and far.forwarding is not None:
                return far.forwarding.tunnel
    return None


def comes_from_smf(session: Session, teid: int) -> bool:
    """Whether what an SMF sends to a tunnel is for the UE."""
    return any(
        pdr.source is SourceInterface.CP_FUNCTION
        and pdr.f_teid is not None
        and pdr.f_teid.teid == teid
        and pdr.far_id is not None
        and bool(session.fars[pdr.far_id].action & ApplyAction.FORW)
        for pdr in session.pdrs.values()
    )


def tunnel_to_ue(plane: UserPlane) -> TunnelTo | None:
    """The tunnel that packets to a UE's prefix take by default; None: none, as when the UE is idle."""
    for down in plane.downlinks:
        if isinstance(down.ue, IPv6Network):
            return TunnelTo(down.n3, down.gnb, down.teid, down.qfi)
    tunnels = {rule.number: rule.tunnel for rule in plane.rules if rule.tunnel is not None}
    for flow in plane.flow_downlinks:
        if isinstance(flow.ue, IPv6Network):
            for number in (flow.flows.rule, *sorted(flow.flows.rules)):
                if number in tunnels:
                    return tunnels[number]
    return None
