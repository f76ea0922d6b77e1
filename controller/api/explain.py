"""`POST /api/v1/explain`: what is asked, and how an explanation is written as JSON.

Fields of entries have the names and the notation of the program. This module explains nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from p4fabric.controller.access import Access, TenantView
from p4fabric.controller.api.asking import Asking
from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.documents.explanation import (
    ActionDocument,
    AlternativeDocument,
    AnswerDocument,
    DirectionDocument,
    EntryDocument,
    ExitDocument,
    HopDocument,
    IntentNoteDocument,
    MemberDocument,
    PacketDocument,
    PlaceDocument,
    QuestionDocument,
    ReasonDocument,
    ResolutionDocument,
    StepDocument,
    SwitchNoteDocument,
    WalkDocument,
)
from p4fabric.controller.documents.intents import (
    StatusReason,
)
from p4fabric.controller.explain.answer import Alternative, Direction
from p4fabric.controller.explain.behind import EntryRef, Reason
from p4fabric.controller.explain.packet import Packet
from p4fabric.controller.explain.question import Question, QuestionError
from p4fabric.controller.explain.result import End, Exit, Hop, Step, Walk
from p4fabric.controller.fabric import ExplainedFlow, Fabric
from p4fabric.controller.intents import FieldError
from p4fabric.controller.names import PortRef, SwitchName, TenantName
from p4fabric.pipelines.entities import Action, Entity, MulticastGroup, TableEntry
from p4fabric.pipelines.entities.match import Lpm, Ternary
from p4fabric.pipelines.values import MacAddress, Port

__all__ = [
    "answer_document",
    "answer_json",
    "explain_routes",
    "question_of",
]

MOST_HOPS, MOST_EXITS, MOST_REPLICAS = 32, 16, 64
"""Of one walk, of one hop, of one flood tree: a flooded packet has thousands of copies."""


def question_of(asked: QuestionDocument) -> Question:
    """What is asked."""
    return Question(
        asked.source,
        asked.destination,
        None if asked.tenant is None else TenantName(asked.tenant),
        asked.protocol,
        asked.source_port,
        asked.destination_port,
        tuple(asked.tcp_flags),
        asked.ttl,
        asked.source_address,
        asked.source_mac,
        asked.destination_mac,
    )


def place_document(port: PortRef) -> PlaceDocument:
    """Write a port."""
    return PlaceDocument(switch=port.switch, port=int(port.port))


def packet_document(packet: Packet) -> PacketDocument:
    """Write a packet."""
    return PacketDocument(
        source_mac=str(packet.src_mac),
        destination_mac=str(packet.dst_mac),
        tag=None if packet.tag is None else int(packet.tag),
        source=str(packet.src),
        destination=str(packet.target or packet.dst),
        protocol=packet.protocol,
        source_port=packet.src_port,
        destination_port=packet.dst_port,
        ttl=packet.ttl,
        teid=None if packet.teid is None else int(packet.teid),
        inner=None if packet.inner is None else packet_document(packet.inner),
    )


def reason_document(reason: Reason) -> ReasonDocument:
    """Write a reason."""
    key = reason.intent
    if key is None:
        return ReasonDocument(kind=None, tenant=None, name=None, part=reason.part)
    return ReasonDocument(kind=key.kind, tenant=key.tenant, name=key.name, part=reason.part)


def action_document(action: Action) -> ActionDocument:
    """Write an action."""
    parameters = {one.name: _shown(getattr(action, one.name)) for one in action.PARAMETERS}
    return ActionDocument(action=_short(action.NAME), parameters=parameters)


def entry_document(entity: Entity, reasons: Iterable[Reason]) -> EntryDocument | None:
    """Write an entry."""
    intents = [reason_document(reason) for reason in reasons]
    if isinstance(entity, MulticastGroup):
        ports = [replica.port for replica in entity.replicas[:MOST_REPLICAS]]
        return EntryDocument(
            match={"group": entity.group_id}, priority=None, action="flood", parameters={"ports": ports},
            intents=intents,
        )  # fmt: skip
    if not isinstance(entity, TableEntry):
        return None
    match = {field.name: _shown(getattr(entity, field.name)) for field in entity.MATCH_FIELDS}
    said: Any = getattr(entity, "action")  # noqa: B009 - every generated table has it, the base has not
    action = action_document(said) if isinstance(said, Action) else None
    return EntryDocument(
        match=match,
        priority=getattr(entity, "priority", None),
        action=action.action if action is not None else None,
        parameters=action.parameters if action is not None else {},
        intents=intents,
    )


def answer_document(found: ExplainedFlow) -> AnswerDocument:
    """Write an explanation."""
    said, writer = found.explanation, _Writer(found.reasons)
    forward, reply = said.forward, said.reply
    ways = [way for way in (forward, reply) if way is not None]
    return AnswerDocument(
        passes=len(ways) == 2
        and not said.notes
        and all(way.end is End.DELIVERED and way.is_certain for way in ways),
        forward=writer.direction(forward),
        reply=writer.direction(reply) if reply is not None else None,
        no_reply=said.no_reply,
        notes=said.notes,
        switches=[
            SwitchNoteDocument(
                name=one.name, connected=one.connected, in_sync=one.in_sync, notes=list(one.notes)
            )
            for one in found.switches
        ],
        intents=[
            IntentNoteDocument(
                kind=key.kind,
                tenant=key.tenant,
                name=key.name,
                state=status.state,
                reasons=[StatusReason.model_validate(one.as_dict()) for one in status.reasons],
            )
            for key, status in found.statuses.items()
        ],
    )


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes steps with the intents behind their entries."""

    reasons: Mapping[EntryRef, tuple[Reason, ...]]

    def direction(self, way: Direction) -> DirectionDocument:
        """One way of the flow."""
        decision = way.decision
        decided_by: list[ReasonDocument] = []
        for switch, step in way.steps():
            if step is decision and step.entry is not None:
                found = self.reasons.get(EntryRef(switch, step.entry.key), ())
                decided_by = [reason_document(reason) for reason in found]
        resolution = None
        if way.resolution is not None:
            walk = self._walk(way.resolution, decision)
            resolution = ResolutionDocument(
                hops=walk.hops,
                more_hops=walk.more_hops,
                address=str(way.asked.address),
                gateway=way.asked.is_gateway,
            )
        return DirectionDocument(
            verdict=way.end,
            reason=way.reason,
            text=way.text,
            at=None if way.place is None else place_document(way.place),
            certain=way.is_certain,
            sender=place_document(way.sender.port),
            packet=packet_document(way.packet),
            decided_by=decided_by,
            resolution=resolution,
            walk=None if way.walk is None else self._walk(way.walk, decision),
            alternatives=[self._alternative(way, one) for one in way.alternatives],
            more_alternatives=way.left_out,
        )

    @staticmethod
    def _alternative(way: Direction, one: Alternative) -> AlternativeDocument:
        switch = next(name for name, step in way.steps() if step is one.step)
        member = action_document(one.step.members[one.member].action)
        table = one.step.table
        return AlternativeDocument(
            switch=switch,
            table=None if table is None else _short(table.TABLE_NAME),
            member=one.member,
            parameters=member.parameters,
            verdict=one.end,
            text=one.text,
        )

    def _walk(self, walk: Walk, decision: Step | None) -> WalkDocument:
        shown = walk.hops[:MOST_HOPS]
        return WalkDocument(
            hops=[self._hop(hop, decision) for hop in shown], more_hops=len(walk.hops) - len(shown)
        )

    def _hop(self, hop: Hop, decision: Step | None) -> HopDocument:
        # Copies that go on come first: the way to a host is among them.
        exits = sorted(hop.exits, key=lambda out: (out.hop is None, out.end is End.DROPPED))[:MOST_EXITS]
        return HopDocument(
            switch=hop.switch,
            port=int(hop.port),
            packet=packet_document(hop.packet),
            steps=[self._step(hop.switch, step, decision) for step in hop.steps],
            exits=[self._exit(hop.switch, out, decision) for out in exits],
            more_exits=hop.left_out + len(hop.exits) - len(exits),
            verdict=hop.end,
            reason=hop.reason,
            text=hop.text,
        )

    def _exit(self, switch: SwitchName, out: Exit, decision: Step | None) -> ExitDocument:
        return ExitDocument(
            port=int(out.port),
            packet=packet_document(out.packet),
            steps=[self._step(switch, step, decision) for step in out.steps],
            verdict=out.end,
            reason=out.reason,
            text=out.text,
            next_hop=out.hop if out.hop is not None and out.hop < MOST_HOPS else None,
        )

    def _step(self, switch: SwitchName, step: Step, decision: Step | None) -> StepDocument:
        table = step.table
        key = {}
        if table is not None:
            fields = zip(table.MATCH_FIELDS, step.values, strict=True)
            key = {field.name: _shown(field.make(value)) for field, value in fields}
        members = [
            MemberDocument(
                **action_document(member.action).model_dump(by_alias=False),
                weight=member.weight,
                taken=index == step.member,
                down=index in step.down,
            )
            for index, member in enumerate(step.members)
        ]
        return StepDocument(
            table=None if table is None else _short(table.TABLE_NAME),
            key=key,
            entry=self._entry(switch, step.entry),
            lacking=self._entry(switch, step.lacking),
            members=members,
            certain=step.is_certain,
            text=step.text,
            decides=step is decision,
        )

    def _entry(self, switch: SwitchName, entity: Entity | None) -> EntryDocument | None:
        if entity is None:
            return None
        return entry_document(entity, self.reasons.get(EntryRef(switch, entity.key), ()))


def explain_routes(fabric: Fabric, access: Access) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/api/v1", tags=["fabric"], route_class=StrictRoute)

    @router.post("/explain", response_model=AnswerDocument, responses=problems(400, 413, 422))
    async def explain_flow(question: QuestionDocument, asking: Asking) -> Response:
        """Explain what becomes of a flow, both ways, by the entries that switches hold now.

        A packet of the flow is followed from table to table and from switch to switch. Each step names the
        entry that it met, or that there is none, and the intents behind it. Nothing is sent. A tenant may
        ask of its own flows, and hears what becomes of them and which of its intents decided.
        """
        tenant_view = access.tenant_view(fabric, asking)
        return Response(await answer_json(fabric, question, tenant_view), media_type="application/json")

    return router


async def answer_json(fabric: Fabric, question: QuestionDocument, tenant_view: TenantView) -> str:
    """Ask, and write the answer in a thread: that of a flooded packet is long.

    Raises:
        QuestionError: the question cannot be answered as it is.
        Forbidden: it is of another tenant.
    """
    if tenant_view.tenant is None:
        found = await fabric.explain(question_of(question))
        return await asyncio.to_thread(lambda: answer_document(found).model_dump_json())
    return (await _answer_for(fabric, question, tenant_view, tenant_view.tenant)).model_dump_json()


_NOT_YOURS = "is no port with a network of yours, by this tag"


async def _answer_for(
    fabric: Fabric, question: QuestionDocument, tenant_view: TenantView, tenant: TenantName
) -> AnswerDocument:
    """What a tenant may hear: neither ways through the fabric, nor anything about others' networks."""
    tenant_view.may_write([{"tenant": question.tenant}])
    at = re.fullmatch(r"(.+):(\d{1,3})(?:\.\d{1,4})?", question.source)
    if at is not None and not question.source.count(":") > 1:
        port = PortRef(SwitchName(at[1]), Port(int(at[2]) & ((1 << Port.BITS) - 1)))
        if not tenant_view.sees_port(port):
            raise QuestionError([FieldError("from", question.source, _NOT_YOURS)])
    found = await fabric.explain(question_of(question.model_copy(update={"tenant": tenant})))
    said = found.explanation
    if said.forward.sender.network is None:
        raise QuestionError([FieldError("from", question.source, _NOT_YOURS)])
    answer = answer_document(found)
    intents = [
        IntentNoteDocument(
            kind=key.kind,
            tenant=key.tenant,
            name=key.name,
            state=status.state,
            reasons=[
                StatusReason.model_validate(one.as_dict()) for one in tenant_view.status(status).reasons
            ],
        )
        for key, status in found.statuses.items()
        if tenant_view.sees(key.tenant)
    ]
    ways = [
        None if way is None else _direction_for(tenant_view, way) for way in (answer.forward, answer.reply)
    ]
    update = {"forward": ways[0], "reply": ways[1], "notes": [], "switches": [], "intents": intents}
    return answer.model_copy(update=update)


def _direction_for(tenant_view: TenantView, way: DirectionDocument) -> DirectionDocument:
    def seen(place: PlaceDocument | None) -> bool:
        return place is not None and tenant_view.sees_port(
            PortRef(SwitchName(place.switch), Port(place.port))
        )

    return way.model_copy(
        update={
            "text": way.verdict if way.reason is None else f"{way.verdict}: {way.reason}",
            "at": way.at if seen(way.at) else None,
            "decided_by": [
                one for one in way.decided_by if one.tenant is None or tenant_view.sees(one.tenant)
            ],
            "resolution": None,
            "walk": None,
            "alternatives": [],
            "more_alternatives": 0,
        }
    )


def _short(name: str) -> str:
    """A name of the program without those of the controls around it."""
    return name.rpartition(".")[2]


def _shown(value: Any) -> Any:
    """A value as JSON has it: numbers as numbers, addresses as text, prefixes and masks in their notation."""
    match value:
        case None | bool():
            return value
        case Lpm():
            return f"{value.value}/{value.prefix_length}"
        case Ternary():
            return _masked(value)
        case MacAddress():
            return str(value)
        case int():
            return int(value)
    return str(value)


def _masked(match: Ternary[Any]) -> Any:
    width = getattr(match.value, "max_prefixlen", None)
    if width is not None:
        zeros = width - match.mask.bit_count()
        if match.mask == (1 << width) - 1 >> zeros << zeros:
            return f"{match.value}/{width - zeros}"
    bits = getattr(type(match.value), "BITS", None)
    if bits is not None and match.mask == (1 << bits) - 1:
        return _shown(match.value)
    return f"{_shown(match.value)}&&&{match.mask:#x}"
