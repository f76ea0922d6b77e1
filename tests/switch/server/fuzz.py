"""Random WriteRequests, right ones and wrong ones and mangled ones, to two switches' state: to one as they
came, to the other as messages. Whatever the answers and the state differ in is a failure.

With `sanitize` as last argument the native reader and the engines are built with ASan and UBSan, whose
libraries must be preloaded (see tests/switch/engine/fuzz.py):

    .venv/bin/python -m tests.switch.server.fuzz fabric|PROGRAM SECONDS SEED [sanitize]
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from finsy.proto import p4i, p4r
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from p4fabric.softswitch.engine.api import EngineOptions
from p4fabric.softswitch.server.errors import Refusal, Result
from p4fabric.softswitch.server.front_panel import FrontPanel
from p4fabric.softswitch.server.pipeline import Forwarding, Pipelines
from p4fabric.softswitch.server.ports import Ports
from p4fabric.softswitch.server.received import Received
from tests.switch.server.client import fabric_config, program_config

NAMES = (b"red", b"blue", b"green", "gr\u00fcn".encode(), b"0", b"7", b"07", b"65535", b"x" * 256)
"""Strings that stand for numbers, and such as are numbers."""
MEMBERS = (1, 2, 3)
ROLES = ("", "", "", "", "", "sdn", "nobody")
Answer = list[tuple[int, str] | None] | str
Chance = random.Random


def config(program: str) -> p4r.ForwardingPipelineConfig:
    """A program, of which some tables are the role "sdn"'s."""
    made = p4r.ForwardingPipelineConfig()
    made.CopyFrom(fabric_config() if program == "fabric" else program_config(program))
    for table in made.p4info.tables[::2]:
        table.preamble.annotations.append('@p4runtime_role("sdn")')
    return made


# --- what is sent ---------------------------------------------------------------------------------


def number_of(chance: Chance, bits: int) -> int:
    """One of few, so that entries meet."""
    whole = (1 << bits) - 1
    return chance.choice((0, 1, 2, 3, whole, 1 << bits - 1, 255, 256)) & whole


def string_of(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8 or 1, "big")


def value_of(chance: Chance, of: p4i.MatchField | p4i.Action.Param) -> bytes:
    """A key's or a parameter's; one without a width is translated to strings."""
    return string_of(number_of(chance, of.bitwidth)) if of.bitwidth else chance.choice(NAMES)


def match_of(chance: Chance, field: p4i.MatchField) -> p4r.FieldMatch:
    match = p4r.FieldMatch(field_id=field.id)
    if field.match_type == p4i.MatchField.EXACT:
        match.exact.value = value_of(chance, field)
        return match
    if field.match_type == p4i.MatchField.OPTIONAL:
        match.optional.value = value_of(chance, field)
        return match
    whole, value = (1 << field.bitwidth) - 1, number_of(chance, field.bitwidth)
    if field.match_type == p4i.MatchField.LPM:
        match.lpm.prefix_len = length = chance.randint(1, field.bitwidth)
        match.lpm.value = string_of(value >> field.bitwidth - length << field.bitwidth - length)
    elif field.match_type == p4i.MatchField.TERNARY:
        mask = number_of(chance, field.bitwidth) or chance.choice((0, whole, whole, whole))
        match.ternary.value, match.ternary.mask = string_of(value & mask), string_of(mask)
    else:
        low, high = sorted((value, number_of(chance, field.bitwidth)))
        match.range.low, match.range.high = string_of(low), string_of(high or 1)
    return match


class Entries:
    """Makes table entries that are right more often than not, and comes back to those that it has made."""

    def __init__(self, chance: Chance, info: p4i.P4Info) -> None:
        self._chance, self._info = chance, info
        self._plain = [
            one
            for one in info.tables
            if one.match_fields and not one.implementation_id and not one.is_const_table
        ] or list(info.tables)
        self._made: list[p4r.TableEntry] = []

    def next(self) -> p4r.TableEntry:
        """One that was made before with another action perhaps, or a new one."""
        chance, entry = self._chance, p4r.TableEntry()
        if self._made and chance.random() < 0.7:
            entry.CopyFrom(chance.choice(self._made))
        else:
            entry.CopyFrom(
                self._new(chance.choice(self._plain if chance.random() < 0.95 else self._info.tables))
            )
            self._made = [*self._made[-20:], p4r.TableEntry.FromString(entry.SerializeToString())]
        table = next(one for one in self._info.tables if one.preamble.id == entry.table_id)
        if table.implementation_id:
            entry.action.action_profile_member_id = chance.choice(MEMBERS)
        else:
            entry.action.action.CopyFrom(self._action(table))
        return entry

    def member(self) -> p4r.ActionProfileMember | None:
        """A member of an action profile, if there are any."""
        tables = [one for one in self._info.tables if one.implementation_id]
        if not tables:
            return None
        table = self._chance.choice(tables)
        member = p4r.ActionProfileMember(action_profile_id=table.implementation_id)
        member.member_id = self._chance.choice(MEMBERS)
        member.action.CopyFrom(self._action(table))
        return member

    def _action(self, table: p4i.Table) -> p4r.Action:
        chance = self._chance
        for_entries = [one.id for one in table.action_refs if one.scope != p4i.ActionRef.DEFAULT_ONLY]
        number = chance.choice([*for_entries * 5, *(one.id for one in table.action_refs)])
        # P4Info may refer to hidden actions, which it does not describe.
        described = next((one for one in self._info.actions if one.preamble.id == number), p4i.Action())
        action = p4r.Action(action_id=number)
        for one in chance.sample(described.params, len(described.params)):
            action.params.add(param_id=one.id, value=value_of(chance, one))
        return action

    def _new(self, table: p4i.Table) -> p4r.TableEntry:
        chance, entry = self._chance, p4r.TableEntry(table_id=table.preamble.id)
        for field in table.match_fields:
            if field.match_type == p4i.MatchField.EXACT or chance.random() < 0.6:
                entry.match.append(match_of(chance, field))
        if {field.match_type for field in table.match_fields} - {p4i.MatchField.EXACT, p4i.MatchField.LPM}:
            entry.priority = chance.randint(1, 3)
        return entry


def _spoil(chance: Chance, entry: p4r.TableEntry) -> None:
    """Something that needs a second thought."""
    wrong: Sequence[Callable[[], object]] = (
        lambda: setattr(entry, "priority", chance.choice((0, 1, -1, 1 << 30))),
        lambda: setattr(entry, "table_id", chance.choice((0, 1, entry.table_id + 1))),
        lambda: setattr(entry, "is_default_action", True),
        lambda: setattr(entry, "is_const", True),
        lambda: setattr(entry, "idle_timeout_ns", 5),
        lambda: setattr(entry, "controller_metadata", 1 << 63),
        lambda: setattr(entry, "metadata", b"\xff\0"),
        lambda: entry.counter_data.SetInParent(),
        lambda: setattr(entry.counter_data, "packet_count", chance.choice((7, -7))),
        lambda: entry.meter_config.SetInParent(),
        lambda: entry.ClearField("action"),
        lambda: entry.action.action.ClearField("action_id"),
        lambda: setattr(entry.action, "action_profile_member_id", 1),
        lambda: entry.action.action_profile_action_set.SetInParent(),
        lambda: entry.action.action.params.add(param_id=1, value=b"\1"),
        lambda: entry.match.add(field_id=1).exact.SetInParent(),
        lambda: entry.match.add(field_id=99).exact.SetInParent(),
        lambda: _spoil_match(chance, chance.choice(entry.match)) if entry.match else None,
        lambda: _spoil_match(chance, chance.choice(entry.match)) if entry.match else None,
        lambda: (
            _spoil_string(chance, chance.choice(entry.action.action.params), "value")
            if entry.action.action.params
            else None
        ),
    )
    chance.choice(wrong)()


def _spoil_match(chance: Chance, match: p4r.FieldMatch) -> None:
    kind = match.WhichOneof("field_match_type") or "other"
    one = getattr(match, kind)
    names = [field.name for field in one.DESCRIPTOR.fields]
    name = chance.choice(names)
    if name == "prefix_len":
        one.prefix_len = chance.choice((0, -1, 1, 129, 1 << 30))
    elif kind == "other" or chance.random() < 0.2:
        match.ClearField(kind)
    elif chance.random() < 0.2:
        match.lpm.value = b"\1"
    else:
        _spoil_string(chance, one, name)


def _spoil_string(chance: Chance, message: object, name: str) -> None:
    value = getattr(message, name)
    wrong = (b"", b"\0", b"\0" + value, value + b"\0", b"\xff" * 20, b"\1", b"\xff", b"\2\0", b"\x10\0")
    setattr(message, name, chance.choice(wrong))


def request_of(chance: Chance, entries: Entries) -> bytes:
    """A serialised request."""
    request = p4r.WriteRequest(device_id=1, role=chance.choice(ROLES))
    request.atomicity = chance.choice((0, 0, 1, 2))  # type: ignore[assignment]
    request.election_id.low = 1
    spoilt = chance.random() < 0.3
    for _ in range(chance.randint(1, 4)):
        kind = chance.choices((1, 2, 3, chance.choice((0, 4, -1))), (5, 3, 3, 0.1))[0]
        update = request.updates.add(type=kind)
        member = entries.member() if chance.random() < 0.2 else None
        if member is not None:
            update.entity.action_profile_member.CopyFrom(member)
            continue
        update.entity.table_entry.CopyFrom(entries.next())
        if spoilt and chance.random() < 0.5:
            _spoil(chance, update.entity.table_entry)
        if chance.random() < 0.05:
            update.entity.table_entry.ClearField("action")
    raw = request.SerializeToString()
    odd = chance.random()
    if odd < 0.1:
        return _mangled(chance, raw)
    return rewritten(chance, raw, request.DESCRIPTOR) if odd < 0.4 else raw


def _mangled(chance: Chance, raw: bytes) -> bytes:
    """Other bytes: changed, doubled, lost; or the same message behind it, which protobuf merges."""
    content = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(content) + 1)
        to = min(len(content), at + chance.choice((1, 1, 2, 4, 16)))
        match chance.randint(0, 3):
            case 0:
                content[at:to] = b""
            case 1:
                content[at:at] = content[at:to]
            case 2:
                content[at:to] = bytes([chance.choice((0, 1, 2, 3, 0x80, 0xFF, chance.randrange(256)))])
            case 3:
                content += raw
    return bytes(content)


# --- messages, record by record -------------------------------------------------------------------

Record = tuple[int, int | bytes]
"""A field's key on the wire, and its number or its content."""


def _read(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while raw[at] & 128:
        value, shift, at = value | (raw[at] & 127) << shift, shift + 7, at + 1
    return value | raw[at] << shift, at + 1


def _varint(value: int, longer: int = 0) -> bytes:
    """`longer`: bytes that would not be needed, which is legal up to a point."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value | 128, *[128] * (longer - 1), 0]) if longer else bytes([*out, value])


def _records(raw: bytes) -> Iterator[Record]:
    at = 0
    while at < len(raw):
        key, at = _read(raw, at)
        number, at = _read(raw, at)
        if key & 7 == 2:
            yield key, raw[at : at + number]
            at += number
        else:
            yield key, number


def _written(record: Record, longer: tuple[int, int] = (0, 0)) -> bytes:
    key, value = record
    rest = _varint(value, longer[1]) if isinstance(value, int) else _varint(len(value), longer[1]) + value
    return _varint(key, longer[0]) + rest


def rewritten(chance: Chance, raw: bytes, message: Descriptor) -> bytes:
    """A message with something odd somewhere in it: a field that comes twice, or not, or in another place;
    one that nobody knows; a number that is too large, or longer than needed."""
    records = list(_records(raw))
    if not records:
        return raw
    at = chance.randrange(len(records))
    key, value = records[at]
    inner = message.fields_by_number[key >> 3].message_type
    if isinstance(value, bytes) and inner is not None and chance.random() < 0.85:
        records[at] = key, rewritten(chance, value, inner)
        return b"".join(map(_written, records))
    longer = (0, 0)
    match chance.randint(0, 6):
        case 0:
            records.insert(chance.randrange(len(records) + 1), records[at])
        case 1:
            del records[at]
        case 2:
            records.insert(chance.randrange(len(records)), records.pop(at))
        case 3:
            unknown = chance.choice((14, 31, 32, 100, (1 << 29) - 1))
            records.insert(at, chance.choice(((unknown << 3, 0), (unknown << 3 | 2, b"\1"))))
        case 4 if isinstance(value, int):
            records[at] = key, chance.choice((0, 1, 4, value + (1 << 32), value + (1 << 63), (1 << 64) - 1))
        case 5:
            records[at] = chance.choice(((key, 0), (key & ~7 | 2, b"\2\0"), (key & ~7 | 2, b"")))
        case _:
            longer = chance.choice(((1, 0), (0, 1), (4, 0), (0, 4), (5, 0), (0, 9)))
    return b"".join(_written(one, longer if place == at else (0, 0)) for place, one in enumerate(records))


# --- what comes of it -----------------------------------------------------------------------------


def _said(results: Sequence[Result]) -> Answer:
    return [None if one is None else (int(one.code), one.text) for one in results]


def by_messages(state: Forwarding, request: bytes) -> Answer:
    """What `Writer` makes of it."""
    try:
        parsed = p4r.WriteRequest.FromString(request)
    except DecodeError:
        return "no request"
    atomic = parsed.atomicity != p4r.WriteRequest.CONTINUE_ON_ERROR
    return _said(state.writer.write(parsed.updates, atomic=atomic, role=parsed.role))


def by_bytes(state: Forwarding, request: bytes) -> tuple[Answer, bool]:
    """What comes of it as it came, and whether that was the short way."""
    try:
        received = Received(request, state.plain_writer.find_updates(request))
        found = state.plain_writer.write(received)
        if found is not None:
            return _said(found), True
        return _said(state.write(received)), False
    except Refusal as refusal:
        assert "no serialised" in refusal.text, refusal
        return "no request", False


def everything_in(state: Forwarding) -> list[bytes]:
    """What the store has and reads say, in an order of its own."""
    requests = [p4r.Entity() for _ in range(4)]
    requests[0].table_entry.SetInParent()
    requests[1].table_entry.counter_data.SetInParent()
    requests[2].direct_counter_entry.SetInParent()
    requests[3].action_profile_member.SetInParent()
    parts, results = state.reader.read(requests)
    assert not any(results), results
    entities = [part.encode(one) for part in parts for one in part.things]
    found = [p4r.Entity.FromString(one).SerializeToString(deterministic=True) for one in entities]
    for number, table in state.store.tables.items():
        for key, wire in table.entries.items():
            entry = p4r.TableEntry.FromString(wire).SerializeToString(deterministic=True)
            found.append(b"%d %s %s %s" % (number, key, entry, b"%d" % (key in table.handles)))
    return sorted(found)


def emptied(state: Forwarding) -> bytes:
    """A request that deletes every entry that can be, so that tables do not stay full."""
    request = p4r.WriteRequest(device_id=1)
    for number, table in state.store.tables.items():
        if not state.schema.tables[number].const_entries:
            for wire in table.entries.values():
                request.updates.add(type=p4r.Update.DELETE).entity.table_entry.ParseFromString(wire)
    return request.SerializeToString()


def run(program: str, seconds: float, seed: int, *, sanitize: bool = False) -> tuple[int, int, int]:
    """Until the time is over; how many requests there were, how many went the short way, and how many updates
    of these were carried out. `AssertionError` shows a request that makes a difference."""
    options = EngineOptions(sanitize=sanitize)
    pipelines = [Pipelines(FrontPanel(Ports()), options) for _ in range(2)]
    chance = random.Random(seed)
    given = config(program)
    entries = Entries(chance, given.p4info)
    one, other = (each.prepare(given) for each in pipelines)
    # Compilers are not what the time is for.
    until = time.monotonic() + seconds
    short = done = 0
    try:
        for number in count(1):
            last = number % 50 == 0
            request = emptied(one) if last else request_of(chance, entries)
            found, is_short = by_bytes(one, request)
            wanted = by_messages(other, request)
            assert found == wanted, f"{request.hex()}: {found} by bytes, {wanted} by messages"
            short += is_short
            done += sum(result is None for result in found) if is_short else 0
            if number % 50 in (0, 49):
                assert everything_in(one) == everything_in(other), f"the state differs after {request.hex()}"
            if last and time.monotonic() > until:
                return number, short, done
    finally:
        one.engine.close()
        other.engine.close()
    raise AssertionError("it counts for ever")


if __name__ == "__main__":
    figures = run(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sanitize="sanitize" in sys.argv)
    print("{} requests, {} the short way, and {} updates of these were carried out".format(*figures))
