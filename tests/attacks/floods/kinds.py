"""The kinds of floods: some thousand different frames each, and the port of leaf1 that sends them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from tests.attacks.floods.plan import (
    CLOSED,
    GATEWAY,
    GATEWAY6,
    GNB,
    H1,
    N3_ADDRESS,
    S2,
    TEID,
    UE_ADDRESS,
    UNUSED_LINK,
)

__all__ = ["KINDS", "QUIET", "Kind"]

FRAMES = 1000
UNSET = 0xA5A5A5A5
"""Where a TEID goes."""
BROADCAST = "ff:ff:ff:ff:ff:ff"


@dataclass(frozen=True, slots=True)
class Kind:
    """A flood."""

    name: str
    port: int
    """Of leaf1."""
    make: Callable[[], list[bytes]]


def mac(number: int) -> str:
    """One of 16 million MAC addresses that nobody else has."""
    return f"02:66:00:{number >> 16 & 0xFF:02x}:{number >> 8 & 0xFF:02x}:{number & 0xFF:02x}"


def address(number: int) -> str:
    """An IPv4 address of the clients' network that nobody else has."""
    return f"10.1.{128 + (number >> 8) % 128}.{number & 0xFF}"


def address6(number: int) -> str:
    """The same for IPv6."""
    return f"2001:db8:1::66:{number & 0xFFFF:x}"


def padded(frame: Packet) -> bytes:
    """A frame of at least 60 bytes."""
    return bytes(frame).ljust(60, b"\0")


@cache
def lldp() -> list[bytes]:
    """As another switch would send them, with ever other chassis."""
    frames = []
    for number in range(FRAMES):
        tlvs = b"".join(
            struct.pack("!HB", kind << 9 | 1 + len(value), 7) + value
            for kind, value in ((1, f"spine{number}".encode()), (2, b"1"))
        )
        head = Ether(dst="01:80:c2:00:00:0e", src=mac(number), type=0x88CC)
        frames.append(padded(head / Raw(tlvs + struct.pack("!HHH", 3 << 9 | 2, 120, 0))))
    return frames


def arp() -> list[bytes]:
    """New hosts that ask for the gateway, that tell everybody of themselves, that say to be the gateway."""
    frames = []
    for number in range(FRAMES):
        source, own = mac(number), address(number)
        if number % 2:
            told = ARP(op=1, hwsrc=source, psrc=own, pdst=GATEWAY)
        else:
            claimed = GATEWAY if number % 100 == 0 else own
            told = ARP(op=2, hwsrc=source, psrc=claimed, hwdst=source, pdst=claimed)
        frames.append(padded(Ether(src=source, dst=BROADCAST) / told))
    return frames


def neighbor_discovery() -> list[bytes]:
    """The same for IPv6."""
    frames = []
    for number in range(FRAMES):
        source, own = mac(number), address6(number)
        told: Packet
        if number % 2:
            to, target = "33:33:ff:00:00:01", "ff02::1:ff00:1"
            told = ICMPv6ND_NS(tgt=GATEWAY6) / ICMPv6NDOptSrcLLAddr(lladdr=source)
        else:
            to, target = "33:33:00:00:00:01", "ff02::1"
            if number % 100 == 0:
                own = GATEWAY6
            told = ICMPv6ND_NA(tgt=own, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=source)
        frames.append(padded(Ether(src=source, dst=to) / IPv6(src=own, dst=target, hlim=255) / told))
    return frames


def new_macs() -> list[bytes]:
    """Every frame from another MAC address, to one that nobody knows, or to everybody."""
    frames = []
    for number in range(FRAMES):
        packet = IP(src=address(number), dst="10.1.255.255") / UDP(sport=1000, dport=9, chksum=0)
        frames.append(bytearray(padded(Ether(src=mac(0), dst=BROADCAST) / packet)))
    many = []
    for number in range(10 * FRAMES):
        frame = frames[number % FRAMES]
        frame[6:12] = bytes.fromhex(mac(number).replace(":", ""))
        if number % 4:
            frame[0:6] = bytes.fromhex(mac(0x800000 + number).replace(":", ""))
        many.append(bytes(frame))
    return many


def unknown_teids() -> list[bytes]:
    """What the gNB of a session might send, of sessions that there are not."""
    inner = IP(src=UE_ADDRESS, dst=S2.address) / UDP(sport=1000, dport=9, chksum=0) / (b"x" * 16)
    tunnel = UDP(sport=2152, dport=2152, chksum=0) / GTP_U_Header(teid=UNSET, gtp_type=255)
    outer = IP(src=GNB.address, dst=N3_ADDRESS)
    before, after = padded(Ether(src=GNB.mac, dst=str(ROUTER_MAC)) / outer / tunnel / inner).split(
        UNSET.to_bytes(4, "big")
    )
    random = Random(1)
    teids = (random.randrange(TEID + 1, 1 << 32) for _ in range(10 * FRAMES))
    return [before + teid.to_bytes(4, "big") + after for teid in teids]


def fragments() -> list[bytes]:
    """First ones without a second, later ones without a first (both cross the fabric to s2), and such as
    would overlap their first one's header."""
    random = Random(2)
    frames = []
    for number in range(FRAMES):
        outer = IP(src=H1.address, dst=S2.address, id=random.randrange(1 << 16))
        match number % 4:
            case 0:
                outer.flags = "MF"
                packet = outer / UDP(sport=number, dport=9, len=2000, chksum=0) / (b"x" * 16)
            case 1:
                outer.proto, outer.frag = 17, random.randrange(3, 1 << 12)
                packet = outer / Raw(b"x" * 24)
            case 2:
                outer.proto, outer.frag = 6, random.choice((1, 2))
                packet = outer / Raw(b"x" * 24)
            case _:
                outer.flags = "MF"
                packet = outer / TCP(sport=number, dport=9)
                packet = IP(bytes(packet)[: 20 + 8])  # less than a header
                packet.len, packet.chksum = 28, None
        frames.append(padded(Ether(src=H1.mac, dst=str(ROUTER_MAC)) / packet))
    return frames


QUIET = Kind("no flood", H1.port, list)
KINDS = (
    Kind("LLDP of a host", H1.port, lldp),
    Kind("LLDP, closed port", CLOSED, lldp),
    Kind("LLDP, link port", UNUSED_LINK, lldp),
    Kind("ARP", H1.port, arp),
    Kind("ND", H1.port, neighbor_discovery),
    Kind("new MACs", H1.port, new_macs),
    Kind("GTP-U", GNB.port, unknown_teids),
    Kind("fragments", H1.port, fragments),
)
