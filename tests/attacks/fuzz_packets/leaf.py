"""The leaf under test: a world's intents, compiled as the controller does, in an engine of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address

from controller.compiler import Compiler
from controller.compiler.desired import DesiredState
from controller.intents import Allocations, Catalogue, admit_all, allocate, in_order, parse_intent
from controller.names import IntentKey, PortRef, SwitchName, TenantName
from controller.p4runtime.update import Update, UpdateKind
from controller.topology.model import Host, Link, Role, Switch, Topology
from pipelines import fabric
from pipelines.entities import Entity
from pipelines.values import MacAddress, Port
from softswitch.engine import NativeEngine, load_config, open_engine
from softswitch.engine.api import EngineOptions
from softswitch.engine.trace.events import TraceFilter
from softswitch.server.errors import raise_first
from softswitch.server.schema import Schema
from softswitch.server.store import Store
from softswitch.server.write import Writer
from softswitch.tracing.document import trace_document
from softswitch.tracing.text import trace_text
from tests.attacks.fuzz_packets.fabric import (
    CLOSED_PORT,
    EDGE_PORTS,
    FABRIC_PORT,
    FAR_LEAF,
    LEAF,
    Net,
    World,
)

__all__ = ["Leaf", "compile_world", "open_leaf"]

Frames = list[tuple[int, bytes]]
Keep = Callable[[Entity], bool]
POLL_US = 200
"""So long the worker looks for the next frame before it sleeps; frames come one at a time."""


class Leaf:
    """An engine with the entries of `leaf1`."""

    def __init__(self, engine: NativeEngine, vlans: dict[str, int]) -> None:
        self._engine = engine
        self.vlans = vlans
        """The VLAN ids on fabric links, by `tenant/network`."""

    def send(self, port: int, frame: bytes) -> Frames:
        """What comes out because of one frame."""
        return self.send_all([(port, frame)])

    def send_all(self, frames: Sequence[tuple[int, bytes]]) -> Frames:
        """What comes out because of some frames, each port's in order."""
        for port, frame in frames:
            assert self._engine.inject(port, frame), f"port {port} takes no frame of {len(frame)} bytes"
        return self._engine.collect(10.0)

    def forget_events(self) -> None:
        """Drop what the controller would be told."""
        while self._engine.drain():
            pass

    def trace(self, port: int, frame: bytes) -> str:
        """The frame's way, as text."""
        self._engine.start_trace(TraceFilter())
        self.send(port, frame)
        traces = self._engine.take_traces()
        self._engine.stop_trace()
        return "\n".join(trace_text(trace_document(one)) for one in traces)


def compile_world(world: World) -> tuple[DesiredState, Allocations]:
    """What the controller makes of it."""
    intents = [parse_intent(document) for document in world.documents()]
    catalogue: Catalogue = admit_all(intents, Catalogue())
    allocations = Allocations()
    for intent in in_order(intents):
        allocations = allocate(intent, allocations)
    return Compiler().compile(catalogue, allocations, _topology(world)), allocations


def _topology(world: World) -> Topology:
    leaf, far, spine = SwitchName(LEAF), SwitchName(FAR_LEAF), SwitchName("spine1")
    switches = [Switch(leaf, 1, Role.LEAF), Switch(far, 2, Role.LEAF), Switch(spine, 101, Role.SPINE)]
    links: list[Link] = []
    for number, switch in enumerate((leaf, far), 1):
        up = Link(PortRef(switch, Port(FABRIC_PORT)), PortRef(spine, Port(number)))
        links += [up, up.reverse]
    return Topology.of(switches, links, _learned(world))


def _learned(world: World) -> Iterator[Host]:
    for net in world.nets:
        for host in net.hosts:
            if not host.stated:
                where = PortRef(SwitchName(host.place.switch), Port(host.place.port))
                addresses: frozenset[IPv4Address | IPv6Address] = frozenset(host.addresses)
                yield Host(MacAddress(host.mac), key_of(net), where, addresses)


def key_of(net: Net) -> IntentKey:
    """As the controller names it."""
    return IntentKey("Network", TenantName(net.tenant), net.name)


@contextmanager
def open_leaf(world: World, keep: Keep = lambda entity: True) -> Iterator[Leaf]:
    """A running leaf; entities that `keep` refuses are left out."""
    desired, allocations = compile_world(world)
    held = {key: one for key, one in desired.entities[SwitchName(LEAF)].items() if keep(one)}
    loaded = load_config(fabric.device_config())
    with open_engine(loaded, EngineOptions(busy_poll_us=POLL_US, queue_depth=1 << 14)) as engine:
        for port in (*EDGE_PORTS, CLOSED_PORT, FABRIC_PORT):
            engine.add_port(port, None)
        schema = Schema(fabric.p4info(), loaded.info)
        store = Store(schema)
        store.adopt(engine.initial_handles)
        ports = frozenset((*EDGE_PORTS, CLOSED_PORT, FABRIC_PORT))
        writer = Writer(schema, store, engine, ports)
        updates = [Update(UpdateKind.INSERT, entity).encode() for entity in held.values()]
        raise_first(writer.write(updates, atomic=False), "update")
        engine.start()
        yield Leaf(
            engine, {f"{net.tenant}/{net.name}": int(allocations.vlan(key_of(net))) for net in world.nets}
        )
