"""Hosts' addresses as p4-utils sets them when a network starts: what the strategy left open, and ARP."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, ip_interface

from p4fabric.net.model import Link
from p4fabric.net.read.assignment import Assignment
from p4fabric.net.read.document import Value


class Addresses:
    """Hosts' addresses: those that the file gives, the strategy's, or the next of 10.0.0.0/8."""

    def __init__(self, links: list[tuple[str, str, dict[str, Value]]], assignment: Assignment) -> None:
        self.assignment = assignment
        self._taken = {
            assigned.address.split("/")[0] for assigned in assignment.ends.values() if assigned.address
        }
        for _, _, fields in links:
            for side in (1, 2):
                if address := self._given(side, fields):
                    self._taken.add(str(address.ip))
        self._free = (str(one) for one in IPv4Network("10.0.0.0/8").hosts())

    @staticmethod
    def _given(side: int, fields: Mapping[str, Value]) -> IPv4Interface | IPv6Interface | None:
        params = fields.get(f"params{side}")
        if params is None or not isinstance(params.content, dict) or "ip" not in params.content:
            return None
        return Value(params.content["ip"], params.under("ip")).interface_address()

    def of(
        self, node: str, other: str, side: int, fields: Mapping[str, Value]
    ) -> IPv4Interface | IPv6Interface:
        """Of one of a host's interfaces."""
        if assigned := self.assignment.end(node, other).address:
            return ip_interface(assigned)
        if given := self._given(side, fields):
            return given
        address = next(one for one in self._free if one not in self._taken)
        self._taken.add(address)
        return IPv4Interface(f"{address}/8")


def static_arp(
    name: str,
    gateway: str | None,
    links: list[Link],
    assignment: Assignment,
    tables: bool,
    of_gateway: bool,
) -> dict[str, str]:
    """ARP entries of hosts in the same network, and of the gateway that a switch's port plays."""
    found: dict[str, str] = {}
    mine = [address for link in links for end in link.ends if end.node == name for address in end.addresses]
    for link in links:
        for end in link.ends:
            for address in end.addresses if tables and end.node != name and end.mac else ():
                if any(address.network == own.network for own in mine):
                    found[str(address.ip)] = str(end.mac)
    if gateway and of_gateway:
        for link in links:
            for end in link.ends:
                fake = assignment.end(end.node, link.other(end).node).address
                addresses = {str(address.ip) for address in end.addresses} | {(fake or "").split("/")[0]}
                # All ports of a switch that face hosts play the same gateway: the host's own port counts.
                if gateway in addresses and end.mac and link.other(end).node == name:
                    found[gateway] = end.mac
    return found
