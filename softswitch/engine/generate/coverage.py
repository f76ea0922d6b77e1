"""What generated code counts for coverage: parser states, tables hit and missed, actions by table, conditions
by outcome. Only code that is generated to count does; the numbers' meaning is `points`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from p4fabric.softswitch.engine.generate.tracing import numbered_conditionals
from p4fabric.softswitch.engine.model import Action, Conditional, ParserState, Pipeline, Table

COUNTS = "p4_coverage"
"""The array of 64-bit counts that the library exports."""


class PointKind(StrEnum):
    """What a point is."""

    STATE = "state"
    HIT = "hit"
    MISS = "miss"
    ACTION = "action"
    TRUE = "true"
    FALSE = "false"


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Something that a packet does or does not come by; `action` is one of `table`'s."""

    kind: PointKind
    state: ParserState | None = None
    table: Table | None = None
    action: Action | None = None
    condition: Conditional | None = None


def points(pipeline: Pipeline) -> list[Point]:
    """All points by number."""
    found = [Point(PointKind.STATE, state=one) for one in pipeline.parser.states.values()]
    for table in pipeline.tables:
        found += [Point(PointKind.HIT, table=table), Point(PointKind.MISS, table=table)]
        actions = {one.index: one for one in table.actions}
        if table.default is not None:
            actions.setdefault(table.default[0].index, table.default[0])
        found += [Point(PointKind.ACTION, table=table, action=one) for one in actions.values()]
    for condition in numbered_conditionals(pipeline):
        found += [Point(kind, condition=condition) for kind in (PointKind.TRUE, PointKind.FALSE)]
    return found


class Coverage:
    """Writes the counting, or nothing."""

    def __init__(self, pipeline: Pipeline, covered: bool) -> None:
        self._covered = covered
        self._numbers: dict[tuple[object, ...], int] = {}
        for number, one in enumerate(points(pipeline) if covered else ()):
            self._numbers[one.kind, id(one.state or one.condition or one.table), id(one.action)] = number

    def _number(self, kind: PointKind, of: object, action: Action | None = None) -> int:
        return self._numbers[kind, id(of), id(action)]

    def declarations(self) -> Iterator[str]:
        """The counts, and how they grow."""
        if not self._covered:
            return
        visible = '__attribute__((visibility("default")))'
        yield f"extern {visible} uint64_t {COUNTS}[];"
        yield f"uint64_t {COUNTS}[{len(self._numbers) or 1}];"
        yield ""
        yield "/* Switches of one process that run the same program count together. */"
        yield "static inline void cover(uint32_t point)"
        yield "{"
        yield f"    __atomic_fetch_add(&{COUNTS}[point], 1, __ATOMIC_RELAXED);"
        yield "}"
        yield ""
        yield "static inline bool cover_condition(bool truth, uint32_t if_true, uint32_t if_false)"
        yield "{"
        yield "    cover(truth ? if_true : if_false);"
        yield "    return truth;"
        yield "}"
        yield ""

    def state(self, state: ParserState) -> Iterator[str]:
        """A state is entered."""
        if self._covered:
            yield f"    cover({self._number(PointKind.STATE, state)});"

    def table(self, table: Table, hit: str) -> Iterator[str]:
        """A table has been looked into."""
        if self._covered:
            numbers = (self._number(kind, table) for kind in (PointKind.HIT, PointKind.MISS))
            yield "    cover({} ? {} : {});".format(hit, *numbers)

    def action(self, table: Table, action: Action, indent: str) -> Iterator[str]:
        """A table's action is called."""
        if self._covered:
            yield f"{indent}cover({self._number(PointKind.ACTION, table, action)});"

    def condition(self, node: Conditional, truth: str) -> str:
        """A condition, which counts what it was."""
        if not self._covered:
            return truth
        numbers = (self._number(kind, node) for kind in (PointKind.TRUE, PointKind.FALSE))
        return "cover_condition({}, {}, {})".format(truth, *numbers)
