"""Pods, namespaces and nodes, as far as policies see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NamedTuple

from p4fabric.controller.policy.prefixes import Prefix
from p4fabric.controller.policy.reading import as_list, as_mapping, as_port, read_labels, read_protocol
from p4fabric.controller.policy.rules import NamedPort

__all__ = ["Namespace", "Node", "Pod", "ServedPort"]

_NAME_LABEL = "kubernetes.io/metadata.name"
"""API servers before 1.21 do not set it."""


class ServedPort(NamedTuple):
    """A port that a pod has a name for."""

    port: NamedPort
    number: int


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod with addresses of its own."""

    labels: Mapping[str, str]
    addresses: tuple[Prefix, ...]
    """One of each family, at most."""
    ports: frozenset[ServedPort]
    node: str
    """Where it runs; empty: nobody says."""

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Pod | None:
        """Read one; None: it sends and hears nothing of its own.

        That is: it uses the host's network, has ended (its address may be another's by now), or has no
        address yet (core/v1 `PodStatus`).
        """
        spec, status = as_mapping(body.get("spec")), as_mapping(body.get("status"))
        if spec.get("hostNetwork") is True or status.get("phase") in ("Succeeded", "Failed"):
            return None
        texts = [as_mapping(item).get("ip") for item in as_list(status.get("podIPs"))] or [
            status.get("podIP")
        ]
        found: dict[int, Prefix] = {}
        for text in texts:
            if (address := _read_address(text)) is not None:
                found.setdefault(address.version, address)
        if not found:
            return None
        node = spec.get("nodeName")
        return cls(
            read_labels(body),
            tuple(found[version] for version in sorted(found)),
            _read_ports(spec),
            node if isinstance(node, str) else "",
        )


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace."""

    labels: Mapping[str, str]

    @classmethod
    def read(cls, name: str, body: Mapping[str, Any]) -> Namespace:
        """Read one."""
        return cls({**read_labels(body), _NAME_LABEL: name})


@dataclass(frozen=True, slots=True)
class Node:
    """A node, with its own addresses."""

    labels: Mapping[str, str]
    addresses: tuple[Prefix, ...]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Node:
        """Read one: all addresses of its status that are any (network-policy-api, `nodes` peer)."""
        texts = [
            as_mapping(item).get("address")
            for item in as_list(as_mapping(body.get("status")).get("addresses"))
        ]
        found = {address for text in texts if (address := _read_address(text)) is not None}
        return cls(read_labels(body), tuple(sorted(found)))


def _read_address(text: object) -> Prefix | None:
    try:
        address = ip_address(text) if isinstance(text, str) and "%" not in text else None
    except ValueError:
        return None
    return Prefix.of(address) if isinstance(address, IPv4Address | IPv6Address) else None


def _read_ports(spec: Mapping[str, Any]) -> frozenset[ServedPort]:
    """Named ports of containers, and of those init containers that go on running (KEP-753)."""
    containers = [
        *as_list(spec.get("containers")),
        *(c for c in as_list(spec.get("initContainers")) if as_mapping(c).get("restartPolicy") == "Always"),
    ]
    found: set[ServedPort] = set()
    for container in containers:
        for item in as_list(as_mapping(container).get("ports")):
            port = as_mapping(item)
            name, number = port.get("name"), as_port(port.get("containerPort"))
            protocol = read_protocol(port.get("protocol"))
            if isinstance(name, str) and name and number is not None and protocol is not None:
                found.add(ServedPort(NamedPort(protocol, name), number))
    return frozenset(found)
