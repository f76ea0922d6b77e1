"""A user plane function as its SMFs see it: associations, sessions, and what a message makes of them.

    prepared = node.prepare(address, header, message)      # or MessageRefused: nothing has changed
    …                                                      # switches are told, and acknowledge
    node.done(prepared)                                    # or node.take_back(prepared)

What is prepared counts at once: the next message finds it. What sessions let go of is given to others when it
is done. The caller prepares one message of a peer at a time, and takes back in reverse order. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import islice

from p4fabric.controller.n4.cp_forwarding import OwnTunnels
from p4fabric.controller.n4.gnb_tunnels import GnbTunnels
from p4fabric.controller.n4.node_rules import NodeRules
from p4fabric.controller.n4.pfcp import Cause, Header, Message, MessageRefused
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import SourceInterface, UpFeatures
from p4fabric.controller.n4.pfcp.octets import labels
from p4fabric.controller.n4.pfcp.values import FSeid, NodeId, UpIpResource, UrrId
from p4fabric.controller.n4.plane import UserPlane
from p4fabric.controller.n4.prepared import Association, Kept, Prepared
from p4fabric.controller.n4.sessions import Limits, Session, ended, establish, modify
from p4fabric.controller.n4.sessions.choices import Stock
from p4fabric.controller.n4.stock import NodeStock
from p4fabric.controller.n4.ue_owners import check_owners
from p4fabric.controller.n4.usage import UrrAccount, accounts, granted_by
from p4fabric.controller.n4.user_plane import user_plane
from p4fabric.controller.n4.without_effect import WithoutEffect

__all__ = ["MOST_SESSIONS", "Association", "Kept", "Node", "Prepared"]

_FEATURES = (
    UpFeatures.FTUP
    | UpFeatures.EMPU
    | UpFeatures.UEIP
    | UpFeatures.IP6PL
    | UpFeatures.MNOP
    | UpFeatures.VTIME
)
MOST_SESSIONS = 65_536
"""Of a node: as many as fit a switch's tables."""


class Node:
    """One user plane function. Event loop only."""

    def __init__(
        self,
        address: IPv4Address,
        recovery: int,
        rules: NodeRules,
        stock: NodeStock,
        new_seid: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        """Make it without SMFs and sessions.

        Args:
            address: where SMFs find it; it is its node ID as well.
            recovery: its recovery time stamp.
            rules: what its sessions may be like; they may be replaced.
            stock: what it gives sessions.
            new_seid: makes SEIDs, which nobody should guess.
            clock: tells seconds since 1970.
        """
        self.address, self.recovery, self.rules = address, recovery, rules
        self.associations: dict[IPv4Address, Association] = {}
        self.sessions: dict[int, Kept] = {}
        self.watched: set[int] = set()
        """Sessions whose usage is looked at without having been asked for."""
        self.tunnels, self.own_tunnels = GnbTunnels(), OwnTunnels()
        self._by_cp: dict[tuple[IPv4Address, int], frozenset[int]] = {}
        """By their SMFs' F-SEIDs; an SMF may say of several that they are the same."""
        self._by_smf: dict[IPv4Address, dict[int, None]] = {}
        """Sessions, by their SMFs."""
        self._stock, self._new_seid, self._clock = stock, new_seid, clock
        self._limits = Limits()

    def restore(self, associations: Mapping[IPv4Address, Association], sessions: Mapping[int, Kept]) -> None:
        """Take up what was kept."""
        self.associations.update(associations)
        for seid, kept in sessions.items():
            self._stock.restore(kept.session)
            self._put(seid, None, kept)

    def prepare(self, smf: IPv4Address, header: Header, message: Message) -> Prepared:
        """What a request of an SMF comes to.

        Raises:
            MessageRefused: nothing has changed.
        """
        match message:
            case m.AssociationSetupRequest():
                return self._set_up(smf, message)
            case m.AssociationUpdateRequest():
                return self._update(smf, message)
            case m.AssociationReleaseRequest():
                return self._release(smf, message)
            case m.SessionEstablishmentRequest():
                return self._establish(smf, message)
            case m.SessionModificationRequest():
                return self._modify(smf, header, message)
            case m.SessionDeletionRequest():
                return self._delete(smf, header)
            case _:
                raise MessageRefused(Cause.SERVICE_NOT_SUPPORTED, f"{message.TYPE.name} is not carried out")

    def done(self, prepared: Prepared) -> None:
        """What a message came to is so, and no switch holds what it ended."""
        for stock in prepared.released:
            stock.give_back(self._stock)

    def take_back(self, prepared: Prepared) -> None:
        """What a message came to is not so after all, and no switch has heard of it."""
        self.release(self.undone(prepared))

    def undone(self, prepared: Prepared) -> Stock:
        """What a message came to is not so after all.

        Returns:
            What it had taken of the stock, and nobody else gets before it is released.
        """
        taken = prepared.taken
        for seid, (now, before) in prepared.sessions.items():
            self._put(seid, now, before)
            if before is not None:
                self._stock.restore(before.session)
                taken = taken.without(before.session.claimed, before.session.chosen_ues.values())
        for smf, (_, association) in prepared.associations.items():
            self._associate(smf, association)
        return taken

    def release(self, stock: Stock) -> None:
        """Others may have this; no switch has it any more."""
        stock.give_back(self._stock)

    def has_tunnel(self, teid: int) -> bool:
        """Whether a tunnel of any session ends here with a TEID."""
        return self._stock.has_teid(teid)

    def seid_at(self, smf: IPv4Address, seid: int) -> int | None:
        """How an SMF names one of its sessions; None: it has no such session."""
        found = self.sessions.get(seid)
        return found.session.cp.seid if found is not None and found.smf == smf else None

    def sessions_of(self, smf: IPv4Address) -> int:
        """How many sessions an SMF has."""
        return len(self._by_smf.get(smf, ()))

    def ends_all(self, smf: IPv4Address, message: Message) -> bool:
        """Whether a message ends all sessions of an SMF.

        Raises:
            MessageRefused: it will be refused.
        """
        match message:
            case m.AssociationSetupRequest():
                self._check_set_up(smf, message)
                return True
            case m.AssociationReleaseRequest():
                self._associated(smf, message.node_id)
                return True
            case _:
                return False

    def some_ended(self, smf: IPv4Address, most: int) -> Prepared:
        """What it comes to that some sessions of an SMF end."""
        return self._ended(list(islice(self._by_smf.get(smf, ()), most)))

    # Associations.

    def _set_up(self, smf: IPv4Address, request: m.AssociationSetupRequest) -> Prepared:
        """An SMF begins, or begins again: it knows of none of the sessions that it had."""
        self._check_set_up(smf, request)
        response = m.AssociationSetupResponse(
            node_id=self.address,
            cause=Cause.REQUEST_ACCEPTED,
            recovery_time_stamp=self.recovery,
            up_features=_FEATURES,
            ip_resources=self._ip_resources(),
        )
        now = Association(request.node_id, request.recovery_time_stamp, int(self._clock()))
        return self._without_sessions(smf, now, response)

    def set_up_request(self) -> m.AssociationSetupRequest:
        """What asks an SMF for an association."""
        return m.AssociationSetupRequest(
            node_id=self.address,
            recovery_time_stamp=self.recovery,
            up_features=_FEATURES,
            ip_resources=self._ip_resources(),
        )

    def associated(self, smf: IPv4Address, response: m.AssociationSetupResponse) -> Prepared:
        """An SMF has accepted what `set_up_request` asked for.

        Raises:
            MessageRefused: it may not name itself so.
        """
        self._check_name(smf, response.node_id)
        now = Association(response.node_id, response.recovery_time_stamp, int(self._clock()))
        return self._without_sessions(smf, now, None)

    def _ip_resources(self) -> tuple[UpIpResource, ...]:
        names = sorted(self.rules.data_networks)
        return tuple(
            UpIpResource(self.rules.n3, None, labels(name), SourceInterface.ACCESS) for name in names
        )

    def _check_set_up(self, smf: IPv4Address, request: m.AssociationSetupRequest) -> None:
        self._check_name(smf, request.node_id)
        if request.session_retention is not None and smf in self.associations:
            raise MessageRefused(Cause.SERVICE_NOT_SUPPORTED, "sessions are not retained")

    def _check_name(self, smf: IPv4Address, name: NodeId) -> None:
        names = self.rules.node_ids
        if names.get(smf, name) != name:
            raise MessageRefused(Cause.REQUEST_REJECTED, f"{smf} has the node ID {names[smf]}, not {name}")
        others = (one for one, its in names.items() if its == name)
        taken = (other for other, its in self.associations.items() if its.node_id == name)
        own = name if isinstance(name, IPv4Address) and name in self.rules.smfs else smf
        for other in (own, *others, *taken):
            if other != smf:
                raise MessageRefused(Cause.REQUEST_REJECTED, f"the node ID {name} is that of {other}")

    def _update(self, smf: IPv4Address, request: m.AssociationUpdateRequest) -> Prepared:
        self._associated(smf, request.node_id)
        response = m.AssociationUpdateResponse(node_id=self.address, cause=Cause.REQUEST_ACCEPTED)
        return Prepared(response)

    def _release(self, smf: IPv4Address, request: m.AssociationReleaseRequest) -> Prepared:
        self._associated(smf, request.node_id)
        response = m.AssociationReleaseResponse(node_id=self.address, cause=Cause.REQUEST_ACCEPTED)
        return self._without_sessions(smf, None, response)

    def _without_sessions(
        self, smf: IPv4Address, association: Association | None, response: Message | None
    ) -> Prepared:
        before = self.associations.get(smf)
        ended = self._ended(list(self._by_smf.get(smf, ())))
        self._associate(smf, association)
        return replace(ended, response=response, associations={smf: (association, before)})

    def _ended(self, seids: Sequence[int]) -> Prepared:
        gone = {seid: self.sessions[seid] for seid in seids}
        for seid, kept in gone.items():
            self._put(seid, kept, None)
        return Prepared(
            None,
            sessions={seid: (None, kept) for seid, kept in gone.items()},
            released=tuple(ended(kept.session) for kept in gone.values()),
        )

    def removed(self, smf: IPv4Address) -> Prepared:
        """What it comes to that an SMF may control the node no more."""
        return self._without_sessions(smf, None, None)

    def _associated(self, smf: IPv4Address, node_id: NodeId) -> None:
        association = self.associations.get(smf)
        if association is None or association.node_id != node_id:
            raise MessageRefused(Cause.NO_ESTABLISHED_ASSOCIATION, f"{node_id} has no association from {smf}")

    # Sessions.

    def _establish(self, smf: IPv4Address, request: m.SessionEstablishmentRequest) -> Prepared:
        self._associated(smf, request.node_id)
        if len(self.sessions) >= MOST_SESSIONS:
            raise MessageRefused(Cause.NO_RESOURCES_AVAILABLE, f"{MOST_SESSIONS} sessions stand")
        # Who was not answered, since the controller was restarted, asks again: its F-SEID is that session's.
        stale = self._by_cp.get((smf, request.cp_f_seid.seid))
        if stale:
            return self._replace(smf, request, self.sessions[min(stale)])
        return self._new(smf, request)

    def _replace(self, smf: IPv4Address, request: m.SessionEstablishmentRequest, stale: Kept) -> Prepared:
        """A new session in the place of one that its SMF does not know."""
        self._put(stale.session.seid, stale, None)
        had = ended(stale.session)
        had.give_back(self._stock)
        try:
            made = self._new(smf, request)
        except MessageRefused:
            self._stock.restore(stale.session)
            self._put(stale.session.seid, None, stale)
            raise
        # What the new one does not have as well is others' once no switch has it.
        left = had.without(made.taken.f_teids, made.taken.ue_addresses)
        self._stock.keep(left)
        sessions = {**made.sessions, stale.session.seid: (None, stale)}
        return replace(made, sessions=sessions, released=(left,))

    def _new(self, smf: IPv4Address, request: m.SessionEstablishmentRequest) -> Prepared:
        seid = self._new_seid()
        while not seid or seid in self.sessions:
            seid = self._new_seid()
        changed = establish(request, seid, self._stock, self._limits)
        kept = self._served(smf, changed.session, None, changed.taken)
        response = m.SessionEstablishmentResponse(
            node_id=self.address,
            cause=Cause.REQUEST_ACCEPTED,
            up_f_seid=FSeid(seid, self.address),
            created_pdrs=changed.created_pdrs,
        )
        self._put(seid, None, kept)
        return Prepared(response, kept.session.cp.seid, {seid: (kept, None)}, taken=changed.taken)

    def _modify(self, smf: IPv4Address, header: Header, request: m.SessionModificationRequest) -> Prepared:
        before = self._session(smf, header)
        changed = modify(before.session, request, self._stock, self._limits)
        granted = granted_by(request.update_urrs)
        kept = self._served(smf, changed.session, before, changed.taken, granted)
        response = m.SessionModificationResponse(
            cause=Cause.REQUEST_ACCEPTED,
            created_pdrs=changed.created_pdrs,
            updated_pdrs=changed.updated_pdrs,
        )
        seid = before.session.seid
        self._put(seid, before, kept)
        return Prepared(
            response,
            kept.session.cp.seid,
            {seid: (kept, before)},
            taken=changed.taken,
            released=(changed.released,),
            left=tuple(one.tunnel for one in changed.end_markers),
            queried=changed.queried,
            removed_urrs=changed.removed_urrs,
        )

    def _delete(self, smf: IPv4Address, header: Header) -> Prepared:
        before = self._session(smf, header)
        self._put(before.session.seid, before, None)
        return Prepared(
            m.SessionDeletionResponse(cause=Cause.REQUEST_ACCEPTED),
            before.session.cp.seid,
            {before.session.seid: (None, before)},
            released=(ended(before.session),),
        )

    def _session(self, smf: IPv4Address, header: Header) -> Kept:
        """The session that a message is about; those of other SMFs are not there."""
        if smf not in self.associations:
            raise MessageRefused(Cause.NO_ESTABLISHED_ASSOCIATION, f"{smf} has no association")
        found = self.sessions.get(header.seid or 0)
        if found is None or found.smf != smf:
            raise MessageRefused(Cause.SESSION_CONTEXT_NOT_FOUND, f"{smf} has no session {header.seid:#x}")
        return found

    def counted(self, now: Kept) -> Kept:
        """How far the URRs of a session are now; packets of those whose quota is used up are dropped.

        Returns:
            What it was, for `put_back`.
        """
        before, exhausted = self.sessions[now.session.seid], _exhausted(now.usage)
        if exhausted != _exhausted(before.usage):
            now = replace(now, plane=now.plane.without(exhausted))
        self._put(now.session.seid, before, now)
        return before

    def put_back(self, before: Kept) -> None:
        """What was counted of a session is not kept."""
        self._put(before.session.seid, self.sessions[before.session.seid], before)

    def _served(
        self,
        smf: IPv4Address,
        session: Session,
        before: Kept | None,
        taken: Stock,
        granted: Collection[UrrId] = (),
    ) -> Kept:
        """A session with what it comes to.

        Raises:
            MessageRefused: it needs what cannot be done; what was taken for it is given back.
        """
        try:
            urrs = {} if WithoutEffect.USAGE_REPORTS in self.rules.without_effect else session.urrs
            usage = accounts(urrs, before.usage if before else {}, granted, self._clock()) if urrs else {}
            was = before.plane if before else UserPlane()
            plane = user_plane(session, self.rules, was, _exhausted(usage))
            check_owners(session, plane, self._stock)
        except MessageRefused:
            taken.give_back(self._stock)
            raise
        return Kept(smf, session, plane, usage)

    def _put(self, seid: int, before: Kept | None, now: Kept | None) -> None:
        self._stock.own(seid, before.plane.ues if before else (), now.plane.ues if now else ())
        self.tunnels.put(seid, before.plane if before else None, now.plane if now else None)
        self.own_tunnels.put(seid, before, now)
        if before is not None:
            self._by_smf[before.smf].pop(seid)
            left = self._by_cp[before.at_smf] - {seid}
            if left:
                self._by_cp[before.at_smf] = left
            else:
                del self._by_cp[before.at_smf]
            self.watched.discard(seid)
        if now is None:
            self.sessions.pop(seid, None)
        else:
            self.sessions[seid] = now
            if now.is_watched:
                self.watched.add(seid)
            self._by_smf.setdefault(now.smf, {})[seid] = None
            self._by_cp[now.at_smf] = self._by_cp.get(now.at_smf, frozenset()) | {seid}

    def _associate(self, smf: IPv4Address, association: Association | None) -> None:
        if association is None:
            self.associations.pop(smf, None)
        else:
            self.associations[smf] = association


def _exhausted(usage: Mapping[UrrId, UrrAccount]) -> frozenset[UrrId]:
    return frozenset(urr_id for urr_id, account in usage.items() if account.is_exhausted)
