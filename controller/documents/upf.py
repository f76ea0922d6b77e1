"""SMFs, and the sessions that they have established."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from p4fabric.controller.documents.base import Document, Time
from p4fabric.controller.documents.fabric import ListDocument
from p4fabric.controller.documents.intents import StatusReason

__all__ = [
    "FSeidDocument",
    "UpfAssociationDocument",
    "UpfAssociationList",
    "UpfBufferDocument",
    "UpfBufferList",
    "UpfSessionDocument",
    "UpfSessionList",
    "UpfWayDocument",
]


class UpfAssociationDocument(Document):
    """An SMF that may control a Upf."""

    tenant: str
    upf: str = Field(description="the name of the Upf")
    smf: str = Field(description="the address that its datagrams come from")
    state: Literal["associated", "none"]
    node_id: str | None = Field(description="how it names itself; null: it has no association")
    since: Time | None = Field(description="when it was associated")
    recovery_time: Time | None = Field(description="its recovery time stamp: when it began, as it says")
    sessions: int = Field(description="that it has established, and that stand")
    upf_node_id: str = Field(description="how the Upf names itself to SMFs")
    upf_recovery_time: Time = Field(description="the recovery time stamp of the Upf")


class UpfAssociationList(ListDocument):
    """SMFs, by tenant, Upf and address."""

    items: list[UpfAssociationDocument]


class UpfBufferDocument(Document):
    """A buffer of packets to idle UEs, as it told a second ago at most; numbers are 0 while it is away."""

    name: str
    state: Literal["connected", "away"]
    sessions: int = Field(description="that are idle, of the Upfs that use it")
    tunnels: int = Field(description="that are open: one of each PDR of an idle session")
    waiting: int = Field(description="tunnels of which packets wait")
    packets: int = Field(description="that wait")
    octets: int = Field(description="of memory that they take")
    packets_kept: int = Field(description="since the buffer began")
    packets_sent: int = Field(description="to gNBs, since it began")
    packets_dropped: dict[str, int] = Field(
        description="since it began, by reason; docs/reference/upf.md says what each means"
    )


class UpfBufferList(ListDocument):
    """Buffers, by name."""

    items: list[UpfBufferDocument]


class FSeidDocument(Document):
    """A session at one of its ends."""

    seid: str = Field(description="64 bits, as 0x and 16 digits")
    addresses: list[str]


class UpfWayDocument(Document):
    """Packets of one PDR in one tunnel, and what becomes of them."""

    pdr: int
    direction: Literal["uplink", "downlink"]
    teid: int | None = Field(
        description="of the end that packets are sent to: the Upf's of uplink packets, the gNB's of downlink "
        "packets; null: not known"
    )
    gnb: str | None = Field(description="the gNB that they come from or go to; null: none, or not known")
    qfi: int | None = Field(description="of downlink packets")
    gate: Literal["open", "closed"]
    active: bool = Field(description="whether they are carried, once switches hold the session's entries")
    dropped: (
        Literal["behindAnother", "matchesNothing", "notForwarded", "waiting", "gateClosed", "noGnb"] | None
    ) = Field(description="why they are not; docs/reference/upf.md says what each means")


class UpfSessionDocument(Document):
    """A session, and how far it is in switches."""

    tenant: str
    upf: str = Field(description="the name of the Upf")
    smf: str = Field(description="the address of the SMF that controls it")
    seid: str = Field(description="at the Upf, 64 bits, as 0x and 16 digits")
    f_seid: FSeidDocument = Field(description="at the Upf")
    smf_f_seid: FSeidDocument = Field(description="at the SMF")
    dnn: str | None = Field(description="as the SMF names it; null: it names none")
    ue_addresses: list[str]
    gnbs: list[str] = Field(description="those that packets are carried from or to")
    state: Literal["active", "idle", "installing", "degraded"]
    reasons: list[StatusReason]
    entries: int = Field(description="that switches should hold because of it, over all of them")
    entries_acknowledged: int = Field(description="of those, what switches are known to hold")
    ways: list[UpfWayDocument] = Field(description="in the order of precedence")


class UpfSessionList(ListDocument):
    """Sessions, by tenant, Upf and SEID."""

    items: list[UpfSessionDocument]
