"""Rounds of the fuzzer: valid messages of all dialects, and what becomes of them."""

from __future__ import annotations

import random
import struct

from tests.pfcp_fuzz.mutations import mutated
from tests.pfcp_fuzz.node import Node
from tests.unit.n4.vectors import REQUESTS, octets

SEEDS = [octets(name) for name in REQUESTS]
_SEQUENCE_AND_SEID = struct.Struct(">Q")


def addressed(rng: random.Random, datagram: bytes, node: Node) -> bytes:
    """The message with a number of its own, to one of the node's sessions; those of SMFs are to SEID 1."""
    data = bytearray(datagram)
    if data[0] & 1:
        if data[1] != 50 and node.sessions and rng.random() < 0.9:
            _SEQUENCE_AND_SEID.pack_into(data, 4, rng.choice(list(node.sessions)))
        data[12:15] = rng.randrange(1 << 24).to_bytes(3, "big")
    else:
        data[4:7] = rng.randrange(1 << 24).to_bytes(3, "big")
    return bytes(data)


def fuzz(node: Node, seed: int, messages: int) -> None:
    """Send messages: most of them broken, some valid so that there is something to break, some twice.

    Raises:
        Exception: the node raised it; its notes hold the message.
    """
    rng = random.Random(seed)
    last = SEEDS[0]
    for number in range(messages):
        choice = rng.random()
        datagram = addressed(rng, rng.choice(SEEDS), node)
        if choice < 0.05:
            datagram = last
        elif choice < 0.8:
            datagram = mutated(rng, datagram, SEEDS)
        elif choice < 0.82:
            datagram = rng.randbytes(rng.randrange(64))
        last = datagram
        try:
            node.receive(datagram, number / 1000)
        except Exception as error:
            error.add_note(f"seed {seed}, message {number}: {datagram.hex()}")
            raise
