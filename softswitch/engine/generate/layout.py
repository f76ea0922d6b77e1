"""Headers in memory and on the wire: structs, and functions that extract and emit each header type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from softswitch.engine.api import PipelineError
from softswitch.engine.generate.expressions import field_type
from softswitch.engine.generate.names import Names
from softswitch.engine.model import Field, Header, Pipeline


def structs(pipeline: Pipeline, names: Names) -> Iterator[str]:
    """One struct for each header type, and `struct phv` with an instance of each header."""
    done = set()
    for header in pipeline.headers:
        if header.standard or header.type_name in done:
            continue
        done.add(header.type_name)
        yield f"struct type_{names.types[header.type_name]} {{"
        if not header.metadata or not header.fields:
            yield "    uint8_t valid;"
        for field in sorted(header.fields, key=lambda one: -one.bitwidth if one.bitwidth <= 128 else 0):
            name = names.fields[header.type_name, field.name]
            if field.bitwidth > 128:
                yield f"    uint8_t {name}[{(field.bitwidth + 7) // 8}];"
            else:
                yield f"    {field_type(field.bitwidth)} {name}; /* {field.bitwidth} bits */"
        yield "};"
        yield ""
    yield "struct phv {"
    for header in sorted(pipeline.headers, key=lambda one: not one.metadata):
        if not header.standard:
            yield f"    struct type_{names.types[header.type_name]} {names.headers[header.name]};"
    if all(header.standard for header in pipeline.headers):
        yield "    uint8_t nothing;"
    yield "};"


def codecs(pipeline: Pipeline, names: Names) -> Iterator[str]:
    """Functions `extract_T` and `emit_T` for each header type T."""
    done = set()
    for header in pipeline.headers:
        if header.metadata or header.type_name in done:
            continue
        done.add(header.type_name)
        kind = names.types[header.type_name]
        yield f"static inline void extract_{kind}(struct type_{kind} *header, const uint8_t *from)"
        yield "{"
        if not header.fields:
            yield "    (void)from;"
        for group in groups(header.fields):
            yield from _load_group(group, header, names)
        yield "    header->valid = 1;"
        yield "}"
        yield ""
        yield f"static inline void emit_{kind}(const struct type_{kind} *header, uint8_t *to)"
        yield "{"
        if not header.fields:
            yield "    (void)header;"
            yield "    (void)to;"
        values = {
            field.name: f"header->{names.fields[header.type_name, field.name]}" for field in header.fields
        }
        yield from store_fields(((one, values[one.name]) for one in header.fields), "to")
        yield "}"
        yield ""


def groups(fields: Iterable[Field]) -> Iterator[list[Field]]:
    """Neighbouring fields that together begin and end on whole bytes."""
    group: list[Field] = []
    for field in fields:
        group.append(field)
        if (field.offset + field.bitwidth) % 8 == 0:
            yield group
            group = []
    if group:
        yield group


def _load_group(group: list[Field], header: Header, names: Names) -> Iterator[str]:
    start = group[0].offset // 8
    bits = sum(field.bitwidth for field in group)
    if len(group) == 1:
        field = group[0]
        target = f"header->{names.fields[header.type_name, field.name]}"
        if field.bitwidth > 128:
            yield f"    memcpy({target}, from + {start}, {bits // 8});"
        elif bits == 128:
            yield f"    {target} = load_wide(from + {start});"
        elif bits <= 64:
            yield f"    {target} = ({field_type(bits)})load_bytes(from + {start}, {bits // 8});"
        else:
            yield f"    {target} = load_bits(from + {start}, 0, {bits});"
        return
    if bits <= 64:
        yield "    {"
        yield f"        uint64_t word = load_bytes(from + {start}, {bits // 8});"
        rest = bits
        for field in group:
            rest -= field.bitwidth
            target = f"header->{names.fields[header.type_name, field.name]}"
            mask = (1 << field.bitwidth) - 1
            yield f"        {target} = ({field_type(field.bitwidth)})(word >> {rest} & {mask:#x}u);"
        yield "    }"
        return
    for field in group:
        refuse_unaligned(field)
        target = f"header->{names.fields[header.type_name, field.name]}"
        offset = field.offset - start * 8
        loaded = f"load_bits(from + {start}, {offset}, {field.bitwidth})"
        yield f"    {target} = ({field_type(field.bitwidth)}){loaded};"


def refuse_unaligned(field: Field) -> None:
    """Fields of more than 128 bits are moved as bytes only."""
    if field.bitwidth > 128 and (field.offset % 8 or field.bitwidth % 8):
        raise PipelineError("header_types", f"wide field {field.name!r} does not begin and end on a byte")


def store_fields(fields: Iterable[tuple[Field, str]], to: str, indent: str = "    ") -> Iterator[str]:
    """Store values of fields at their constant offsets behind the pointer `to`; the last byte is padded."""
    values = {}
    listed = []
    for field, value in fields:
        values[field.offset] = value
        listed.append(field)
    for group in groups(listed):
        start = group[0].offset // 8
        bits = sum(field.bitwidth for field in group)
        size = (bits + 7) // 8
        if len(group) == 1 and group[0].bitwidth > 64:
            value = values[group[0].offset]
            if bits == 128:
                yield f"{indent}store_wide({to} + {start}, {value});"
                continue
            if bits > 128:
                refuse_unaligned(group[0])
                yield f"{indent}memcpy({to} + {start}, {value}, {size});"
                continue
        if bits <= 64:
            rest = size * 8
            terms = []
            for field in group:
                rest -= field.bitwidth
                value = f"(uint64_t){values[field.offset]}"
                terms.append(f"{value} << {rest}" if rest else value)
            yield f"{indent}store_bytes({to} + {start}, {' | '.join(terms)}, {size});"
            continue
        yield f"{indent}memset({to} + {start}, 0, {size});"
        for field in group:
            refuse_unaligned(field)
            if field.bitwidth > 128:
                raise PipelineError("header_types", f"wide field {field.name!r} shares its bytes")
            offset = field.offset - start * 8
            yield f"{indent}store_bits({to} + {start}, {offset}, {field.bitwidth}, {values[field.offset]});"
