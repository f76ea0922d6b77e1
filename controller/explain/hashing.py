"""Which member of a group a flow takes: the hashes of `p4src`, as the embedded switch computes them.

Fields lie bit behind bit, as in `flow_key.p4` and the selectors of `load_balancer.p4` and `forwarding.p4`; a
group is a list in which each member stands as often as its weight says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from p4fabric.controller.explain.packet import Packet
from p4fabric.pipelines.entities import Weighted

__all__ = ["flow_hash", "pick", "server_hash"]


def flow_hash(packet: Packet) -> int:
    """`meta.flow.hash`, of the packet as it comes to FlowKey."""
    if packet.version == 0:
        return crc32(int(packet.src_mac).to_bytes(6, "big") + int(packet.dst_mac).to_bytes(6, "big"))
    return crc32(_five_tuple(packet))


def server_hash(packet: Packet) -> int:
    """The selector of `virtual_ips`."""
    return crc32(_five_tuple(packet))


def pick(members: Sequence[Weighted[Any]], value: int, out: Sequence[int] = ()) -> int | None:
    """The index of the member that a hash value chooses; None: there is none.

    Args:
        members: the group.
        value: of the hash.
        out: indexes of members whose watched port is down.
    """
    slots = [index for index, member in enumerate(members) if index not in out for _ in range(member.weight)]
    return slots[value % len(slots)] if slots else None


def _five_tuple(packet: Packet) -> bytes:
    ports = packet.src_port << 16 | packet.dst_port
    return packet.src.packed + packet.dst.packed + bytes([packet.protocol or 0]) + ports.to_bytes(4, "big")
