"""How many connections there is room for, and what becomes of those that there is none for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest
from scapy.layers.inet import IP, TCP
from scapy.packet import Raw

from p4fabric.controller.compiler.policy_entries import Side

from .bed import ALICE, CAROL, Bed, bed, framed, isolated

OVERFLOWS = "FabricIngress.connections.connection_overflows"
WAYS = 4


def cells(sport: int) -> tuple[int, ...]:
    """Where a connection of Alice's to Carol's port 80 may be."""
    flow = bytes([0, 1, 6, 0]) + sport.to_bytes(2, "big") + (80).to_bytes(2, "big")
    lower, higher = ALICE.ipv4.packed, CAROL.ipv4.packed
    one, other = zlib.crc32(flow + lower + higher), zlib.crc32(higher + flow + lower)
    return one & 0xFFFF, one >> 16, other & 0xFFFF, other >> 16


@pytest.fixture(scope="module")
def world() -> Iterator[Bed]:
    with bed(isolated(Side.EGRESS, CAROL)) as made:
        yield made


def test_a_connection_that_finds_no_way_passes_is_counted_and_is_not_remembered(world: Bed) -> None:
    wanted = cells(40000)
    heads = [f"FabricIngress.connections.head_{way}" for way in range(WAYS)]
    for head, cell in zip(heads, wanted, strict=True):
        world.occupy("leaf1", head, cell)
    before = world.counted("leaf1", OVERFLOWS, ALICE.port)
    assert world.pass_(ALICE, CAROL, TCP(sport=40000, dport=80, flags="S"))
    assert world.counted("leaf1", OVERFLOWS, ALICE.port) == before + 1
    # What is there stays, until its time is over.
    assert [
        world.network["leaf1"].engine.read_registers(head, cell, 1)[0] >> 64
        for head, cell in zip(heads, wanted, strict=True)
    ] == [1] * WAYS
    # The other leaf has room for it.
    assert world.counted("leaf2", OVERFLOWS, 8) == 0
    assert world.pass_(CAROL, ALICE, TCP(sport=80, dport=40000, flags="SA"))
    world.go(2 * 3600 + 1)
    assert world.pass_(ALICE, CAROL, TCP(sport=40000, dport=80, flags="S"))
    assert world.counted("leaf1", OVERFLOWS, ALICE.port) == before + 1
    key = world.network["leaf1"].engine.read_registers(heads[0], wanted[0], 1)[0] >> 64
    assert key == int.from_bytes(bytes([0, 1, 6, 0]) + (40000).to_bytes(2, "big") + b"\0\x50", "big")


def test_100000_connections_find_a_way_but_for_one_in_a_thousand(world: Bed) -> None:
    """Ten thousand ports of ten services, as clients count them up."""
    leaf = world.network["leaf1"]
    world.forget("leaf1")
    before = world.counted("leaf1", OVERFLOWS, ALICE.port)
    frame = bytearray(framed(ALICE, CAROL, IP(src=str(ALICE.ipv4), dst=str(CAROL.ipv4)) / TCP() / Raw(b"")))
    count = 0
    for dport in range(8000, 8010):
        frames = []
        for sport in range(20000, 30000):
            frame[34:38] = sport.to_bytes(2, "big") + dport.to_bytes(2, "big")
            frames.append(bytes(frame))
            if len(frames) == 500:
                count += len(leaf.send(ALICE.port, *frames))
                frames = []
    assert count == 100_000
    held = sum(
        head >> 29 & 7 != 0
        for way in range(WAYS)
        for head in leaf.engine.read_registers(f"FabricIngress.connections.head_{way}")
    )
    missed = world.counted("leaf1", OVERFLOWS, ALICE.port) - before
    assert held + missed == 100_000
    assert missed <= 100
