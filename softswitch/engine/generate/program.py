"""The whole C file of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator

from p4fabric.softswitch.engine.generate.actions import Actions, data_words, words
from p4fabric.softswitch.engine.generate.calculations import Calculations
from p4fabric.softswitch.engine.generate.coverage import Coverage
from p4fabric.softswitch.engine.generate.expressions import Expressions
from p4fabric.softswitch.engine.generate.flows import Flows
from p4fabric.softswitch.engine.generate.intervals import literal
from p4fabric.softswitch.engine.generate.layout import codecs, structs
from p4fabric.softswitch.engine.generate.names import Names, Place, comment, string
from p4fabric.softswitch.engine.generate.parsers import Parsers
from p4fabric.softswitch.engine.generate.tables import ENTRY_BYTES, Tables, profile_actions
from p4fabric.softswitch.engine.generate.tracing import Tracing
from p4fabric.softswitch.engine.model import ConstantInput, FieldList, FieldRef, Header, Pipeline, Validity


def generate(pipeline: Pipeline, *, traced: bool = False, covered: bool = False) -> str:
    """C that includes the runtime's `lookup.h` and defines `p4_pipeline`; `PipelineError` names what
    cannot be expressed. `traced`: code that records what becomes of packets that are traced, and costs
    something; the other knows nothing of that. `covered`: code that counts what packets come by."""
    return "\n".join(_Program(pipeline, traced, covered).text()) + "\n"


class _Program:
    def __init__(self, pipeline: Pipeline, traced: bool, covered: bool) -> None:
        self.pipeline = pipeline
        self.tracing = Tracing(pipeline, traced)
        self.coverage = Coverage(pipeline, covered)
        self.names = Names(pipeline)
        self.expressions = Expressions(self.names)
        self.calculations = Calculations(self.names)
        self.actions = Actions(self.names, self.expressions, self.calculations, self.tracing)
        self.tables = Tables(
            *(pipeline, self.names, self.expressions, self.calculations, self.actions),
            *(self.tracing, self.coverage),
        )

    def text(self) -> Iterator[str]:
        pipeline = self.pipeline
        yield f"/* Made by p4fabric from {comment(pipeline.program)}. Changes are lost. */"
        yield '#include "lookup.h"'
        if pipeline.meters or any(table.meter for table in pipeline.tables):
            yield '#include "meter.h"'
        yield from self.tracing.include()
        # What else comes first in the file is found while the rest is written.
        body = list(self._body())
        if self.expressions.big.used:
            yield '#include "big.h"'
        yield ""
        yield f'_Static_assert(sizeof(struct entry) == {ENTRY_BYTES}, "the layout of entries");'
        yield ""
        yield from self.coverage.declarations()
        yield "struct applied {"
        yield "    uint32_t action;"
        yield "    bool hit;"
        yield "};"
        yield ""
        yield from structs(pipeline, self.names)
        yield ""
        yield from codecs(pipeline, self.names)
        yield from self.calculations.code
        yield from body

    def _body(self) -> Iterator[str]:
        pipeline = self.pipeline
        for action in pipeline.actions:
            yield from self.actions.function(action)
        yield from Parsers(
            *(pipeline, self.names, self.expressions, self.actions),
            *(self.tracing, self.coverage),
        ).code()
        yield from self.tables.shapes()
        for table in pipeline.tables:
            yield from self.tables.function(table)
        yield from self.tables.foresight()
        flows = Flows(self.names, self.expressions, self.tracing, self.coverage)
        yield from flows.function(pipeline.ingress)
        yield from flows.function(pipeline.egress)
        yield from self._entry_points()
        yield from self._lists()
        yield from self._description()
        yield from self.tracing.layout(self.names)

    def _no_headers(self) -> Iterator[str]:
        """Clear all headers, but for what their fields of variable width hold beyond their width of zero."""
        plain = [declaration for place, declaration in self.names.members if place is Place.PLAIN]
        if plain:
            start = f"offsetof(struct phv, {self.names.first})"
            # Local variables of variable width are metadata, which stand in front of all headers.
            behind = next((one for one in self.names.variable if not one.metadata), None)
            end = f"offsetof(struct phv, {self.names.headers[behind.name]})" if behind else "sizeof *phv"
            yield f"    memset((uint8_t *)phv + {start}, 0, {end} - {start});"
        if not self.names.variable:
            return
        yield f"    if ({self.names.in_use}) {{"
        for header in self.names.variable:
            assert header.variable is not None
            kind = self.names.types[header.type_name]
            content = self.names.fields[header.type_name, header.variable.name]
            path = self.names.header(header)
            yield f"        memset(&{path}, 0, offsetof(struct type_{kind}, {content}));"
        yield f"        {self.names.in_use} = 0;"
        yield "    }"

    def _entry_points(self) -> Iterator[str]:
        yield "static void parse(struct pipeline *pipeline, struct packet *packet)"
        yield "{"
        yield "    struct phv *phv = packet_phv(packet);"
        # Metadata stays: what was kept of a packet that comes again is there before it is parsed.
        yield from self._no_headers()
        yield "    parse_headers(pipeline, packet, phv);"
        for checksum in self.pipeline.verify:
            yield from self.calculations.checksum(checksum, self.expressions, True)
        yield "}"
        yield ""
        for name, flow in (("ingress", "ingress"), ("control", "ingress"), ("egress", "egress")):
            yield f"static void {name}(struct pipeline *pipeline, struct packet *packet)"
            yield "{"
            if name == "ingress":
                yield "    parse(pipeline, packet);"
            yield f"    control_{flow}(pipeline, packet, packet_phv(packet));"
            yield "}"
            yield ""
        yield "static void deparse(struct pipeline *pipeline, struct packet *packet)"
        yield "{"
        yield "    struct phv *phv = packet_phv(packet);"
        yield "    (void)pipeline;"
        for checksum in self.pipeline.update:
            yield from self.calculations.checksum(checksum, self.expressions, False)
        for step in self.pipeline.deparser_steps:
            yield from self.actions.primitive(step)
        yield "    uint32_t size = 0;"
        for header in self.pipeline.deparser:
            yield f"    size += {self.names.valid(header)} ? {self.names.size(header)} : 0;"
        yield "    packet->data += packet->parsed;"
        yield "    packet->length -= packet->parsed;"
        yield "    packet->parsed = 0;"
        yield "    packet->data -= size;"
        yield "    packet->length += size;"
        yield "    uint8_t *to = packet->data;"
        for header in self.pipeline.deparser:
            yield f"    if ({self.names.valid(header)}) {{"
            kind, instance = self.names.types[header.type_name], self.names.headers[header.name]
            yield f"        emit_{kind}(&phv->{instance}, to);"
            yield f"        to += {self.names.size(header)};"
            yield "    }"
        yield "    (void)to, (void)phv;"
        yield "}"
        yield ""
        yield "static void reset_metadata(struct packet *packet)"
        yield "{"
        yield "    struct phv *phv = packet_phv(packet);"
        yield "    (void)phv;"
        yield "    memset(&packet->standard_metadata, 0, sizeof packet->standard_metadata);"
        for header in self.pipeline.headers:
            if header.metadata and not header.standard:
                name = f"phv->{self.names.headers[header.name]}"
                yield f"    memset(&{name}, 0, sizeof {name});"
        yield "}"
        yield ""

    def _lists(self) -> Iterator[str]:
        yield "static void keep_fields(uint32_t list, struct packet *to_packet, struct packet *from_packet)"
        yield "{"
        yield "    struct phv *to = packet_phv(to_packet), *from = packet_phv(from_packet);"
        yield "    (void)to, (void)from;"
        yield "    switch (list) {"
        for kept in self.pipeline.kept_fields:
            yield f"    case {kept.id}: /* {comment(kept.name)} */"
            for one in kept.fields:
                if isinstance(one, FieldRef):
                    name = self.names.field(one.header, one.field)
                    target = name.replace("phv->", "to->").replace("packet->", "to_packet->")
                    source = name.replace("phv->", "from->").replace("packet->", "from_packet->")
                    if one.field.bitwidth > 128:
                        yield f"        memcpy({target}, {source}, sizeof {target});"
                    else:
                        yield f"        {target} = {source};"
            yield "        break;"
        yield "    }"
        yield "}"
        yield ""
        yield "static uint32_t digest(uint32_t list, struct packet *packet, uint8_t *to)"
        yield "{"
        yield "    struct phv *phv = packet_phv(packet);"
        yield "    (void)phv, (void)to;"
        yield "    switch (list) {"
        for listed in self.pipeline.digests:
            yield f"    case {listed.id}: /* {comment(listed.name)} */"
            yield from self._digest(listed)
        yield "    }"
        yield "    return 0;"
        yield "}"
        yield ""

    def _digest(self, one: FieldList) -> Iterator[str]:
        """Each field as whole bytes, big-endian, one behind the other."""
        at = 0
        for item in one.fields:
            if isinstance(item, Validity):
                assert isinstance(item.header, Header)
                width, value = 1, self.names.valid(item.header)
            elif isinstance(item, ConstantInput):
                width, value = item.bitwidth, literal(item.value)
            else:
                width, value = item.field.bitwidth, self.names.field(item.header, item.field)
            size = (width + 7) // 8
            if width > 128:
                yield f"        memcpy(to + {at}, {value}, {size});"
            else:
                yield f"        store_bits(to + {at}, 0, {size * 8}, {value});"
            at += size
        yield f"        return {at};"

    def _description(self) -> Iterator[str]:
        pipeline = self.pipeline
        yield "static const struct profile_shape profile_shapes[] = {"
        for profile in pipeline.profiles:
            actions = profile_actions(pipeline, profile).values()
            data = max((data_words(one) for one in actions), default=0)
            size = pipeline.info.profiles[profile.name].max_size
            yield f"    {{ {string(profile.name)}, {data}, {size} }},"
        yield "    { 0, 0, 0 },"
        yield "};"
        yield "static const struct array_shape register_shapes[] = {"
        for register in pipeline.registers:
            yield f"    {{ {string(register.name)}, {register.size}, {words(register.bitwidth)} }},"
        yield "    { 0, 0, 0 },"
        yield "};"
        yield "static const struct array_shape counter_shapes[] = {"
        for counter in pipeline.counters:
            yield f"    {{ {string(counter.name)}, {counter.size}, 2 }},"
        yield "    { 0, 0, 0 },"
        yield "};"
        yield ""
        if pipeline.meters:
            yield "static const struct array_shape meter_shapes[] = {"
            for meter in pipeline.meters:
                yield f"    {{ {string(meter.name)}, {meter.size}, METER_WORDS }},"
            yield "};"
        if pipeline.value_sets:
            yield "static const struct set_shape set_shapes[] = {"
            for one in pipeline.value_sets:
                size = sum(words(width) for width in one.widths)
                yield f"    {{ {string(one.name)}, {size}, {one.size} }},"
            yield "};"
        room = sum(header.longest for header in pipeline.deparser)
        digest_room = max((digest_size(one) for one in pipeline.digests), default=0)
        yield 'extern __attribute__((visibility("default"))) const struct pipeline_code p4_pipeline;'
        yield "const struct pipeline_code p4_pipeline = {"
        yield "    .abi = PIPELINE_ABI, .packet_size = sizeof(struct packet), .phv_size = sizeof(struct phv),"
        yield f"    .header_room = {room}, .digest_room = {digest_room},"
        yield f"    .table_count = {len(pipeline.tables)}, .profile_count = {len(pipeline.profiles)},"
        yield f"    .register_count = {len(pipeline.registers)}, .counter_count = {len(pipeline.counters)},"
        yield "    .tables = table_shapes, .profiles = profile_shapes,"
        yield "    .registers = register_shapes, .counters = counter_shapes,"
        if pipeline.meters:
            yield f"    .meters = meter_shapes, .meter_count = {len(pipeline.meters)},"
        if pipeline.value_sets:
            yield f"    .sets = set_shapes, .set_count = {len(pipeline.value_sets)},"
        yield "    .parse = parse, .ingress = ingress, .egress = egress, .deparse = deparse,"
        yield "    .control = control, .foresee = foresee,"
        yield "    .reset_metadata = reset_metadata, .keep_fields = keep_fields, .digest = digest,"
        yield "};"


def digest_size(one: FieldList) -> int:
    """The bytes of a digest list's message."""
    widths = (
        item.field.bitwidth
        if isinstance(item, FieldRef)
        else 1
        if isinstance(item, Validity)
        else item.bitwidth
        for item in one.fields
    )
    return sum((width + 7) // 8 for width in widths)
