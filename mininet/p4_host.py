"""A Mininet host for P4 labs: it sends frames as a network card would, and nothing that nobody asked for."""

from __future__ import annotations

from typing import Any

from mininet.node import Host

__all__ = ["P4Host"]

_NO_OFFLOADS = "tx off rx off tso off gso off gro off"


class P4Host(Host):
    """Without offloads, so that switches see whole frames with checksums; without IPv6 unless `ipv6=True`."""

    def __init__(self, name: str, ipv6: bool = False, **params: Any) -> None:
        """Take Mininet's parameters of a host, and whether it speaks IPv6."""
        super().__init__(name, **params)
        self._ipv6 = ipv6

    def config(self, **params: Any) -> dict[str, Any]:
        """As Mininet configures a host, with all of its interfaces."""
        if not self._ipv6:
            for kind in ("all", "default"):
                self.cmd(f"sysctl -qw net.ipv6.conf.{kind}.disable_ipv6=1")
        done: dict[str, Any] = super().config(**params)
        for interface in self.intfList():
            if interface.name != "lo":
                self.cmd(f"ethtool -K {interface.name} {_NO_OFFLOADS} >/dev/null 2>&1")
        return done
