"""How values of each class are written as records, and read again. `records` has the keys in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr

from p4fabric.controller.compiler.remedy import RemedyKey
from p4fabric.controller.compiler.served import ServedSession, SessionKey, SmfKey
from p4fabric.controller.intents.metadata import Description, Metadata
from p4fabric.controller.intents.owners import Owners
from p4fabric.controller.n4 import kept as n4_kept
from p4fabric.controller.n4.node import Association, Kept
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.store.remedy_record import RemedyFields, dump_remedy, load_remedy
from p4fabric.controller.store.values import (
    AssociatedSmf,
    DrainedLink,
    DrainedSwitch,
    EstablishedSession,
    GivenNumber,
    GoneSwitch,
    GrantedRemedy,
    RestingNumber,
    RulePlaces,
    StoredHost,
    StoredIntent,
    UnsettledSwitch,
    UpfStart,
)
from p4fabric.controller.topology.drain import Drain
from p4fabric.controller.topology.model import Cable, Host, Link
from p4fabric.pipelines.values import MacAddress, Port

__all__ = ["INTENTS", "KINDS", "RecordKind", "intent_key"]

INTENTS = "intents/"

V = TypeVar("V")


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Intent(_Fields):
    document: dict[str, Any]
    generation: StrictInt
    created: float
    labels: dict[StrictStr, StrictStr]
    annotations: dict[StrictStr, StrictStr]
    owners: dict[StrictStr, list[StrictStr] | None]
    """The fields of each; null: all of them."""


class _Number(_Fields):
    owner: StrictStr


class _Host(_Fields):
    switch: StrictStr
    port: StrictInt
    addresses: list[IPv4Address | IPv6Address]
    seen: float
    stated: StrictBool


class _Nothing(_Fields):
    pass


class _Places(_Fields):
    priority: StrictInt
    order: StrictInt
    places: dict[str, StrictInt]


class _Drain(_Fields):
    since: float
    wanted: StrictBool
    avoided: StrictBool
    wasAvoided: StrictBool


class _Gone(_Fields):
    declared: float


class _Unsettled(_Fields):
    entries: StrictInt


class _Session(_Fields):
    accessNetwork: StrictStr
    kept: dict[str, Any]


class _Smf(_Fields):
    association: dict[str, Any]


class _Start(_Fields):
    started: StrictInt


F = TypeVar("F", bound=BaseModel)


@dataclass(frozen=True)
class RecordKind(Generic[V, F]):
    """How values of one class become records and are read again."""

    prefix: str
    parts: int
    """Of the key, after the prefix."""
    fields: type[F]
    path: Callable[[V], Iterable[object]]
    dump: Callable[[V], Mapping[str, object] | str]
    """The object, or its JSON in ASCII."""
    load: Callable[[Sequence[str], F], V]


def intent_key(parts: Sequence[str]) -> IntentKey:
    """The intent that parts of a key name."""
    kind, tenant, name = parts
    return IntentKey(kind, TenantName(tenant), name)


def _intent_path(key: IntentKey) -> tuple[str, str, str]:
    return key.kind, key.tenant, key.name


def _port(switch: str, port: str | int) -> PortRef:
    return PortRef(SwitchName(switch), Port(int(port)))


def _load_host(parts: Sequence[str], fields: _Host) -> StoredHost:
    *network, mac = parts
    at = _port(fields.switch, fields.port)
    host = Host(MacAddress.parse(mac), intent_key(network), at, frozenset(fields.addresses))
    return StoredHost(host, fields.seen, fields.stated)


def _dump_host(stored: StoredHost) -> dict[str, object]:
    at = stored.host.attachment
    addresses = sorted(map(str, stored.host.addresses))
    where = {"switch": at.switch, "port": int(at.port), "addresses": addresses}
    return {**where, "seen": stored.seen, "stated": stored.stated}


def _dump_intent(intent: StoredIntent) -> dict[str, object]:
    metadata, said = intent.metadata, intent.metadata.description
    shares = {owner: sorted(fields) for owner, fields in said.owners.shares.items()}
    return {
        "document": intent.document,
        "generation": metadata.generation,
        "created": metadata.created,
        "labels": dict(said.labels),
        "annotations": dict(said.annotations),
        "owners": shares if said.owners.sole is None else {said.owners.sole: None},
    }


def _load_intent(parts: Sequence[str], fields: _Intent) -> StoredIntent:
    sole = next((owner for owner, share in fields.owners.items() if share is None), None)
    shares = {owner: frozenset(share or ()) for owner, share in fields.owners.items()}
    owners = Owners.of(shares) if sole is None else Owners(sole)
    said = Description(fields.labels, fields.annotations, owners)
    metadata = Metadata(fields.generation, fields.created, said)
    return StoredIntent(intent_key(parts), fields.document, metadata)


def _link_path(link: Link) -> tuple[object, ...]:
    return link.source.switch, link.source.port, link.destination.switch, link.destination.port


def _cable_path(cable: Cable) -> tuple[object, ...]:
    return cable.one.switch, cable.one.port, cable.other.switch, cable.other.port


def _load_cable(parts: Sequence[str]) -> Cable:
    return Cable.of(_port(*parts[:2]), _port(*parts[2:]))


def _dump_drain(drain: Drain) -> dict[str, object]:
    return {
        "since": drain.since,
        "wanted": drain.wanted,
        "avoided": drain.avoided,
        "wasAvoided": drain.was_avoided,
    }


def _load_drain(fields: _Drain) -> Drain:
    return Drain(fields.since, fields.wanted, fields.avoided, fields.wasAvoided)


KINDS: Mapping[type[Any], RecordKind[Any, Any]] = {
    StoredIntent: RecordKind[StoredIntent, _Intent](
        INTENTS,
        3,
        _Intent,
        lambda intent: _intent_path(intent.key),
        _dump_intent,
        _load_intent,
    ),
    GivenNumber: RecordKind[GivenNumber, _Number](
        "numbers/",
        2,
        _Number,
        lambda number: (number.pool, number.number),
        lambda number: {"owner": number.owner},
        lambda parts, fields: GivenNumber(parts[0], int(parts[1]), fields.owner),
    ),
    RestingNumber: RecordKind[RestingNumber, _Number](
        "resting/",
        2,
        _Number,
        lambda number: (number.pool, number.number),
        lambda number: {"owner": number.owner},
        lambda parts, fields: RestingNumber(parts[0], int(parts[1]), fields.owner),
    ),
    StoredHost: RecordKind[StoredHost, _Host](
        "hosts/",
        4,
        _Host,
        lambda stored: (*_intent_path(stored.host.network), stored.host.mac),
        _dump_host,
        _load_host,
    ),
    Link: RecordKind[Link, _Nothing](
        "links/",
        4,
        _Nothing,
        _link_path,
        lambda link: {},
        lambda parts, fields: Link(_port(*parts[:2]), _port(*parts[2:])),
    ),
    Cable: RecordKind[Cable, _Nothing](
        "cables/",
        4,
        _Nothing,
        _cable_path,
        lambda cable: {},
        lambda parts, fields: _load_cable(parts),
    ),
    RulePlaces: RecordKind[RulePlaces, _Places](
        "places/",
        3,
        _Places,
        lambda rules: _intent_path(rules.policy),
        lambda rules: {"priority": rules.priority, "order": rules.order, "places": dict(rules.places)},
        lambda parts, fields: RulePlaces(intent_key(parts), fields.priority, fields.order, fields.places),
    ),
    DrainedSwitch: RecordKind[DrainedSwitch, _Drain](
        "drained-switches/",
        1,
        _Drain,
        lambda drained: (drained.name,),
        lambda drained: _dump_drain(drained.drain),
        lambda parts, fields: DrainedSwitch(SwitchName(parts[0]), _load_drain(fields)),
    ),
    DrainedLink: RecordKind[DrainedLink, _Drain](
        "drained-links/",
        4,
        _Drain,
        lambda drained: _cable_path(drained.cable),
        lambda drained: _dump_drain(drained.drain),
        lambda parts, fields: DrainedLink(_load_cable(parts), _load_drain(fields)),
    ),
    GoneSwitch: RecordKind[GoneSwitch, _Gone](
        "switches/gone/",
        1,
        _Gone,
        lambda gone: (gone.name,),
        lambda gone: {"declared": gone.declared},
        lambda parts, fields: GoneSwitch(SwitchName(parts[0]), fields.declared),
    ),
    UnsettledSwitch: RecordKind[UnsettledSwitch, _Unsettled](
        "unsettled/",
        1,
        _Unsettled,
        lambda unsettled: (unsettled.switch,),
        lambda unsettled: {"entries": unsettled.entries},
        lambda parts, fields: UnsettledSwitch(SwitchName(parts[0]), fields.entries),
    ),
    EstablishedSession: RecordKind[EstablishedSession, _Session](
        "upf-sessions/",
        4,
        _Session,
        lambda session: (*_intent_path(session.key.upf), session.key.seid),
        lambda session: (
            f'{{"accessNetwork":{json.dumps(session.served.access_network)},'
            f'"kept":{n4_kept.dump(session.served.kept)}}}'
        ),
        lambda parts, fields: EstablishedSession(
            SessionKey(intent_key(parts[:3]), int(parts[3])),
            ServedSession(n4_kept.load(fields.kept, Kept), fields.accessNetwork),
        ),
    ),
    AssociatedSmf: RecordKind[AssociatedSmf, _Smf](
        "upf-smfs/",
        4,
        _Smf,
        lambda smf: (*_intent_path(smf.key.upf), smf.key.address),
        lambda smf: f'{{"association":{n4_kept.dump(smf.association)}}}',
        lambda parts, fields: AssociatedSmf(
            SmfKey(intent_key(parts[:3]), IPv4Address(parts[3])),
            n4_kept.load(fields.association, Association),
        ),
    ),
    GrantedRemedy: RecordKind[GrantedRemedy, RemedyFields](
        "remedies/",
        4,
        RemedyFields,
        lambda granted: (*_intent_path(granted.key.response), granted.key.number),
        lambda granted: dump_remedy(granted.remedy),
        lambda parts, fields: GrantedRemedy(
            RemedyKey(intent_key(parts[:3]), int(parts[3])), load_remedy(fields)
        ),
    ),
    UpfStart: RecordKind[UpfStart, _Start](
        "upf-starts/",
        3,
        _Start,
        lambda start: _intent_path(start.upf),
        lambda start: {"started": start.started},
        lambda parts, fields: UpfStart(intent_key(parts), fields.started),
    ),
}
