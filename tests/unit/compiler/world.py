"""A small fabric to compile for: two spines, three leaves, tenants with everything they can ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from p4fabric.controller.core import Capacity, Core
from p4fabric.controller.hosts import HostDirectory
from p4fabric.controller.hosts.address_claims import AddressClaims
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.intents.kinds.endpoint import Endpoint
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.state import Change, Table
from p4fabric.controller.topology.model import Host, Link, Role, Switch, Topology
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.values import MacAddress, Port

LEAVES = tuple(SwitchName(f"leaf{n}") for n in (1, 2, 3))
SPINES = tuple(SwitchName(f"spine{n}") for n in (1, 2))


def topology(*hosts: Host, without: Iterable[tuple[str, str]] = ()) -> Topology:
    """All links but those between the given pairs."""
    switches = [Switch(name, n, Role.LEAF) for n, name in enumerate(LEAVES, 1)]
    switches += [Switch(name, 100 + n, Role.SPINE) for n, name in enumerate(SPINES, 1)]
    cut = {frozenset(pair) for pair in without}
    links = []
    for l, leaf in enumerate(LEAVES, 1):  # noqa: E741
        for s, spine in enumerate(SPINES, 1):
            if frozenset((leaf, spine)) not in cut:
                up, down = PortRef(leaf, Port(10 + s)), PortRef(spine, Port(l))
                links += [Link(up, down), Link(down, up)]
    return Topology.of(switches, links, hosts)


def host(network: str, switch: str, port: int, *addresses: str, tenant: str = "acme", mac: int = 0) -> Host:
    """A host that was heard; its MAC address comes from its first address."""
    number = mac or 0x020000000000 + int(ip_address(addresses[0])) % (1 << 32)
    key = IntentKey("Network", TenantName(tenant), network)
    where = PortRef(SwitchName(switch), Port(port))
    return Host(MacAddress(number), key, where, frozenset(map(ip_address, addresses)))


def intent(kind: str, name: str, tenant: str = "acme", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "name": name, "tenant": tenant, "spec": spec}


def network(
    name: str, number: int, *ports: tuple[str, int], tenant: str = "acme", **spec: Any
) -> dict[str, Any]:
    """10.0.NUMBER.0/24, with its gateway, at some ports."""
    attachments = [{"switch": switch, "port": port} for switch, port in ports]
    usual = {"subnets": [f"10.0.{number}.0/24"], "gateways": [f"10.0.{number}.1"], "attachments": attachments}
    return intent("Network", name, tenant, **{**usual, **spec})


CLIENTS = network("clients", 1, ("leaf1", 1), ("leaf3", 3))
SERVERS = network("servers", 2, ("leaf2", 1), ("leaf2", 2))
ACCESS = network("access", 3, ("leaf3", 1))
DATA = network("data", 4, ("leaf3", 2))
WEB = intent(
    "Service", "web", virtualIp="10.0.100.80", protocol="tcp", port=80,
    pool=[{"address": "10.0.2.11", "port": 8080, "weight": 2}, {"address": "10.0.2.12", "port": 8080}],
)  # fmt: skip
UE = intent(
    "UpfSession", "ue1", accessNetwork="access", dataNetwork="data", n3Address="10.0.3.2",
    gnbAddress="10.0.3.10", uplinkTeid=0x101, downlinkTeid=0x201, ueAddress="10.45.0.2", qfi=9,
)  # fmt: skip
NO_TELNET = {"name": "no-telnet", "action": "deny", "protocol": "tcp", "ports": [23]}
POLICY = intent("FirewallPolicy", "telnet", rules=[{**NO_TELNET, "to": {"network": "servers"}}])
WATCH = intent("TelemetryWatch", "queues", "operations")
EVERYTHING = (CLIENTS, SERVERS, ACCESS, DATA, WEB, UE, POLICY, WATCH)

HOSTS = (
    host("clients", "leaf1", 1, "10.0.1.11"),
    host("servers", "leaf2", 1, "10.0.2.11"),
    host("servers", "leaf2", 2, "10.0.2.12"),
    host("access", "leaf3", 1, "10.0.3.10"),
    host("data", "leaf3", 2, "10.0.4.10"),
)


@dataclass(frozen=True)
class Desired:
    """What a core wants of every switch, at one moment."""

    core: Core
    entities: dict[SwitchName, dict[EntityKey, Entity]]

    @classmethod
    def of(cls, core: Core) -> Desired:
        return cls(
            core, {switch: dict(held) for switch, held in core.compiler.wanted.entities.items() if held}
        )

    def notes_of(self, intent: IntentKey) -> tuple[str, ...]:
        notes = (note for output in self.core.compiler.outputs(intent) for note in output.notes)
        return tuple(dict.fromkeys(notes))

    def owners(self, switch: SwitchName, entity: EntityKey) -> set[IntentKey]:
        slots = self.core.compiler.wanted.owners(switch, entity)
        return {slot.owner for slot in slots if slot.owner is not None}


def rows_of(core: Core, seen: Topology) -> Iterator[Change]:
    """What makes a core see a topology, whatever it saw before; of its hosts, what is to be believed."""
    view = core.view
    wanted: list[tuple[Table[Any, Any], dict[Any, Any]]] = [
        (view.switches, dict(seen.switches)),
        (view.links, {link.source: link for link in seen.links}),
        (view.heard_hosts, {host.key: host for host in believed(core, seen.hosts.values())}),
    ]
    for table, rows in wanted:
        for known, _ in list(table.rows()):
            if known not in rows:
                yield Change(table, known, None)
        for known, row in rows.items():
            yield Change(table, known, row)


def believed(core: Core, heard: Iterable[Host]) -> list[Host]:
    """What is learned of hosts, given the intents of a core."""
    claims = AddressClaims()
    directory = HostDirectory(Deaf(), claims.claims_to, clock=lambda: 0.0)
    for known, document in core.view.catalogue.table.rows():
        claims.put(known, document)
        if isinstance(document, Network):
            directory.network_changed(document, core.view.vlan(known))
        elif isinstance(document, Endpoint):
            directory.endpoint_changed(None, document)
    directory.restore(heard)
    return list(directory.learned)


class Deaf:
    """Told of hosts, and does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: None


def new_core() -> Core:
    return Core(Capacity({}))


def core_with(*documents: Any, seen: Topology | None = None) -> Core:
    """A core that has taken these in, all at once."""
    core = new_core()
    core.plan_apply([parse_intent(document) for document in documents])
    core.plan(rows_of(core, seen if seen is not None else topology(*HOSTS)))
    return core


def compiled(*documents: Any, seen: Topology | None = None) -> Desired:
    return Desired.of(core_with(*documents, seen=seen))


def on(desired: Desired, switch: str, *kinds: type[Entity]) -> list[Any]:
    """The entities of some kinds on a switch."""
    return [e for e in desired.entities[SwitchName(switch)].values() if isinstance(e, kinds)]


def key(document: dict[str, Any]) -> IntentKey:
    return IntentKey(document["kind"], TenantName(document["tenant"]), document["name"])
