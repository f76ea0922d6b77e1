"""Is what came out what was expected?"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from tests.attacks.fuzz_packets import frames as f
from tests.attacks.fuzz_packets.evaluator import Verdict
from tests.attacks.fuzz_packets.fabric import ROUTER
from tests.attacks.fuzz_packets.forwarding import Exit, Way

__all__ = ["agrees", "take"]


def agrees(verdict: Verdict, sent: bytes, came_out: list[tuple[int, bytes]]) -> bool:
    """Whether the frames are those of one of the verdict's ways."""
    if verdict.either:
        return True
    ways = verdict.ways or ((),)
    return any(_is_way(way, sent, came_out) for way in ways)


def take(verdict: Verdict, sent: bytes, queues: Mapping[int, deque[bytes]]) -> bool:
    """Take the frames of one of the verdict's ways from what came out of each port; False if they are not
    next there."""
    for way in sorted(verdict.ways, key=len, reverse=True):
        if all(queues[exit.port] and _is_exit(exit, sent, queues[exit.port][0]) for exit in way):
            for exit in way:
                queues[exit.port].popleft()
            return True
    return not verdict.ways


def _is_way(way: Way, sent: bytes, came_out: list[tuple[int, bytes]]) -> bool:
    if len(way) != len(came_out):
        return False
    waiting = list(way)
    for port, frame in came_out:
        found = next((exit for exit in waiting if exit.port == port and _is_exit(exit, sent, frame)), None)
        if found is None:
            return False
        waiting.remove(found)
    return True


def _is_exit(exit: Exit, sent: bytes, frame: bytes) -> bool:
    try:
        link = f.parse_link(frame)
        if link.tag != exit.tag:
            return False
        before = f.parse_link(sent)
        if exit.answer:
            return _is_answer(before, link)
        if link.destination != exit.mac:
            return False
        if exit.ip is None:
            return (link.source, link.ethertype, link.rest) == (before.source, before.ethertype, before.rest)
        return link.source == (ROUTER if exit.routed else before.source) and _is_rewritten(exit, link)
    except f.Refused:
        return False


def _is_answer(question: f.Link, answer: f.Link) -> bool:
    if answer.source != ROUTER or answer.ethertype != question.ethertype:
        return False
    if question.ethertype == f.ARP:
        asked, told = f.parse_arp(question.rest), f.parse_arp(answer.rest)
        return (told.operation, told.sender_mac, told.sender) == (2, ROUTER, asked.target)
    told6 = f.parse_ip(answer.rest, 6)
    target = f.parse_ip(question.rest, 6).payload[8:24]
    return told6.icmp == (136, 0) and told6.ttl == 255 and told6.payload[8:24] == target


def _is_rewritten(exit: Exit, link: f.Link) -> bool:
    packet = f.parse_ip(link.rest, 4 if link.ethertype == f.IPV4 else 6)
    if exit.tunnel is not None:
        n3, gnb, teid = exit.tunnel
        if (packet.source, packet.destination, packet.dport) != (n3, gnb, f.GTPU_PORT):
            return False
        tunnelled = f.parse_gtpu(packet.payload[8:])
        if tunnelled.teid != teid or tunnelled.odd:
            return False
        # The switch leaves padding behind an inner packet, and its checksum as it was apart from the TTL.
        packet = f.parse_ip(tunnelled.inner, 4, checked=False)
    return exit.ip == (packet.source, packet.destination, packet.ttl)
