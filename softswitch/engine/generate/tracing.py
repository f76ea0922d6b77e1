"""What generated code says of packets that are traced (runtime/trace.h), when it is generated to trace.

Otherwise every method gives nothing, and the code knows nothing of tracing. `numbered_*` and `traced_fields`
are how whoever reads the records knows what the numbers in them mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from p4fabric.softswitch.engine.generate.actions import MESSAGES, data_words
from p4fabric.softswitch.engine.generate.names import Names
from p4fabric.softswitch.engine.model import (
    Action,
    Conditional,
    ControlFlow,
    Field,
    Header,
    ParserState,
    Pipeline,
    Primitive,
    Table,
)

LAYOUT = "p4_trace_layout"


@dataclass(frozen=True, slots=True)
class TracedField:
    """A field of a header, or with None whether the header is valid."""

    header: Header
    field: Field | None


def numbered_states(pipeline: Pipeline) -> list[str]:
    """The parser's states by number."""
    return list(pipeline.parser.states)


def numbered_conditionals(pipeline: Pipeline) -> list[Conditional]:
    """Conditionals by number."""
    nodes = [*pipeline.ingress.nodes.values(), *pipeline.egress.nodes.values()]
    return [node for node in nodes if isinstance(node, Conditional)]


def numbered_messages(pipeline: Pipeline) -> list[Primitive]:
    """Calls of log_msg, assert and assume by number."""
    steps = [step for action in pipeline.actions for step in action.primitives]
    steps += [step for state in pipeline.parser.states.values() for step in state.operations]
    steps += pipeline.deparser_steps
    return [step for step in steps if step.name in MESSAGES]


def traced_fields(pipeline: Pipeline) -> list[TracedField]:
    """What the layout says a place of, in its order: validities and fields of fixed width."""
    found = []
    for header in pipeline.headers:
        if not header.metadata:
            found.append(TracedField(header, None))
        found += [TracedField(header, field) for field in header.fields if not field.variable]
    return found


class Tracing:
    """Writes the calls, or nothing."""

    def __init__(self, pipeline: Pipeline, traced: bool) -> None:
        self._pipeline = pipeline
        self._traced = traced
        self._states = {name: number for number, name in enumerate(numbered_states(pipeline))}
        self._messages = {id(one): number for number, one in enumerate(numbered_messages(pipeline))}
        self._conditionals = {id(one): number for number, one in enumerate(numbered_conditionals(pipeline))}

    def include(self) -> Iterator[str]:
        """The header."""
        if self._traced:
            yield '#include "trace.h"'

    def state(self, state: ParserState) -> Iterator[str]:
        """A state is entered."""
        if self._traced:
            yield f"    trace(packet, TRACE_STATE, {self._states[state.name]});"

    def parsed(self) -> Iterator[str]:
        """The parser has ended."""
        if self._traced:
            yield "    trace(packet, TRACE_PARSED, packet->standard_metadata.parser_error);"
            yield from self.fields()

    def condition(self, flow: ControlFlow, node: Conditional, truth: str) -> str:
        """A condition, which tells what it was."""
        if not self._traced:
            return truth
        number = self._conditionals[id(node)]
        return f"trace_condition(packet, {number}, {truth})"

    def table(self, table: Table, target: str, key_words: int, range_words: int) -> Iterator[str]:
        """A table has been looked into."""
        if self._traced:
            key, entry = ("key", "entry") if table.key else ("NULL", "NULL")
            yield "    if (packet->trace) {"
            yield f"        struct target seen = {target};"
            if table.profile is not None:
                yield "        if (seen.kind == TARGET_MEMBER)"
                yield "            seen.ref = profile_member(profile, seen.ref)->id;"
                yield "        else if (seen.kind == TARGET_GROUP)"
                yield "            seen.ref = profile->groups[seen.ref].id;"
            arguments = f"{table.index}, seen, {key}, {key_words}, {range_words}, {entry}"
            yield f"        trace_table(packet, {arguments});"
            yield "    }"

    def action(self, action: Action, data: str, indent: str) -> Iterator[str]:
        """An action is called."""
        if self._traced:
            yield f"{indent}if (packet->trace)"
            size = 8 * data_words(action)
            yield f"{indent}    trace_put(packet, TRACE_ACTION, {action.index}, {data}, {size});"

    def message(self, step: Primitive, values: list[str]) -> Iterator[str]:
        """log_msg is called, with values of 128 bits."""
        if not self._traced:
            return
        number = self._messages[id(step)]
        yield "if (packet->trace) {"
        yield f"    const unsigned __int128 values[] = {{{', '.join(values) or '0'}}};"
        yield f"    trace_put(packet, TRACE_LOG, {number}, values, {16 * len(values)});"
        yield "}"

    def failed(self, step: Primitive, truth: str) -> Iterator[str]:
        """An assertion may have failed."""
        if self._traced:
            yield f"if (packet->trace && !{truth})"
            yield f"    trace_put(packet, TRACE_ASSERT, {self._messages[id(step)]}, NULL, 0);"

    def fields(self) -> Iterator[str]:
        """Fields may have changed."""
        if self._traced:
            yield "    if (packet->trace)"
            yield "        trace_fields(packet);"

    def layout(self, names: Names) -> Iterator[str]:
        """Where the fields are in a TRACE_FIELDS record: offset and size of each."""
        if not self._traced:
            return
        yield f'extern __attribute__((visibility("default"))) const uint32_t {LAYOUT}[];'
        yield f"const uint32_t {LAYOUT}[] = {{"
        head = "sizeof(struct standard_metadata)"
        for one in traced_fields(self._pipeline):
            lvalue = names.field(one.header, one.field) if one.field else names.validity(one.header)
            if lvalue.startswith("phv->"):
                member = lvalue.removeprefix("phv->")
                yield f"    {head} + offsetof(struct phv, {member}), sizeof(((struct phv *)0)->{member}),"
            else:
                member = lvalue.removeprefix("packet->standard_metadata.")
                size = f"sizeof(((struct standard_metadata *)0)->{member})"
                yield f"    offsetof(struct standard_metadata, {member}), {size},"
        yield "    0, 0,"
        yield "};"
