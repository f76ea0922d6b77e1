"""What the controller keeps, as records: one key and one JSON object for each thing.

| key | value |
| --- | --- |
| `intents/KIND/TENANT/NAME` | the document, how often it was changed, and what is said of it |
| `numbers/POOL/NUMBER` | whose number it is; so nobody else can be given it |
| `resting/POOL/NUMBER` | whose it was; switches may still hold it. Its `created` says since when |
| `hosts/KIND/TENANT/NETWORK/MAC` | where a host was last seen, when, and its addresses |
| `links/SWITCH/PORT/SWITCH/PORT` | nothing more; one direction of a link |
| `cables/SWITCH/PORT/SWITCH/PORT` | nothing more; a link that was seen once, and should be up |
| `places/KIND/TENANT/NAME` | where a policy's rules stand among those of its tenant |
| `drained-switches/NAME` | since when a switch is drained or comes back, and how far that is |
| `drained-links/SWITCH/PORT/SWITCH/PORT` | the same of a link |
| `switches/gone/NAME` | when an operator said that this switch will not come back |
| `unsettled/NAME` | how many of a switch's entries may not have followed the changes that were kept |
| `upf-sessions/KIND/TENANT/NAME/SEID` | a session that an SMF established, and what it comes to |
| `upf-smfs/KIND/TENANT/NAME/ADDRESS` | an SMF that is associated with a Upf, and its recovery time stamp |
| `upf-starts/KIND/TENANT/NAME` | the recovery time stamp of a Upf |
| `tokens/NAME` | a token of the API without its secret; `controller/access` reads and writes them |
| `secrets/NAME` | random bytes, not JSON; the store's own |

In a key, `/` and `%` within a part are written `%2F` and `%25`.

A newer version may have written a record that this one does not understand: another prefix, a field
that is not known here. It is returned as it is found (`NotUnderstood`), and what `KnownRevisions` builds
never overwrites it. This module knows how things are written; it does not know what they are for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr, ValidationError

from p4fabric.controller.compiler.served import ServedSession, SessionKey, SmfKey
from p4fabric.controller.intents.metadata import Description, Metadata
from p4fabric.controller.intents.owners import Owners
from p4fabric.controller.n4 import kept as n4_kept
from p4fabric.controller.n4.node import Association, Kept
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.store.revisions import Listing, Record
from p4fabric.controller.store.values import (
    AssociatedSmf,
    DrainedLink,
    DrainedSwitch,
    EstablishedSession,
    GivenNumber,
    GoneSwitch,
    RestingNumber,
    RulePlaces,
    StoredHost,
    StoredIntent,
    UnsettledSwitch,
    UpfStart,
    Value,
)
from p4fabric.controller.topology.drain import Drain
from p4fabric.controller.topology.model import Cable, Host, Link
from p4fabric.pipelines.values import MacAddress, Port

__all__ = [
    "INTENTS",
    "SECRETS",
    "TOKENS",
    "Contents",
    "NotUnderstood",
    "Stored",
    "decode",
    "encode",
    "key_of",
    "read",
]

INTENTS = "intents/"
SECRETS = "secrets/"
TOKENS = "tokens/"


V = TypeVar("V")
V_co = TypeVar("V_co", bound=Value, covariant=True)


@dataclass(frozen=True, slots=True)
class Stored(Generic[V_co]):
    """A value with the revisions of its record."""

    key: str
    value: V_co
    created: int
    modified: int


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A record that this version cannot read, and why, in words for an operator."""

    key: str
    reason: str
    modified: int
    """The revision in which it was written last."""

    @property
    def may_have_meaning(self) -> bool:
        """Whether it may say what switches hold: an intent, or what nobody knows."""
        known = _BY_FIRST_PART.keys() - {INTENTS.rstrip("/"), "places"}
        return self.key.partition("/")[0] not in known

    @property
    def intent(self) -> IntentKey | None:
        """The intent whose record it is; None: it is none's."""
        parts = [_unescaped(part) for part in self.key.removeprefix(INTENTS).split("/")]
        return _intent_key(parts) if self.key.startswith(INTENTS) and len(parts) == 3 else None

    @property
    def number(self) -> tuple[str, int] | None:
        """Pool and number of a record whose key says that much; None: it is no number's."""
        prefix, *parts = (_unescaped(part) for part in self.key.split("/"))
        if prefix in ("numbers", "resting") and len(parts) >= 2 and parts[1].isdecimal():
            return parts[0], int(parts[1])
        return None


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


F = TypeVar("F", bound=_Fields)


@dataclass(frozen=True)
class _Kind(Generic[V, F]):
    """How values of one class become records and are read again."""

    prefix: str
    parts: int
    """Of the key, after the prefix."""
    fields: type[F]
    path: Callable[[V], Iterable[object]]
    dump: Callable[[V], Mapping[str, object]]
    load: Callable[[Sequence[str], F], V]


def _intent_key(parts: Sequence[str]) -> IntentKey:
    kind, tenant, name = parts
    return IntentKey(kind, TenantName(tenant), name)


def _intent_path(key: IntentKey) -> tuple[str, str, str]:
    return key.kind, key.tenant, key.name


def _port(switch: str, port: str | int) -> PortRef:
    return PortRef(SwitchName(switch), Port(int(port)))


def _load_host(parts: Sequence[str], fields: _Host) -> StoredHost:
    *network, mac = parts
    at = _port(fields.switch, fields.port)
    host = Host(MacAddress.parse(mac), _intent_key(network), at, frozenset(fields.addresses))
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
    return StoredIntent(_intent_key(parts), fields.document, metadata)


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


_KINDS: Mapping[type[Any], _Kind[Any, Any]] = {
    StoredIntent: _Kind[StoredIntent, _Intent](
        INTENTS,
        3,
        _Intent,
        lambda intent: _intent_path(intent.key),
        _dump_intent,
        _load_intent,
    ),
    GivenNumber: _Kind[GivenNumber, _Number](
        "numbers/",
        2,
        _Number,
        lambda number: (number.pool, number.number),
        lambda number: {"owner": number.owner},
        lambda parts, fields: GivenNumber(parts[0], int(parts[1]), fields.owner),
    ),
    RestingNumber: _Kind[RestingNumber, _Number](
        "resting/",
        2,
        _Number,
        lambda number: (number.pool, number.number),
        lambda number: {"owner": number.owner},
        lambda parts, fields: RestingNumber(parts[0], int(parts[1]), fields.owner),
    ),
    StoredHost: _Kind[StoredHost, _Host](
        "hosts/",
        4,
        _Host,
        lambda stored: (*_intent_path(stored.host.network), stored.host.mac),
        _dump_host,
        _load_host,
    ),
    Link: _Kind[Link, _Nothing](
        "links/",
        4,
        _Nothing,
        _link_path,
        lambda link: {},
        lambda parts, fields: Link(_port(*parts[:2]), _port(*parts[2:])),
    ),
    Cable: _Kind[Cable, _Nothing](
        "cables/",
        4,
        _Nothing,
        _cable_path,
        lambda cable: {},
        lambda parts, fields: _load_cable(parts),
    ),
    RulePlaces: _Kind[RulePlaces, _Places](
        "places/",
        3,
        _Places,
        lambda rules: _intent_path(rules.policy),
        lambda rules: {"priority": rules.priority, "order": rules.order, "places": dict(rules.places)},
        lambda parts, fields: RulePlaces(_intent_key(parts), fields.priority, fields.order, fields.places),
    ),
    DrainedSwitch: _Kind[DrainedSwitch, _Drain](
        "drained-switches/",
        1,
        _Drain,
        lambda drained: (drained.name,),
        lambda drained: _dump_drain(drained.drain),
        lambda parts, fields: DrainedSwitch(SwitchName(parts[0]), _load_drain(fields)),
    ),
    DrainedLink: _Kind[DrainedLink, _Drain](
        "drained-links/",
        4,
        _Drain,
        lambda drained: _cable_path(drained.cable),
        lambda drained: _dump_drain(drained.drain),
        lambda parts, fields: DrainedLink(_load_cable(parts), _load_drain(fields)),
    ),
    GoneSwitch: _Kind[GoneSwitch, _Gone](
        "switches/gone/",
        1,
        _Gone,
        lambda gone: (gone.name,),
        lambda gone: {"declared": gone.declared},
        lambda parts, fields: GoneSwitch(SwitchName(parts[0]), fields.declared),
    ),
    UnsettledSwitch: _Kind[UnsettledSwitch, _Unsettled](
        "unsettled/",
        1,
        _Unsettled,
        lambda unsettled: (unsettled.switch,),
        lambda unsettled: {"entries": unsettled.entries},
        lambda parts, fields: UnsettledSwitch(SwitchName(parts[0]), fields.entries),
    ),
    EstablishedSession: _Kind[EstablishedSession, _Session](
        "upf-sessions/",
        4,
        _Session,
        lambda session: (*_intent_path(session.key.upf), session.key.seid),
        lambda session: {
            "accessNetwork": session.served.access_network,
            "kept": n4_kept.dump(session.served.kept),
        },
        lambda parts, fields: EstablishedSession(
            SessionKey(_intent_key(parts[:3]), int(parts[3])),
            ServedSession(n4_kept.load(fields.kept, Kept), fields.accessNetwork),
        ),
    ),
    AssociatedSmf: _Kind[AssociatedSmf, _Smf](
        "upf-smfs/",
        4,
        _Smf,
        lambda smf: (*_intent_path(smf.key.upf), smf.key.address),
        lambda smf: {"association": n4_kept.dump(smf.association)},
        lambda parts, fields: AssociatedSmf(
            SmfKey(_intent_key(parts[:3]), IPv4Address(parts[3])),
            n4_kept.load(fields.association, Association),
        ),
    ),
    UpfStart: _Kind[UpfStart, _Start](
        "upf-starts/",
        3,
        _Start,
        lambda start: _intent_path(start.upf),
        lambda start: {"started": start.started},
        lambda parts, fields: UpfStart(_intent_key(parts), fields.started),
    ),
}

_BY_FIRST_PART = {kind.prefix.partition("/")[0]: kind for kind in _KINDS.values()}


def key_of(value: Value) -> str:
    """The key of a value's record."""
    kind = _KINDS[type(value)]
    return kind.prefix + "/".join([_escaped(str(part)) for part in kind.path(value)])


def encode(value: Value) -> bytes:
    """The value of its record: JSON in ASCII."""
    return json.dumps(_KINDS[type(value)].dump(value), separators=(",", ":")).encode()


def decode(record: Record) -> Stored[Value] | NotUnderstood | None:
    """Read one record; None if it says nothing of the fabric: a secret, a token."""

    def not_understood(reason: str) -> NotUnderstood:
        return NotUnderstood(key, reason, record.modified)

    key = record.key
    if key.startswith((SECRETS, TOKENS)):
        return None
    kind = _BY_FIRST_PART.get(key.partition("/")[0])
    if kind is None or not key.startswith(kind.prefix):
        return not_understood("this version knows no such kind of record")
    parts = key.removeprefix(kind.prefix).split("/")
    if "%" in key:
        parts = [_unescaped(part) for part in parts]
    if len(parts) != kind.parts:
        return not_understood(f"its key has {len(parts)} parts after {kind.prefix}, not {kind.parts}")
    try:
        value = kind.load(parts, kind.fields.model_validate(json.loads(record.value)))
    except ValidationError as error:
        return not_understood("; ".join(_in_words(problem) for problem in error.errors()))
    except RecursionError:
        return not_understood("it is nested too deeply")
    except ValueError as error:
        return not_understood(str(error))
    if key_of(value) != key:
        return not_understood(f"its key would be {key_of(value)}")
    return Stored(key, value, record.created, record.modified)


@dataclass(frozen=True, slots=True)
class Contents:
    """All records at one revision, by kind."""

    revision: int
    intents: tuple[Stored[StoredIntent], ...]
    numbers: tuple[Stored[GivenNumber], ...]
    resting: tuple[Stored[RestingNumber], ...]
    hosts: tuple[Stored[StoredHost], ...]
    links: tuple[Stored[Link], ...]
    cables: tuple[Stored[Cable], ...]
    places: tuple[Stored[RulePlaces], ...]
    drained_switches: tuple[Stored[DrainedSwitch], ...]
    drained_links: tuple[Stored[DrainedLink], ...]
    gone: tuple[Stored[GoneSwitch], ...]
    unsettled: tuple[Stored[UnsettledSwitch], ...]
    sessions: tuple[Stored[EstablishedSession], ...]
    smfs: tuple[Stored[AssociatedSmf], ...]
    upf_starts: tuple[Stored[UpfStart], ...]
    not_understood: tuple[NotUnderstood, ...]
    """What stays as it is; an operator should hear of it."""

    @property
    def unreadable_numbers(self) -> frozenset[tuple[str, int]]:
        """Pools and numbers of records that are not understood but whose keys are: not to be given."""
        return frozenset(record.number for record in self.not_understood if record.number is not None)

    def understood(self) -> Iterable[Stored[Value]]:
        """All values."""
        for kind in (self.intents, self.numbers, self.resting, self.hosts):
            yield from kind
        for more in (self.links, self.cables, self.places, self.gone, self.unsettled):
            yield from more
        yield from self.drained_switches
        yield from self.drained_links
        for sessions in (self.sessions, self.smfs, self.upf_starts):
            yield from sessions


def read(listing: Listing) -> Contents:
    """Sort a listing of everything; the time grows with the number of records, so not on an event loop."""
    found: dict[type[Any], list[Stored[Any]]] = {kind: [] for kind in _KINDS}
    not_understood: list[NotUnderstood] = []
    for record in listing.records:
        stored = decode(record)
        if isinstance(stored, NotUnderstood):
            not_understood.append(stored)
        elif stored is not None:
            found[type(stored.value)].append(stored)
    return Contents(
        listing.revision,
        intents=tuple(found[StoredIntent]),
        numbers=tuple(found[GivenNumber]),
        resting=tuple(found[RestingNumber]),
        hosts=tuple(found[StoredHost]),
        links=tuple(found[Link]),
        cables=tuple(found[Cable]),
        places=tuple(found[RulePlaces]),
        drained_switches=tuple(found[DrainedSwitch]),
        drained_links=tuple(found[DrainedLink]),
        gone=tuple(found[GoneSwitch]),
        unsettled=tuple(found[UnsettledSwitch]),
        sessions=tuple(found[EstablishedSession]),
        smfs=tuple(found[AssociatedSmf]),
        upf_starts=tuple(found[UpfStart]),
        not_understood=tuple(not_understood),
    )


def _escaped(part: str) -> str:
    if "/" in part or "%" in part:
        return part.replace("%", "%25").replace("/", "%2F")
    return part


def _unescaped(part: str) -> str:
    return part.replace("%2F", "/").replace("%25", "%")


def _in_words(problem: Mapping[str, Any]) -> str:
    where = ".".join(map(str, problem["loc"]))
    return f"{where}: {problem['msg']}" if where else str(problem["msg"])
