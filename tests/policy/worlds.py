"""Random objects, as the API has them, and random changes of them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from itertools import product
from typing import Any

from hypothesis import strategies as st

from p4fabric.controller.policy import ObjectKey

from .oracle import Connection

Change = Mapping[ObjectKey, Mapping[str, Any] | None]

NAMESPACES = ("n1", "n2", "n3")
PODS = [(namespace, name) for namespace in NAMESPACES for name in ("a", "b")]
STRANGERS = ("10.0.0.77", "192.0.2.1", "2001:db8::1")
NODE_ADDRESSES = ("10.1.0.1", "10.1.0.2")
CIDRS: tuple[str, ...] = (
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/24",
    "10.0.0.0/30",
    "10.0.0.3/32",
    "10.0.1.0/24",
    "192.0.2.0/24",
)
CIDRS += ("::/0", "fd00::/64", "fd00::/112")
ODD_CIDR = "10.0.0.3/24"
"""As NetworkPolicies may have them, and ClusterNetworkPolicies may not."""
NAMES = ("web", "dns")
PORTS = (53, 80, 81, 8080)
ENDS = (80, 81, 90, 8080, 65535)
PROTOCOLS = ("TCP", "UDP", "SCTP")
KINDS = (*("NetworkPolicy", "ClusterNetworkPolicy", "Pod") * 4, "Namespace", "Namespace", "Node")

labels: st.SearchStrategy[dict[str, str]] = st.dictionaries(
    st.sampled_from("kl"), st.sampled_from("xy"), min_size=1
) | st.just({})
_values = st.lists(st.sampled_from("xyz"), min_size=1, max_size=2, unique=True)
_expression = st.one_of(
    st.fixed_dictionaries(
        {"key": st.sampled_from("kl"), "operator": st.sampled_from(("In", "NotIn")), "values": _values}
    ),
    st.fixed_dictionaries(
        {"key": st.sampled_from("kl"), "operator": st.sampled_from(("Exists", "DoesNotExist"))}
    ),
)
selector: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"matchLabels": labels}),
    st.fixed_dictionaries({"matchExpressions": st.lists(_expression, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"matchLabels": labels, "matchExpressions": st.lists(_expression, max_size=1)}),
)


@st.composite
def _ip_block(draw: st.DrawFn) -> dict[str, Any]:
    cidr, *rest = draw(st.lists(st.sampled_from((*CIDRS, ODD_CIDR)), min_size=1, max_size=3, unique=True))
    around = ip_network(cidr, strict=False)
    inside = [p for p in rest if p != cidr and ip_network(p, strict=False).version == around.version]
    excepts = [p for p in inside if ip_network(p, strict=False).subnet_of(around)]  # type: ignore[arg-type]
    return {"ipBlock": {"cidr": cidr, **({"except": excepts} if excepts else {})}}


_peer = st.one_of(
    st.fixed_dictionaries({"podSelector": selector}),
    st.fixed_dictionaries({"namespaceSelector": selector}),
    st.fixed_dictionaries({"namespaceSelector": selector, "podSelector": selector}),
    _ip_block(),
)
_protocol: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}), st.fixed_dictionaries({"protocol": st.sampled_from(PROTOCOLS)})
)
_port: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"port": st.sampled_from(PORTS)}),
    st.fixed_dictionaries({"port": st.sampled_from(NAMES)}),
    st.tuples(st.sampled_from(PORTS), st.sampled_from(ENDS)).map(
        lambda ends: {"port": min(ends), "endPort": max(ends)}
    ),
)
_np_port = st.tuples(_protocol, _port).map(lambda parts: {**parts[0], **parts[1]})


def _np_rules(side: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    rule = st.fixed_dictionaries(
        {side: st.lists(_peer, max_size=3)}, optional={"ports": st.lists(_np_port, min_size=1, max_size=3)}
    )
    return st.lists(rule, min_size=1, max_size=3) | st.just([])


network_policy = st.fixed_dictionaries(
    {"podSelector": selector, "ingress": _np_rules("from"), "egress": _np_rules("to")},
    optional={"policyTypes": st.sampled_from((["Ingress"], ["Egress"], ["Ingress", "Egress"]))},
).map(lambda spec: {"spec": spec})

_pods = st.one_of(
    st.fixed_dictionaries({"namespaces": selector}),
    st.fixed_dictionaries(
        {"pods": st.fixed_dictionaries({"namespaceSelector": selector, "podSelector": selector})}
    ),
)
_unknown = st.just({"workloads": {"kind": "Deployment"}})
_networks = st.fixed_dictionaries(
    {"networks": st.lists(st.sampled_from(CIDRS), min_size=1, max_size=2, unique=True)}
)
_nodes = st.fixed_dictionaries({"nodes": selector})
_port_of = st.one_of(
    st.fixed_dictionaries({"number": st.sampled_from(PORTS)}),
    st.sampled_from(({"start": 53, "end": 80}, {"start": 81, "end": 8080})).map(
        lambda found: {"range": found}
    ),
)
_numbered = st.sampled_from(("tcp", "udp", "sctp")).flatmap(
    lambda name: st.fixed_dictionaries({name: st.fixed_dictionaries({"destinationPort": _port_of})})
)
_named = st.fixed_dictionaries({"destinationNamedPort": st.sampled_from(NAMES)})


def _cnp_rules(side: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    near = st.one_of(_pods, _pods, _pods, _unknown)
    far = st.one_of(_pods, _networks, _nodes) if side == "to" else near
    action = st.sampled_from(("Accept", "Deny", "Pass"))

    def rule(peers: Any, protocols: Any) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries(
            {"action": action, side: st.lists(peers, min_size=1, max_size=2)},
            optional={"protocols": st.lists(protocols, min_size=1, max_size=2)},
        )

    return st.lists(
        st.one_of(rule(far, _numbered), rule(near, st.one_of(_numbered, _named))), min_size=1, max_size=4
    )


cluster_policy = st.fixed_dictionaries(
    {
        "tier": st.sampled_from(("Admin", "Baseline")),
        "priority": st.sampled_from((0, 10, 1000)),
        "subject": _pods,
        "ingress": _cnp_rules("from"),
    },
    optional={"egress": _cnp_rules("to")},
).map(lambda spec: {"spec": spec})

namespace = labels.map(lambda found: {"metadata": {"labels": found}})
node = st.tuples(labels, st.sampled_from(NODE_ADDRESSES)).map(
    lambda parts: {
        "metadata": {"labels": parts[0]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": parts[1]}, {"type": "Hostname", "address": "h"}]
        },
    }
)


@st.composite
def pod(draw: st.DrawFn, place: int) -> dict[str, Any]:
    """One whose addresses nobody else has."""
    kind = draw(st.integers(0, 19))
    ips = [{"ip": f"10.0.{place % 2}.{place + 1}"}, {"ip": f"fd00::{place % 2}:{place + 1}"}]
    if kind < 6:
        ips = ips[kind % 2 :][:1]
    ports = draw(
        st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(NAMES), "containerPort": st.sampled_from(PORTS)},
                optional={"protocol": st.sampled_from(PROTOCOLS)},
            ),
            max_size=2,
        )
    )
    return {
        "metadata": {"labels": draw(labels)},
        "spec": {"containers": [{"ports": ports}], **({"hostNetwork": True} if kind == 19 else {})},
        "status": {"podIPs": ips, "phase": "Succeeded" if kind == 18 else "Running"},
    }


@st.composite
def change(draw: st.DrawFn) -> Change:
    """Of one object; it goes in one of six cases."""
    kind = draw(st.sampled_from(KINDS))
    where, body = "", None
    is_there = draw(st.integers(0, 5)) > 0
    if kind == "Pod":
        place = draw(st.integers(0, len(PODS) - 1))
        where, name = PODS[place]
        body = draw(pod(place)) if is_there else None
    elif kind == "NetworkPolicy":
        where, name = draw(st.sampled_from(NAMESPACES)), draw(st.sampled_from("pq"))
        body = draw(network_policy) if is_there else None
    elif kind == "ClusterNetworkPolicy":
        name = draw(st.sampled_from("pqr"))
        body = draw(cluster_policy) if is_there else None
    elif kind == "Namespace":
        name = draw(st.sampled_from(NAMESPACES))
        body = draw(namespace) if is_there else None
    else:
        name = draw(st.sampled_from(("w1", "w2")))
        body = draw(node) if is_there else None
    return {ObjectKey(kind, where, name): body}


@st.composite
def world(draw: st.DrawFn) -> Change:
    """All namespaces, most pods, some policies."""
    found: dict[ObjectKey, Mapping[str, Any] | None] = {
        ObjectKey("Namespace", "", name): draw(namespace) for name in NAMESPACES
    }
    for place in draw(st.lists(st.integers(0, len(PODS) - 1), min_size=4, max_size=6, unique=True)):
        found[ObjectKey("Pod", *PODS[place])] = draw(pod(place))
    for where in draw(st.lists(st.sampled_from(NAMESPACES), min_size=1, max_size=3)):
        found[ObjectKey("NetworkPolicy", where, "p")] = draw(network_policy)
    for name in draw(st.lists(st.sampled_from("pq"), max_size=2)):
        found[ObjectKey("ClusterNetworkPolicy", "", name)] = draw(cluster_policy)
    return found


histories = st.tuples(world(), st.lists(change(), min_size=4, max_size=8))
batches = st.lists(change(), min_size=3, max_size=8).map(
    lambda changes: {key: body for one in changes for key, body in one.items()}
)


def connections() -> list[Connection]:
    """Between all pods there may be and some others, of one family each, on ports that policies cut."""
    ours4 = [f"10.0.{place % 2}.{place + 1}" for place in range(len(PODS))]
    ours6 = [f"fd00::{place % 2}:{place + 1}" for place in range(len(PODS))]
    found: list[Connection] = []
    kinds4 = [("TCP", 80), ("TCP", 81), ("TCP", 8080), ("UDP", 53), ("SCTP", 80), ("ICMP", 0)]
    kinds6 = [("TCP", 80), ("UDP", 8080)]
    for pods, others, kinds in (
        (ours4, STRANGERS[:2] + NODE_ADDRESSES[:1], kinds4),
        (ours6, STRANGERS[2:], kinds6),
    ):
        for source, destination in product((*pods, *others), repeat=2):
            if source != destination and not (source in others and destination in others):
                found.extend(Connection(source, destination, *kind) for kind in kinds)
    return found
