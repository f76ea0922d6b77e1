"""Hashes and checksums: inputs are laid out bit behind bit in a buffer, without those of invalid headers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from p4fabric.softswitch.engine.generate.expressions import Expressions
from p4fabric.softswitch.engine.generate.intervals import literal
from p4fabric.softswitch.engine.generate.layout import store_fields
from p4fabric.softswitch.engine.generate.names import Names, place
from p4fabric.softswitch.engine.load.scope import ALGORITHMS
from p4fabric.softswitch.engine.model import (
    Calculation,
    Checksum,
    ConstantInput,
    Field,
    FieldRef,
    Header,
    HeaderInput,
    PayloadInput,
)


class Calculations:
    """Writes one function for each calculation that something uses."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.code: list[str] = []
        self._written: set[int] = set()

    def function(self, calculation: Calculation) -> str:
        """The name of the calculation's function, which is written on first use."""
        key = id(calculation)
        name = self.names.calculation(key, calculation.name)
        if key not in self._written:
            self._written.add(key)
            self.code.extend(self._function(calculation, name))
        return name

    def _function(self, calculation: Calculation, name: str) -> Iterator[str]:
        payload = any(isinstance(one, PayloadInput) for one in calculation.inputs)
        size = sum(
            one.field.bitwidth
            if isinstance(one, FieldRef)
            else one.header.longest * 8
            if isinstance(one, HeaderInput)
            else one.bitwidth
            if isinstance(one, ConstantInput)
            else 0
            for one in calculation.inputs
        )
        room = size // 8 + 1
        yield f"/* {calculation.algorithm} */"
        yield f"static uint64_t {name}(struct packet *packet, struct phv *phv)"
        yield "{"
        if calculation.algorithm == "csum16" and _in_whole_words(calculation):
            yield from self._sum(calculation)
            return
        yield f"    uint8_t bytes[{room}{' + LONGEST_FRAME' if payload else ''}];"
        yield from self._layout(calculation, payload)
        yield f"    return hash_{ALGORITHMS[calculation.algorithm]}(bytes, length);"
        yield "}"
        yield ""

    def _sum(self, calculation: Calculation) -> Iterator[str]:
        """The Internet checksum (RFC 1071), added up field by field: the order of words is of no matter."""
        yield "    (void)packet;"
        yield "    uint64_t sum = 0;"
        for header, run in groupby(calculation.inputs, _owner):
            terms: list[str] = []
            offset = 0
            for one in run:
                for field, value in self._values(one):
                    terms += _words(value, field.bitwidth, offset % 16)
                    offset += field.bitwidth
            guard = ""
            if header is not None and not header.metadata:
                guard = f"if ({self.names.valid(header)}) "
            yield f"    {guard}{{"
            yield from (f"        sum += {term};" for term in terms)
            yield "    }"
        yield "    return (uint16_t)~fold_sum(sum);"
        yield "}"
        yield ""

    def _layout(self, calculation: Calculation, payload: bool) -> Iterator[str]:
        # The payload comes last, wherever it is listed.
        listed = [one for one in calculation.inputs if not isinstance(one, PayloadInput)]
        runs = [(header, list(run)) for header, run in groupby(listed, _owner)]
        aligned = not any(_variable(one) for one in calculation.inputs)
        aligned = aligned and all(sum(_bits(one) for one in run) % 8 == 0 for _, run in runs[:-1])
        yield "    (void)packet;"
        yield "    (void)phv;"
        if not aligned:
            yield from self._unaligned(calculation)
        else:
            yield "    uint32_t length = 0;"
            for header, run in runs:
                guarded = header is not None and not header.metadata
                indent = "    "
                if guarded:
                    assert header is not None
                    yield f"    if ({self.names.valid(header)}) {{"
                    indent = "        "
                bits = 0
                fields = []
                for one in run:
                    for field, value in self._values(one):
                        fields.append((Field(field.name, field.bitwidth, False, bits), value))
                        bits += field.bitwidth
                yield from store_fields(fields, "bytes + length", indent)
                yield f"{indent}length += {(bits + 7) // 8};"
                if guarded:
                    yield "    }"
        if payload:
            yield "    uint32_t rest = packet->length - packet->parsed;"
            yield "    if (rest > LONGEST_FRAME)"
            yield "        rest = LONGEST_FRAME;"
            yield "    memcpy(bytes + length, packet->data + packet->parsed, rest);"
            yield "    length += rest;"

    def _unaligned(self, calculation: Calculation) -> Iterator[str]:
        yield "    memset(bytes, 0, sizeof bytes);"
        yield "    uint32_t bits = 0;"
        for one in calculation.inputs:
            if isinstance(one, PayloadInput):
                continue
            guard = ""
            header = _owner(one)
            if header is not None and not header.metadata:
                guard = f"if ({self.names.valid(header)}) "
            for field, value in self._values(one):
                yield f"    {guard}{{"
                width = str(field.bitwidth)
                if field.variable:
                    assert header is not None
                    width = self.names.bits(header)
                    yield f"        copy_bits(bytes, bits, {value}, 0, {width});"
                elif field.bitwidth > 128:
                    yield f"        copy_bits(bytes, bits, {value}, {-field.bitwidth % 8}, {width});"
                else:
                    yield f"        store_bits(bytes, bits, {width}, {value});"
                yield f"        bits += {width};"
                yield "    }"
        yield "    uint32_t length = (bits + 7) / 8;"

    def _values(self, one: object) -> Iterator[tuple[Field, str]]:
        if isinstance(one, FieldRef):
            yield one.field, self.names.field(one.header, one.field)
        elif isinstance(one, HeaderInput):
            for field in one.header.fields:
                yield field, self.names.field(one.header, field)
        elif isinstance(one, ConstantInput):
            width = one.bitwidth
            if width > 128:
                size = (width + 7) // 8
                octets = ", ".join(f"{octet:#x}" for octet in one.value.to_bytes(size, "big"))
                yield Field("constant", width, False, 0), f"((const uint8_t[]){{{octets}}})"
                return
            yield Field("constant", width, False, 0), f"({literal(one.value)})"

    def checksum(self, checksum: Checksum, expressions: Expressions, verify: bool) -> Iterator[str]:
        """Statements that verify or set one checksum field."""
        function = self.function(checksum.calculation)
        target = self.names.field(checksum.target.header, checksum.target.field)
        header = checksum.target.header
        conditions = []
        if verify and not header.metadata:
            conditions.append(self.names.valid(header))
        if checksum.condition is not None:
            conditions.append(expressions.truth(checksum.condition))
        yield f"    {place(checksum.source)}"
        if conditions:
            yield f"    if ({' && '.join(conditions)}) {{"
        mask = literal((1 << checksum.target.field.bitwidth) - 1)
        if verify:
            yield f"    if ((uint64_t){target} != ({function}(packet, phv)))"
            yield "        packet->standard_metadata.checksum_error = 1;"
        else:
            yield f"    {target} = (__typeof__({target}))({function}(packet, phv) & {mask});"
        if conditions:
            yield "    }"


def _variable(one: object) -> bool:
    fields = (
        (one.field,)
        if isinstance(one, FieldRef)
        else one.header.fields
        if isinstance(one, HeaderInput)
        else ()
    )
    return any(field.variable for field in fields)


def _in_whole_words(calculation: Calculation) -> bool:
    """Whether the fields of each header fill 16-bit words, and none is too wide for a number in C."""
    widths = [
        field.bitwidth
        for one in calculation.inputs
        for field in (
            (one.field,)
            if isinstance(one, FieldRef)
            else one.header.fields
            if isinstance(one, HeaderInput)
            else ()
        )
    ]
    return (
        not any(isinstance(one, PayloadInput) or _variable(one) for one in calculation.inputs)
        and max([0, *widths, *(_bits(one) for one in calculation.inputs if isinstance(one, ConstantInput))])
        <= 128
        and all(sum(map(_bits, run)) % 16 == 0 for _, run in groupby(calculation.inputs, _owner))
    )


def _words(value: str, width: int, offset: int) -> Iterator[str]:
    """What a value that begins at a bit of a 16-bit word adds to the sum of words."""
    rest = width
    while rest:
        taken = min(rest, 16 - offset)
        rest -= taken
        piece = f"({value} >> {rest})" if rest else value
        shift = 16 - offset - taken
        yield f"((uint64_t){piece} & {literal((1 << taken) - 1)})" + (f" << {shift}" if shift else "")
        offset = 0


def _owner(one: object) -> Header | None:
    return one.header if isinstance(one, FieldRef | HeaderInput) else None


def _bits(one: object) -> int:
    if isinstance(one, FieldRef):
        return one.field.bitwidth
    if isinstance(one, HeaderInput):
        return one.header.size * 8
    return one.bitwidth if isinstance(one, ConstantInput) else 0
