"""May this frame pass, and where does it come out? Written from the rules of what an edge port lets in.

The order of questions is the reader's, not the pipeline's: a frame that is dropped for two reasons is
called after the first one found here. Reasons begin with the point that they come from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.attacks.fuzz_packets import frames as f
from tests.attacks.fuzz_packets.fabric import FABRIC_PORT, ROUTER, Net, Place, World
from tests.attacks.fuzz_packets.forwarding import Exit, Forwarding, Way
from tests.attacks.fuzz_packets.rules import Rules
from tests.attacks.fuzz_packets.sources import Sources, in_prefix, special_ipv4

__all__ = ["Evaluator", "Verdict"]

BROADCAST = 0xFFFFFFFF
ND_TYPES = range(133, 138)
UNJUDGED_MLD = frozenset({130, 131, 132, 143})
DHCP_CLIENT = {4: 68, 6: 546}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ways` are the alternatives of where it comes out; none, and no exit, where it is dropped. `reason` is
    the class that it belongs to. `either`: the contract leaves it open."""

    reason: str
    ways: tuple[Way, ...] = ()
    either: bool = False

    @property
    def passes(self) -> bool:
        """Something comes out."""
        return any(self.ways)


class Evaluator:
    """Judges the frames of one world."""

    def __init__(self, world: World, vlans: dict[str, int]) -> None:
        self._slots = world.slots()
        self._sources = Sources(world)
        self._rules = Rules(world)
        self._forwarding = Forwarding(world, vlans)

    def judge(self, port: int, frame: bytes) -> Verdict:
        """The verdict on a frame that comes in at an edge port, or from another leaf, which judged it."""
        try:
            link = f.parse_link(frame)
            return self._trusted(link) if port == FABRIC_PORT else self._judge(port, link)
        except f.Refused as refused:
            return Verdict(str(refused))

    def _trusted(self, link: f.Link) -> Verdict:
        version = 4 if link.ethertype == f.IPV4 else 6
        try:
            packet = f.parse_ip(link.rest, version)
        except f.Refused:
            return Verdict("from the fabric, though not valid", either=True)
        way = self._forwarding.deliver(link, packet)
        if any(exit.port == FABRIC_PORT for exit in way):
            return Verdict("from the fabric, back to it", (way, ()))
        return Verdict(f"from the fabric IPv{version}" if way else "from the fabric, to nobody", (way,))

    def _judge(self, port: int, link: f.Link) -> Verdict:
        net, place = self._slots.get((port, link.tag), (None, None))
        if net is None or place is None:
            raise f.Refused("1 closed")
        self._check_link(link, net, place)
        if link.ethertype == f.ARP:
            return self._arp(link, net, place)
        if link.ethertype not in (f.IPV4, f.IPV6):
            return self._bridged("5 other protocol", net, place, link)
        version = 4 if link.ethertype == f.IPV4 else 6
        packet = f.parse_ip(link.rest, version)
        self._sources.check_open(net, version)
        self._check_source(link, net, place, packet)
        self._check_dhcp(place, packet)
        if packet.icmp is not None and version == 6 and packet.icmp[0] in ND_TYPES:
            self._check_nd(link, net, place, packet)
            target = packet.payload[8:24]
            to_router = self._forwarding.is_routed(net, link.destination)
            if (
                packet.icmp[0] == 135
                and not (to_router and packet.source == 0)
                and self._forwarding.owns(net, 6, int.from_bytes(target, "big"))
            ):
                answer = (Exit.answer_at(place),)
                if packet.source == 0:
                    # Somebody is about to take the address: an answer would stop him, it is not promised.
                    return Verdict(
                        "16 DAD for the fabric's", (answer, self._forwarding.bridge(net, place, link, packet))
                    )
                return Verdict("16 answered", (answer,))
        if self._forwarding.is_routed(net, link.destination):
            return self._route(net, packet)
        if not _is_links_own(packet):
            self._rules.check(net, packet)
        return self._bridged(f"bridged {_class(packet)}", net, place, link, packet)

    def _bridged(
        self, reason: str, net: Net, place: Place, link: f.Link, packet: f.Ip | None = None
    ) -> Verdict:
        way = self._forwarding.bridge(net, place, link, packet)
        if any(exit.port == place.port for exit in way):
            # Whether a bridge filters those is not said: it may come out or not.
            return Verdict("bridged back to its port", (way, ()))
        return Verdict(reason if way else "flooded to nobody", (way,))

    # --- the frame -------------------------------------------------------------------------------

    def _check_link(self, link: f.Link, net: Net, place: Place) -> None:
        if link.source >> 40 & 1 or link.source in (0, ROUTER):
            raise f.Refused("3 source MAC")
        if place.mac is not None and link.source != place.mac:
            raise f.Refused("3 not the stated MAC")
        if link.destination >> 4 == 0x0180C200000:
            raise f.Refused("4 link-local control")
        if link.ethertype == f.LLDP:
            raise f.Refused("4 LLDP")
        if link.ethertype not in (f.IPV4, f.ARP, f.IPV6) and net.subnets:
            raise f.Refused("5 EtherType")

    def _arp(self, link: f.Link, net: Net, place: Place) -> Verdict:
        self._sources.check_open(net, 4)
        arp = f.parse_arp(link.rest)
        if arp.sender_mac != link.source:
            raise f.Refused("15 ARP sender MAC")
        if arp.sender != 0 or arp.operation != 1:
            self._sources.check(net, place, link.source, 4, arp.sender, "15 ARP ")
        if arp.operation == 1 and self._forwarding.owns(net, 4, arp.target):
            return Verdict("15 answered", ((Exit.answer_at(place),),))
        if self._forwarding.is_routed(net, link.destination):
            raise f.Refused("15 ARP to the router")
        return self._bridged("15 ARP", net, place, link)

    def _check_source(self, link: f.Link, net: Net, place: Place, packet: f.Ip) -> None:
        if packet.source == 0:
            if packet.version == 4:
                discovering = packet.protocol == f.UDP and (packet.sport, packet.dport) == (68, 67)
                if not discovering or packet.fragmented or packet.destination != BROADCAST:
                    raise f.Refused("14 IPv4 0.0.0.0")
            elif packet.protocol != f.ICMPV6 or packet.destination >> 120 != 0xFF or packet.later:
                raise f.Refused("14 IPv6 ::")
        else:
            self._sources.check(net, place, link.source, packet.version, packet.source)

    def _check_dhcp(self, place: Place, packet: f.Ip) -> None:
        is_offer = packet.protocol == f.UDP and packet.dport == DHCP_CLIENT[packet.version]
        if is_offer and "dhcpServer" not in place.trusted:
            raise f.Refused("17 DHCP server")

    def _check_nd(self, link: f.Link, net: Net, place: Place, packet: f.Ip) -> None:
        assert packet.icmp is not None
        kind, code = packet.icmp
        if code != 0 or packet.ttl != 255 or packet.extended:
            raise f.Refused("16 ND malformed")
        if kind in (134, 137) and "ipv6Router" not in place.trusted:
            raise f.Refused("16 no router")
        if kind not in (135, 136):
            return
        body = packet.payload
        if packet.length not in (24, 32):
            raise f.Refused("16 ND length")
        if packet.length == 32:
            if body[25] != 1:
                raise f.Refused("16 ND option")
            if body[24] in (1, 2) and int.from_bytes(body[26:32], "big") != link.source:
                raise f.Refused("16 ND option's MAC")
        if kind == 136:
            target = int.from_bytes(body[8:24], "big")
            self._sources.check(net, place, link.source, 6, target, "16 NA target ")
            if packet.source != target and not in_prefix(packet.source, 6, 0xFE80 << 112, 10):
                raise f.Refused("16 NA source")

    # --- routed packets --------------------------------------------------------------------------

    def _route(self, net: Net, packet: f.Ip) -> Verdict:
        kind = "routed "
        if packet.version == 4 and self._forwarding.is_n3(net.tenant, packet.destination):
            if f.is_echo_request(packet):
                return Verdict("21 echo request", either=True)  # answered, so often
            packet, odd = self._open(net, packet)
            kind = "uplink "
            if odd:
                return Verdict(f"21 {odd}", either=True)
            if packet.protocol == f.UDP and packet.dport == 68:
                raise f.Refused("17 DHCP in a tunnel")
            if self._forwarding.is_n3(net.tenant, packet.destination):
                raise f.Refused("21 tunnel in a tunnel")
        _check_routed(packet)
        servers = self._forwarding.servers(net.tenant, packet)
        if servers is None:
            self._rules.check(net, packet)
            verdict = self._forwarded(kind, net, packet)
            # Nobody needs these beyond their link: a router may drop them, but not pass them unjudged.
            return replace(verdict, ways=(*verdict.ways, ())) if _is_links_own(packet) else verdict
        return self._balanced(net, servers)

    def _balanced(self, net: Net, servers: list[f.Ip]) -> Verdict:
        """To one of the servers: each is judged as if it were the one."""
        verdicts = []
        for server in servers:
            try:
                self._rules.check(net, server)
                verdicts.append(self._forwarded("balanced ", net, server))
            except f.Refused as refused:
                verdicts.append(Verdict(str(refused), ((),)))
        ways = tuple(way for verdict in verdicts for way in (verdict.ways or ((),)))
        reason = next((one.reason for one in verdicts if one.passes), verdicts[0].reason)
        return Verdict(reason, ways)

    def _forwarded(self, kind: str, net: Net, packet: f.Ip) -> Verdict:
        way = self._forwarding.route(net, packet)
        return Verdict(kind + _class(packet), (way,)) if way else Verdict("no route")

    def _open(self, net: Net, outer: f.Ip) -> tuple[f.Ip, str]:
        """The packet of a UE inside of a G-PDU, and what the contract leaves open."""
        if outer.fragmented or outer.protocol != f.UDP or outer.dport != f.GTPU_PORT:
            raise f.Refused("21 N3 address")
        length = int.from_bytes(outer.payload[4:6], "big")
        tunnelled = f.parse_gtpu(outer.payload[8:length])
        inner = f.parse_ip(tunnelled.inner, 4, checked=False)
        session = self._forwarding.session(net.tenant, outer.destination, tunnelled.teid)
        if session is None or inner.source != int(session.ue) or outer.source != int(session.gnb):
            raise f.Refused("21 no session")
        if outer.extended or inner.extended:
            raise f.Refused("21 AH around or in a tunnel")
        return inner, tunnelled.odd


def _is_links_own(packet: f.Ip) -> bool:
    """Neighbour discovery and multicast listeners' reports: of no rule's business, while on their link."""
    if packet.icmp is None or packet.version != 6:
        return False
    kind, to_group = packet.icmp[0], packet.destination >> 120 == 0xFF
    if kind in UNJUDGED_MLD:
        return to_group and packet.ttl == 1
    return kind in (134, 135, 136) or (kind == 133 and to_group)


def _check_routed(packet: f.Ip) -> None:
    if packet.ttl <= 1:
        raise f.Refused("11 TTL")
    if packet.version == 4:
        if special_ipv4(packet.destination):
            raise f.Refused("11 destination")
    else:
        to, source = packet.destination, packet.source
        local = in_prefix(to, 6, 0xFE80 << 112, 10) or in_prefix(source, 6, 0xFE80 << 112, 10)
        if to >> 120 == 0xFF or local or to in (0, 1) or source == 0:
            raise f.Refused("11 destination")


def _class(packet: f.Ip) -> str:
    names = {f.TCP: "TCP", f.UDP: "UDP", f.ICMP: "ICMP", f.ICMPV6: "ICMPv6"}
    traits = " later fragment" if packet.later else " first fragment" if packet.fragmented else ""
    extended = " extended" if packet.extended else ""
    return f"IPv{packet.version} {names.get(packet.protocol, 'other')}{extended}{traits}"
