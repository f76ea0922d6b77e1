"""Actions as C functions: one statement a primitive, jumps as gotos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from p4fabric.softswitch.engine.api import MeterUnit, PipelineError
from p4fabric.softswitch.engine.generate.calculations import Calculations
from p4fabric.softswitch.engine.generate.expressions import AT, Expressions, field_type
from p4fabric.softswitch.engine.generate.intervals import literal
from p4fabric.softswitch.engine.generate.names import Names, comment, place
from p4fabric.softswitch.engine.model import (
    Action,
    Calculation,
    Constant,
    Counter,
    Element,
    ElementField,
    Expression,
    FieldRef,
    Header,
    Jump,
    Meter,
    Operand,
    Primitive,
    Register,
    Stack,
    Text,
    Union,
)

if TYPE_CHECKING:
    from p4fabric.softswitch.engine.generate.tracing import Tracing

SIGNATURE = "struct pipeline *pipeline, struct packet *packet, struct phv *phv"


MESSAGES = ("log_msg", "assert", "assume")
LONGEST_LOOP = 1 << 16  # jumps back, in one call of an action


def words(bitwidth: int) -> int:
    """The 64-bit words that a value of this width takes in an entry."""
    return (bitwidth + 63) // 64


def data_words(action: Action) -> int:
    """The 64-bit words that an action's arguments take."""
    return sum(words(width) for width in action.widths)


def meter_amount(unit: MeterUnit) -> str:
    """What a packet costs at a meter."""
    return "1" if unit is MeterUnit.PACKETS else "packet->counted_length"


Target = FieldRef | ElementField


class Actions:
    """Writes actions and single primitives."""

    def __init__(
        self, names: Names, expressions: Expressions, calculations: Calculations, tracing: Tracing
    ) -> None:
        self.names = names
        self.tracing = tracing
        self.expressions = expressions
        self.calculations = calculations

    def function(self, action: Action) -> Iterator[str]:
        """The action's function; arguments lie at `data`."""
        yield f"/* action {comment(action.name)} */"
        yield f"static inline void {self.names.action(action)}({SIGNATURE}, const uint64_t *data)"
        yield "{"
        yield "    (void)pipeline, (void)packet, (void)phv, (void)data;"
        at = 0
        for index, width in enumerate(action.widths):
            if width > 128:
                yield f"    const uint64_t *argument_{index} = data + {at};"
            elif width <= 64:
                yield f"    const uint64_t argument_{index} = data[{at}];"
            else:
                yield f"    const u128 argument_{index} = (u128)data[{at + 1}] << 64 | data[{at}];"
            yield f"    (void)argument_{index};"
            at += words(width)
        if any(
            isinstance(one, Jump) and one.target <= index
            for index, step in enumerate(action.primitives)
            for one in step.operands
        ):
            yield f"    unsigned steps = {LONGEST_LOOP};"
        targets = {one.target for step in action.primitives for one in step.operands if isinstance(one, Jump)}
        for index, step in enumerate(action.primitives):
            if index in targets:
                yield f"step_{index}:;"
            yield f"    {place(step.source)}"
            if any(isinstance(one, Jump) and one.target <= index for one in step.operands):
                yield "    if (!steps--) /* a loop must end */"
                yield "        return;"
            yield from self.primitive(step)
        if len(action.primitives) in targets:
            yield f"step_{len(action.primitives)}:;"
        yield "}"
        yield ""

    def primitive(self, step: Primitive) -> Iterator[str]:
        """The statements of one primitive."""
        if step.name in MESSAGES:
            yield from self._message(step)
            return
        method = getattr(self, "_" + step.name.lstrip("_"), None)
        if method is None:
            raise PipelineError("actions", f"primitive {step.name!r} is not supported")
        try:
            lines = list(method(*step.operands))
        except PipelineError as error:
            where = f" ({step.source.filename}:{step.source.line})" if step.source else ""
            raise PipelineError(error.path or "actions", f"{step.name}: {error.problem}{where}") from None
        yield from (f"    {line}" for line in lines)

    def store(self, target: Target, value: str) -> str:
        """Store C of an unsigned value that fits the field (of at most 128 bits)."""
        if target.field.bitwidth > 128:
            self.expressions.big.used = True
            stored = f"big_store(@, {target.field.bitwidth}, big_unsigned({value}));"
        else:
            stored = f"@ = ({field_type(target.field.bitwidth)}){value};"
            if (
                isinstance(target, FieldRef)
                and target.header.standard
                and target.field.name == "packet_length"
            ):
                stored = f"packet->counted_length = {stored}"
        return self.expressions.stored(target, stored)

    def _message(self, step: Primitive) -> Iterator[str]:
        """`log_msg`, and `assert` and `assume` that fail: told in traces, and nowhere else. A mistake of the
        program ends no switch."""
        if step.name != "log_msg":
            (condition,) = step.operands
            yield from self.tracing.failed(step, self.expressions.truth(condition))  # type: ignore[arg-type]
            return
        shown = [one for one in step.operands if not isinstance(one, Text)]
        values = [self.expressions.low_bits(one, 128) for one in shown]  # type: ignore[arg-type]
        yield from self.tracing.message(step, values)

    def _number(self, one: Operand) -> str:
        return self.expressions.fitted(one, 64)  # type: ignore[arg-type]

    def _assign(self, target: Target, value: Expression) -> Iterator[str]:
        if target.field.bitwidth <= 128:
            yield self.store(target, self.expressions.fitted(value, target.field.bitwidth))
            return
        if isinstance(target, FieldRef):
            left = self.names.field(target.header, target.field)
            if isinstance(value, Constant) and value.value == 0:
                yield f"memset({left}, 0, sizeof {left});"
                return
            if isinstance(value, FieldRef) and value.field.bitwidth == target.field.bitwidth:
                yield f"memmove({left}, {self.names.field(value.header, value.field)}, sizeof {left});"
                return
        yield self.expressions.big.store(target, value)

    def _assign_VL(self, target: FieldRef, value: FieldRef) -> Iterator[str]:
        bits, given = self.names.bits(target.header), self.names.bits(value.header)
        most = target.field.bitwidth
        yield f"{bits} = {given} < {most} ? {given} : {most};"
        left, right = (
            self.names.field(target.header, target.field),
            self.names.field(value.header, value.field),
        )
        yield f"memmove({left}, {right}, {bits} / 8);"

    def _assign_header(self, target: Header | Element, value: Header | Element) -> Iterator[str]:
        if isinstance(target, Header) and isinstance(value, Header) and target.metadata:
            for field in target.fields:
                yield from self._assign(FieldRef(target, field), FieldRef(value, field))
            return
        with_target, to, others = self._placed(target, "i")
        with_value, given, _ = self._placed(value, "j")
        yield from with_target
        yield from with_value
        yield f"if ({given}.valid) {{"
        if isinstance(target, Header):
            yield f"    {self.names.use(target)}"
        yield f"    {to} = {given};"
        yield from (f"    {other}.valid = 0;" for other in others)
        yield "} else {"
        yield f"    {to}.valid = 0;"
        yield "}"
        yield from ["}"] * len(with_target + with_value)

    _copy_header = _assign_header

    def _placed(self, header: Header | Element, index: str) -> tuple[list[str], str, list[str]]:
        """What stands in front of a header's use (as many braces as lines are to be closed), the header, and
        the others of its union, as lvalues."""
        if isinstance(header, Header):
            siblings = self.names.siblings.get(header.name, ())
            return [], self.names.header(header), [self.names.header(one) for one in siblings]
        stack, sample = header.stack, header.sample
        others = [self.names.at(stack, one, index) for one in self.names.siblings.get(sample.name, ())]
        number = self.expressions.fitted(header.index, 64)
        opening = [f"{{ uint64_t {index} = {number};", f"if ({index} < {stack.size}) {{"]
        return opening, self.names.at(stack, sample, index), others

    def _assign_union(self, *members: Header | Element) -> Iterator[str]:
        half = len(members) // 2
        for one, other in zip(members[:half], members[half:], strict=True):
            yield from self._assign_header(one, other)

    def _assign_header_stack(self, target: Stack, value: Stack) -> Iterator[str]:
        yield f"{self.names.count(target)} = {self.names.count(value)};"
        for one, other in zip(target.elements, value.elements, strict=True):
            if isinstance(one, Header) and isinstance(other, Header):
                yield from self._assign_header(one, other)
            elif isinstance(one, Union) and isinstance(other, Union):
                yield from self._assign_union(*one.members, *other.members)

    _assign_union_stack = _assign_header_stack

    def _push(self, stack: Stack, number: Expression) -> Iterator[str]:
        """Elements move back; those that fall out come to the front and are invalid."""
        elements, count = f"phv->{self.names.stacks[stack.name]}", self.names.count(stack)
        yield "{"
        yield f"    uint64_t number = {self._number(number)}, sum = {count} + number;"
        yield f"    {count} = sum < number || sum > {stack.size} ? {stack.size} : (uint32_t)sum;"
        yield f"    for (uint64_t i = {stack.size}; number && i-- > number;) {{"
        yield from self._swap(stack, f"{elements}[i]", f"{elements}[i - number]")
        if isinstance(stack.elements[0], Header):
            yield f"    for (uint64_t i = 0; i < number && i < {stack.size}; i++)"
            yield f"        {elements}[i].valid = 0;"
        yield "}"

    def _pop(self, stack: Stack, number: Expression) -> Iterator[str]:
        """Elements move to the front; those that fall out come to the end and are invalid."""
        elements, count = f"phv->{self.names.stacks[stack.name]}", self.names.count(stack)
        yield "{"
        yield f"    uint64_t number = {self._number(number)}, left = 0;"
        yield f"    {count} -= number < {count} ? (uint32_t)number : {count};"
        yield f"    for (; number && number < {stack.size} && left < {stack.size} - number; left++) {{"
        yield from self._swap(stack, f"{elements}[left]", f"{elements}[left + number]")
        if isinstance(stack.elements[0], Header):
            yield f"    for (; number && left < {stack.size}; left++)"
            yield f"        {elements}[left].valid = 0;"
        yield "}"

    def _swap(self, stack: Stack, one: str, other: str) -> Iterator[str]:
        yield f"        struct {self.names.element_type(stack)} kept = {one};"
        yield f"        {one} = {other};"
        yield f"        {other} = kept;"
        yield "    }"

    def _add_header(self, header: Header | Element) -> Iterator[str]:
        opening, name, others = self._placed(header, "i")
        kind = header.sample if isinstance(header, Element) else header
        yield from opening
        yield f"if (!{name}.valid) {{"
        if isinstance(header, Header):
            yield f"    {self.names.use(header)}"
        if kind.variable is not None:
            yield f"    uint32_t bits = {self.names.bits(kind, name)}; /* stay as they are */"
        yield f"    memset(&{name}, 0, sizeof {name});"
        if kind.variable is not None:
            yield f"    {self.names.bits(kind, name)} = bits;"
        yield f"    {name}.valid = 1;"
        yield from (f"    {other}.valid = 0;" for other in others)
        yield f"    packet->wire_length += {self.names.size(kind, name)};"
        yield "}"
        yield from ["}"] * len(opening)

    def _remove_header(self, header: Header | Element) -> Iterator[str]:
        opening, name, _ = self._placed(header, "i")
        kind = header.sample if isinstance(header, Element) else header
        yield from opening
        yield f"if ({name}.valid) {{"
        yield f"    {name}.valid = 0;"
        yield f"    packet->wire_length -= {self.names.size(kind, name)};"
        yield "}"
        yield from ["}"] * len(opening)

    def _mark_to_drop(self) -> Iterator[str]:
        yield "packet->standard_metadata.egress_spec = pipeline->drop_port;"
        yield "packet->standard_metadata.mcast_grp = 0;"

    _drop = _mark_to_drop

    def _no_op(self) -> Iterator[str]:
        yield from ()

    def _exit(self) -> Iterator[str]:
        yield "packet->requests.exited = true;"
        yield "return;"

    def _generate_digest(self, number: Constant) -> Iterator[str]:
        yield "packet->requests.digest = true;"
        yield f"packet->requests.digest_list = {number.value};"

    def _clone(self, session: Expression, kept: Constant) -> Iterator[str]:
        yield "packet->requests.clone = true;"
        yield f"packet->requests.clone_session = (uint32_t){self._number(session)};"
        yield f"packet->requests.clone_list = {kept.value};"

    _clone_ingress_pkt_to_egress = _clone
    _clone_egress_pkt_to_egress = _clone

    def _resubmit(self, kept: Constant) -> Iterator[str]:
        yield "packet->requests.resubmit = true;"
        yield f"packet->requests.resubmit_list = {kept.value};"

    def _recirculate(self, kept: Constant) -> Iterator[str]:
        yield "packet->requests.recirculate = true;"
        yield f"packet->requests.recirculate_list = {kept.value};"

    def _truncate(self, length: Expression) -> Iterator[str]:
        yield "{"
        yield f"    uint64_t length = {self._number(length)}; /* the shortest of several */"
        yield "    if (length < packet->requests.truncate)"
        yield "        packet->requests.truncate = (uint32_t)length;"
        yield "}"

    def _count(self, counter: Counter, index: Expression) -> Iterator[str]:
        yield "{"
        yield f"    uint64_t index = {self._number(index)};"
        yield f"    if (index < {counter.size}) {{"
        yield f"        struct counter *cell = &pipeline->counters[{counter.index}][index];"
        yield "        count_packet(&cell->packets, &cell->bytes, packet);"
        yield "    }"
        yield "}"

    def _execute_meter(self, meter: Meter, index: Expression, target: Target) -> Iterator[str]:
        yield "{"
        yield f"    uint64_t index = {self._number(index)};"
        yield f"    if (index < {meter.size}) {{"
        yield f"        struct meter *cell = (struct meter *)pipeline->meters[{meter.index}] + index;"
        mask = literal((1 << min(target.field.bitwidth, 2)) - 1)
        colour = f"meter_run(pipeline, cell, {meter_amount(meter.unit)})"
        yield f"        {self.store(target, f'({colour} & {mask})')}"
        yield "    }"
        yield "}"

    def _register_read(self, target: Target, register: Register, index: Expression) -> Iterator[str]:
        size = words(register.bitwidth)
        yield "{"
        yield f"    uint64_t index = {self._number(index)};"
        yield f"    if (index < {register.size}) {{"
        yield f"        const uint64_t *cell = pipeline->registers[{register.index}] + index * {size};"
        value = "cell[0]" if size == 1 else "((u128)cell[1] << 64 | cell[0])"
        width = target.field.bitwidth
        if width > 128 and size > 2:
            self.expressions.big.used = True
            stored = f"big_store({AT}, {width}, big_words(cell, {size}));"
            yield f"        {self.expressions.stored(target, stored)}"
            yield "    }"
            yield "}"
            return
        if width < register.bitwidth and width not in (8, 16, 32, 64):
            value = f"({value} & {literal((1 << width) - 1)})"
        yield f"        {self.store(target, value)}"
        yield "    }"
        yield "}"

    def _register_write(self, register: Register, index: Expression, value: Expression) -> Iterator[str]:
        size = words(register.bitwidth)
        yield "{"
        yield f"    uint64_t index = {self._number(index)};"
        yield f"    if (index < {register.size}) {{"
        yield f"        uint64_t *cell = pipeline->registers[{register.index}] + index * {size};"
        if size > 2:
            yield f"        struct big value = {self.expressions.big.value(value)};"
            yield f"        memcpy(cell, value.limb, {8 * size});"
            if register.bitwidth % 64:
                yield f"        cell[{size - 1}] &= {literal((1 << register.bitwidth % 64) - 1)};"
        elif size == 1:
            yield f"        cell[0] = {self.expressions.fitted(value, register.bitwidth)};"
        else:
            yield f"        u128 value = {self.expressions.fitted(value, register.bitwidth)};"
            yield "        cell[0] = (uint64_t)value;"
            yield "        cell[1] = (uint64_t)(value >> 64);"
        yield "    }"
        yield "}"

    def _modify_field_with_hash_based_offset(
        self, target: Target, base: Expression, calculation: Calculation, size: Expression
    ) -> Iterator[str]:
        function = self.calculations.function(calculation)
        width = min(target.field.bitwidth, 64)
        yield "{"
        yield f"    uint64_t size = {self._number(size)};"
        yield f"    uint64_t value = {function}(packet, phv) % (size ? size : 1) + {self._number(base)};"
        mask = "" if width == 64 else f" & {(1 << width) - 1:#x}u"
        yield f"    {self.store(target, f'(value{mask})')}"
        yield "}"

    def _modify_field_rng_uniform(self, target: Target, low: Expression, high: Expression) -> Iterator[str]:
        width = min(target.field.bitwidth, 64)
        mask = "" if width == 64 else f" & {(1 << width) - 1:#x}u"
        yield "{"
        yield f"    uint64_t low = {self._number(low)}, high = {self._number(high)};"
        yield "    if (low <= high)"
        yield f"        {self.store(target, f'(random_between(pipeline, low, high){mask})')}"
        yield "}"

    def _jump(self, target: Jump) -> Iterator[str]:
        yield f"goto step_{target.target};"

    def _jump_if_zero(self, condition: Expression, target: Jump) -> Iterator[str]:
        yield f"if (!{self.expressions.truth(condition)})"
        yield f"    goto step_{target.target};"
