"""Types under @p4runtime_translation: numbers of another width, and strings."""

from __future__ import annotations

import pytest
from finsy.proto import p4r

from p4fabric.softswitch import AsyncSoftSwitch
from p4fabric.softswitch.server.codings import Names
from p4fabric.softswitch.server.errors import Refusal
from tests.switch.server.client import INSERT, MODIFY, Client, entity, program_config, refused

CONFIG = program_config("translated")
INVALID = 3
BLUE = """table_entry { table_id: $vrfs match { field_id: 1 exact { value: "\\x01" } }
  action { action { action_id: $set_vrf params { param_id: 1 value: "blue" } } } }"""
ROUTE = """table_entry { table_id: $routes priority: 1 match { field_id: 1 exact { value: "blue" } }
  action { action { action_id: $send params { param_id: 1 value: "\\x03" } } } }"""
PUNT = """table_entry { table_id: $routes priority: 2 match { field_id: 1 exact { value: "blue" } }
  match { field_id: 2 optional { value: "\\x02" } } action { action { action_id: $punt } } }"""


@pytest.fixture
async def translated(primary: Client) -> Client:
    await primary.push(CONFIG)
    return primary


async def test_strings_are_keys_and_parameters(switch: AsyncSoftSwitch, translated: Client) -> None:
    entries = [entity(one, CONFIG) for one in (BLUE, ROUTE)]
    assert await translated.write(*((INSERT, one) for one in entries)) == []
    assert await translated.read(p4r.Entity(table_entry=p4r.TableEntry())) == entries
    switch.inject(1, b"\0\1")
    assert await switch.collect(5, 1) == [(3, b"\0\1")]
    switch.inject(1, b"\0\2")
    assert await switch.collect() == []  # another VRF: no route, and there is no port 0


async def test_controller_headers_are_translated(switch: AsyncSoftSwitch, translated: Client) -> None:
    assert await translated.write(*((INSERT, entity(one, CONFIG)) for one in (BLUE, PUNT))) == []
    switch.inject(2, b"\0\1")
    packet = (await translated.receive("packet")).packet
    assert packet.payload == b"\0\1"
    assert {one.metadata_id: one.value for one in packet.metadata} == {1: b"\2", 2: b"blue", 3: b"\0"}
    out = p4r.StreamMessageRequest()
    out.packet.payload = b"\0\7"
    out.packet.metadata.add(metadata_id=1, value=b"\3")
    out.packet.metadata.add(metadata_id=2, value=b"\0")
    await translated.stream.write(out)
    assert await switch.collect(5, 1) == [(3, b"\0\7")]
    out.packet.metadata[0].value = b"\2\0"
    await translated.stream.write(out)
    error = (await translated.receive("error")).error
    assert (error.canonical_code, "does not fit in 9 bits" in error.message) == (INVALID, True)


async def test_digests_and_registers_are_translated(switch: AsyncSoftSwitch, translated: Client) -> None:
    digest = entity("digest_entry { digest_id: $report_t config { max_list_size: 1 } }", CONFIG)
    assert await translated.write((INSERT, digest), (INSERT, entity(BLUE, CONFIG))) == []
    switch.inject(2, b"\0\1")
    received = (await translated.receive("digest")).digest
    assert [one.bitstring for one in received.data[0].struct.members] == [b"blue", b"\2"]
    cell = entity('register_entry { register_id: $last index {} data { bitstring: "\\x02" } }', CONFIG)
    request = entity("register_entry { register_id: $last index {} }", CONFIG)
    assert await translated.read(request) == [cell]
    cell.register_entry.data.bitstring = b"\3"
    assert await translated.write((MODIFY, cell)) == []
    assert await translated.read(request) == [cell]


async def test_strings_are_not_matched_by_masks(primary: Client) -> None:
    wrong = p4r.ForwardingPipelineConfig()
    wrong.CopyFrom(CONFIG)
    (routes,) = (one for one in wrong.p4info.tables if one.preamble.alias == "routes")
    routes.match_fields[1].type_name.name = "vrf_t"
    routes.match_fields[1].match_type = routes.match_fields[1].TERNARY
    _, said = await refused(primary.push(wrong))
    assert "strings are matched exact or optional only" in said or "bits" in said


async def test_a_header_that_the_device_config_has_not_is_refused(primary: Client) -> None:
    wrong = p4r.ForwardingPipelineConfig()
    wrong.CopyFrom(CONFIG)
    wrong.p4info.controller_packet_metadata[0].metadata[0].name = "unknown"
    _, said = await refused(primary.push(wrong))
    assert "controller_packet_metadata packet_in: the width of unknown" in said


def test_names_have_numbers_of_their_own_and_digits_are_themselves() -> None:
    names = Names("vrf_t", 2)
    assert [names.decode(one, "x") for one in (b"blue", b"1", b"blue", b"red")] == [2, 1, 2, 3]
    assert [names.encode(one) for one in (2, 1, 3, 0)] == [b"blue", b"1", b"red", b"0"]
    assert names.decode(b"01", "x") == 0  # a name: it is not how 1 is written
    for raw, said in (
        (b"2", "stands for 'blue'"),
        (b"4", "does not fit in 2 bits"),
        (b"green", "all numbers of type vrf_t have names"),
        (b"", "1 to 256 bytes"),
        (b"x" * 257, "1 to 256 bytes"),
        (b"\xff", "UTF-8"),
    ):
        with pytest.raises(Refusal, match=said):
            names.decode(raw, "x")
