"""The small fabric of `tests.unit.compiler.world`, with what its switches hold; changed by the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from p4fabric.controller.core import Capacity, Core
from p4fabric.controller.explain.answer import Direction, Explanation, explain
from p4fabric.controller.explain.behind import EntryRef, reasons
from p4fabric.controller.explain.frame import Site
from p4fabric.controller.explain.places import Places
from p4fabric.controller.explain.question import Question
from p4fabric.controller.explain.result import Step
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.reconcile.held import Held
from p4fabric.controller.state import Change
from p4fabric.controller.topology.model import Host, Topology
from p4fabric.pipelines.entities import Entity, TableEntry
from p4fabric.pipelines.fabric.rules import FabricRules
from p4fabric.pipelines.values import Port
from tests.unit.compiler.world import EVERYTHING, HOSTS, topology

T = TypeVar("T")


class Rig:
    """Switches that hold what is desired, until a test says otherwise."""

    def __init__(
        self,
        documents: Iterable[Mapping[str, Any]] = EVERYTHING,
        hosts: Iterable[Host] = HOSTS,
        *,
        is_hash_known: bool = True,
    ) -> None:
        self.topology: Topology = topology()
        self.core = Core(Capacity({}))
        self.core.plan_apply([parse_intent(document) for document in documents])
        view = self.core.view
        self.core.plan(
            [
                *(Change(view.switches, name, switch) for name, switch in self.topology.switches.items()),
                *(Change(view.links, link.source, link) for link in self.topology.links),
                *(Change(view.heard_hosts, host.key, host) for host in hosts),
            ]
        )
        self.held: dict[SwitchName, Held] = {}
        for name in self.topology.switches:
            self.held[name] = Held(FabricRules())
            for key, entity in self.core.compiler.desired(name).items():
                self.held[name].put(key, entity)
        self.down: set[PortRef] = set()
        self.unread: set[SwitchName] = set()
        self.unlinked: set[PortRef] = set()
        self._is_hash_known = is_hash_known

    def lose(
        self, switch: str, table: type[TableEntry], wanted: Callable[[Any], bool] = lambda _: True
    ) -> None:
        """A switch does not hold some entries, though it should."""
        held = self.held[SwitchName(switch)]
        for key in list(held):
            entity = held.get(key)
            if isinstance(entity, table) and wanted(entity):
                held.put(key, None)

    def put(self, switch: str, entity: Entity) -> None:
        """A switch holds an entry that nobody asked for."""
        self.held[SwitchName(switch)].put(entity.key, entity)

    def explain(self, source: str, destination: str, **fields: Any) -> Explanation:
        """Ask."""
        return asyncio.run(self.ask(Question(source, destination, **fields)))

    async def ask(self, question: Question) -> Explanation:
        """Ask, within an event loop."""
        return await explain(question, self, self._ask)

    async def _ask(self, look: Callable[[Places], T]) -> T:
        return look(Places(self.core.compiler))

    def because(self, way: Direction) -> list[str]:
        """The intents behind the step that decided, each with its part."""
        (place,) = [
            EntryRef(name, step.entry.key)
            for name, step in way.steps()
            if step is way.decision and step.entry
        ]
        found = reasons(self.core.compiler, [place])[place]
        return [f"{one.intent} {one.part}" if one.part else f"{one.intent}" for one in found]

    def site(self, name: SwitchName) -> Site | None:
        if name in self.unread:
            return None
        desired = self.core.compiler.desired(name)
        return Site(name, self.held[name], desired, self._is_hash_known, self.down.__contains__)

    def far_end(self, port: PortRef) -> PortRef | None:
        if port in self.unlinked:
            return None
        ends = {link.source: link.destination for link in self.topology.links}
        return ends.get(port)


def at(switch: str, port: int) -> PortRef:
    return PortRef(SwitchName(switch), Port(port))


def crossed(way: Direction) -> list[str]:
    """The switches that a packet came to."""
    return [hop.switch for hop in way.walk.hops] if way.walk is not None else []


def step_of(way: Direction, table: type[TableEntry]) -> Step:
    """The first step of a table."""
    return next(step for _, step in way.steps() if step.table is table)
