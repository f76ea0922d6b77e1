"""Who may say which address is his own: points 12 and 13 of the contract, and which families are open."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from tests.attacks.fuzz_packets.fabric import Net, Place, World
from tests.attacks.fuzz_packets.frames import Refused

__all__ = ["Sources", "in_prefix", "in_subnet", "special_ipv4", "special_ipv6"]

BITS = {4: 32, 6: 128}


def in_prefix(address: int, version: int, prefix: int, length: int) -> bool:
    """Whether the first bits are the same."""
    shift = BITS[version] - length
    return address >> shift == prefix >> shift


def in_subnet(address: int, subnet: IPv4Network | IPv6Network) -> bool:
    """Whether an address of the subnet's family lies in it."""
    return in_prefix(address, subnet.version, int(subnet.network_address), subnet.prefixlen)


def special_ipv4(address: int) -> bool:
    """0/8, 127/8, 224/4, 240/4."""
    first = address >> 24
    return first in (0, 127) or first >= 224


def special_ipv6(address: int) -> bool:
    """::, ::1, multicast, IPv4-mapped."""
    return address in (0, 1) or address >> 120 == 0xFF or address >> 32 == 0xFFFF


def _is_end(address: int, subnet: IPv4Network | IPv6Network) -> bool:
    """Whether it is the subnet's network or broadcast address."""
    ends = (int(subnet.network_address), int(subnet.broadcast_address))
    return subnet.prefixlen < 31 and address in ends


class Sources:
    """The addresses of one world."""

    def __init__(self, world: World) -> None:
        self._bound: dict[tuple[Net, int, int], list[tuple[Place, int]]] = {}
        """By network, family and address: where it is, with which MAC."""
        for net in world.nets:
            for host in net.hosts:
                for address in host.addresses:
                    where = self._bound.setdefault((net, address.version, int(address)), [])
                    where.append((host.place, host.mac))
        self._tenants: dict[str, set[tuple[int, int]]] = {}
        self._ues: dict[str, set[int]] = {}
        self._nets: dict[str, list[Net]] = {}
        for net in world.nets:
            self._nets.setdefault(net.tenant, []).append(net)
            owned = self._tenants.setdefault(net.tenant, set())
            owned.update((gateway.version, int(gateway)) for gateway in net.gateways)
        for service in world.services:
            self._tenants[service.tenant].add((4, int(service.address)))
        for session in world.sessions:
            self._tenants[session.tenant] |= {(4, int(session.n3)), (4, int(session.ue))}

    def check_open(self, net: Net, version: int) -> None:
        """A family without a subnet is closed."""
        if net.subnets and not net.subnets_of(version):
            raise Refused(f"13 IPv{version} is closed")

    def check(
        self, net: Net, place: Place, mac: int, version: int, address: int, what: str = "1x source "
    ) -> None:
        """Whether somebody at a place may have an address."""
        if special_ipv4(address) if version == 4 else special_ipv6(address):
            raise Refused(f"{what}12 never a source")
        if not net.subnets:
            return
        if version == 4 and any(_is_end(address, subnet) for subnet in net.subnets_of(4)):
            raise Refused(f"{what}12 a subnet's own address")
        if (version, address) in self._tenants[net.tenant]:
            raise Refused(f"{what}12 the fabric's own")
        if version == 6 and in_prefix(address, 6, 0xFE80 << 112, 10):
            return
        bound = self._bound.get((net, version, address))
        if bound is not None:
            if (place, mac) not in bound:
                raise Refused(f"{what}13 bound elsewhere")
            return
        if any(in_subnet(address, subnet) for subnet in net.subnets_of(version)):
            if place.addresses:
                raise Refused(f"{what}13 not the stated address")
            return
        if not self._behind(net, place, mac, version, address):
            raise Refused(f"{what}13 foreign")

    def _behind(self, net: Net, place: Place, mac: int, version: int, address: int) -> bool:
        """Whether the sender is the next hop of the most specific route that covers the address."""
        for other in self._nets[net.tenant]:
            if other is not net and any(in_subnet(address, one) for one in other.subnets_of(version)):
                return False
        covering = [one for one in net.routes if one[0].version == version and in_subnet(address, one[0])]
        if not covering:
            return False
        _, via = max(covering, key=lambda one: one[0].prefixlen)
        return (place, mac) in self._bound.get((net, version, int(via)), ())
