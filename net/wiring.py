"""Makes interfaces and gives hosts their addresses, over netlink. Called inside of namespaces.

Knows the kernel's ways. Must not know files, switches' programs or processes.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import socket
import time
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from p4fabric.net.model import End, Host, Link

_SIOCETHTOOL = 0x8946
_CHECKSUM, _SEGMENTATION, _GENERIC_SEGMENTATION, _RECEIVE = 0x17, 0x1F, 0x24, 0x2C
"""ETHTOOL_STXCSUM, STSO, SGSO, SGRO."""
_NO_DUPLICATE_DETECTION = 0x02
_PERMANENT = 0x80
FRAME = 1514
UP_SECONDS = 5.0


class _Request(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char * 16), ("value", ctypes.c_void_p), ("rest", ctypes.c_char * 16))


class _Setting(ctypes.Structure):
    _fields_ = (("command", ctypes.c_uint32), ("value", ctypes.c_uint32))


def real_frames(interface: str) -> None:
    """Have the kernel hand over frames as a wire has them: complete checksums, no larger than the MTU."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in (_CHECKSUM, _SEGMENTATION, _GENERIC_SEGMENTATION, _RECEIVE):
            setting = _Setting(command, 0)
            request = _Request(interface.encode(), ctypes.addressof(setting), b"")
            try:
                fcntl.ioctl(control, _SIOCETHTOOL, request)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise


def prepare(ipv6: bool) -> None:
    """A new namespace: loopback up, and IPv6 only where somebody uses it, without waiting."""
    settings = {
        "disable_ipv6": "0" if ipv6 else "1",
        "accept_dad": "0",
        "dad_transmits": "0",
        "accept_ra": "0",
        "router_solicitations": "0",
    }
    for kind in ("all", "default"):
        for name, value in settings.items():
            path = Path(f"/proc/sys/net/ipv6/conf/{kind}/{name}")
            if path.exists():
                path.write_text(value)
    with IPRoute() as ip:
        ip.link("set", index=1, state="up")


def plug(near: End, far: End, far_namespace: int) -> None:
    """A veth pair between this namespace and that of a process."""
    with IPRoute() as ip:
        ip.link(
            "add",
            ifname=near.interface,
            kind="veth",
            peer={"ifname": far.interface, "net_ns_pid": far_namespace},
        )


def bring_up(end: End) -> None:
    """An interface: its MAC address, real frames, up."""
    with IPRoute() as ip:
        index = _index(ip, end.interface)
        if end.mac:
            ip.link("set", index=index, address=end.mac)
        ip.link("set", index=index, state="up")
    real_frames(end.interface)


def wait_until_up(interfaces: Sequence[str], seconds: float = UP_SECONDS) -> list[str]:
    """Wait until interfaces can send: the kernel notices up to a second later that the other end is up.

    Returns those that cannot by then.
    """
    deadline = time.monotonic() + seconds
    with IPRoute() as ip:
        while True:
            states = {link.get("ifname"): link.get("operstate") for link in ip.get_links()}
            late = [name for name in interfaces if states.get(name) != "UP"]
            if not late or time.monotonic() > deadline:
                return late
            time.sleep(0.02)


def set_state(interface: str, up: bool) -> None:
    """Up or down."""
    with IPRoute() as ip:
        ip.link("set", index=_index(ip, interface), state="up" if up else "down")


def configure(host: Host, ends: Sequence[End]) -> None:
    """A host's addresses, routes and neighbours.

    Raises:
        NetlinkError: the kernel refuses one.
    """
    with IPRoute() as ip:
        for end in ends:
            index = _index(ip, end.interface)
            for address in end.addresses:
                if address.version == 4:
                    ip.addr(
                        "replace", index=index, address=str(address.ip), prefixlen=address.network.prefixlen
                    )
                else:
                    ip.addr(
                        "replace",
                        index=index,
                        address=str(address.ip),
                        prefixlen=address.network.prefixlen,
                        flags=_NO_DUPLICATE_DETECTION,
                        family=socket.AF_INET6,
                    )
        for gateway in host.gateways:
            family = socket.AF_INET if gateway.version == 4 else socket.AF_INET6
            index = _index(ip, _towards(gateway, ends).interface)
            ip.route("replace", family=family, dst="default", gateway=str(gateway), oif=index)
        for neighbour, mac in _neighbours(host.neighbours):
            family = socket.AF_INET if neighbour.version == 4 else socket.AF_INET6
            index = _index(ip, _towards(neighbour, ends).interface)
            ip.neigh(
                "replace", family=family, dst=str(neighbour), lladdr=mac, ifindex=index, state=_PERMANENT
            )


def limit(end: End, link: Link) -> None:
    """A host's end: what it sends is held to the link's rate by a token bucket."""
    if link.rate_bps is None:
        return
    with IPRoute() as ip:
        burst = max(2 * FRAME, link.rate_bps // 8 // 250)
        ip.tc(
            "add",
            "tbf",
            index=_index(ip, end.interface),
            rate=link.rate_bps // 8,
            burst=burst,
            limit=max(burst, link.queue_depth * FRAME),
        )


def _neighbours(entries: Mapping[str, str]) -> list[tuple[IPv4Address | IPv6Address, str]]:
    return [(ip_address(address), mac) for address, mac in entries.items()]


def _towards(address: IPv4Address | IPv6Address, ends: Sequence[End]) -> End:
    """The interface in whose network an address is, or else the first."""
    for end in ends:
        if any(own.version == address.version and address in own.network for own in end.addresses):
            return end
    return ends[0]


def _index(ip: IPRoute, interface: str) -> int:
    found = ip.link_lookup(ifname=interface)
    if not found:
        raise NetlinkError(errno.ENODEV, f"no interface {interface}")
    return int(found[0])
