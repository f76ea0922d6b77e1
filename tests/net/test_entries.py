"""What a switch is given when it starts, in each format that it may be written in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from finsy.proto import p4i, p4r
from google.protobuf import text_format

from p4fabric.net import TopologyError
from p4fabric.net.entries import updates_of
from p4fabric.net.model import Entries, Replica, Switch
from p4fabric.softswitch.client.program import Program
from p4fabric.softswitch.server.server import read_p4info

REPOSITORY = Path(__file__).resolve().parents[2]
ROUTER = Program(read_p4info(REPOSITORY / "examples" / "networks" / "two-routers" / "router.p4info.txtpb"))
P4INFO = """
tables {
  preamble { id: 33554433 name: "In.acl" alias: "acl" }
  match_fields { id: 1 name: "hdr.ipv4.dst" bitwidth: 32 match_type: TERNARY }
  match_fields { id: 2 name: "hdr.tcp.port" bitwidth: 16 match_type: RANGE }
  match_fields { id: 3 name: "meta.class" bitwidth: 8 match_type: EXACT }
  action_refs { id: 16777217 }
}
actions {
  preamble { id: 16777217 name: "In.mark" alias: "mark" }
  params { id: 1 name: "offset" bitwidth: 8 }
}
registers {
  preamble { id: 369098753 name: "In.seen" alias: "seen" }
  type_spec { bitstring { bit { bitwidth: 16 } } }
  size: 8
}
"""
ACL = Program(text_format.Parse(P4INFO, p4i.P4Info()))


Read = Callable[[str, Program], list[p4r.Update]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The updates that a file with this text asks for."""

    def read_text(text: str, program: Program) -> list[p4r.Update]:
        file = tmp_path / "s1-entries.txt"
        file.write_text(text)
        return [
            one.update for one in updates_of(Switch("s1", 1, entries=(Entries(str(file), file),)), program)
        ]

    return read_text


def routes(*entries: dict[str, Any]) -> str:
    return json.dumps({"table_entries": [{"table": "RouterIngress.routes", **entry} for entry in entries]})


TO_H3 = {
    "action_name": "RouterIngress.forward",
    "action_params": {"next_hop": "08:00:00:00:03:03", "port": 2},
}


def test_three_formats_say_the_same(read: Read) -> None:
    as_json = read(
        routes(
            {"default_action": True, "action_name": "RouterIngress.drop", "action_params": {}},
            {"match": {"hdr.ipv4.dst_addr": ["10.0.3.0", 24]}, **TO_H3},
        ),
        ROUTER,
    )
    as_commands = read(
        "// as p4-utils has it\ntable_set_default routes drop\n"
        "table_add routes forward 10.0.3.3/24 => 08:00:00:00:03:03 2  # h3\n",
        ROUTER,
    )
    message = p4r.WriteRequest(updates=as_json)
    as_text = read(text_format.MessageToString(message), ROUTER)
    assert as_json == as_commands == as_text
    default, route = as_json
    assert default.type == p4r.Update.MODIFY and default.entity.table_entry.is_default_action
    (match,) = route.entity.table_entry.match
    assert (match.lpm.value, match.lpm.prefix_len) == (b"\x0a\x00\x03\x00", 24)
    port = route.entity.table_entry.action.action.params[1]
    assert port.value == b"\x02"


def test_masks_ranges_and_priorities(read: Read) -> None:
    entry = {
        "table": "In.acl",
        "match": {"hdr.ipv4.dst": ["10.0.0.0", "255.0.0.0"], "hdr.tcp.port": [1, 1023], "meta.class": 7},
        "priority": 5,
        "action_name": "In.mark",
        "action_params": {"offset": -1},
    }
    (update,) = read(json.dumps({"table_entries": [entry]}), ACL)
    table_entry = update.entity.table_entry
    address, port, _ = table_entry.match
    assert (address.ternary.value, address.ternary.mask) == (b"\x0a\x00\x00\x00", b"\xff\x00\x00\x00")
    assert (port.range.low, port.range.high) == (b"\x01", b"\x03\xff")
    assert (table_entry.priority, table_entry.action.action.params[0].value) == (5, b"\xff")
    # bmv2's commands have it the other way round: the smaller number is the higher priority.
    first, second = (
        one.entity.table_entry.priority
        for one in read(
            "table_add acl mark 10.0.0.0&&&0xff000000 1->1023 7 => 1 10\n"
            "table_add acl mark 0&&&0 0->9 7 => 1 20\n",
            ACL,
        )
    )
    assert first > second > 0


def test_groups_sessions_and_registers(read: Read) -> None:
    group, port, session, register = read(
        "mc_mgrp_create 1\nmc_node_create 4 1 2\nmc_node_create 5 3\n"
        "mc_node_associate 1 0\nmc_node_associate 1 1\n"
        "mirroring_add 100 9\nmirroring_add_mc 101 1\nregister_write seen 3 0x1234\n",
        ACL,
    )
    replicas = [p4r.Replica(egress_port=1, instance=4), p4r.Replica(egress_port=2, instance=4)]
    replicas.append(p4r.Replica(egress_port=3, instance=5))
    multicast = group.entity.packet_replication_engine_entry.multicast_group_entry
    assert (multicast.multicast_group_id, list(multicast.replicas)) == (1, replicas)
    clones = [one.entity.packet_replication_engine_entry.clone_session_entry for one in (port, session)]
    assert [clone.session_id for clone in clones] == [100, 101]
    assert [one.egress_port for one in clones[0].replicas] == [9] and list(clones[1].replicas) == replicas
    entry = register.entity.register_entry
    assert (entry.index.index, entry.data.bitstring) == (3, b"\x12\x34")


def test_groups_and_sessions_of_the_topology_file() -> None:
    switch = Switch(
        "s1", 1, multicast_groups={7: (Replica(1, 2),)}, clone_sessions={5: ((Replica(510),), 128)}
    )
    group, clone = (one.update.entity.packet_replication_engine_entry for one in updates_of(switch, ROUTER))
    assert group.multicast_group_entry.replicas[0].instance == 2
    assert clone.clone_session_entry.packet_length_bytes == 128


def route(**changed: Any) -> str:
    entry = {"match": {"hdr.ipv4.dst_addr": ["10.0.3.0", 24]}, **TO_H3}
    return routes({**entry, **changed})


WRONG = {
    route(action_name="forwad"): "[0].action_name: there is no action of table routes 'forwad'. Did you",
    route(
        match={"dstAddr": 1}
    ): "dstAddr: there is no field of table routes 'dstAddr'. Did you mean dst_addr?",
    route(match={"hdr.ipv4.dst_addr": ["10.0.3", 24]}): "dst_addr: '10.0.3' is no IPv4 address (such as",
    route(match={"hdr.ipv4.dst_addr": ["10.0.3.0", 24, 1]}): "24, 1]: value/length is needed",
    route(action_params={"port": 2}): "action forward(next_hop: bit<48>, port: bit<9>) needs next_hop",
    route(action_params={"port": 512, "next_hop": 1}): "action_params.port: port: 512 is not in 0..511",
    route(mach={}): "table_entries[0].mach: is no key of this place; did you mean match?",
    "table_add routes forward 10.0.3.0/24 08:00:00:00:03:03 2": 'line 1: "routes": => must stand between',
    "\ntable_add routs forward 1 => 2": "line 2: there is no table 'routs'. Did you mean routes?",
    "table_add routes forward 10.0.3.0/24 => 2": "2 parameters are needed (next_hop, port), not 1",
    "set_queue_rate 100 1": "a queue's rate and depth are those of the link in the topology file",
    "mc_node_associate 1 0": "there is no such group before this line",
    "updates { type: INSRT }": "is no P4Runtime message in text form: 1:17",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_does_not_fit_the_program_is_named(read: Read, text: str) -> None:
    with pytest.raises(TopologyError) as caught:
        read(text, ROUTER)
    assert WRONG[text] in str(caught.value)


def test_a_ternary_entry_needs_a_priority(read: Read) -> None:
    entry = {
        "table": "acl",
        "match": {"meta.class": 7},
        "action_name": "mark",
        "action_params": {"offset": 1},
    }
    with pytest.raises(TopologyError, match=r"table_entries\[0\]\.priority: .* a priority is needed"):
        read(json.dumps({"table_entries": [entry]}), ACL)
