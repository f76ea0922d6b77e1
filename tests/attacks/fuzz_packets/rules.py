"""The firewall: points 18 and 19 of the contract."""

from __future__ import annotations

from tests.attacks.fuzz_packets import frames as f
from tests.attacks.fuzz_packets.fabric import Net, Rule, World
from tests.attacks.fuzz_packets.sources import in_prefix, in_subnet

__all__ = ["Rules"]


class Rules:
    """The rules of one world's tenants."""

    def __init__(self, world: World) -> None:
        tenants = {net.tenant for net in world.nets}
        self._rules = {tenant: world.rules_of(tenant) for tenant in tenants}

    def check(self, net: Net, packet: f.Ip) -> None:
        """The first rule that matches decides; `net` is where the packet came in."""
        source, destination = self._judged(net, packet)
        for rule in self._rules[net.tenant]:
            if self._matches(rule, packet, source, destination):
                if rule.action == "deny":
                    raise f.Refused(f"18 denied{' later fragment' if packet.later else ''}")
                return

    @staticmethod
    def _judged(net: Net, packet: f.Ip) -> tuple[int, int]:
        """Source and destination, those of a link only as an address of the network."""
        own = net.subnets_of(packet.version)
        scope = int(own[0].network_address) if own else 0
        source, destination = packet.source, packet.destination
        if packet.version == 4:
            if destination >> 28 >= 0xE:
                destination = scope
        else:
            if destination >> 120 == 0xFF or in_prefix(destination, 6, 0xFE80 << 112, 10):
                destination = scope
            if in_prefix(source, 6, 0xFE80 << 112, 10):
                source = scope
        return source or scope, destination

    @staticmethod
    def _matches(rule: Rule, packet: f.Ip, source: int, destination: int) -> bool:
        for side, address in ((rule.source, source), (rule.destination, destination)):
            if side is None:
                continue
            prefixes = side.subnets if isinstance(side, Net) else (side,)
            own = (one for one in prefixes if one.version == packet.version)
            if not any(in_subnet(address, one) for one in own):
                return False
        icmp = f.ICMP if packet.version == 4 else f.ICMPV6
        wanted = {None: None, "tcp": f.TCP, "udp": f.UDP, "icmp": icmp}[rule.protocol]
        if wanted is not None and packet.protocol != wanted:
            return False
        if packet.later and (rule.ports or rule.established):
            return rule.action == "deny"
        if rule.established and not packet.established:
            return False
        port = packet.dport
        return not rule.ports or (port is not None and any(low <= port <= high for low, high in rule.ports))
