"""Each construct of v1model, asked for by a packet and judged by what comes out."""

from __future__ import annotations

import binascii
import random
from collections import Counter

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from p4fabric.softswitch.engine import NativeEngine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Change,
    CounterValue,
    DigestMessage,
    Exact,
    GroupMember,
    GroupRef,
    Lpm,
    MemberRef,
    Operation,
    PacketIn,
    Range,
    Replica,
    Status,
    Ternary,
    WriteCloneSession,
    WriteEntry,
    WriteGroup,
    WriteMember,
    WriteMulticastGroup,
)

from .packets import Command, ask, command


def write(engine: NativeEngine, *operations: Operation) -> list[int]:
    """Apply operations which must all succeed; their handles."""
    outcomes = engine.apply(operations)
    assert all(one.status is Status.OK for one in outcomes), outcomes
    return [one.handle for one in outcomes]


def insert(
    table: str, match: tuple[object, ...], action: str, *arguments: int, priority: int = 0
) -> WriteEntry:
    return WriteEntry(Change.INSERT, f"In.{table}", match, ActionCall(action, arguments), priority)  # type: ignore[arg-type]


def test_the_highest_priority_wins_whatever_the_masks(constructs: NativeEngine) -> None:
    write(
        constructs,
        insert("rules", (Ternary(0x10, 0xF0), None, Exact(3)), "In.mark", 1, priority=10),
        insert("rules", (Ternary(0x12, 0xFF), None, Exact(3)), "In.mark", 2, priority=5),
        insert("rules", (None, Ternary(7, 0xFFFF), Exact(3)), "In.mark", 3, priority=20),
        insert("rules", (Ternary(0x12, 0xFF), None, Exact(4)), "In.mark", 4, priority=30),
    )
    assert ask(constructs, op=1, a=0x12, odd=3).b == 1
    assert ask(constructs, op=1, a=0x12, d=7, odd=3).b == 3
    assert ask(constructs, op=1, a=0x12, d=7, odd=4).b == 4
    assert ask(constructs, op=1, a=0x12, odd=5).b == 0


def test_ranges_and_optional_fields_match(constructs: NativeEngine) -> None:
    write(
        constructs,
        insert("spans", (Range(10, 20), None), "In.mark", 1, priority=1),
        insert("spans", (Range(15, 30), None), "In.mark", 2, priority=2),
        insert("spans", (None, Exact(1 << 100)), "In.mark_wide", (1 << 127) | 5, priority=3),
    )
    assert [ask(constructs, op=2, d=d).b for d in (9, 10, 14, 15, 30, 31)] == [
        0xDEADBEEF, 1, 1, 2, 2, 0xDEADBEEF,
    ]  # fmt: skip
    assert ask(constructs, op=2, d=12, wide=1 << 100).wide == (1 << 127) | 5


def test_the_longest_prefix_wins_and_checksums_are_made_anew(constructs: NativeEngine) -> None:
    mac = 0x020000000099
    handles = write(
        constructs,
        insert("routes", (None,), "In.routed", 3, mac),
        insert("routes", (Lpm(0x0A000000, 8),), "In.routed", 2, mac),
        insert("routes", (Lpm(0x0A010200, 24),), "In.routed", 4, mac),
    )
    for address, port in (("10.1.2.3", 4), ("10.1.3.3", 2), ("11.0.0.1", 3)):
        sent = Ether(dst="02:00:00:00:00:02") / IP(dst=address, ttl=9) / UDP(sport=1, dport=2) / Raw(b"odd")
        constructs.inject(1, bytes(sent))
        ((out, frame),) = constructs.collect()
        assert out == port
        got = Ether(frame)
        assert (got.dst, got[IP].ttl) == ("02:00:00:00:00:99", 8)
        assert bytes(got[IP]) == bytes(IP(dst=address, src=got[IP].src, ttl=8) / sent[UDP])
    counts = constructs.read_direct_counters("In.routes", handles)
    assert counts == [CounterValue(1, len(bytes(sent)))] * 3


def test_a_wrong_ipv4_checksum_is_seen(constructs: NativeEngine) -> None:
    write(constructs, insert("routes", (None,), "In.routed", 3, 1))
    constructs.inject(1, bytes(Ether() / IP(dst="10.0.0.1", chksum=0x1234) / UDP()))
    assert constructs.collect() == []


def test_the_programs_own_entries_hit_and_can_be_changed(constructs: NativeEngine) -> None:
    assert (ask(constructs, op=3, a=7).b, ask(constructs, op=3, a=8).d) == (70, 1)
    assert ask(constructs, op=3, a=9).d == 2
    write(constructs, insert("listed", (Exact(9),), "In.mark", 1))
    assert ask(constructs, op=3, a=9).b == 1


def test_counters_and_registers_keep_within_their_arrays(constructs: NativeEngine) -> None:
    length = len(command(op=4))
    for index in (3, 3, 15, 16, 0xFFFFFFFF):
        ask(constructs, op=4, a=index)
    counts = constructs.read_counters("In.seen")
    assert (counts[3], counts[15], sum(one.packets for one in counts)) == ((2, 2 * length), (1, length), 3)
    ask(constructs, op=5, a=31, c=0x123456789ABC)
    ask(constructs, op=5, a=32, c=1)
    assert ask(constructs, op=6, a=31).c == 0x123456789ABC
    assert ask(constructs, op=6, a=32, c=5).c == 5
    assert constructs.read_registers("In.cells", 31) == [0x123456789ABC]
    assert [ask(constructs, op=23).b for _ in range(3)] == [0, 1, 2]


def test_hashes_are_the_standard_crcs(constructs: NativeEngine) -> None:
    content = (0x01020304).to_bytes(4, "big") + (0x0A0B0C0D0E0F).to_bytes(6, "big")
    assert ask(constructs, op=7, a=0x01020304, c=0x0A0B0C0D0E0F).b == binascii.crc32(content)
    content = (5 << 13 | 0x1ABC).to_bytes(2, "big") + (0x55667788).to_bytes(4, "big")
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    assert ask(constructs, op=8, odd=5, rest=0x1ABC, a=0x55667788).b == crc % 50 + 100


def test_a_selector_shares_by_weight_and_keeps_a_flow_together(constructs: NativeEngine) -> None:
    write(
        constructs,
        *(WriteMember(Change.INSERT, "In.paths", m, ActionCall("In.mark", (m,))) for m in (101, 102)),
        WriteGroup(Change.INSERT, "In.paths", 7, (GroupMember(101, 3), GroupMember(102, 1))),
        WriteGroup(Change.INSERT, "In.paths", 8, (GroupMember(101, 1, watch_port=99), GroupMember(102))),
        WriteGroup(Change.INSERT, "In.paths", 9),
        insert("ports", (Exact(2),), "In.choose", 50),
    )
    write(
        constructs,
        WriteEntry(Change.INSERT, "In.members", (Exact(0),), GroupRef(7)),
        WriteEntry(Change.INSERT, "In.members", (Exact(50),), MemberRef(102)),
    )
    chosen = Counter(ask(constructs, op=9, c=flow, d=random.getrandbits(16)).b for flow in range(400))
    assert set(chosen) == {101, 102}
    assert 240 < chosen[101] < 360
    assert len({ask(constructs, op=9, c=77, d=5).b for _ in range(5)}) == 1
    write(constructs, WriteEntry(Change.MODIFY, "In.members", (Exact(0),), GroupRef(8)))
    assert {ask(constructs, op=9, c=flow).b for flow in range(20)} == {102}
    write(constructs, WriteEntry(Change.MODIFY, "In.members", (Exact(0),), GroupRef(9)))
    assert ask(constructs, op=9, b=5).b == 5
    outcomes = constructs.apply(
        [
            WriteMember(Change.DELETE, "In.paths", 102),
            WriteGroup(Change.DELETE, "In.paths", 9),
            WriteGroup(Change.DELETE, "In.paths", 8),
            WriteGroup(Change.INSERT, "In.paths", 10, (GroupMember(999),)),
        ]
    )
    assert [one.status for one in outcomes] == [
        Status.FAILED_PRECONDITION, Status.FAILED_PRECONDITION, Status.OK, Status.NOT_FOUND,
    ]  # fmt: skip


def test_a_digest_carries_its_values(constructs: NativeEngine) -> None:
    ask(constructs, op=10, a=5, wide=1 << 127)
    assert constructs.drain() == [DigestMessage(1, "report_t", (1, 0x020000000001, 5, 1 << 127))]


def test_clones_are_truncated_copies_with_the_kept_fields(constructs: NativeEngine) -> None:
    replicas = (Replica(3, 11), Replica(4, 12))
    write(constructs, WriteCloneSession(Change.INSERT, 5, replicas, packet_length=60))
    for op, kind, original in ((11, 1, 1), (14, 2, 2)):
        constructs.inject(1, command(b"x" * 200, op=op, a=77))
        frames = dict(constructs.collect())
        assert set(frames) == {2, 3, 4}
        assert Ether(frames[2])[Command].b == original
        for port, instance in ((3, 11), (4, 12)):
            clone = Ether(frames[port])[Command]
            assert (clone.b, clone.a, clone.d, clone.rest) == (77, 0, instance, kind)
            assert len(frames[port]) == 60


def test_resubmission_and_recirculation_keep_what_they_are_told(constructs: NativeEngine) -> None:
    again = ask(constructs, op=12, a=1234, c=5)
    assert (again.b, again.c, again.d) == (1234, 0, 6)
    again = ask(constructs, op=13, a=1234, c=5)
    assert (again.b, again.c) == (1235, 0)


def test_multicast_makes_one_copy_a_replica(constructs: NativeEngine) -> None:
    replicas = tuple(Replica(port, 100 + port) for port in (1, 2, 3))
    write(
        constructs,
        WriteMulticastGroup(Change.INSERT, 9, replicas),
        insert("ports", (Exact(3),), "In.to_group", 9),
    )
    constructs.inject(3, command(op=21))
    copies = {port: Ether(frame)[Command] for port, frame in constructs.collect()}
    assert {port: (one.d, one.rest, one.b) for port, one in copies.items()} == {
        port: (100 + port, 5, port) for port in (1, 2, 3)
    }


def test_truncation_and_drop_in_egress(constructs: NativeEngine) -> None:
    constructs.inject(1, command(b"x" * 100, op=20, a=64))
    assert [len(frame) for _, frame in constructs.collect()] == [64]
    constructs.inject(1, command(op=22))
    assert constructs.collect() == []


def test_arithmetic_wraps_saturates_and_keeps_signs(constructs: NativeEngine) -> None:
    got = ask(constructs, op=15, a=0, c=0xABCDE0000000, wide=(1 << 128) - 1, odd=3)
    assert (got.b, got.d, got.wide, got.odd) == (0xFFFFFFFF, 0xABCDE0000000 >> 20 & 0xFFFF, 0, 2)
    got = ask(constructs, op=17, a=0x80000000, d=0x7FF0, c=3)
    assert (got.b, got.d, got.c) == (0xF8000000, 0x7FFF, 0)
    assert {ask(constructs, op=18).b for _ in range(60)} == {10, 11, 12, 13}
    assert ask(constructs, op=19, a=9, wide=9 << 96).b == 1
    assert (ask(constructs, op=19, a=1, b=2).b, ask(constructs, op=19, a=2, b=1).b) == (2, 3)


def test_headers_appear_disappear_and_are_looked_at_ahead(constructs: NativeEngine) -> None:
    got = ask(constructs, op=16)
    assert bytes(got.payload) == bytes.fromhex("11223344") + len(command()).to_bytes(4, "big")
    got = ask(constructs, bytes.fromhex("aabbccdd00000001"), op=0x41)
    assert (got.b, bytes(got.payload)) == (0xAA, bytes.fromhex("00000001aabbccdd"))
    assert bytes(ask(constructs, b"12345678tail", op=0x42).payload) == b"tail"
    assert ask(constructs, b"12345678", op=0x43).b == 98


def test_parser_errors_reach_the_program(constructs: NativeEngine) -> None:
    assert ask(constructs, version_=2).error_code == 1
    assert ask(constructs, b"short", op=0x42).error_code == 2
    assert ask(constructs, b"1234567", skip=2).error_code == 2
    assert bytes(ask(constructs, b"12345678rest", skip=2).payload) == b"rest"


@pytest.mark.parametrize("op", [0, 11, 13, 14, 0x41])
def test_a_packet_cut_at_any_length_does_no_harm(constructs: NativeEngine, op: int) -> None:
    write(constructs, WriteCloneSession(Change.INSERT, 5, (Replica(3, 1),)))
    whole = command(b"12345678", op=op, skip=op & 1)
    ip = bytes(Ether() / IP() / UDP() / Raw(b"123"))
    for length in range(len(whole) + 1):
        constructs.inject(1, whole[:length])
        constructs.inject(1, ip[:length])
    constructs.collect()
    assert ask(constructs, op=3, a=7).b == 70


def test_frames_for_the_cpu_port_are_packet_ins_and_packet_outs_arrive_there(
    constructs: NativeEngine,
) -> None:
    write(
        constructs, insert("ports", (Exact(3),), "In.send", 510), insert("ports", (Exact(510),), "In.send", 4)
    )
    constructs.inject(3, command(op=0, a=1))
    constructs.collect()
    (event,) = constructs.drain()
    assert isinstance(event, PacketIn)
    assert event.frame == command(op=0, a=1)
    constructs.packet_out(event.frame)
    assert constructs.collect() == [(4, event.frame)]
