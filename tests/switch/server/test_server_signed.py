"""Signed numbers over P4Runtime: byte strings are sign-extended, and the shortest is given back."""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest
from finsy.proto import p4r

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.server.client import INSERT, MODIFY, Client, entity, program_config

CONFIG = program_config("signed")
OUT_OF_RANGE, INVALID, EXISTS = 11, 3, 6
LAYOUT = struct.Struct(">BhhhhBhBhH")


class Answer(NamedTuple):
    """The header of signed.p4."""

    kind: int = 0
    exact: int = 0
    range: int = 0
    ternary: int = 0
    lpm: int = 0
    hits: int = 0
    sum: int = 0
    below: int = 0
    widened: int = 0
    bits: int = 0


@pytest.fixture
async def signed(primary: Client) -> Client:
    await primary.push(CONFIG)
    return primary


async def ask(switch: AsyncSoftSwitch, **fields: int) -> Answer:
    assert switch.inject(1, LAYOUT.pack(*Answer(**fields)))
    ((_, packet),) = await switch.collect()
    return Answer(*LAYOUT.unpack(packet))


def table(name: str, match: str, action: str, value: str = "", priority: int = 0) -> p4r.Entity:
    parameters = f'params {{ param_id: 1 value: "{value}" }}' if value else ""
    return entity(
        f"table_entry {{ table_id: ${name} priority: {priority} match {{ field_id: 1 {match} }} "
        f"action {{ action {{ action_id: ${action} {parameters} }} }} }}",
        CONFIG,
    )


def exact(key: str, action: str, value: str) -> p4r.Entity:
    return table("exacts", f'exact {{ value: "{key}" }}', action, value)


async def test_keys_and_parameters_are_sign_extended(switch: AsyncSoftSwitch, signed: Client) -> None:
    entries = [
        exact(r"\xff", "add", r"\xfe"),  # -1: -2
        exact(r"\x00\xff", "add", r"\x00\xff"),  # 255: 255
        exact(r"\x80\x00", "compare", r"\xff"),  # -32768: below -1
        exact(r"\x02", "widen", r"\xf6"),  # an int<8> of -10
        exact(r"\x03", "to_bits", r"\xff"),  # -1 as bit<16>
        exact(r"\x04", "plain", r"\xff"),  # a bit<16> of 255
        exact(r"\x05", "halve", r"\xfa"),  # -6
    ]
    assert await signed.write(*((INSERT, one) for one in entries)) == []
    assert await signed.read(p4r.Entity(table_entry=p4r.TableEntry())) == entries
    assert (await ask(switch, exact=-1, sum=1)).sum == -1
    assert (await ask(switch, exact=255)).sum == 255
    assert [(await ask(switch, exact=-32768, sum=one)).below for one in (-2, -1, 5)] == [1, 2, 2]
    assert (await ask(switch, exact=2)).widened == -10
    assert (await ask(switch, exact=3)).bits == 0xFFFF
    assert (await ask(switch, exact=4)).bits == 255
    assert (await ask(switch, exact=5)).sum == -3


async def test_long_strings_become_the_shortest(signed: Client) -> None:
    assert await signed.write((INSERT, exact(r"\xff\xff\xff", "add", r"\xff\xfe"))) == []
    (found,) = await signed.read(p4r.Entity(table_entry=p4r.TableEntry()))
    assert found == exact(r"\xff", "add", r"\xfe")
    assert await signed.write((MODIFY, exact(r"\xff", "add", r"\x00\x00\x05"))) == []
    (found,) = await signed.read(p4r.Entity(table_entry=p4r.TableEntry()))
    assert found == exact(r"\xff", "add", r"\x05")


@pytest.mark.parametrize(
    "wrong",
    [
        exact(r"\x00\x80\x00", "add", r"\x01"),
        exact(r"\x01", "add", r"\xff\x7f\xff"),
        exact("", "add", r"\x01"),
    ],
)
async def test_what_does_not_fit_is_out_of_range(signed: Client, wrong: p4r.Entity) -> None:
    ((code, _),) = await signed.write((INSERT, wrong))
    assert code == OUT_OF_RANGE


async def test_other_kinds_of_matches_are_signed_too(switch: AsyncSoftSwitch, signed: Client) -> None:
    entries = [
        table("ranges", r'range { low: "\xfb" high: "\x05" }', "hit", priority=1),  # -5..5
        table("ternaries", r'ternary { value: "\xff\x00" mask: "\xff\x00" }', "hit", priority=1),
        table("prefixes", r'lpm { value: "\xc0\x00" prefix_len: 2 }', "hit"),
    ]
    assert await signed.write(*((INSERT, one) for one in entries)) == []
    assert await signed.read(p4r.Entity(table_entry=p4r.TableEntry())) == entries
    outside = {"range": 100, "ternary": 0, "lpm": 0}
    for field, values in {
        "range": {-32768: 0, -6: 0, -5: 1, 0: 1, 5: 1, 6: 0, 32767: 0},
        "ternary": {-1: 1, -256: 1, -257: 0, 255: 0},
        "lpm": {-1: 1, -16384: 1, -16385: 0, 16384: 0},
    }.items():
        hits = {one: (await ask(switch, **{**outside, field: one})).hits for one in values}
        assert hits == values, field
    for low, high in ((r"\x05", r"\xfb"), (r"\x80\x00", r"\x7f\xff")):
        wrong = table("ranges", f'range {{ low: "{low}" high: "{high}" }}', "hit", priority=2)
        assert [code for code, _ in await signed.write((INSERT, wrong))] == [INVALID]


async def test_registers_and_digests_are_signed(switch: AsyncSoftSwitch, signed: Client) -> None:
    digest = entity("digest_entry { digest_id: $report_t config { max_list_size: 1 } }", CONFIG)
    cell = 'register_entry {{ register_id: $levels index {{ index: {} }} data {{ bitstring: "{}" }} }}'
    assert await signed.write((INSERT, digest), (MODIFY, entity(cell.format(2, r"\xff\xfe"), CONFIG))) == []
    await ask(switch, kind=1, sum=-2, bits=255)
    received = (await signed.receive("digest")).digest
    assert [one.bitstring for one in received.data[0].struct.members] == [b"\xfe", b"\xff"]
    for index, expected in ((1, r"\xfe"), (2, r"\xfe")):
        request = entity(f"register_entry {{ register_id: $levels index {{ index: {index} }} }}", CONFIG)
        assert await signed.read(request) == [entity(cell.format(index, expected), CONFIG)]


async def test_members_of_value_sets_are_signed(switch: AsyncSoftSwitch, signed: Client) -> None:
    def wanted(*levels: str) -> p4r.Entity:
        matches = (
            f'members {{ match {{ field_id: 1 exact {{ value: "{one}" }} }}'
            r' match { field_id: 2 exact { value: "\x05" } } }'
            for one in levels
        )
        return entity(f"value_set_entry {{ value_set_id: $wanted {' '.join(matches)} }}", CONFIG)

    assert await signed.write((MODIFY, wanted(r"\xff", r"\x00\x00\xff", r"\xff\xff\x00"))) == []
    found = {one: (await ask(switch, kind=5, exact=one)).hits for one in (-1, 255, -256, 0, 1)}
    assert found == {-1: 100, 255: 100, -256: 100, 0: 0, 1: 0}
    canonical = wanted(r"\xff", r"\x00\xff", r"\xff\x00")
    assert await signed.read(p4r.Entity(value_set_entry=p4r.ValueSetEntry())) == [canonical]
    assert [code for code, _ in await signed.write((MODIFY, wanted(r"\x00\x80\x00")))] == [OUT_OF_RANGE]
    twice = wanted(r"\xff", r"\xff\xff")
    assert [code for code, _ in await signed.write((MODIFY, twice))] == [EXISTS]


async def test_controller_headers_are_signed(switch: AsyncSoftSwitch, signed: Client) -> None:
    out = p4r.StreamMessageRequest()
    out.packet.payload = LAYOUT.pack(*Answer(kind=2))
    out.packet.metadata.add(metadata_id=1, value=b"\xfd")
    await signed.stream.write(out)
    packet = (await signed.receive("packet")).packet
    assert Answer(*LAYOUT.unpack(packet.payload)).sum == -3
    assert {one.metadata_id: one.value for one in packet.metadata} == {1: b"\xfd", 2: b"\x01\xfe", 3: b"\0"}
