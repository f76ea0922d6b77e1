"""Headers in memory and on the wire: structs, and functions that extract and emit each header type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from p4fabric.softswitch.engine.generate.expressions import field_type
from p4fabric.softswitch.engine.generate.names import Names
from p4fabric.softswitch.engine.model import Field, Header, Pipeline


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
        for field in sorted(
            header.fields, key=lambda one: 1 if one.variable else -one.bitwidth if one.bitwidth <= 128 else 0
        ):
            name = names.fields[header.type_name, field.name]
            if field.variable:
                bits = names.fields[header.type_name, field.name + " bits"]
                yield f"    uint32_t {bits};"
                yield f"    uint8_t {name}[{field.bitwidth // 8}]; /* at most */"
            elif field.bitwidth > 128:
                yield f"    uint8_t {name}[{(field.bitwidth + 7) // 8}];"
            else:
                yield f"    {field_type(field.bitwidth)} {name}; /* {field.bitwidth} bits */"
        yield "};"
        yield ""
    for kind, members in names.union_types.values():
        yield f"struct {kind} {{ /* at most one is valid */"
        for member_type, member in members:
            yield f"    struct {member_type} {member};"
        yield "};"
        yield ""
    yield "struct phv {"
    for _, declaration in sorted(names.members, key=lambda one: one[0]):
        yield f"    {declaration}"
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
        if header.variable is not None:
            yield from _variable_codecs(header, kind, names)
            continue
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


def _variable_codecs(header: Header, kind: str, names: Names) -> Iterator[str]:
    """The same for a type with a field of variable width: what lies behind is found by adding its bits."""
    assert header.variable is not None
    bits = names.bits(header, "(*header)")
    yield f"static inline uint32_t size_{kind}(const struct type_{kind} *header)"
    yield "{"
    yield f"    return {header.size} + {bits} / 8;"
    yield "}"
    yield ""
    arguments = f"struct type_{kind} *header, const uint8_t *from, uint32_t bits"
    yield f"static inline void extract_{kind}({arguments})"
    yield "{"
    yield "    (void)from;"
    behind = ""
    for field in header.fields:
        width, pad = field.bitwidth, -field.bitwidth % 8
        target = f"header->{names.fields[header.type_name, field.name]}"
        if field.variable:
            yield f"    {bits} = bits;"
            yield f"    copy_bits({target}, 0, from, {field.offset}, bits);"
            behind = " + bits"
        elif field.bitwidth > 128:
            yield f"    copy_bits({target}, {pad}, from, {field.offset}{behind}, {width});"
        else:
            loaded = f"load_bits(from, {field.offset}{behind}, {field.bitwidth})"
            yield f"    {target} = ({field_type(field.bitwidth)}){loaded};"
    yield "    header->valid = 1;"
    yield "}"
    yield ""
    yield f"static inline void emit_{kind}(const struct type_{kind} *header, uint8_t *to)"
    yield "{"
    yield f"    memset(to, 0, size_{kind}(header));"
    behind = ""
    for field in header.fields:
        width, pad = field.bitwidth, -field.bitwidth % 8
        value = f"header->{names.fields[header.type_name, field.name]}"
        if field.variable:
            yield f"    copy_bits(to, {field.offset}, {value}, 0, {bits});"
            behind = f" + {bits}"
        elif field.bitwidth > 128:
            yield f"    copy_bits(to, {field.offset}{behind}, {value}, {pad}, {width});"
        else:
            yield f"    store_bits(to, {field.offset}{behind}, {field.bitwidth}, {value});"
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
        target = f"header->{names.fields[header.type_name, field.name]}"
        offset = field.offset - start * 8
        if field.bitwidth > 128:
            pad = -field.bitwidth % 8
            yield f"    copy_bits({target}, {pad}, from + {start}, {offset}, {field.bitwidth});"
            continue
        loaded = f"load_bits(from + {start}, {offset}, {field.bitwidth})"
        yield f"    {target} = ({field_type(field.bitwidth)}){loaded};"


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
            if bits > 128 and bits % 8 == 0:
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
            offset = field.offset - start * 8
            if field.bitwidth > 128:
                value, pad = values[field.offset], -field.bitwidth % 8
                yield f"{indent}copy_bits({to} + {start}, {offset}, {value}, {pad}, {field.bitwidth});"
                continue
            yield f"{indent}store_bits({to} + {start}, {offset}, {field.bitwidth}, {values[field.offset]});"
