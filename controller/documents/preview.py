"""A change that is not made: what it would do."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from p4fabric.controller.documents.base import Document
from p4fabric.controller.documents.intents import AnyIntent, StatusReason

__all__ = [
    "ChangedEntry",
    "EntryCounts",
    "ExpectedState",
    "ExpectedStatus",
    "OtherIntent",
    "PreviewDocument",
    "PreviewOutcome",
    "PreviewedEntry",
    "PreviewedIntent",
    "PreviewedNumber",
    "PreviewedPart",
    "PreviewedShare",
    "PreviewedSwitch",
    "PreviewedTable",
    "PreviewedVersion",
]


class PreviewOutcome(StrEnum):
    """What would become of an intent."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"


class ExpectedState(StrEnum):
    """What an intent would be once all switches that are connected have acknowledged everything."""

    ACTIVE = "active"
    DEGRADED = "degraded"
    DELETING = "deleting"
    GONE = "gone"


class ExpectedStatus(Document):
    """How far an intent would get, while switches, hosts and links stay as they are."""

    state: ExpectedState
    reasons: list[StatusReason] = Field(description="why it would be degraded, or not gone")


class PreviewedIntent(Document):
    """An intent that the change is about."""

    outcome: PreviewOutcome
    before: AnyIntent | None = Field(description="as it is; null: there is none")
    after: AnyIntent | None = Field(
        description="as it would be; one that is created has no metadata yet; null: deleted"
    )


class PreviewedPart(Document):
    """What wants an entry: an intent or a part of it, or the fabric itself."""

    kind: str | None = Field(description="null: the fabric itself")
    tenant: str | None
    name: str | None
    part: str = Field(description='such as "routes" or "heard host 02:00:00:00:00:01"; empty: its main part')


class PreviewedEntry(Document):
    """An entry that would be added or removed."""

    table: str = Field(description="or multicast_group, clone_session or digest")
    text: str = Field(description="as `p4fabric switch` shows and takes it")
    entry: dict[str, Any] = Field(description="as `p4fabric switch read --json` shows it")
    parts: list[PreviewedPart] = Field(description="that want it, or wanted it: the first few by name")
    more_parts: int = Field(description="how many there are beyond those")


class PreviewedVersion(Document):
    """An entry as it is, or as it would be."""

    text: str
    entry: dict[str, Any]


class ChangedEntry(Document):
    """An entry that would be modified: its key stays."""

    table: str
    before: PreviewedVersion
    after: PreviewedVersion
    parts: list[PreviewedPart]
    more_parts: int


class EntryCounts(Document):
    """Of all entries, listed or not."""

    added: int
    changed: int
    removed: int


class PreviewedSwitch(Document):
    """What would be written to one switch; of many entries, the first by table and key."""

    added: list[PreviewedEntry]
    changed: list[ChangedEntry]
    removed: list[PreviewedEntry]
    counts: EntryCounts
    truncated: bool = Field(description="whether there are more entries than are listed")


class PreviewedTable(Document):
    """Room in one table of one switch, in entries."""

    switch: str
    table: str
    size: int | None = Field(description="null: the program does not limit it")
    before: int
    after: int
    peak: int = Field(description="at most at one time: old entries stand until new ones do")
    room: int | None = Field(description="what is free now")
    need: int = Field(description="what of that it takes")


class PreviewedShare(Document):
    """Room in one tenant's share of one table of one switch, in entries."""

    switch: str
    tenant: str
    table: str
    size: int = Field(description="what the tenant may have, by `tables.tenantShare`")
    before: int
    after: int
    room: int = Field(description="what is left to the tenant afterwards")


class PreviewedNumber(Document):
    """A number that would be given, or given back: then it rests until no switch can use it."""

    pool: str = Field(description="vlan, vrf or tunnel-peer")
    given_for: str
    number: int
    given: bool = Field(description="false: given back")


class OtherIntent(Document):
    """Another intent that would be something else than without the change."""

    kind: str
    tenant: str
    name: str
    without: ExpectedStatus
    expected: ExpectedStatus


class PreviewDocument(Document):
    """A change that is not made: what it would do."""

    intents: list[PreviewedIntent]
    switches: dict[str, PreviewedSwitch] = Field(description="those to which anything would be written")
    tables: list[PreviewedTable] = Field(description="in which anything would be written")
    shares: list[PreviewedShare] = Field(
        description="of tenants, in tables of which they would have more or fewer entries; empty where "
        "tenants have no shares"
    )
    numbers: list[PreviewedNumber] = Field(description="unless another change takes them first")
    status: dict[str, ExpectedStatus] = Field(description="of each of the intents, by `Kind/tenant/name`")
    others: list[OtherIntent]
    more_others: int = Field(description="how many there are beyond those that are listed")
