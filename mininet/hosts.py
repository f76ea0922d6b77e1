"""Mininet's hosts and links as the fabric needs them: real frames, gateways, bandwidth where it is measured.

This module knows interfaces and addresses. It knows nothing of switches' ways, nor what is tested.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from mininet.link import TCIntf, TCLink
from mininet.node import Host, Node, Switch

__all__ = ["ALIAS", "FabricHost", "FabricIntf", "FabricLink", "UserEquipment"]

ALIAS = "p4fabric-lab"
"""What interfaces of switches carry, so that what a killed lab has left can be told from others' things."""
_NO_OFFLOADS = "tx off rx off tso off gso off gro off"
"""A veth pair hands over what offloads leave undone: frames without checksums, larger than any wire's."""


_QUIET_IPV6 = ("accept_dad=0", "dad_transmits=0", "accept_ra=0", "router_solicitations=0")
_SHAPING = ("delay", "jitter", "loss", "max_queue_size")


def _quietly(node: Node, command: str) -> None:
    """Run a shell command where the node is.

    Raises:
        RuntimeError: it said something, and commands that configure have nothing to say.
    """
    if said := (node.cmd(command) or "").strip():
        raise RuntimeError(f"{node.name}: {command}: {said}")


class FabricIntf(TCIntf):
    """One end of a link. A host's end is shaped by tc; a switch's end is left to the switch's own queue."""

    bandwidth: float | None = None
    """Mbit/s that a switch is to send at the most."""
    queue_size: int | None = None
    """Packets that a switch's queue is to hold; None: as many as its others."""

    def config(self, bw: float | None = None, up: bool = True, **params: Any) -> dict[str, Any]:
        """Set the interface up, in few commands.

        Args:
            bw: Mbit/s, up to 1000 at a host's end.
            up: whether to set it up.
            params: what else Mininet has for TCIntf (delay, loss, ...), for hosts' ends.
        """
        self.bandwidth = bw
        self.queue_size = params.get("max_queue_size")
        at_switch = isinstance(self.node, Switch)
        commands = [f"ethtool -K {self.name} {_NO_OFFLOADS} >/dev/null"]
        if at_switch:
            # The kernel's own IP must neither speak on a switch's port nor answer there.
            commands.append(f"sysctl -qw net.ipv6.conf.{self.name}.disable_ipv6=1")
        at_switch_words = f"alias {ALIAS} arp off " if at_switch else ""
        state = "up" if up else "down"
        commands.append(f"ip link set {self.name} {at_switch_words}{state}")
        _quietly(self.node, "; ".join(commands))
        shaping = {name: params[name] for name in _SHAPING if name in params}
        if at_switch or not (bw or shaping):
            return {}
        return (
            super().config(bw=bw, txo=False, rxo=False, up=None, use_tbf=True, latency_ms=20, **shaping) or {}
        )


class FabricLink(TCLink):
    """A link with bandwidth (`bw`, Mbit/s): tc at a host's end, the switch's egress queue at a switch's."""

    def __init__(self, *nodes: Node, **params: Any) -> None:
        """Make the veth pair; arguments are those of Mininet's Link."""
        super().__init__(*nodes, **{"cls1": FabricIntf, "cls2": FabricIntf, **params})


class FabricHost(Host):
    """A host with IPv4, IPv6 and a gateway for each, that sends frames as a network card would."""

    def config(
        self,
        mac: str | None = None,
        ip: str | None = None,
        ip6: str | None = None,
        gateways: tuple[str, ...] = (),
        **_params: Any,
    ) -> dict[str, Any]:
        """Give the first interface its addresses.

        Args:
            mac: its MAC address.
            ip: IPv4 address with prefix length.
            ip6: IPv6 address with prefix length; there is no duplicate address detection.
            gateways: of IPv4 and IPv6, in any order.
        """
        interface = self.defaultIntf()
        if interface is None:
            self.cmd("ip link set lo up")
            return {}
        name = interface.name
        settings = " ".join(f"net.ipv6.conf.{name}.{setting}" for setting in _QUIET_IPV6)
        commands = [f"sysctl -qw {settings}", "ip link set lo up"]
        if mac:
            commands.append(f"ip link set {name} address {mac}")
            interface.mac = mac
        commands.append(f"ip link set {name} up")
        if ip:
            commands.append(f"ip address add {ip} dev {name}")
            interface.ip, _, interface.prefixLen = ip.partition("/")
        if ip6:
            commands.append(f"ip address add {ip6} dev {name} nodad")
        commands += [f"ip route add default via {gateway} dev {name}" for gateway in gateways]
        # Down at first: what is set later comes too late for the link-local address.
        _quietly(self, "; ".join([f"ip link set {name} down", *commands]))
        return {}


class UserEquipment(Host):
    """A UE: a namespace with no link. The gNB's program makes a TUN device in it."""

    def __init__(self, name: str, ip: str, **params: Any) -> None:
        """Take the address that its session gives it."""
        super().__init__(name, **params)
        self._address = IPv4Address(ip)

    def defaultIntf(self) -> None:
        """None: there is no link."""
        return

    def IP(self, intf: Any = None) -> str:
        """Its address, for Mininet's prompt (`ue1 ping dn`, `h1 ping ue1`)."""
        return str(self._address)

    def config(self, **_params: Any) -> dict[str, Any]:
        """Nothing to do until the gNB is there."""
        return {}
