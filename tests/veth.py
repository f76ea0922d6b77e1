"""Pairs of interfaces for tests, and their ends. What a killed run has left is removed first."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from pathlib import Path

from pyroute2 import IPRoute

# linux/socket.h and linux/if_packet.h; the socket module lacks them.
SOL_PACKET, SO_RCVBUFFORCE = 263, 33
PACKET_AUXDATA, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 8, 15, 23
TP_STATUS_VLAN_VALID = 0x10
ETH_P_ALL = 3
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def make_pair(near: str, far: str, mtu: int = 1500) -> None:
    """Two interfaces joined by a cable, up, without the kernel's own IPv6."""
    remove(near)
    with IPRoute() as ip:
        ip.link("add", ifname=near, kind="veth", peer=far)
        for name in (near, far):
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
            ip.link("set", index=ip.link_lookup(ifname=name)[0], state="up", mtu=mtu)


def remove(name: str) -> None:
    """Take a pair away by the name of one of its ends; nothing happens if it is not there."""
    with IPRoute() as ip:
        for index in ip.link_lookup(ifname=name):
            ip.link("del", index=index)


def set_up(name: str, up: bool) -> None:
    """Set an interface up or down; quick, and on an event loop too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", name.encode(), 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request), 16)
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", name.encode(), flags))


def open_wire(name: str, option: int = PACKET_AUXDATA) -> socket.socket:
    """A socket that sends out of an interface and hears what comes in. `option` is what the kernel adds
    to each frame, by default what `receive` needs."""
    # Protocol 0: before it is bound it would get the frames of all interfaces.
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)
    wire.setsockopt(SOL_PACKET, option, 1)
    wire.bind((name, ETH_P_ALL))
    wire.settimeout(3)
    return wire


def receive(wire: socket.socket) -> bytes:
    """The next frame, with the VLAN tag that the kernel took out of it; TimeoutError when none comes."""
    frame, ancillary, _, _ = wire.recvmsg(10_000, 64)
    for level, kind, content in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, tag = (int.from_bytes(part, sys.byteorder) for part in (content[:4], content[16:18]))
            if status & TP_STATUS_VLAN_VALID:
                return frame[:12] + b"\x81\x00" + tag.to_bytes(2, "big") + frame[12:]
    return frame
