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
| `remedies/KIND/TENANT/NAME/NUMBER` | what a CongestionResponse does about a flow, and until when |
| `tokens/NAME` | a token of the API without its secret; `controller/access` reads and writes them |
| `secrets/NAME` | random bytes, not JSON; the store's own |

In a key, `/` and `%` within a part are written `%2F` and `%25`.

A newer version may have written a record that this one does not understand: another prefix, a field
that is not known here. It is returned as it is found (`NotUnderstood`), and what `KnownRevisions` builds
never overwrites it. This module knows how things are written; it does not know what they are for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from p4fabric.controller.names import IntentKey
from p4fabric.controller.store.record_kinds import INTENTS, KINDS, intent_key
from p4fabric.controller.store.revisions import Listing, Record
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
    Value,
)
from p4fabric.controller.topology.model import Cable, Link

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

SECRETS = "secrets/"
TOKENS = "tokens/"

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
        return intent_key(parts) if self.key.startswith(INTENTS) and len(parts) == 3 else None

    @property
    def number(self) -> tuple[str, int] | None:
        """Pool and number of a record whose key says that much; None: it is no number's."""
        prefix, *parts = (_unescaped(part) for part in self.key.split("/"))
        if prefix in ("numbers", "resting") and len(parts) >= 2 and parts[1].isdecimal():
            return parts[0], int(parts[1])
        return None


_JSON = json.JSONEncoder(separators=(",", ":"), check_circular=False)
_BY_FIRST_PART = {kind.prefix.partition("/")[0]: kind for kind in KINDS.values()}


def key_of(value: Value) -> str:
    """The key of a value's record."""
    kind = KINDS[type(value)]
    return kind.prefix + "/".join([_escaped(str(part)) for part in kind.path(value)])


def encode(value: Value) -> bytes:
    """The value of its record: JSON in ASCII."""
    dumped = KINDS[type(value)].dump(value)
    return (dumped if isinstance(dumped, str) else _JSON.encode(dumped)).encode()


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
    remedies: tuple[Stored[GrantedRemedy], ...]
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
        for sessions in (self.sessions, self.smfs, self.upf_starts, self.remedies):
            yield from sessions


def read(listing: Listing) -> Contents:
    """Sort a listing of everything; the time grows with the number of records, so not on an event loop."""
    found: dict[type[Any], list[Stored[Any]]] = {kind: [] for kind in KINDS}
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
        remedies=tuple(found[GrantedRemedy]),
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
