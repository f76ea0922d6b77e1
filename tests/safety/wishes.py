"""Documents of two tenants who want the same few ports and the same addresses, for hypothesis to combine."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from p4fabric.controller.names import IntentKey, PortRef, TenantName

from .packets import EDGE_PORTS, N3, SERVER_PORT, SERVICE_PORT, TAG, TEID, UE, VIRTUAL_IP, address, mac

__all__ = ["USUAL", "Document", "attachment", "documents", "intent", "key_of", "keys", "network"]

Document = dict[str, Any]
TENANTS = ("red", "blue")
SUBNET_OF = {"a": 1, "b": 2}
ROUTED = ("10.0.0.0/16", "10.0.2.0/23", "10.0.8.0/22", "10.0.9.0/24", "10.45.0.0/16")
"""Prefixes behind hosts. Some are around others, or around subnets, the virtual IP and the UE."""


def intent(kind: str, name: str, tenant: str, **spec: Any) -> Document:
    return {"kind": kind, "name": name, "tenant": tenant, "spec": spec}


def key_of(document: Document) -> IntentKey:
    return IntentKey(document["kind"], TenantName(document["tenant"]), document["name"])


def attachment(port: PortRef, subnet: int, style: str = "learned") -> Document:
    """A port, with what is said of its host."""
    found: Document = {"switch": port.switch, "port": int(port.port)}
    if style == "tagged":
        return {**found, "vlan": TAG}
    if style != "learned":
        found["mac"] = str(mac(port))
    if style == "stated":
        found["addresses"] = [str(address(port, subnet))]
    return found


def network(tenant: str, name: str, *attachments: Document, **spec: Any) -> Document:
    """10.0.1.0/24 is network `a`, 10.0.2.0/24 is `b`; both tenants use the same addresses."""
    number = SUBNET_OF[name]
    usual = {"subnets": [f"10.0.{number}.0/24"], "gateways": [f"10.0.{number}.1"]}
    return intent("Network", name, tenant, **{**usual, "attachments": list(attachments), **spec})


@st.composite
def _networks(draw: st.DrawFn) -> Document:
    tenant, name = draw(st.sampled_from(TENANTS)), draw(st.sampled_from(("a", "b")))
    subnet = SUBNET_OF[name]
    ports = draw(st.lists(st.sampled_from(EDGE_PORTS), unique=True, min_size=1, max_size=4))
    attachments = []
    for port in ports:
        styles = ["stated", "stated", "learned", "mac"] + ["tagged"] * (port.port == 3)
        attachments.append(attachment(port, subnet, draw(st.sampled_from(styles))))
    routes = [
        {"prefix": prefix, "via": str(address(draw(st.sampled_from(ports)), subnet))}
        for prefix in draw(st.just(()) | st.lists(st.sampled_from(ROUTED), unique=True, max_size=2))
    ]
    return network(tenant, name, *attachments, routes=routes)


_hosts = st.builds(address, st.sampled_from(EDGE_PORTS), st.sampled_from((1, 2)))
_endpoints = st.one_of(
    st.none(),
    st.sampled_from(({"network": "a"}, {"network": "b"})),
    st.sampled_from(({"cidr": "10.0.1.0/24"}, {"cidr": "10.0.2.0/24"}, {"cidr": "10.0.0.0/16"})),
    st.builds(lambda host: {"cidr": f"{host}/32"}, _hosts),
)


@st.composite
def _policies(draw: st.DrawFn) -> Document:
    name = draw(st.sampled_from(("low", "high")))
    rules = []
    for number in range(draw(st.integers(1, 3))):
        rule: Document = {"name": f"r{number}", "action": draw(st.sampled_from(("allow", "deny", "deny")))}
        for side in ("from", "to"):
            if (endpoint := draw(_endpoints)) is not None:
                rule[side] = endpoint
        ports = draw(st.sampled_from((None, None, 80, 22, 8080)))
        if ports is not None:
            rule |= {"protocol": "tcp", "ports": [ports]}
        rules.append(rule)
    priority = {"low": 1000, "high": 2000}[name]
    return intent("FirewallPolicy", name, draw(st.sampled_from(TENANTS)), priority=priority, rules=rules)


@st.composite
def _services(draw: st.DrawFn) -> Document:
    servers = draw(st.lists(_hosts, unique=True, min_size=1, max_size=2))
    return intent(
        "Service", "web", draw(st.sampled_from(TENANTS)), virtualIp=str(VIRTUAL_IP), protocol="tcp",
        port=SERVICE_PORT, pool=[{"address": str(server), "port": SERVER_PORT} for server in servers],
    )  # fmt: skip


@st.composite
def _sessions(draw: st.DrawFn) -> Document:
    return intent(
        "UpfSession", "ue", draw(st.sampled_from(TENANTS)), accessNetwork="a", dataNetwork="b",
        n3Address=str(N3), gnbAddress=str(address(draw(st.sampled_from(EDGE_PORTS)), 1)),
        uplinkTeid=TEID, downlinkTeid=0x201, ueAddress=str(UE), qfi=9,
    )  # fmt: skip


documents = st.one_of(
    _networks(), _networks(), _networks(), _policies(), _policies(), _services(), _sessions()
)
USUAL = (
    network("red", "a", attachment(EDGE_PORTS[0], 1, "stated"), attachment(EDGE_PORTS[3], 1, "stated")),
    network("red", "b", attachment(EDGE_PORTS[1], 2, "stated"), attachment(EDGE_PORTS[4], 2, "stated")),
    network("blue", "a", attachment(EDGE_PORTS[2], 1, "stated"), attachment(EDGE_PORTS[5], 1, "stated")),
    intent(
        "FirewallPolicy", "low", "red",
        rules=[{"name": "r", "action": "deny", "from": {"network": "a"}, "to": {"network": "b"}}],
    ),
)  # fmt: skip
"""All ports are in use, and one network may not send to another of its tenant."""

keys = st.builds(
    lambda tenant, rest: IntentKey(rest[0], TenantName(tenant), rest[1]),
    st.sampled_from(TENANTS),
    st.sampled_from(
        (
            ("Network", "a"),
            ("Network", "a"),
            ("Network", "b"),
            ("FirewallPolicy", "low"),
            ("FirewallPolicy", "high"),
            ("Service", "web"),
            ("UpfSession", "ue"),
        )
    ),
)
