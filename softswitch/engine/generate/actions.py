"""Actions as C functions: one statement a primitive, jumps as gotos."""

from __future__ import annotations

from collections.abc import Iterator

from softswitch.engine.api import MeterUnit, PipelineError
from softswitch.engine.generate.calculations import Calculations
from softswitch.engine.generate.expressions import Expressions, field_type, literal
from softswitch.engine.generate.names import Names, comment, place
from softswitch.engine.model import (
    Action,
    Calculation,
    Constant,
    Counter,
    Expression,
    FieldRef,
    Header,
    Jump,
    Meter,
    Operand,
    Primitive,
    Register,
)

SIGNATURE = "struct pipeline *pipeline, struct packet *packet, struct phv *phv"


def words(bitwidth: int) -> int:
    """The 64-bit words that a value of this width takes in an entry."""
    return (bitwidth + 63) // 64


def data_words(action: Action) -> int:
    """The 64-bit words that an action's arguments take."""
    return sum(words(width) for width in action.widths)


def meter_amount(unit: MeterUnit) -> str:
    """What a packet costs at a meter."""
    return "1" if unit is MeterUnit.PACKETS else "packet->ingress_length"


class Actions:
    """Writes actions and single primitives."""

    def __init__(self, names: Names, expressions: Expressions, calculations: Calculations) -> None:
        self.names = names
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
            if width <= 64:
                yield f"    const uint64_t argument_{index} = data[{at}];"
            else:
                yield f"    const u128 argument_{index} = (u128)data[{at + 1}] << 64 | data[{at}];"
            yield f"    (void)argument_{index};"
            at += words(width)
        targets = {one.target for step in action.primitives for one in step.operands if isinstance(one, Jump)}
        for index, step in enumerate(action.primitives):
            if index in targets:
                yield f"step_{index}:;"
            yield f"    {place(step.source)}"
            yield from self.primitive(step)
        if len(action.primitives) in targets:
            yield f"step_{len(action.primitives)}:;"
        yield "}"
        yield ""

    def primitive(self, step: Primitive) -> Iterator[str]:
        """The statements of one primitive."""
        method = getattr(self, "_" + step.name.lstrip("_"), None)
        if method is None:
            raise PipelineError("actions", f"primitive {step.name!r} is not supported")
        try:
            lines = list(method(*step.operands))
        except PipelineError as error:
            where = f" ({step.source.filename}:{step.source.line})" if step.source else ""
            raise PipelineError(error.path or "actions", f"{step.name}: {error.problem}{where}") from None
        yield from (f"    {line}" for line in lines)

    def store(self, target: FieldRef, value: str) -> str:
        """Store C of an unsigned value that fits the field."""
        return (
            f"{self.names.field(target.header, target.field)} = ({field_type(target.field.bitwidth)}){value};"
        )

    def _number(self, one: Operand) -> str:
        return self.expressions.fitted(one, 64)  # type: ignore[arg-type]

    def _assign(self, target: FieldRef, value: Expression) -> Iterator[str]:
        if target.field.bitwidth <= 128:
            yield self.store(target, self.expressions.fitted(value, target.field.bitwidth))
            return
        left = self.names.field(target.header, target.field)
        if isinstance(value, Constant) and value.value == 0:
            yield f"memset({left}, 0, sizeof {left});"
        elif isinstance(value, FieldRef) and value.field.bitwidth == target.field.bitwidth:
            yield f"memmove({left}, {self.names.field(value.header, value.field)}, sizeof {left});"
        else:
            raise PipelineError("", f"arithmetic on the wide field {target.field.name!r} is not supported")

    def _assign_header(self, target: Header, value: Header) -> Iterator[str]:
        yield f"phv->{self.names.headers[target.name]} = phv->{self.names.headers[value.name]};"

    def _add_header(self, header: Header) -> Iterator[str]:
        yield f"if (!{self.names.valid(header)}) {{"
        name = f"phv->{self.names.headers[header.name]}"
        yield f"    memset(&{name}, 0, sizeof {name});"
        yield f"    {self.names.valid(header)} = 1;"
        yield f"    packet->wire_length += {header.size};"
        yield "}"

    def _remove_header(self, header: Header) -> Iterator[str]:
        yield f"if ({self.names.valid(header)}) {{"
        yield f"    {self.names.valid(header)} = 0;"
        yield f"    packet->wire_length -= {header.size};"
        yield "}"

    def _mark_to_drop(self) -> Iterator[str]:
        yield "packet->standard_metadata.egress_spec = pipeline->drop_port;"
        yield "packet->standard_metadata.mcast_grp = 0;"

    _drop = _mark_to_drop

    def _no_op(self) -> Iterator[str]:
        yield from ()

    _log_msg = _no_op

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
        yield f"packet->requests.truncate = (uint32_t){self._number(length)};"

    def _count(self, counter: Counter, index: Expression) -> Iterator[str]:
        yield "{"
        yield f"    uint64_t index = {self._number(index)};"
        yield f"    if (index < {counter.size}) {{"
        yield f"        struct counter *cell = &pipeline->counters[{counter.index}][index];"
        yield "        count_packet(&cell->packets, &cell->bytes, packet);"
        yield "    }"
        yield "}"

    def _execute_meter(self, meter: Meter, index: Expression, target: FieldRef) -> Iterator[str]:
        yield "{"
        yield f"    uint64_t index = {self._number(index)};"
        yield f"    if (index < {meter.size}) {{"
        yield f"        struct meter *cell = (struct meter *)pipeline->meters[{meter.index}] + index;"
        mask = literal((1 << min(target.field.bitwidth, 2)) - 1)
        colour = f"meter_run(pipeline, cell, {meter_amount(meter.unit)})"
        yield f"        {self.store(target, f'({colour} & {mask})')}"
        yield "    }"
        yield "}"

    def _register_read(self, target: FieldRef, register: Register, index: Expression) -> Iterator[str]:
        size = words(register.bitwidth)
        yield "{"
        yield f"    uint64_t index = {self._number(index)};"
        yield f"    if (index < {register.size}) {{"
        yield f"        const uint64_t *cell = pipeline->registers[{register.index}] + index * {size};"
        value = "cell[0]" if size == 1 else "((u128)cell[1] << 64 | cell[0])"
        width = target.field.bitwidth
        if width > 128:
            raise PipelineError("", f"reading a register into the wide field {target.field.name!r}")
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
        fitted = self.expressions.fitted(value, register.bitwidth)
        if size == 1:
            yield f"        cell[0] = {fitted};"
        else:
            yield f"        u128 value = {fitted};"
            yield "        cell[0] = (uint64_t)value;"
            yield "        cell[1] = (uint64_t)(value >> 64);"
        yield "    }"
        yield "}"

    def _modify_field_with_hash_based_offset(
        self, target: FieldRef, base: Expression, calculation: Calculation, size: Expression
    ) -> Iterator[str]:
        function = self.calculations.function(calculation)
        width = min(target.field.bitwidth, 64)
        yield "{"
        yield f"    uint64_t size = {self._number(size)};"
        yield f"    uint64_t value = {function}(packet, phv) % (size ? size : 1) + {self._number(base)};"
        mask = "" if width == 64 else f" & {(1 << width) - 1:#x}u"
        yield f"    {self.store(target, f'(value{mask})')}"
        yield "}"

    def _modify_field_rng_uniform(self, target: FieldRef, low: Expression, high: Expression) -> Iterator[str]:
        width = min(target.field.bitwidth, 64)
        mask = "" if width == 64 else f" & {(1 << width) - 1:#x}u"
        value = f"(random_between(pipeline, {self._number(low)}, {self._number(high)}){mask})"
        yield self.store(target, value)

    def _jump(self, target: Jump) -> Iterator[str]:
        yield f"goto step_{target.target};"

    def _jump_if_zero(self, condition: Expression, target: Jump) -> Iterator[str]:
        yield f"if (!{self.expressions.truth(condition)})"
        yield f"    goto step_{target.target};"
