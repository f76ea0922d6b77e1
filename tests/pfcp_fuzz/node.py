"""A node that does with messages what an agent does, without switches, and is checked after each."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address

from p4fabric.controller.n4.answers import cp_seid, refusal
from p4fabric.controller.n4.pfcp import (
    Cause,
    Header,
    Message,
    MessageDiscarded,
    MessageRefused,
    VersionNotSupported,
    decode_body,
    decode_header,
    encode,
)
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.values import FSeid, FTeid
from p4fabric.controller.n4.sessions import Session, ended, establish, modify
from p4fabric.controller.n4.transactions import Answers, Peer, Verdict
from tests.unit.n4.stock import Stock

_STARTED = 3_900_000_000
_ADDRESS = IPv4Address("10.0.0.5")
_MOST_SESSIONS = 200


class Broken(AssertionError):
    """The node did what it must not do."""


class Node:
    """Keeps sessions of one SMF."""

    def __init__(self) -> None:
        """Without any."""
        self.stock = Stock(f_teids=100_000, ues=100_000)
        self.sessions: dict[int, Session] = {}
        self.answers = Answers(most_answers=1000)
        self.outcomes: Counter[str] = Counter()
        self._peer = Peer("10.0.0.4", 8805)
        self._next = 1

    def receive(self, datagram: bytes, now: float = 0.0) -> bytes | None:
        """Take a datagram, and check that a refusal changed nothing.

        Raises:
            Broken: it changed something, or the answer makes no sense.
        """
        before = (dict(self.sessions), set(self.stock.f_teids), set(self.stock.ues))
        answer, cause = self._receive(datagram, now)
        self.outcomes[cause] += 1
        after = (self.sessions, self.stock.f_teids, self.stock.ues)
        if cause not in ("REQUEST_ACCEPTED", "deleted") and before != after:
            raise Broken(f"{cause}, and yet something changed")
        if answer is not None:
            decode_body(decode_header(answer), answer)
        self._check_stock()
        return answer

    def _receive(self, datagram: bytes, now: float) -> tuple[bytes | None, str]:
        try:
            header = decode_header(datagram)
        except MessageDiscarded:
            return None, "discarded"
        except VersionNotSupported as error:
            return encode(m.VersionNotSupportedResponse(), error.sequence), "version"
        if header.kind not in m.REQUESTS:
            try:
                decode_body(header, datagram)
            except MessageRefused:
                return None, "bad response"
            return None, "response"
        said = self.answers.received(self._peer, header.sequence, datagram, now)
        if said.verdict is not Verdict.NEW:
            return said.answer, said.verdict.value
        answer, cause = self._carried_out(header, datagram)
        self.answers.answered(self._peer, header.sequence, datagram, answer, now)
        return answer, cause

    def _carried_out(self, header: Header, datagram: bytes) -> tuple[bytes | None, str]:
        try:
            message = decode_body(header, datagram)
            seid, response, cause = self._answer(header, message)
        except MessageRefused as error:
            said = refusal(header.kind, error, _ADDRESS, _STARTED)
            if said is None:
                return None, "heartbeat"
            return encode(said, header.sequence, self._seid_for_refusal(header, datagram)), error.cause.name
        return encode(response, header.sequence, seid), cause

    def _seid_for_refusal(self, header: Header, datagram: bytes) -> int | None:
        if header.seid is None:
            return None
        known = self.sessions.get(header.seid)
        return known.cp.seid if known else cp_seid(datagram) if header.seid == 0 else 0

    def _answer(self, header: Header, message: Message) -> tuple[int | None, Message, str]:
        accepted = Cause.REQUEST_ACCEPTED
        match message:
            case m.HeartbeatRequest():
                return None, m.HeartbeatResponse(recovery_time_stamp=_STARTED), accepted.name
            case m.AssociationSetupRequest():
                response = m.AssociationSetupResponse(
                    node_id=_ADDRESS, cause=accepted, recovery_time_stamp=_STARTED
                )
                return None, response, accepted.name
            case m.SessionEstablishmentRequest():
                if len(self.sessions) >= _MOST_SESSIONS:
                    raise MessageRefused(Cause.NO_RESOURCES_AVAILABLE, "too many sessions")
                made = establish(message, self._next, self.stock)
                self.sessions[self._next] = made.session
                up = FSeid(self._next, _ADDRESS)
                self._next += 1
                said = m.SessionEstablishmentResponse(
                    node_id=_ADDRESS, cause=accepted, up_f_seid=up, created_pdrs=made.created_pdrs
                )
                return made.session.cp.seid, said, accepted.name
        session = self.sessions.get(header.seid or 0)
        if session is None:
            raise MessageRefused(Cause.SESSION_CONTEXT_NOT_FOUND, "no such session")
        if isinstance(message, m.SessionModificationRequest):
            changed = modify(session, message, self.stock)
            self.sessions[session.seid] = changed.session
            changed.released.give_back(self.stock)
            answer = m.SessionModificationResponse(
                cause=accepted, created_pdrs=changed.created_pdrs, updated_pdrs=changed.updated_pdrs
            )
            return changed.session.cp.seid, answer, accepted.name
        if isinstance(message, m.SessionDeletionRequest):
            del self.sessions[session.seid]
            ended(session).give_back(self.stock)
            return session.cp.seid, m.SessionDeletionResponse(cause=accepted), "deleted"
        raise MessageRefused(Cause.SERVICE_NOT_SUPPORTED, "not spoken here")

    def _check_stock(self) -> None:
        used: set[FTeid] = set()
        for session in self.sessions.values():
            if used & session.claimed:
                raise Broken("two sessions have one tunnel end")
            used |= session.claimed
            tunnels = {pdr.f_teid for pdr in session.pdrs.values()} - {None}
            if not tunnels <= session.claimed:
                raise Broken("a PDR has a tunnel end that its session has not")
        if used != self.stock.f_teids:
            raise Broken("the stock knows other tunnel ends than sessions have")
