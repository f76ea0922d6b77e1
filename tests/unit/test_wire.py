"""Bytes of table entries that are put together without messages: the same as those of the messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from finsy.proto import p4r
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.p4runtime.update import Update, UpdateKind
from p4fabric.pipelines.entities import (
    Action,
    Lpm,
    MatchField,
    MulticastGroup,
    Parameter,
    Range,
    Replica,
    TableEntry,
    Ternary,
    Weighted,
)
from p4fabric.pipelines.entities.wire import update_bytes, write_request_bytes
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, MacAddress, Port, VlanId, VrfId

TABLES = sorted(b.BINDINGS.tables.values(), key=lambda table: table.TABLE_ID)


def numbers(bitwidth: int, make: Any) -> st.SearchStrategy[Any]:
    """Values of a field, 0 and the largest among them, but for those that its type refuses."""

    def made(number: int) -> Any:
        try:
            return make(number)
        except ValueError:
            return None

    return st.integers(0, (1 << bitwidth) - 1).map(made).filter(lambda value: value is not None)


@st.composite
def matches(draw: st.DrawFn, field: MatchField) -> Any:
    """Values of a match field, those that match everything among them."""
    if field.kind == "exact":
        return draw(numbers(field.bitwidth, field.make))
    if field.kind == "lpm":
        length = draw(st.integers(0, field.bitwidth))
        number = draw(st.integers(0, (1 << length) - 1)) << (field.bitwidth - length)
        return Lpm(field.make(number), length)
    if draw(st.booleans()):
        return None
    if field.kind == "range":
        ends = draw(st.tuples(numbers(field.bitwidth, field.make), numbers(field.bitwidth, field.make)))
        return Range(*sorted(ends))
    assert field.kind == "ternary"
    return Ternary(draw(numbers(field.bitwidth, field.make)), draw(st.integers(0, (1 << field.bitwidth) - 1)))


@st.composite
def actions(draw: st.DrawFn, table: type[TableEntry]) -> Action:
    """Actions of a table."""
    action = draw(st.sampled_from(sorted(table.ACTIONS.values(), key=lambda one: one.ID)))
    return action(*(draw(numbers(one.bitwidth, one.make)) for one in action.PARAMETERS))


@st.composite
def entries(draw: st.DrawFn) -> TableEntry:
    """Entries of any table of the fabric's pipeline."""
    table = draw(st.sampled_from(TABLES))
    values: dict[str, Any] = {field.name: draw(matches(field)) for field in table.MATCH_FIELDS}
    if table.HAS_PRIORITY:
        values["priority"] = draw(st.integers(1, (1 << 31) - 1))
    values["action"] = draw(actions(table))
    if table.HAS_SELECTOR:
        values["action"] = (Weighted(values["action"], 2),)
    return table(**values)


def message_bytes(kind: UpdateKind, entity: p4r.Entity) -> bytes:
    """An update in a WriteRequest, by way of the message."""
    request = p4r.WriteRequest()
    request.updates.add(type=p4r.Update.Type.ValueType(kind), entity=entity)
    return request.SerializeToString(deterministic=True)


@given(entries(), st.sampled_from((UpdateKind.INSERT, UpdateKind.MODIFY)))
def test_an_update_has_the_bytes_of_its_message(entry: TableEntry, kind: UpdateKind) -> None:
    assert update_bytes(kind, entry) == message_bytes(kind, entry.encode())
    key = p4r.Entity(table_entry=entry.encode_key())
    assert update_bytes(UpdateKind.DELETE, entry) == message_bytes(UpdateKind.DELETE, key)


@dataclass(frozen=True, slots=True)
class Name(Action):
    """An action whose argument is a string, and whose numbers hold what `%` would take for its own."""

    name: str
    ID = 0x25
    NAME = "name"
    PARAMETERS = (Parameter(0x25, "name", 0, str),)


@dataclass(frozen=True)
class Kinds(TableEntry):
    """A table with the kinds of match fields that fabric.p4 has none of."""

    label: str
    number: int | None
    span: Range[int] | None
    any_label: str | None
    priority: int
    action: Name
    TABLE_ID = 0x25
    TABLE_NAME = "kinds"
    MATCH_FIELDS = (
        MatchField(0x25, "label", 0, "exact", str),
        MatchField(2, "number", 300, "optional", int),
        MatchField(3, "span", 16, "range", int),
        MatchField(4, "any_label", 0, "optional", str),
    )
    HAS_PRIORITY = True


@given(
    st.builds(
        Kinds,
        st.text("a%é", min_size=1, max_size=200),
        st.none() | st.integers(0, (1 << 300) - 1),
        st.none() | st.builds(Range, st.integers(0, 9), st.sampled_from((9, 0xFFFF))),
        st.none() | st.text("a%b", min_size=1),
        st.integers(1, 1 << 30),
        st.builds(Name, st.text("a%b", min_size=1, max_size=200)),
    )
)
def test_so_has_one_of_a_table_with_other_kinds_of_fields(entry: Kinds) -> None:
    assert update_bytes(UpdateKind.INSERT, entry) == message_bytes(UpdateKind.INSERT, entry.encode())


def test_more_shapes_than_are_kept() -> None:
    for length in range(1, 1200):
        entry = Kinds("a", None, None, None, 1, Name("b" * length))
        assert update_bytes(UpdateKind.MODIFY, entry) == message_bytes(UpdateKind.MODIFY, entry.encode())


def test_a_request_holds_its_head_and_its_updates_in_order() -> None:
    entry = b.RoutingIpv4(VrfId(3), Lpm(IPv4Address("10.0.0.0"), 8), b.Unreachable())
    group = MulticastGroup(7, (Replica(1), Replica(2)))
    head = p4r.WriteRequest(device_id=9, election_id=p4r.Uint128(low=1 << 60))
    updates = [Update(UpdateKind.DELETE, entry), Update(UpdateKind.INSERT, group)]
    encoded = [update_bytes(update.kind, update.entity) for update in updates]
    made = p4r.WriteRequest.FromString(write_request_bytes(head.SerializeToString(), encoded))
    assert (made.device_id, made.election_id.low) == (9, 1 << 60)
    assert [update.type for update in made.updates] == [p4r.Update.DELETE, p4r.Update.INSERT]
    assert made.updates[0].entity.table_entry == entry.encode_key()
    assert made.updates[1].entity == group.encode()


def test_a_value_that_does_not_fit_is_refused_by_the_name_of_its_field() -> None:
    number: Any = 1 << 12
    with pytest.raises(ValueError, match="vlan_id is 0 to 4095, not 4096"):
        update_bytes(UpdateKind.INSERT, b.Bridging(number, MacAddress(1), b.ToPort(Port(1))))
    with pytest.raises(ValueError, match="port is 0 to 511, not 4096"):
        update_bytes(UpdateKind.INSERT, b.Bridging(VlanId(1), MacAddress(1), b.ToPort(number)))
    negative: Any = -1
    with pytest.raises(ValueError, match="vlan_id is 0 to 4095, not -1"):
        update_bytes(UpdateKind.DELETE, b.Bridging(negative, MacAddress(1), b.ToPort(Port(1))))
