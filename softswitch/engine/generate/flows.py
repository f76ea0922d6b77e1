"""Ingress and egress: each node is a label, the way on is a goto, which only goes forward."""

from __future__ import annotations

from collections.abc import Iterator

from p4fabric.softswitch.engine.generate.actions import SIGNATURE
from p4fabric.softswitch.engine.generate.coverage import Coverage
from p4fabric.softswitch.engine.generate.expressions import Expressions
from p4fabric.softswitch.engine.generate.names import Names, place
from p4fabric.softswitch.engine.generate.tracing import Tracing
from p4fabric.softswitch.engine.model import Conditional, ControlFlow, Table


class Flows:
    """Writes the two control flows."""

    def __init__(self, names: Names, expressions: Expressions, tracing: Tracing, coverage: Coverage) -> None:
        self.coverage = coverage
        self.tracing = tracing
        self.names = names
        self.expressions = expressions

    def function(self, flow: ControlFlow) -> Iterator[str]:
        """`control_ingress` or `control_egress`."""
        yield f"static void control_{flow.name}({SIGNATURE})"
        yield "{"
        yield "    (void)pipeline, (void)packet, (void)phv;"
        reached = self._reached(flow)
        if flow.initial is not None:
            yield f"    {self._go(flow, flow.initial)}"
        for name, node in flow.nodes.items():
            if name not in reached:
                continue
            yield f"{self.names.nodes[flow.name, name]}:"
            if isinstance(node, Conditional):
                yield f"    {place(node.source)}"
                truth = self.coverage.condition(node, self.expressions.truth(node.expression))
                truth = self.tracing.condition(flow, node, truth)
                yield f"    if ({truth})"
                yield f"        {self._go(flow, node.true_next)}"
                yield "    else"
                yield f"        {self._go(flow, node.false_next)}"
            else:
                yield from (f"    {line}" for line in self._table(flow, node))
        yield "}"
        yield ""

    def _go(self, flow: ControlFlow, name: str | None) -> str:
        return "return;" if name is None else f"goto {self.names.nodes[flow.name, name]};"

    def _table(self, flow: ControlFlow, table: Table) -> Iterator[str]:
        call = f"apply_{self.names.tables[table.name]}(pipeline, packet, phv)"
        exits = any(step.name == "exit" for action in table.actions for step in action.primitives)
        leave = ["if (packet->requests.exited)", "    return;"] if exits else []
        if table.by_hit:
            yield "{"
            yield f"    struct applied applied = {call};"
            yield from (f"    {line}" for line in leave)
            yield "    if (applied.hit)"
            yield f"        {self._go(flow, table.hit)}"
            yield "    else"
            yield f"        {self._go(flow, table.miss)}"
            yield "}"
            return
        ways = {*table.next, table.base_next} if table.default is None else set(table.next)
        if len(ways) == 1:
            yield f"{call};"
            yield from leave
            yield self._go(flow, ways.pop())
            return
        yield "{"
        yield f"    struct applied applied = {call};"
        yield from (f"    {line}" for line in leave)
        yield "    switch (applied.action) {"
        for action, way in {one.index: to for one, to in zip(table.actions, table.next, strict=True)}.items():
            yield f"    case {action}:"
            yield f"        {self._go(flow, way)}"
        yield "    default:"
        yield f"        {self._go(flow, table.base_next)}"
        yield "    }"
        yield "}"

    @staticmethod
    def _reached(flow: ControlFlow) -> set[str]:
        reached: set[str] = set()
        pending = [flow.initial]
        while pending:
            name = pending.pop()
            if name is None or name in reached:
                continue
            reached.add(name)
            node = flow.nodes[name]
            if isinstance(node, Conditional):
                pending += [node.true_next, node.false_next]
            elif node.by_hit:
                pending += [node.hit, node.miss]
            else:
                pending += [*node.next, node.base_next]
        return reached
