"""The leaf under test: a world's intents, compiled as the controller does, in an engine of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address

from finsy.proto import p4r

from p4fabric.controller.core import Capacity, Core
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.state import Change
from p4fabric.controller.topology.model import Host, Link, Role, Switch
from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import Entity
from p4fabric.pipelines.values import MacAddress, Port
from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import EngineOptions
from p4fabric.softswitch.engine.trace.events import TraceFilter
from p4fabric.softswitch.server.errors import raise_first
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.store import Store
from p4fabric.softswitch.server.write import Writer
from p4fabric.softswitch.tracing.document import trace_document
from p4fabric.softswitch.tracing.text import trace_text
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
_SWITCHES = (
    Switch(SwitchName(LEAF), 1, Role.LEAF),
    Switch(SwitchName(FAR_LEAF), 2, Role.LEAF),
    Switch(SwitchName("spine1"), 101, Role.SPINE),
)
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
        return list(self._engine.collect(10.0))

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


def compile_world(world: World) -> Core:
    """What the controller makes of it."""
    core = Core(Capacity({}))
    core.plan_apply([parse_intent(document) for document in world.documents()])
    core.plan(_seen(core, world))
    return core


def _seen(core: Core, world: World) -> Iterator[Change]:
    view = core.view
    for switch in _SWITCHES:
        yield Change(view.switches, switch.name, switch)
    for link in _links():
        yield Change(view.links, link.source, link)
    for host in _learned(world):
        yield Change(view.heard_hosts, host.key, host)


def _links() -> Iterable[Link]:
    leaf, far, spine = _SWITCHES
    for number, switch in enumerate((leaf, far), 1):
        up = Link(PortRef(switch.name, Port(FABRIC_PORT)), PortRef(spine.name, Port(number)))
        yield from (up, up.reverse)


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
    core = compile_world(world)
    held = [one for one in core.compiler.desired(SwitchName(LEAF)).values() if keep(one)]
    loaded = load_config(fabric.device_config())
    with open_engine(loaded, EngineOptions(busy_poll_us=POLL_US, queue_depth=1 << 14)) as engine:
        for port in (*EDGE_PORTS, CLOSED_PORT, FABRIC_PORT):
            engine.add_port(port, None)
        schema = Schema(fabric.p4info(), loaded.info)
        store = Store(schema)
        store.adopt(engine.initial_handles)
        ports = frozenset((*EDGE_PORTS, CLOSED_PORT, FABRIC_PORT))
        writer = Writer(schema, store, engine, ports)
        updates = [p4r.Update(type=p4r.Update.INSERT, entity=entity.encode()) for entity in held]
        raise_first(writer.write(updates, atomic=False), "update")
        engine.start()
        yield Leaf(
            engine, {f"{net.tenant}/{net.name}": int(core.view.vlan(key_of(net))) for net in world.nets}
        )
