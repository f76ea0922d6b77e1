"""What becomes of a flow: the question, and the explanation.

Fields of entries have the names and the notation of the program.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from p4fabric.controller.documents.base import Document
from p4fabric.controller.documents.intents import StatusReason
from p4fabric.controller.intents.fields import Address, Mac

__all__ = [
    "ActionDocument",
    "AlternativeDocument",
    "AnswerDocument",
    "DirectionDocument",
    "EntryDocument",
    "ExitDocument",
    "HopDocument",
    "IntentNoteDocument",
    "MemberDocument",
    "PacketDocument",
    "PlaceDocument",
    "QuestionDocument",
    "ReasonDocument",
    "ResolutionDocument",
    "StepDocument",
    "SwitchNoteDocument",
    "WalkDocument",
]

Label = Annotated[str, Field(min_length=1, max_length=128)]
PortNumber = Annotated[int, Field(ge=0, le=0xFFFF)]


class QuestionDocument(Document):
    """A flow."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=False, serialize_by_alias=True, extra="forbid"
    )

    source: Label = Field(
        alias="from",
        description="who sends: a host by name, address or MAC address, a port like `leaf1:3` "
        "(`leaf1:3.20`: with a tag), or the name of a UpfSession",
    )
    destination: Label = Field(
        alias="to",
        description="to whom: a host likewise, or the name of a Service or a UpfSession",
    )
    tenant: Label | None = Field(None, description="needed where it does not follow from the addresses")
    protocol: Literal["tcp", "udp", "icmp"] | Annotated[int, Field(ge=0, le=255)] | None = Field(
        None, description="tcp, udp, icmp or a number; that of the Service, or icmp, if left out"
    )
    source_port: PortNumber | None = Field(
        None, description="decides which members of groups the flow takes; any, if left out"
    )
    destination_port: PortNumber | None = None
    tcp_flags: list[Literal["fin", "syn", "rst", "psh", "ack", "urg"]] = Field(
        ["syn"], max_length=6, description="of the packet that is followed"
    )
    ttl: int = Field(64, ge=0, le=255, description="TTL or hop limit")
    source_address: Address | None = Field(None, description="send as another address than the sender's own")
    source_mac: Mac | None = None
    destination_mac: Mac | None = Field(None, description="send there without asking who has the address")


class PlaceDocument(Document):
    """A port of a switch."""

    switch: str
    port: int


class PacketDocument(Document):
    """A packet at one place of its way."""

    source_mac: str
    destination_mac: str
    tag: int | None = Field(description="the VLAN id in its tag")
    source: str = Field(description="of ARP, the sender's address")
    destination: str = Field(description="of ARP, the address that is asked for")
    protocol: int | None = Field(description="null: ARP")
    source_port: int
    destination_port: int
    ttl: int
    teid: int | None = Field(description="of a G-PDU")
    inner: PacketDocument | None = Field(description="what a G-PDU carries")


class ReasonDocument(Document):
    """What wants an entry. All null: the fabric itself does, whatever anybody asked for."""

    kind: str | None
    tenant: str | None
    name: str | None
    part: str | None = Field(description="which part of it: a rule, a host")


class ActionDocument(Document):
    """An action and its parameters."""

    action: str
    parameters: dict[str, Any]


class EntryDocument(Document):
    """An entry that a switch holds, or should hold."""

    match: dict[str, Any] = Field(description="by field: a value, prefix, value&&&mask, or null for anything")
    priority: int | None
    action: str | None = Field(description="null: one of the members")
    parameters: dict[str, Any]
    intents: list[ReasonDocument] = Field(description="what wants it; empty: nothing does any more")


class MemberDocument(ActionDocument):
    """A member of the group that was chosen from."""

    weight: int
    taken: bool = Field(description="the flow takes it, or is taken to")
    down: bool = Field(description="its port is down, so that no flow takes it")


class StepDocument(Document):
    """A table that was applied, or a decision of the program without one."""

    table: str | None
    key: dict[str, Any] = Field(description="what was looked up")
    entry: EntryDocument | None = Field(description="what the packet met; null: nothing")
    lacking: EntryDocument | None = Field(
        description="what it would have met, had the switch what it should hold; null: the same"
    )
    members: list[MemberDocument] = Field(description="of the group, if one was chosen from")
    certain: bool = Field(description="whether it is known which member the flow takes")
    text: str
    decides: bool = Field(description="whether this step decided what became of the packet")


class ExitDocument(Document):
    """A way out of a switch."""

    port: int
    packet: PacketDocument = Field(description="as it leaves")
    steps: list[StepDocument]
    verdict: str | None = Field(description="null: it goes on at another switch")
    reason: str | None
    text: str
    next_hop: int | None = Field(description="its index; null where it ends, or is not shown")


class HopDocument(Document):
    """One switch."""

    switch: str
    port: int = Field(description="where the packet came in")
    packet: PacketDocument = Field(description="as it came in")
    steps: list[StepDocument]
    exits: list[ExitDocument]
    more_exits: int = Field(description="copies of a flooded packet that are not shown")
    verdict: str | None = Field(description="where it ended in this switch, before it reached a port")
    reason: str | None
    text: str


class WalkDocument(Document):
    """A packet's way, all copies included."""

    hops: list[HopDocument]
    more_hops: int


class ResolutionDocument(WalkDocument):
    """The question for a MAC address that comes before the packet: ARP or Neighbor Discovery."""

    address: str
    gateway: bool = Field(description="whether it is the gateway's address")


class AlternativeDocument(Document):
    """Another member than the one that was followed, and what becomes of the packet then."""

    switch: str
    table: str | None
    member: int = Field(description="its index among the step's members")
    parameters: dict[str, Any]
    verdict: str
    text: str


class DirectionDocument(Document):
    """One way of the flow."""

    verdict: str = Field(
        description="delivered, flooded, answered, controller, dropped, lost, unresolved or unknown"
    )
    reason: str | None = Field(description="why it was dropped or lost: a drop reason, no_path, no_link, …")
    text: str
    at: PlaceDocument | None = Field(description="where it left the fabric, or came in last")
    certain: bool = Field(description="whether the same becomes of it whichever members of groups it takes")
    sender: PlaceDocument
    packet: PacketDocument
    decided_by: list[ReasonDocument] = Field(description="the intents behind the step that decided")
    resolution: ResolutionDocument | None = Field(description="null: no question is needed")
    walk: WalkDocument | None = Field(description="null: the packet is not sent")
    alternatives: list[AlternativeDocument]
    more_alternatives: int


class SwitchNoteDocument(Document):
    """A switch on the way."""

    name: str
    connected: bool
    in_sync: bool = Field(description="whether it holds exactly what it should")
    notes: list[str] = Field(description="how far what is known of it is to be believed")


class IntentNoteDocument(Document):
    """An intent behind an entry on the way."""

    kind: str
    tenant: str
    name: str
    state: str
    reasons: list[StatusReason]


class AnswerDocument(Document):
    """What becomes of a flow, both ways."""

    passes: bool = Field(description="whether the packet and its reply arrive, whichever members they take")
    forward: DirectionDocument
    reply: DirectionDocument | None
    no_reply: str | None = Field(description="why there is no reply to explain")
    notes: list[str]
    switches: list[SwitchNoteDocument]
    intents: list[IntentNoteDocument]
