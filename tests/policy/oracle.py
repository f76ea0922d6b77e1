"""What Kubernetes' API says of one connection, read from the objects each time anew: slow, plain, and apart
from everything that compiles policies.

Sources: networking.k8s.io/v1 `NetworkPolicySpec` and its parts; "Network Policies" (kubernetes.io); meta/v1
`LabelSelector`; policy.networking.k8s.io/v1alpha2 `ClusterNetworkPolicySpec` and its parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import ip_address, ip_network
from typing import Any

from p4fabric.controller.policy import ObjectKey

Json = Mapping[str, Any]
Objects = Mapping[ObjectKey, Json]


@dataclass(frozen=True)
class Connection:
    source: str
    destination: str
    protocol: str
    port: int


@dataclass(frozen=True)
class Someone:
    """Whoever has an address: a pod that is not the node's, or none."""

    address: str
    pod: tuple[str, str] | None
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str] | None
    body: Json


def are_accepted(objects: Objects, connections: Iterable[Connection]) -> dict[Connection, bool]:
    """Each connection for itself."""
    known: dict[str, Someone] = {}
    found: dict[Connection, bool] = {}
    for c in connections:
        for address in (c.source, c.destination):
            if address not in known:
                known[address] = who_is(objects, address)
        found[c] = is_accepted(objects, known[c.source], known[c.destination], c)
    return found


def is_accepted(objects: Objects, source: Someone, destination: Someone, connection: Connection) -> bool:
    if any(who.pod is not None and who.namespace_labels is None for who in (source, destination)):
        return False  # not the API's, ours: nothing is known of such a pod
    return _side(objects, "egress", source, destination, destination, connection) and _side(
        objects, "ingress", destination, source, destination, connection
    )


def who_is(objects: Objects, address: str) -> Someone:
    for (kind, namespace, name), body in objects.items():
        if kind == "Pod" and _is_on_its_own(body) and _has(body, address):
            labels = body["metadata"].get("labels", {})
            return Someone(address, (namespace, name), labels, _namespace(objects, namespace), body)
    return Someone(address, None, {}, None, {})


def _has(pod: Json, address: str) -> bool:
    return address in [item["ip"] for item in pod["status"]["podIPs"]]


def _is_on_its_own(pod: Json) -> bool:
    return not pod["spec"].get("hostNetwork") and pod["status"].get("phase") not in ("Succeeded", "Failed")


def _namespace(objects: Objects, name: str) -> Mapping[str, str] | None:
    body = objects.get(ObjectKey("Namespace", "", name))
    if body is None:
        return None
    return {"kubernetes.io/metadata.name": name, **body["metadata"].get("labels", {})}


def _side(
    objects: Objects, side: str, subject: Someone, peer: Someone, destination: Someone, c: Connection
) -> bool:
    """Whether policies that are about the subject let it through."""
    if subject.pod is None:
        return True
    decided = _cluster_tier(objects, "Admin", side, subject, peer, destination, c)
    if decided is None:
        decided = _network_tier(objects, side, subject, peer, destination, c)
    if decided is None:
        decided = _cluster_tier(objects, "Baseline", side, subject, peer, destination, c)
    return decided is not False


# NetworkPolicy


def _network_tier(
    objects: Objects, side: str, subject: Someone, peer: Someone, destination: Someone, c: Connection
) -> bool | None:
    assert subject.pod is not None
    isolated = False
    for (kind, namespace, _), body in objects.items():
        if kind != "NetworkPolicy" or namespace != subject.pod[0]:
            continue
        spec = body["spec"]
        if not selects(spec["podSelector"], subject.labels) or side not in _types(spec):
            continue
        isolated = True
        for rule in spec.get(side) or []:
            peers, ports = rule.get("from" if side == "ingress" else "to"), rule.get("ports")
            if peers and not any(_is_peer(item, peer, namespace) for item in peers):
                continue
            if ports and not any(_is_port(item, destination, c) for item in ports):
                continue
            return True
    return False if isolated else None


def _types(spec: Json) -> list[str]:
    if spec.get("policyTypes"):
        return [name.lower() for name in spec["policyTypes"]]
    return ["ingress", "egress"] if spec.get("egress") else ["ingress"]


def _is_peer(item: Json, peer: Someone, own_namespace: str) -> bool:
    if "ipBlock" in item:
        block = item["ipBlock"]
        return _within(peer.address, block["cidr"]) and not any(
            _within(peer.address, part) for part in block.get("except", [])
        )
    if peer.pod is None:
        return False
    if "namespaceSelector" in item:
        if not selects(item["namespaceSelector"], peer.namespace_labels or {}):
            return False
    elif peer.pod[0] != own_namespace:
        return False
    return selects(item.get("podSelector", {}), peer.labels)


def _is_port(item: Json, destination: Someone, c: Connection) -> bool:
    if item.get("protocol", "TCP") != c.protocol:
        return False
    port = item.get("port")
    if port is None:
        return True
    if isinstance(port, str):
        return c.port in _served(destination, port, c.protocol)
    return bool(port <= c.port <= item.get("endPort", port))


def _served(destination: Someone, name: str, protocol: str) -> Iterator[int]:
    for container in destination.body.get("spec", {}).get("containers", []):
        for port in container.get("ports", []):
            if port.get("name") == name and port.get("protocol", "TCP") == protocol:
                yield port["containerPort"]


def _within(address: str, cidr: str) -> bool:
    return _address(address) in _network(cidr)


_address = lru_cache(maxsize=1024)(ip_address)
_network = lru_cache(maxsize=1024)(partial(ip_network, strict=False))


# ClusterNetworkPolicy


def _cluster_tier(
    objects: Objects,
    tier: str,
    side: str,
    subject: Someone,
    peer: Someone,
    destination: Someone,
    c: Connection,
) -> bool | None:
    policies = [
        (body["spec"]["priority"], name, body["spec"])
        for (kind, _, name), body in objects.items()
        if kind == "ClusterNetworkPolicy" and body["spec"]["tier"] == tier
    ]
    # Of equal priorities the API leaves the choice; ours is by name.
    for _, _, spec in sorted(policies, key=lambda found: found[:2]):
        if not _is_one_of(spec["subject"], subject):
            continue
        for rule in spec.get(side) or []:
            peers = rule["from" if side == "ingress" else "to"]
            if any(not item.keys() & {"namespaces", "pods", "networks", "nodes"} for item in peers):
                # A kind of peer from the future fails closed.
                if rule["action"] == "Accept":
                    continue
                return False
            if not any(_is_cluster_peer(objects, item, peer) for item in peers):
                continue
            protocols = rule.get("protocols")
            if protocols and not any(_is_protocol(item, destination, c) for item in protocols):
                continue
            if rule["action"] == "Pass":
                return None
            return bool(rule["action"] == "Accept")
    return None


def _is_one_of(item: Json, who: Someone) -> bool:
    if who.pod is None:
        return False
    if "namespaces" in item:
        return selects(item["namespaces"], who.namespace_labels or {})
    pods = item["pods"]
    return selects(pods.get("namespaceSelector", {}), who.namespace_labels or {}) and selects(
        pods["podSelector"], who.labels
    )


def _is_cluster_peer(objects: Objects, item: Json, peer: Someone) -> bool:
    if "networks" in item:
        return any(_within(peer.address, cidr) for cidr in item["networks"])
    if "nodes" in item:
        return any(
            kind == "Node"
            and selects(item["nodes"], body["metadata"].get("labels", {}))
            and peer.address in [address["address"] for address in body["status"]["addresses"]]
            for (kind, _, _), body in objects.items()
        )
    return _is_one_of(item, peer)


def _is_protocol(item: Json, destination: Someone, c: Connection) -> bool:
    if "destinationNamedPort" in item:
        return c.port in _served(destination, item["destinationNamedPort"], c.protocol)
    said = item.get(c.protocol.lower())
    if said is None:
        return False
    port = said["destinationPort"]
    if "number" in port:
        return bool(port["number"] == c.port)
    return bool(port["range"]["start"] <= c.port <= port["range"]["end"])


# Labels


def selects(selector: Json, labels: Mapping[str, str]) -> bool:
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for item in selector.get("matchExpressions") or []:
        key, operator = item["key"], item["operator"]
        if operator == "In" and labels.get(key) not in item["values"]:
            return False
        if operator == "NotIn" and labels.get(key) in item["values"]:
            return False
        if operator == "Exists" and key not in labels:
            return False
        if operator == "DoesNotExist" and key in labels:
            return False
    return True
