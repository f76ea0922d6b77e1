"""A container's interface: a veth pair between its network namespace and a port of the node's switch.

Blocking, over netlink; called in threads. Knows the kernel's ways and no fabric.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_interface
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from p4fabric.controller.intents.fields import IpAddress, IpPrefix
from p4fabric.controller.node.errors import CniError, Failure
from p4fabric.net.namespaces import call_inside

__all__ = ["ContainerEnd", "exists_namespace", "make", "names", "problem", "remove"]

_NO_DUPLICATE_DETECTION = 0x02
_QUIET = {"accept_dad": "0", "accept_ra": "0", "dad_transmits": "0", "router_solicitations": "0"}
"""The node says what addresses a container has, so that nobody has to ask or to wait."""


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """The container's end as it should be."""

    name: str
    mac: str
    mtu: int
    addresses: Sequence[str]
    """With prefix lengths."""
    routes: Sequence[tuple[IpPrefix, IpAddress]]
    """Each with its gateway."""


def make(namespace: str, node_end: str, end: ContainerEnd) -> int:
    """Make the pair, and all that the container's end should have; returns the MTU.

    What the node has under that name from before is replaced.

    Raises:
        CniError: the namespace is not there, or has an interface of that name.
    """
    with _opened(namespace) as opened:
        remove(node_end)
        peer: dict[str, Any] = {"ifname": end.name, "net_ns_fd": opened, "address": end.mac}
        more = {"mtu": end.mtu} if end.mtu else {}
        try:
            with IPRoute() as ip:
                ip.link("add", ifname=node_end, kind="veth", peer={**peer, **more}, **more)
                # The node itself has nothing to say on it.
                _write_setting(node_end, "disable_ipv6", "1")
                ip.link("set", index=socket.if_nametoindex(node_end), state="up")
            return call_inside(opened, _set_up, end)
        except NetlinkError as error:
            if error.code == errno.EEXIST:
                raise CniError(
                    Failure.INTERFACE_TAKEN, f"the container has an interface {end.name} already"
                ) from None
            remove(node_end)
            raise CniError(Failure.IO, f"interface {end.name} cannot be set up", str(error)) from None
        except OSError as error:
            remove(node_end)
            raise CniError(Failure.IO, f"interface {end.name} cannot be set up", str(error)) from None


def remove(node_end: str) -> None:
    """Take the pair away, with the container's end. Nothing happens if it is not there."""
    try:
        index = socket.if_nametoindex(node_end)
    except OSError:
        return
    with IPRoute() as ip, suppress(NetlinkError):
        ip.link("del", index=index)


def names(prefix: str) -> list[str]:
    """The node's ends that there are."""
    return [
        name for _, name in socket.if_nameindex() if name.startswith(prefix) and name[len(prefix) :].isdigit()
    ]


def exists_namespace(path: str) -> bool:
    """Whether a network namespace is at a path; a file that a container has left behind is none."""
    try:
        with _opened(path):
            return True
    except CniError:
        return False


def problem(namespace: str, node_end: str, end: ContainerEnd) -> str | None:
    """What is not there any more of a pair; None: it is as it was made.

    Raises:
        CniError: the namespace is not there.
    """
    with _opened(namespace) as opened:
        try:
            socket.if_nametoindex(node_end)
        except OSError:
            return f"interface {node_end} of the node is gone"
        return call_inside(opened, _problem, end)


@contextmanager
def _opened(path: str) -> Iterator[int]:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise CniError(Failure.UNKNOWN_CONTAINER, f"there is no namespace {path}: {error.strerror}") from None
    try:
        # A file system of its own holds namespaces; what else lies at a path shows nothing of one.
        if not stat.S_ISREG(os.fstat(opened).st_mode) or not _is_namespace(opened):
            raise CniError(Failure.UNKNOWN_CONTAINER, f"{path} is no network namespace")
        yield opened
    finally:
        os.close(opened)


def _is_namespace(opened: int) -> bool:
    return os.fstat(opened).st_dev == Path("/proc/self/ns/net").stat().st_dev


def _set_up(end: ContainerEnd) -> int:
    index = socket.if_nametoindex(end.name)
    for name, value in _QUIET.items():
        _write_setting(end.name, name, value)
    if any(ip_interface(address).version == 6 for address in end.addresses):
        _write_setting(end.name, "disable_ipv6", "0")
    with IPRoute() as ip:
        ip.link("set", index=index, state="up")
        for address in map(ip_interface, end.addresses):
            more = (
                {"flags": _NO_DUPLICATE_DETECTION, "family": socket.AF_INET6} if address.version == 6 else {}
            )
            ip.addr("add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen, **more)
        for prefix, gateway in end.routes:
            family = socket.AF_INET6 if isinstance(gateway, IPv6Address) else socket.AF_INET
            ip.route("replace", family=family, dst=str(prefix), gateway=str(gateway), oif=index)
        return int(ip.get_links(index)[0].get("mtu"))


def _problem(end: ContainerEnd) -> str | None:
    try:
        index = socket.if_nametoindex(end.name)
    except OSError:
        return f"interface {end.name} is gone"
    with IPRoute() as ip:
        link = ip.get_links(index)[0]
        if link.get("address") != end.mac:
            return f"{end.name} has the MAC address {link.get('address')}, not {end.mac}"
        if not link["flags"] & 1:
            return f"{end.name} is down"
        there = {f"{one.get('address')}/{one['prefixlen']}" for one in ip.get_addr(index=index)}
        for address in end.addresses:
            if address not in there:
                return f"{end.name} has lost its address {address}"
        found = {
            (str(route.get("dst") or "default"), route["dst_len"], route.get("gateway"))
            for route in ip.get_routes(oif=index)
        }
        for prefix, gateway in end.routes:
            to = "default" if prefix.prefixlen == 0 else str(prefix.network_address)
            if (to, prefix.prefixlen, str(gateway)) not in found:
                return f"the route to {prefix} by {gateway} is gone"
    return None


def _write_setting(interface: str, name: str, value: str) -> None:
    """A setting of IPv6; kernels without it have none."""
    with suppress(FileNotFoundError):
        Path(f"/proc/sys/net/ipv6/conf/{interface}/{name}").write_text(value)
