"""A random fabric of two leaves and two spines: engines of this process, and what explanations know of them.

The intents are those of a world of `tests.attacks.fuzz_packets`, compiled as the controller does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from finsy.proto import p4r

from p4fabric.controller.core import Capacity, Core
from p4fabric.controller.explain.frame import Site
from p4fabric.controller.explain.places import Places
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.reconcile.held import Held
from p4fabric.controller.state import Change
from p4fabric.controller.topology.model import Host, Link, Role, Switch
from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import Entity
from p4fabric.pipelines.fabric.rules import FabricRules
from p4fabric.pipelines.values import MacAddress, Port
from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import EngineOptions
from p4fabric.softswitch.engine.trace.events import PacketTrace, TraceFilter
from p4fabric.softswitch.server.errors import raise_first
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.store import Store
from p4fabric.softswitch.server.write import Writer
from tests.attacks.fuzz_packets.fabric import FAR_LEAF, LEAF, World
from tests.attacks.fuzz_packets.leaf import key_of

__all__ = ["NAMES", "RealFabric", "compile_fabric", "open_fabric"]

T = TypeVar("T")
NAMES = tuple(SwitchName(name) for name in (LEAF, FAR_LEAF, "spine1", "spine2"))
SWITCHES = {
    name: Switch(name, number, Role.LEAF if number < 3 else Role.SPINE)
    for number, name in enumerate(NAMES, 1)
}
PORTS = frozenset(range(1, 13))
UPLINKS = (11, 12)
"""Of a leaf, to the first spine and to the second."""
LINKS = tuple(
    link
    for leaf_number, leaf in enumerate(NAMES[:2], 1)
    for uplink, spine in zip(UPLINKS, NAMES[2:], strict=True)
    for up in [Link(PortRef(leaf, Port(uplink)), PortRef(spine, Port(leaf_number)))]
    for link in (up, up.reverse)
)
FAR_END = {link.source: link.destination for link in LINKS}
Frames = list[tuple[int, bytes]]


@dataclass(frozen=True)
class RealFabric:
    """Engines, and the same entries as explanations look at them."""

    world: World
    core: Core
    engines: Mapping[SwitchName, NativeEngine]
    held: Mapping[SwitchName, Held]

    def site(self, name: SwitchName) -> Site:
        """What is known of a switch: all it holds; what it should hold is of no matter here."""
        held = self.held[name]
        return Site(name, held, held, True, lambda port: False)

    def far_end(self, port: PortRef) -> PortRef | None:
        """The other end of a link."""
        return FAR_END.get(port)

    async def ask(self, look: Callable[[Places], T], /) -> T:
        """What is looked up in the fabric's state."""
        return look(Places(self.core.compiler))

    def send(self, port: PortRef, frame: bytes) -> tuple[Frames, PacketTrace]:
        """What leaves a switch because of a frame, and the frame's way through it."""
        engine = self.engines[port.switch]
        assert engine.inject(port.port, frame)
        departures = [(out, content) for out, content in engine.collect(10.0)]
        while engine.drain():
            pass
        (trace,) = engine.take_traces()
        return departures, trace


def compile_fabric(world: World) -> Core:
    """What the controller makes of a world."""
    core = Core(Capacity({}))
    core.plan_apply([parse_intent(document) for document in _weighted(world)])
    view = core.view
    heard = [
        Host(
            MacAddress(host.mac),
            key_of(net),
            PortRef(SwitchName(host.place.switch), Port(host.place.port)),
            frozenset(host.addresses),
        )
        for net in world.nets
        for host in net.hosts
        if not host.stated
    ]
    core.plan(
        [
            *(Change(view.switches, name, switch) for name, switch in SWITCHES.items()),
            *(Change(view.links, link.source, link) for link in LINKS),
            *(Change(view.heard_hosts, host.key, host) for host in heard),
        ]
    )
    return core


def _weighted(world: World) -> Iterator[dict[str, Any]]:
    """The intents of a world, with servers of different shares."""
    random = Random(world.seed)
    for document in world.documents():
        for member in document["spec"].get("pool", ()):
            member["weight"] = random.randint(1, 4)
        yield document


@contextmanager
def open_fabric(world: World, *, lacking: float = 0.0) -> Iterator[RealFabric]:
    """Running switches.

    Args:
        world: what they are for.
        lacking: the share of entries that switches lack, as if they had not been written yet.
    """
    core, random = compile_fabric(world), Random(world.seed)
    held = {name: Held(FabricRules()) for name in NAMES}
    with ExitStack() as stack:
        engines = {}
        for name in NAMES:
            entities = [one for one in core.compiler.desired(name).values() if random.random() >= lacking]
            engines[name] = stack.enter_context(_engine(entities, held[name].put))
        yield RealFabric(world, core, engines, held)


@contextmanager
def _engine(entities: list[Entity], put: Callable[..., None]) -> Iterator[NativeEngine]:
    loaded = load_config(fabric.device_config())
    with open_engine(loaded, EngineOptions(busy_poll_us=200)) as engine:
        for port in PORTS:
            engine.add_port(port, None)
        schema = Schema(fabric.p4info(), loaded.info)
        store = Store(schema)
        store.adopt(engine.initial_handles)
        writer = Writer(schema, store, engine, PORTS)
        updates = [p4r.Update(type=p4r.Update.INSERT, entity=one.encode()) for one in entities]
        raise_first(writer.write(updates, atomic=False), "update")
        for one in entities:
            put(one.key, one)
        engine.start()
        engine.start_trace(TraceFilter())
        yield engine
