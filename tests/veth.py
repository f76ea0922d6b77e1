"""Pairs of interfaces for tests. What a killed run has left is removed first."""

from __future__ import annotations

from pathlib import Path

from pyroute2 import IPRoute


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
