"""A fabric for benchmarks: 10 leaves and 2 spines, one tenant that changes, and as many others as asked for.

The tenant `acme` is the same in a fabric of any size, and is on all leaves; each other tenant has one network
with 50 hosts, at a port of two leaves each. The store is filled before the controller starts: hosts count as
heard, links as seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from benchmarks.light_switches import LightSwitches
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.store.records import encode, key_of
from p4fabric.controller.store.revisions import Transaction
from p4fabric.controller.store.sqlite_store import SqliteStore
from p4fabric.controller.store.values import StoredHost, StoredIntent, Value
from p4fabric.controller.topology.model import Host, Link, Role
from p4fabric.pipelines.values import MacAddress, Port

__all__ = ["CABLES", "CHANGES", "LEAVES", "configuration", "fill", "links", "network", "switches"]

LEAVES, SPINES = 10, 2
HOSTS_A_TENANT = 50
_OWN_HOSTS = 90
"""Of `acme`, heard; its pods are stated."""
_UPLINK = 500
_RECORDS = 10_000
"""In one transaction."""

CABLES = [
    ((leaf, _UPLINK + spine), (LEAVES + spine, leaf))
    for leaf in range(1, LEAVES + 1)
    for spine in range(1, SPINES + 1)
]
"""Device ids and ports; leaves are 1 to 10, spines 11 and 12."""


def name_of(device_id: int) -> SwitchName:
    """The name of a switch."""
    return SwitchName(f"leaf{device_id}" if device_id <= LEAVES else f"spine{device_id - LEAVES}")


def configuration(folder: Path, switches: LightSwitches) -> FabricConfig:
    """All switches, and files in a folder."""
    ports: dict[int, list[int]] = {}
    for ends in CABLES:
        for device, port in ends:
            ports.setdefault(device, []).append(port)
    listed = [
        {
            "name": name_of(device),
            "deviceId": device,
            "address": switches.address(device),
            "role": "leaf" if device <= LEAVES else "spine",
            "target": "bmv2",  # they speak no gNMI
            "ports": ports[device],
        }
        for device in sorted(ports)
    ]
    return FabricConfig.read({"switches": listed, "api": {"listen": "127.0.0.1:0"}}, folder / "fabric.yaml")


async def fill(path: Path, endpoints: int) -> None:
    """Make the store of a fabric with about so many endpoints, at least 100."""
    values: list[Value] = [*links()]
    for document in documents(endpoints):
        key = IntentKey(document["kind"], TenantName(document["tenant"]), document["name"])
        values.append(StoredIntent(key, document, Metadata(1, 0.0)))
    values += (StoredHost(host, time.time(), stated=False) for host in hosts(endpoints))
    store = await SqliteStore.open(path, new=True)
    try:
        for start in range(0, len(values), _RECORDS):
            part = values[start : start + _RECORDS]
            await store.commit(Transaction({key_of(value): encode(value) for value in part}))
    finally:
        await store.close()


def documents(endpoints: int) -> Iterator[dict[str, Any]]:
    """All intents at first."""
    yield network("acme", "clients", "10.0.0", [(leaf, 1) for leaf in range(1, LEAVES + 1)])
    yield pods(0)
    yield policy(0)
    yield service(0)
    for tenant in range(_others(endpoints)):
        yield network(f"tenant{tenant}", "pods", "10.0.1", _ports(tenant))


def hosts(endpoints: int) -> Iterator[Host]:
    """All hosts that were heard."""
    clients = IntentKey("Network", TenantName("acme"), "clients")
    for number in range(_OWN_HOSTS):
        yield _host(number, clients, (1 + number % LEAVES, 1), f"10.0.0.{10 + number}")
    for tenant in range(_others(endpoints)):
        key = IntentKey("Network", TenantName(f"tenant{tenant}"), "pods")
        for number in range(HOSTS_A_TENANT):
            at = _ports(tenant)[number % 2]
            yield _host(1000 + tenant * HOSTS_A_TENANT + number, key, at, f"10.0.1.{10 + number}")


def pods(turn: int) -> dict[str, Any]:
    """A stated host on each leaf, and one that is on another leaf with each turn."""
    found = [_attachment(leaf, 2, 500 + leaf, f"10.0.2.{10 + leaf}") for leaf in range(1, LEAVES + 1)]
    found.append(_attachment((1, 6)[turn % 2], 3, 600, "10.0.2.100"))
    document = network("acme", "pods", "10.0.2", ())
    document["spec"]["attachments"] = found
    return document


def policy(turn: int) -> dict[str, Any]:
    """A policy whose rule is another one with each turn."""
    rule = {
        "name": "rule",
        "action": "deny",
        "from": {"network": "clients"},
        "to": {"network": "pods"},
        "protocol": "tcp",
        "ports": [1024 + turn % 2],
    }
    return {"kind": "FirewallPolicy", "name": "policy", "tenant": "acme", "spec": {"rules": [rule]}}


def service(turn: int) -> dict[str, Any]:
    """A service of which one server is another one with each turn."""
    members = [11, 12, 13, 14 + turn % 2]
    pool = [{"address": f"10.0.2.{member}", "port": 8080} for member in members]
    spec = {"virtualIp": "10.0.100.80", "protocol": "tcp", "port": 80, "pool": pool}
    return {"kind": "Service", "name": "service", "tenant": "acme", "spec": spec}


CHANGES: Mapping[str, Any] = {"policy": policy, "host": pods, "service": service}
"""What is changed, by a word for it: the document of a turn."""


def _others(endpoints: int) -> int:
    return max(0, endpoints - 100) // HOSTS_A_TENANT


def _ports(tenant: int) -> tuple[tuple[int, int], tuple[int, int]]:
    first = 20 + 2 * (tenant // LEAVES)
    return (1 + tenant % LEAVES, first), (1 + (tenant + 3) % LEAVES, first + 1)


def network(tenant: str, name: str, prefix: str, ports: Any) -> dict[str, Any]:
    """A network that is open at some ports of leaves, and has one subnet and its gateway."""
    spec: dict[str, Any] = {
        "subnets": [f"{prefix}.0/24"],
        "gateways": [f"{prefix}.1"],
        "attachments": [
            {"switch": name_of(leaf), "port": port, "host": f"host-{leaf}-{port}"} for leaf, port in ports
        ],
    }
    return {"kind": "Network", "name": name, "tenant": tenant, "spec": spec}


def _attachment(leaf: int, port: int, mac: int, address: str) -> dict[str, Any]:
    place = {"switch": name_of(leaf), "port": port, "host": f"pod-{mac}"}
    return {**place, "mac": str(_mac(mac)), "addresses": [address]}


def _mac(number: int) -> MacAddress:
    return MacAddress(0x02_00_00_00_00_00 + number)


def _host(number: int, network: IntentKey, at: tuple[int, int], address: str) -> Host:
    port = PortRef(name_of(at[0]), Port(at[1]))
    return Host(_mac(number), network, port, frozenset({IPv4Address(address)}))


def switches() -> Iterator[tuple[int, SwitchName, Role]]:
    """Device ids, names and roles."""
    for device in range(1, LEAVES + SPINES + 1):
        yield device, name_of(device), Role.LEAF if device <= LEAVES else Role.SPINE


def links() -> Iterator[Link]:
    """Each direction."""
    for one, other in CABLES:
        ends = [PortRef(name_of(device), Port(port)) for device, port in (one, other)]
        yield Link(ends[0], ends[1])
        yield Link(ends[1], ends[0])
