"""The fabric that is flooded: who is plugged in where, and what is asked of the controller.

  the flooder: h1, gnb, closed, link ─┐
h2 h3 (clients) ── leaf1 ── spine1 ── leaf2 ── s1 s2 (servers)
k1 (control)    ── control1 ──────── control2 ── k2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "CLOSED",
    "GATEWAY",
    "GATEWAY6",
    "GNB",
    "H1",
    "H2",
    "H3",
    "HOSTS",
    "INTENTS",
    "K1",
    "K2",
    "LINKS",
    "N3_ADDRESS",
    "S1",
    "S2",
    "SPARE_PORTS",
    "SWITCHES",
    "TEID",
    "UE_ADDRESS",
    "UNUSED_LINK",
    "Host",
]

SWITCHES = {"leaf1": "leaf", "spine1": "spine", "leaf2": "leaf", "control1": "leaf", "control2": "leaf"}
"""Their roles."""
LINKS = ((("leaf1", 9), ("spine1", 1)), (("spine1", 2), ("leaf2", 9)), (("control1", 9), ("control2", 9)))
CLOSED = 4
"""A port of leaf1 in no network."""
UNUSED_LINK = 10
"""A port of leaf1 where a link to a switch may be, and is none."""
SPARE_PORTS = (("leaf1", CLOSED), ("leaf1", UNUSED_LINK))


@dataclass(frozen=True, slots=True)
class Host:
    """A place for one."""

    name: str
    switch: str
    port: int
    address: str
    gateway: str

    @property
    def mac(self) -> str:
        """Made of its address."""
        return "02:00:" + ":".join(f"{int(part):02x}" for part in self.address.split("."))


GATEWAY, GATEWAY6 = "10.1.0.1", "2001:db8:1::1"
H1 = Host("h1", "leaf1", 1, "10.1.0.10", GATEWAY)
H2 = Host("h2", "leaf1", 2, "10.1.0.2", GATEWAY)
H3 = Host("h3", "leaf1", 3, "10.1.0.3", GATEWAY)
GNB = Host("gnb", "leaf1", 5, "10.3.0.10", "10.3.0.1")
S1 = Host("s1", "leaf2", 1, "10.2.0.11", "10.2.0.1")
S2 = Host("s2", "leaf2", 2, "10.2.0.12", "10.2.0.1")
K1 = Host("k1", "control1", 1, "10.9.0.1", "10.9.0.254")
K2 = Host("k2", "control2", 1, "10.9.0.2", "10.9.0.254")
HOSTS = (H1, H2, H3, GNB, S1, S2, K1, K2)
N3_ADDRESS, UE_ADDRESS, TEID = "10.3.0.2", "10.45.0.2", 0x101


def _network(name: str, tenant: str, *hosts: Host, subnets: list[str], gateways: list[str]) -> dict[str, Any]:
    attachments = [{"switch": host.switch, "port": host.port} for host in hosts]
    spec = {"subnets": subnets, "gateways": gateways, "attachments": attachments}
    return {"kind": "Network", "name": name, "tenant": tenant, "spec": spec}


INTENTS = [
    _network(
        "clients", "acme", H1, H2, H3,
        subnets=["10.1.0.0/16", "2001:db8:1::/64"], gateways=[GATEWAY, GATEWAY6],
    ),
    _network("servers", "acme", S1, S2, subnets=["10.2.0.0/16"], gateways=[S1.gateway]),
    _network("access", "acme", GNB, subnets=["10.3.0.0/16"], gateways=[GNB.gateway]),
    _network("control", "control", K1, K2, subnets=["10.9.0.0/16"], gateways=[K1.gateway]),
    {
        "kind": "UpfSession",
        "name": "ue1",
        "tenant": "acme",
        "spec": {
            "accessNetwork": "access", "dataNetwork": "servers", "n3Address": N3_ADDRESS,
            "gnbAddress": GNB.address, "uplinkTeid": TEID, "downlinkTeid": 0x201,
            "ueAddress": UE_ADDRESS, "qfi": 9,
        },
    },
    {"kind": "TelemetryWatch", "name": "queues", "tenant": "acme", "spec": {"queueDepth": 64}},
]  # fmt: skip
