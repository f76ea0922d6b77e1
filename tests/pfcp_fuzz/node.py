"""A node without switches that receives messages, and is checked after each."""

from __future__ import annotations

import json
from collections import Counter
from ipaddress import IPv4Address, IPv4Network
from itertools import count

from p4fabric.controller.fabric.n4_counters import SessionCounts
from p4fabric.controller.fabric.n4_usage import without_retired
from p4fabric.controller.n4 import kept
from p4fabric.controller.n4.answers import cp_seid, refusal
from p4fabric.controller.n4.node import Kept
from p4fabric.controller.n4.node import Node as RealNode
from p4fabric.controller.n4.node_rules import DataNetwork, NodeRules
from p4fabric.controller.n4.pfcp import (
    Header,
    MessageDiscarded,
    MessageRefused,
    VersionNotSupported,
    decode_body,
    decode_header,
    encode,
)
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.plane import NO_RULE, UserPlane
from p4fabric.controller.n4.stock import NodeStock
from p4fabric.controller.n4.transactions import Answers, Peer, Verdict
from p4fabric.controller.n4.without_effect import WithoutEffect

_STARTED = 3_900_000_000
_ADDRESS, _SMF, _N3 = (IPv4Address(one) for one in ("10.0.0.5", "10.0.0.4", "10.0.3.2"))
_NETWORKS = {
    "internet": DataNetwork("internet", tuple(IPv4Network(f"10.{one}.0.0/16") for one in (45, 60, 250)))
}
_IGNORED = frozenset({WithoutEffect.BUFFERING, WithoutEffect.GUARANTEED_BIT_RATES})
_RULES = NodeRules(_N3, _NETWORKS, (IPv4Network("10.0.3.0/24"),), frozenset(), _IGNORED)


class Broken(AssertionError):
    """The node did what it must not do."""


class Node:
    """Keeps sessions of one SMF. Every seventh message that it could carry out, it takes back."""

    def __init__(self) -> None:
        """Without any."""
        seids = count(1)
        self.stock = NodeStock(_N3, _ADDRESS, _NETWORKS, first_teid=0x1000)
        self.node = RealNode(_ADDRESS, _STARTED, _RULES, self.stock, lambda: next(seids), lambda: 0.0)
        self.answers = Answers(most_answers=1000)
        self.outcomes: Counter[str] = Counter()
        self._peer = Peer(str(_SMF), 8805)
        self._prepared = 0

    @property
    def sessions(self) -> list[int]:
        """Their SEIDs."""
        return list(self.node.sessions)

    def receive(self, datagram: bytes, now: float = 0.0) -> bytes | None:
        """Take a datagram, and check that a refusal changed nothing.

        Raises:
            Broken: it changed something, or the answer makes no sense.
        """
        before = self._state()
        answer, cause = self._receive(datagram, now)
        self.outcomes[cause] += 1
        if cause not in ("REQUEST_ACCEPTED", "deleted") and before != self._state():
            raise Broken(f"{cause}, and yet something changed")
        if answer is not None:
            decode_body(decode_header(answer), answer)
        self._check_stock()
        return answer

    def _state(self) -> tuple[object, ...]:
        node, stock = self.node, self.stock
        taken = set(stock._teids), set(stock._chosen), dict(stock._owners)
        return dict(node.sessions), dict(node.associations), dict(node._by_cp), *taken

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
            if isinstance(message, m.HeartbeatRequest):
                return encode(m.HeartbeatResponse(recovery_time_stamp=_STARTED), header.sequence), "heartbeat"
            prepared = self.node.prepare(_SMF, header, message)
        except MessageRefused as error:
            said = refusal(header.kind, error, _ADDRESS, _STARTED)
            if said is None:
                return None, "heartbeat"
            return encode(said, header.sequence, self._seid_for_refusal(header, datagram)), error.cause.name
        self._prepared += 1
        if self._prepared % 7 == 0:
            self.node.take_back(prepared)
            return None, "taken back"
        for now, _ in prepared.sessions.values():
            if now is not None and kept.load(json.loads(json.dumps(kept.dump(now))), Kept) != now:
                raise Broken("a session is kept as another one")
        self.node.done(prepared)
        for seid in prepared.sessions.keys() & self.node.sessions.keys():
            self.node.counted(without_retired(self.node.sessions[seid], SessionCounts({}, is_complete=True)))
        assert prepared.response is not None
        is_deletion = isinstance(message, m.SessionDeletionRequest)
        answer = encode(prepared.response, header.sequence, prepared.seid)
        return answer, "deleted" if is_deletion else "REQUEST_ACCEPTED"

    def _seid_for_refusal(self, header: Header, datagram: bytes) -> int | None:
        if header.seid is None:
            return None
        return self.node.seid_at(_SMF, header.seid) or (0 if header.seid else cp_seid(datagram))

    def _check_stock(self) -> None:
        used: set[int] = set()
        for held in self.node.sessions.values():
            claimed = {one.teid for one in held.session.claimed}
            if used & claimed:
                raise Broken("two sessions have one tunnel end")
            used |= claimed
            tunnels = {pdr.f_teid for pdr in held.session.pdrs.values()} - {None}
            if not tunnels <= held.session.claimed:
                raise Broken("a PDR has a tunnel end that its session has not")
            for ue in held.plane.ues:
                if self.stock.owner(ue) != held.session.seid:
                    raise Broken(f"{ue} is not the session's that has it")
            if not {one.teid for one in held.plane.uplinks} <= claimed:
                raise Broken("a tunnel is opened that the session has not")
            _check_plane(held.plane)
        if used != self.stock._teids:
            raise Broken("the stock knows other tunnel ends than sessions have")


def _check_plane(plane: UserPlane) -> None:
    """Whatever a packet may find is there, once."""
    numbers = [(one.is_uplink, one.number) for one in plane.rules]
    if len(set(numbers)) != len(numbers) or plane.retired:
        raise Broken("two rules have one number, or one that is gone is left")
    lookups = [(True, up.flows) for up in plane.uplinks if up.flows is not None]
    lookups += [(False, down.flows) for down in plane.flow_downlinks]
    for is_uplink, flows in lookups:
        found = {rule for _, rule in flows.filters.filters} if flows.filters is not None else set()
        found |= {flows.rule} - {NO_RULE}
        if not {(is_uplink, one) for one in found} <= set(numbers):
            raise Broken("a filter finds a rule that there is not")
    limits = {(one.is_uplink, one.is_flows, one.number) for one in plane.limits}
    for one in plane.rules:
        named = ((False, one.session_limit), (True, one.flow_limit))
        if any(n and one.forwards and (one.is_uplink, is_flows, n) not in limits for is_flows, n in named):
            raise Broken("a rule names a limit that there is not")
