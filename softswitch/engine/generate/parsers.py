"""The parser: one function a state; a loop goes from state to state until the packet is accepted or an
error ends it."""

from __future__ import annotations

from collections.abc import Iterator

from p4fabric.softswitch.engine.api import PipelineError
from p4fabric.softswitch.engine.generate.actions import SIGNATURE, Actions, words
from p4fabric.softswitch.engine.generate.coverage import Coverage
from p4fabric.softswitch.engine.generate.expressions import Expressions, elements, lookaheads
from p4fabric.softswitch.engine.generate.intervals import literal
from p4fabric.softswitch.engine.generate.names import Names, comment
from p4fabric.softswitch.engine.generate.tracing import Tracing
from p4fabric.softswitch.engine.model import (
    Expression,
    FieldRef,
    Header,
    Operand,
    ParserState,
    Pipeline,
    Primitive,
    Stack,
    Transition,
    ValueSet,
)

LONGEST_WALK = 1024  # states; then ParserTimeout


class Parsers:
    """Writes the parser of one pipeline."""

    def __init__(
        self,
        pipeline: Pipeline,
        names: Names,
        expressions: Expressions,
        actions: Actions,
        tracing: Tracing,
        coverage: Coverage,
    ) -> None:
        self.pipeline = pipeline
        self.tracing = tracing
        self.coverage = coverage
        self.names = names
        self.expressions = expressions
        self.actions = actions

    def error(self, name: str) -> int:
        """The number of a core error in this program."""
        return self.pipeline.errors.get(name, 0)

    def code(self) -> Iterator[str]:
        """All states, and `parse_packet`."""
        yield "struct cursor {"
        yield "    const uint8_t *data;"
        yield "    uint32_t offset, length;"
        yield "};"
        yield ""
        yield "enum state {"
        yield "    STATE_ACCEPT,"
        for name in self.names.states.values():
            yield f"    STATE_{name},"
        yield "};"
        yield ""
        yield "static inline enum state refuse(struct packet *packet, uint32_t error)"
        yield "{"
        yield "    packet->standard_metadata.parser_error = error;"
        yield "    return STATE_ACCEPT;"
        yield "}"
        yield ""
        for state in self.pipeline.parser.states.values():
            yield from self._state(state)
        yield from self._walk()

    def _walk(self) -> Iterator[str]:
        initial = self.pipeline.parser.initial
        yield f"static void parse_headers({SIGNATURE})"
        yield "{"
        yield "    struct cursor at = {packet->data, 0, packet->length};"
        first = f"STATE_{self.names.states[initial]}" if initial else "STATE_ACCEPT"
        yield f"    enum state state = {first};"
        yield f"    for (unsigned steps = 0; state != STATE_ACCEPT && steps < {LONGEST_WALK}; steps++) {{"
        yield "        switch (state) {"
        for name in self.names.states.values():
            yield f"        case STATE_{name}:"
            yield f"            state = parse_{name}(pipeline, packet, phv, &at);"
            yield "            break;"
        yield "        case STATE_ACCEPT:"
        yield "            break;"
        yield "        }"
        yield "    }"
        yield "    if (state != STATE_ACCEPT)"
        yield f"        refuse(packet, {self.error('ParserTimeout')}); /* ParserTimeout */"
        yield "    packet->parsed = at.offset;"
        yield from self.tracing.parsed()
        yield "    (void)pipeline, (void)phv;"
        yield "}"
        yield ""

    def _state(self, state: ParserState) -> Iterator[str]:
        yield f"/* state {comment(state.name)} */"
        name = self.names.states[state.name]
        yield f"static inline enum state parse_{name}({SIGNATURE}, struct cursor *at)"
        yield "{"
        yield "    (void)pipeline, (void)packet, (void)phv, (void)at;"
        yield from self.coverage.state(state)
        yield from self.tracing.state(state)
        for step in state.operations:
            try:
                yield from (f"    {line}" for line in self._operation(step))
            except PipelineError as error:
                raise PipelineError(f"parsers[0].{state.name}", error.problem) from None
        yield from (f"    {line}" for line in self._transitions(state))
        yield "}"
        yield ""

    def _need(self, size: str, error: str = "PacketTooShort") -> Iterator[str]:
        if size == "0":
            return
        yield f"if (at->length - at->offset < {size})"
        yield f"    return refuse(packet, {self.error(error)}); /* {error} */"

    def _look(self, *expressions: Expression) -> Iterator[str]:
        bits = [one.offset + one.bitwidth for expression in expressions for one in lookaheads(expression)]
        if bits:
            yield from self._need(str((max(bits) + 7) // 8))
        for one in (one for expression in expressions for one in elements(expression)):
            yield f"if ({self.expressions.fitted(one.index, 64)} >= {one.stack.size})"
            yield f"    return refuse(packet, {self.error('StackOutOfBounds')}); /* StackOutOfBounds */"

    def _operation(self, step: Primitive) -> Iterator[str]:
        if step.name in ("extract", "extract_VL"):
            yield from self._extract(step)
        elif step.name == "set":
            target, value = step.operands
            assert isinstance(target, FieldRef)
            yield from self._look(value)  # type: ignore[arg-type]
            yield from self.actions._assign(target, value)  # type: ignore[arg-type]
        elif step.name == "verify":
            condition, error = step.operands
            yield from self._look(condition)  # type: ignore[arg-type]
            yield f"if (!{self.expressions.truth(condition)})"  # type: ignore[arg-type]
            yield f"    return refuse(packet, (uint32_t){self.expressions.fitted(error, 32)});"  # type: ignore[arg-type]
        elif step.name == "advance":
            (amount,) = step.operands
            yield from self._look(amount)  # type: ignore[arg-type]
            yield "{"
            yield f"    uint64_t bits = {self.expressions.fitted(amount, 64)};"  # type: ignore[arg-type]
            yield "    if (bits % 8)"
            yield f"        return refuse(packet, {self.error('ParserInvalidArgument')});"
            yield "    if (bits / 8 > at->length - at->offset)"
            yield f"        return refuse(packet, {self.error('PacketTooShort')}); /* PacketTooShort */"
            yield "    at->offset += (uint32_t)(bits / 8);"
            yield "}"
        else:
            yield from self.actions.primitive(step)

    def _extract(self, step: Primitive) -> Iterator[str]:
        """To a header, or a stack and its header in element 0; then a variable field's width, if any."""
        stack = step.operands[0] if isinstance(step.operands[0], Stack) else None
        header, *length = step.operands[1:] if stack else step.operands
        assert isinstance(header, Header)
        base, siblings = self.names.header(header), self.names.siblings.get(header.name, ())
        others = [self.names.header(one) for one in siblings]
        yield f"/* extract {comment(stack.name if stack else header.name)} */"
        if stack:
            count = self.names.count(stack)
            base = self.names.at(stack, header, count)
            others = [self.names.at(stack, one, count) for one in siblings]
            yield f"if ({count} >= {stack.size})"
            yield f"    return refuse(packet, {self.error('StackOutOfBounds')}); /* StackOutOfBounds */"
        kind = self.names.types[header.type_name]
        if length:
            yield from self._extract_variable(header, kind, base, length[0])
        else:
            yield from self._need(str(header.size))
            yield f"extract_{kind}(&{base}, at->data + at->offset);"
            yield f"at->offset += {header.size};"
        for other in others:
            yield f"{other}.valid = 0;"
        if stack:
            yield f"{self.names.count(stack)}++;"

    def _extract_variable(self, header: Header, kind: str, base: str, length: Operand) -> Iterator[str]:
        yield from self._look(length)  # type: ignore[arg-type]
        yield "{"
        yield f"    uint64_t bits = {self.expressions.fitted(length, 64)};"  # type: ignore[arg-type]
        yield "    if (bits % 8)"
        yield f"        return refuse(packet, {self.error('ParserInvalidArgument')});"
        yield f"    uint64_t size = {header.size} + bits / 8;"
        yield from (f"    {line}" for line in self._need("size"))
        yield f"    if (size > {header.longest})"
        yield f"        return refuse(packet, {self.error('HeaderTooShort')}); /* HeaderTooShort */"
        yield f"    {self.names.use(header)}"
        yield f"    extract_{kind}(&{base}, at->data + at->offset, (uint32_t)bits);"
        yield "    at->offset += (uint32_t)size;"
        yield "}"

    def _transitions(self, state: ParserState) -> Iterator[str]:
        yield from self._look(*(expression for expression, _ in state.key))
        for index, (expression, width) in enumerate(state.key):
            kind = "uint64_t" if width <= 64 else "u128"
            yield f"const {kind} key_{index} = {self.expressions.fitted(expression, width)};"
            yield f"(void)key_{index};"
        for transition in state.transitions:
            target = "STATE_ACCEPT"
            if transition.target is not None:
                target = f"STATE_{self.names.states[transition.target]}"
            if transition.value_set is not None:
                yield from self._member(transition, transition.value_set, state, target)
                continue
            conditions = self._conditions(transition, state)
            if not conditions:
                yield f"return {target};"
                return
            yield f"if ({' && '.join(conditions)})"
            yield f"    return {target};"
        yield f"return refuse(packet, {self.error('NoMatch')}); /* NoMatch */"

    @staticmethod
    def _member(transition: Transition, among: ValueSet, state: ParserState, target: str) -> Iterator[str]:
        """One word for each value of up to 64 bits, the low one first of wider ones."""
        values, masks = [], []
        for index, (_, mask) in enumerate(transition.cases or ()):
            for word in range(words(state.key[index][1])):
                values.append(f"(uint64_t)(key_{index} >> {64 * word})" if word else f"(uint64_t)key_{index}")
                masks.append(literal(mask >> 64 * word & (1 << 64) - 1))
        yield "{"
        yield f"    const uint64_t key[] = {{{', '.join(values)}}}, mask[] = {{{', '.join(masks)}}};"
        yield f"    if (value_set_has(&pipeline->sets[{among.index}], key, mask, {len(values)}))"
        yield f"        return {target};"
        yield "}"

    @staticmethod
    def _conditions(transition: Transition, state: ParserState) -> list[str]:
        conditions = []
        for index, (value, mask) in enumerate(transition.cases or ()):
            whole = (1 << state.key[index][1]) - 1
            if mask == whole:
                conditions.append(f"key_{index} == {literal(value)}")
            elif mask:
                conditions.append(f"(key_{index} & {literal(mask)}) == {literal(value)}")
        return conditions
