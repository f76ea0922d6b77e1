"""Who lives on the leaf that is attacked: two tenants' networks, hosts, rules, a service and a session.

1 alice   2 bob   3 carol (stated)   4 router (trusted; 10.0.0.0/8 and 2001:db8:70::/48 behind it)  `clients`
5 server  6 backend (of the services)   13 listener, a kernel (stated)                               `servers`
7 gnb     8 intruder                                                                      `access`, IPv4 only
9 tag 10, 10 untagged                                                              `wire`, without subnets
9 tag 30, 11 tag 30                                                                        `sixes`, IPv6 only
10 tag 20, 11 untagged                                       `vault`, without subnets, of the other tenant
12 is in no network. All of 1 to 12 have tag 4000 for the markers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet

from tests.attacks.bed import LISTENER_PORT, MARKER_TAG, WIRES

__all__ = [
    "ALICE",
    "BACKEND",
    "BOB",
    "CAROL",
    "CLOSED_PORT",
    "DNS",
    "GNB",
    "INTENTS",
    "INTRUDER",
    "LEARNED",
    "LISTENER",
    "N3",
    "ROUTER_HOST",
    "SERVER",
    "SIX",
    "SIX_NEIGHBOR",
    "UE",
    "UPLINK_TEID",
    "VAULT",
    "WEB",
    "WIRE_TAGGED",
    "WIRE_UNTAGGED",
    "Host",
]


@dataclass(frozen=True)
class Host:
    """Where a host is and what it is called there."""

    port: int
    mac: str
    ip: str = ""
    ip6: str = ""
    tag: int | None = None
    link: str = ""
    """Its link-local address, if anybody is to know it."""

    def ether(self, to: Host | str, **fields: Any) -> Packet:
        """The head of a frame of this host, with its tag: to a host, or to a MAC address."""
        head = Ether(src=self.mac, dst=to.mac if isinstance(to, Host) else to, **fields)
        return head if self.tag is None else head / Dot1Q(vlan=self.tag)

    def announcements(self, to: str | None = None) -> list[bytes]:
        """What tells everybody, or one MAC address, that the host is there with its addresses."""
        frames: list[bytes] = []
        if self.ip:
            claim = ARP(op=2, hwsrc=self.mac, psrc=self.ip, pdst=self.ip)
            frames.append(bytes(self.ether(to or "ff:ff:ff:ff:ff:ff") / claim))
        for address in filter(None, (self.ip6, self.link)):
            claim6 = ICMPv6ND_NA(R=0, S=0, O=1, tgt=address) / ICMPv6NDOptDstLLAddr(lladdr=self.mac)
            ip = IPv6(src=address, dst="ff02::1", hlim=255)
            frames.append(bytes(self.ether(to or "33:33:00:00:00:01") / ip / claim6))
        return frames


ALICE = Host(1, "02:00:00:00:01:10", "10.0.1.10", "2001:db8:1::10")
BOB = Host(2, "02:00:00:00:01:11", "10.0.1.11", "2001:db8:1::11")
CAROL = Host(3, "02:00:00:00:01:12", "10.0.1.12", "2001:db8:1::12")
ROUTER_HOST = Host(4, "02:00:00:00:01:14", "10.0.1.14", "2001:db8:1::14", link="fe80::14")
SERVER = Host(5, "02:00:00:00:02:11", "10.0.2.11", "2001:db8:2::11")
BACKEND = Host(6, "02:00:00:00:02:12", "10.0.2.12", "2001:db8:2::12")
GNB = Host(7, "02:00:00:00:03:10", "10.0.3.10")
INTRUDER = Host(8, "02:00:00:00:03:11", "10.0.3.11")
WIRE_TAGGED = Host(9, "02:00:00:00:09:01", "10.9.0.1", tag=10)
WIRE_UNTAGGED = Host(10, "02:00:00:00:09:02", "10.9.0.2")
SIX = Host(9, "02:00:00:00:06:01", "", "2001:db8:6::1", tag=30)
SIX_NEIGHBOR = Host(11, "02:00:00:00:06:02", "", "2001:db8:6::2", tag=30)
VAULT = Host(11, "02:00:00:00:0a:01", "10.9.0.3")
CLOSED_PORT = Host(12, "02:00:00:00:0c:01", "10.0.1.99")
LISTENER = Host(LISTENER_PORT, "02:00:00:00:02:23", "10.0.2.23", "2001:db8:2::23")

LEARNED = (ALICE, BOB, ROUTER_HOST, SERVER, BACKEND, GNB, INTRUDER, SIX, SIX_NEIGHBOR)
"""Hosts that the fabric knows because they spoke."""
WEB, DNS = "10.0.100.80", "10.0.100.53"
"""Virtual IPs: tcp/80 is the backend's 8080, udp/53 its 5353."""
N3, UE, UPLINK_TEID = "10.0.3.2", "10.45.0.2", 0x101


def _intent(kind: str, name: str, tenant: str = "acme", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "name": name, "tenant": tenant, "spec": spec}


def _at(port: int, tag: int | None = None, **more: Any) -> dict[str, Any]:
    return {"switch": "leaf1", "port": port, **({} if tag is None else {"vlan": tag}), **more}


def _stated(host: Host) -> dict[str, Any]:
    return _at(host.port, mac=host.mac, addresses=[host.ip, host.ip6])


def _rule(name: str, action: str, **match: Any) -> dict[str, Any]:
    return {"name": name, "action": action, **match}


def _each_family(
    name: str, action: str, *, source: Host | None = None, to: Host | None = None, **match: Any
) -> list[dict[str, Any]]:
    """A rule about one host, for each of its addresses."""
    rules = []
    for family in ("ip", "ip6"):
        length = {"ip": 32, "ip6": 128}[family]
        sides = {"from": source, "to": to}
        given = {side: {"cidr": f"{getattr(host, family)}/{length}"} for side, host in sides.items() if host}
        rules.append(_rule(f"{name}-{family}", action, **given, **match))
    return rules


INTENTS: list[dict[str, Any]] = [
    _intent(
        "Network", "clients",
        subnets=["10.0.1.0/24", "2001:db8:1::/64"], gateways=["10.0.1.1", "2001:db8:1::1"],
        attachments=[
            _at(1), _at(2), _stated(CAROL), _at(4, trusted=["dhcpServer", "ipv6Router"]),
        ],
        routes=[
            {"prefix": "10.0.0.0/8", "via": ROUTER_HOST.ip},
            {"prefix": "2001:db8:70::/48", "via": ROUTER_HOST.ip6},
        ],
    ),
    _intent(
        "Network", "servers",
        subnets=["10.0.2.0/24", "2001:db8:2::/64"], gateways=["10.0.2.1", "2001:db8:2::1"],
        attachments=[_at(5), _at(6), _stated(LISTENER)],
    ),
    _intent(
        "Network", "access", subnets=["10.0.3.0/24"], gateways=["10.0.3.1"], attachments=[_at(7), _at(8)]
    ),
    _intent("Network", "wire", attachments=[_at(9, 10), _at(10)]),
    _intent(
        "Network", "sixes", subnets=["2001:db8:6::/64"], gateways=["2001:db8:6::f"],
        attachments=[_at(9, 30), _at(11, 30)],
    ),
    _intent("Network", "vault", "blue", attachments=[_at(10, 20), _at(11)]),
    _intent(
        "Network", "markers", "probe", floodRate=1_000_000,
        attachments=[_at(port, MARKER_TAG) for port in WIRES],
    ),
    _intent(
        "FirewallPolicy", "ports", priority=2000,
        rules=[
            _rule("no-telnet", "deny", to={"network": "servers"}, protocol="tcp", ports=[23]),
            *_each_family("no-telnet-to-carol", "deny", to=CAROL, protocol="tcp", ports=[23]),
            *_each_family("server-5000", "allow", to=SERVER, protocol="udp", ports=[5000]),
            *_each_family("server-no-more", "deny", to=SERVER, protocol="udp"),
            *_each_family("no-tftp", "deny", to=BACKEND, protocol="udp", ports=[69]),
            *_each_family("server-answers", "allow", source=SERVER, protocol="tcp", established=True),
            *_each_family("server-asks-not", "deny", source=SERVER, protocol="tcp"),
            *_each_family("bob-is-quiet", "deny", source=BOB, to=SERVER),
        ],
    ),
    _intent(
        "FirewallPolicy", "networks",
        rules=[
            _rule("access-stays-out", "deny", to={"network": "servers"}, **{"from": {"network": "access"}}),
            _rule("nothing-to-sixes", "deny", to={"network": "sixes"}, **{"from": {"network": "clients"}}),
            _rule("no-mdns-in-sixes", "deny", to={"network": "sixes"}, protocol="udp", ports=[5353]),
        ],
    ),
    _intent(
        "Service", "web", virtualIp=WEB, protocol="tcp", port=80,
        pool=[{"address": BACKEND.ip, "port": 8080}],
    ),
    _intent(
        "Service", "dns", virtualIp=DNS, protocol="udp", port=53,
        pool=[{"address": BACKEND.ip, "port": 5353}],
    ),
    _intent(
        "UpfSession", "ue1", accessNetwork="access", dataNetwork="servers", n3Address=N3, gnbAddress=GNB.ip,
        uplinkTeid=UPLINK_TEID, downlinkTeid=0x201, ueAddress=UE, qfi=9,
    ),
]  # fmt: skip
