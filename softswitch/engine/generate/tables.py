"""Tables: the packed key, the lookup with constant sizes, the call of the action."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from p4fabric.softswitch.engine.api import MatchKind
from p4fabric.softswitch.engine.generate.actions import SIGNATURE, Actions, data_words, meter_amount, words
from p4fabric.softswitch.engine.generate.calculations import Calculations
from p4fabric.softswitch.engine.generate.coverage import Coverage
from p4fabric.softswitch.engine.generate.expressions import Expressions
from p4fabric.softswitch.engine.generate.intervals import literal
from p4fabric.softswitch.engine.generate.names import Names, comment, place, string
from p4fabric.softswitch.engine.generate.tracing import Tracing
from p4fabric.softswitch.engine.model import Action, FieldRef, Key, Pipeline, Profile, Table

ENTRY_BYTES = 48  # sizeof(struct entry), which the generated code asserts
IDLE_WORDS, METER_WORDS = 3, 10  # as pipeline.h has them
GUIDE_BITS = 32  # of a long prefix, so many tell which lengths are worth a look


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a key field lies: its word (of the masked words or of the ranges) and its lowest bit there."""

    word: int
    shift: int
    ranged: bool


@dataclass(frozen=True, slots=True)
class TableLayout:
    """The words of a table's entries: key, range ends, mask, action data. Shared by generator and writer."""

    places: tuple[KeyPlace, ...]
    key_words: int
    range_words: int
    data_words: int

    @property
    def data_offset(self) -> int:
        """The word at which the action's arguments begin."""
        return 2 * self.key_words + 2 * self.range_words

    @property
    def entry_words(self) -> int:
        """All words of an entry."""
        return self.data_offset + self.data_words


def layout(table: Table) -> TableLayout:
    """Fields in order; none of up to 64 bits straddles two words."""
    places = []
    word, used, ranges = -1, 64, 0
    for key in table.key:
        if key.match is MatchKind.RANGE:
            places.append(KeyPlace(ranges, 0, True))
            ranges += 1
            continue
        if key.bitwidth > 64:
            places.append(KeyPlace(word + 1, 0, False))
            word, used = word + words(key.bitwidth), 64
            continue
        if used + key.bitwidth > 64:
            word, used = word + 1, 0
        places.append(KeyPlace(word, used, False))
        used += key.bitwidth
    data = 0 if table.profile else max(data_words(action) for action in table.actions)
    return TableLayout(tuple(places), word + 1, ranges, data)


def profile_actions(pipeline: Pipeline, profile: Profile) -> dict[str, Action]:
    """The actions of a profile's members by name: of each, the copy that members refer to. Each table that
    uses the profile runs its own copy."""
    actions: dict[str, Action] = {}
    for table in pipeline.tables:
        if table.profile == profile:
            for action in table.actions:
                actions.setdefault(action.name, action)
    return actions


def match_kind(table: Table) -> str:
    """The runtime's name for how the table is searched."""
    kinds = {key.match for key in table.key}
    if kinds & {MatchKind.TERNARY, MatchKind.RANGE, MatchKind.OPTIONAL}:
        return "MATCH_TERNARY"
    return "MATCH_LPM" if MatchKind.LPM in kinds else "MATCH_EXACT"


def guide_words(table: Table) -> tuple[list[int], int] | None:
    """What the guide of a longest-prefix table is asked by (a mask of the key's words: its exact fields and
    the prefix's first bits), and the logarithm of how many prefix lengths share a bit in it."""
    if match_kind(table) != "MATCH_LPM":
        return None
    sizes = layout(table)
    mask, lengths = [0] * sizes.key_words, 0
    for key, where in zip(table.key, sizes.places, strict=True):
        bits = (1 << key.bitwidth) - 1
        if key.match is MatchKind.LPM:
            begin = min(key.bitwidth // 2, GUIDE_BITS)
            lengths = key.bitwidth - begin + 1
            bits ^= bits >> begin
        for index in range(words(key.bitwidth)):
            mask[where.word + index] |= (bits << where.shift) >> 64 * index & ((1 << 64) - 1)
    return mask, max((lengths - 1).bit_length() - 6, 0)


def default_words(table: Table) -> list[int]:
    """The program's default arguments as words."""
    if table.default is None:
        return []
    result: list[int] = []
    action, arguments = table.default
    for value, width in zip(arguments, action.widths, strict=True):
        result.extend((value >> 64 * i) & ((1 << 64) - 1) for i in range(words(width)))
    return result


class Tables:
    """Writes the tables of one pipeline."""

    def __init__(
        self,
        pipeline: Pipeline,
        names: Names,
        expressions: Expressions,
        sums: Calculations,
        actions: Actions,
        tracing: Tracing,
        coverage: Coverage,
    ) -> None:
        self.pipeline = pipeline
        self.tracing = tracing
        self.coverage = coverage
        self.actions = actions
        self.names = names
        self.expressions = expressions
        self.calculations = sums

    def shapes(self) -> Iterator[str]:
        """The constant descriptions that the runtime reads."""
        for table in self.pipeline.tables:
            room = self.entry_words(table) - layout(table).data_offset
            padded = default_words(table) + [0] * (room + 1)
            default = ", ".join(f"UINT64_C({word:#x})" for word in padded[: max(room, 1)])
            yield f"static const uint64_t default_{self.names.tables[table.name]}[] = {{{default}}};"
            if (guide := guide_words(table)) is not None:
                mask = ", ".join(literal(word) for word in guide[0])
                yield f"static const uint64_t guide_{self.names.tables[table.name]}[] = {{{mask}}};"
        yield ""
        yield "static const struct table_shape table_shapes[] = {"
        for table in self.pipeline.tables:
            sizes = layout(table)
            action = str(table.default[0].index) if table.default else "NO_ACTION"
            members = {
                "name": string(table.name),
                "key_words": sizes.key_words,
                "range_words": sizes.range_words,
                "data_words": self.entry_words(table) - sizes.data_offset,
                "max_size": table.max_size,
                "default_action": action,
                "default_data": f"default_{self.names.tables[table.name]}",
                "profile": table.profile.index if table.profile else -1,
                "kind": match_kind(table),
                "counted": "true" if table.counted else "false",
            }
            if (guide := guide_words(table)) is not None:
                members["guide"] = f"guide_{self.names.tables[table.name]}"
                members["guide_shift"] = guide[1]
            if self.foreseen(table):
                members["foreseen"] = "true"
            if table.timed:
                members["timed"] = "true"
            if table.meter is not None:
                members["metered"] = "true"
            yield f"    {{ {', '.join(f'.{name} = {value}' for name, value in members.items())} }},"
        if not self.pipeline.tables:
            yield "    { .name = 0 },"
        yield "};"
        yield ""

    def function(self, table: Table) -> Iterator[str]:
        """`apply_T`: looks the packet up, runs the action, says which it was."""
        name = self.names.tables[table.name]
        yield f"/* table {comment(table.name)} {place(table.source).strip('/* ')} */"
        yield f"static inline struct applied apply_{name}({SIGNATURE})"
        yield "{"
        direct = table.counted or table.meter is not None
        if not table.key and table.default_fixed and table.default is not None and not direct:
            action, _ = table.default
            yield from self.coverage.table(table, "false")
            yield from self.coverage.action(table, action, "    ")
            yield from self.tracing.table(table, "(struct target){0}", 0, 0)
            yield from self.tracing.action(action, f"default_{name}", "    ")
            yield f"    {self.names.action(action)}(pipeline, packet, phv, default_{name});"
            yield from self.tracing.fields()
            yield f"    return (struct applied){{{action.index}, false}};"
            yield "}"
            yield ""
            return
        yield "    (void)phv;"
        yield f"    const struct table *table = &pipeline->tables[{table.index}];"
        yield "    struct target target = table->miss;"
        yield "    const uint64_t *data = table->miss_data;"
        yield "    bool hit = false;"
        if direct:
            yield f"    struct missed *missed = &pipeline->tables[{table.index}].missed;"
        if table.key:
            yield from self._find(table)
        elif direct:
            yield from self._direct(table, "    ", "missed", "missed->meter")
        if table.profile:
            yield from self._resolve(table)
        yield from self._dispatch(table)

    def _key(self, table: Table) -> Iterator[str]:
        """Defines `key`."""
        sizes = layout(table)
        terms: list[list[str]] = [[] for _ in range(sizes.key_words)]
        ranges: list[str] = []
        for key, where in zip(table.key, sizes.places, strict=True):
            if where.ranged:
                ranges.append(self._range_value(key))
            elif key.bitwidth > 128:
                name = f"wide_{where.word}"
                yield f"    const struct big {name} = {self.expressions.big.value(key.expression)};"
                for index in range(words(key.bitwidth)):
                    bits = (1 << min(64, key.bitwidth - 64 * index)) - 1
                    if key.mask is not None:
                        bits &= key.mask >> 64 * index
                    terms[where.word + index].append(f"({name}.limb[{index}] & {literal(bits)})")
            elif key.bitwidth > 64:
                value = self._key_value(key)
                terms[where.word].append(f"(uint64_t){value}")
                terms[where.word + 1].append(f"(uint64_t)({value} >> 64)")
            else:
                value = self._key_value(key)
                terms[where.word].append(f"{value} << {where.shift}" if where.shift else value)
        all_words = [" | ".join(one) for one in terms] + ranges
        yield f"    const uint64_t key[] = {{{', '.join(all_words)}}};"

    def _stride(self, table: Table) -> int:
        """The bytes of an entry."""
        state = self.entry_words(table) + IDLE_WORDS * table.timed + METER_WORDS * (table.meter is not None)
        return ENTRY_BYTES + 8 * state

    def _guide(self, table: Table) -> str:
        return f"guide_{self.names.tables[table.name]}" if guide_words(table) is not None else "NULL"

    @staticmethod
    def foreseen(table: Table) -> bool:
        """Whether its lookups gain by it, and its key is, most likely, in the packet as it was parsed."""
        fields = [key.expression for key in table.key]
        return (
            bool(fields)
            and match_kind(table) != "MATCH_TERNARY"
            and all(
                isinstance(one, FieldRef)
                and (one.header.standard or not one.header.metadata)
                and one.field.bitwidth <= 128
                for one in fields
            )
        )

    def foresight(self) -> Iterator[str]:
        """`foresee`: has what lookups of a burst's packets will read fetched into the cache."""
        yield "static void foresee(struct pipeline *pipeline, struct packet *const *packets, uint32_t count)"
        yield "{"
        yield "    (void)pipeline, (void)packets, (void)count;"
        for table in self.pipeline.tables:
            if not self.foreseen(table):
                continue
            constants = f"{layout(table).key_words}, {self._stride(table)}, {match_kind(table)}"
            name = self.names.tables[table.name]
            yield f"    const struct table *{name} = &pipeline->tables[{table.index}];"
            yield f"    for (int step = 0; {name}->far && step < FORESEE_STEPS; step++)"
            yield "        for (uint32_t i = 0; i < count; i++) {"
            yield "            struct packet *packet = packets[i];"
            yield "            struct phv *phv = packet_phv(packet);"
            yield "            (void)phv;"
            for line in self._key(table):
                yield "        " + line
            yield f"            table_foresee({name}, key, {constants}, {self._guide(table)}, step);"
            yield "        }"
        yield "}"
        yield ""

    def _find(self, table: Table) -> Iterator[str]:
        sizes = layout(table)
        yield from self._key(table)
        state = self.entry_words(table)
        meter = state + IDLE_WORDS * table.timed
        constants = f"{sizes.key_words}, {sizes.range_words}, {self._stride(table)}, {match_kind(table)}"
        yield f"    struct entry *entry = table_find(table, key, {constants}, {self._guide(table)});"
        yield "    if (entry) {"
        yield "        hit = true;"
        yield "        target = entry->target;"
        yield f"        data = entry->words + {sizes.data_offset};"
        if table.timed:
            yield f"        touch_entry(pipeline, entry->words + {state});"
        yield from self._direct(table, "        ", "entry", f"(entry->words + {meter})")
        if table.counted or table.meter is not None:
            yield "    } else {"
            yield from self._direct(table, "        ", "missed", "missed->meter")
        yield "    }"

    def _direct(self, table: Table, indent: str, counted: str, cell: str) -> Iterator[str]:
        """The direct resources of the entry that the packet has met, or of the default entry, whose meter
        leaves the packet alone until it is configured."""
        if table.counted:
            yield f"{indent}count_packet(&{counted}->packets, &{counted}->bytes, packet);"
        if table.meter is not None:
            colour = f"meter_run(pipeline, (struct meter *){cell}, {meter_amount(table.meter.unit)})"
            target = table.meter.target
            mask = literal((1 << min(target.field.bitwidth, 2)) - 1)
            if counted == "missed":
                yield f"{indent}if (((const struct meter *){cell})->kind != METER_OFF) {{"
                indent += "    "
            yield f"{indent}{self.actions.store(target, f'({colour} & {mask})')}"
            if counted == "missed":
                yield f"{indent[:-4]}}}"

    @staticmethod
    def entry_words(table: Table) -> int:
        """The words of an entry as the runtime lays it out: room for any action's arguments."""
        sizes = layout(table)
        return sizes.data_offset + max(data_words(action) for action in table.actions)

    def _key_value(self, key: Key) -> str:
        value = self.expressions.fitted(key.expression, key.bitwidth)
        if key.mask is not None:
            value = f"({value} & {literal(key.mask)})"
        return value

    def _range_value(self, key: Key) -> str:
        """A value whose order among unsigned numbers is that of the field's."""
        value = self._key_value(key)
        return f"({value} ^ {literal(key.bias)})" if key.bias else value

    def _resolve(self, table: Table) -> Iterator[str]:
        assert table.profile is not None
        profile = table.profile
        yield f"    const struct profile *profile = &pipeline->profiles[{profile.index}];"
        yield "    const struct member *member = NULL;"
        yield "    if (target.kind == TARGET_MEMBER)"
        yield "        member = profile_member(profile, target.ref);"
        if profile.selector is not None:
            function = self.calculations.function(profile.selector)
            yield "    else if (target.kind == TARGET_GROUP)"
            yield f"        member = profile_choose(profile, target.ref, {function}(packet, phv));"
        yield "    if (member) {"
        yield from self._own_copy(table, profile)
        yield "        data = member->data;"
        yield "    } else if (target.kind != TARGET_ACTION) { /* an empty group: a miss */"
        yield "        hit = false;"
        yield "        target = table->miss;"
        yield "        data = table->miss_data;"
        yield "        if (target.kind != TARGET_ACTION)"
        yield "            target.action = NO_ACTION;"
        yield "    }"

    def _own_copy(self, table: Table, profile: Profile) -> Iterator[str]:
        """The member's action as this table has it: the compiler copies actions for each of their tables."""
        members = profile_actions(self.pipeline, profile)
        own = {one.name: one.index for one in table.actions}
        copies = {
            one.index: own[name] for name, one in members.items() if own.get(name, one.index) != one.index
        }
        absent = [one.index for name, one in members.items() if name not in own]
        others = {**copies, **dict.fromkeys(absent, "NO_ACTION")}
        if not others:
            yield "        target.action = member->action;"
            return
        yield "        switch (member->action) {"
        for shared, index in others.items():
            yield f"        case {shared}:"
            yield f"            target.action = {index};"
            yield "            break;"
        yield "        default:"
        yield "            target.action = member->action;"
        yield "        }"

    def _dispatch(self, table: Table) -> Iterator[str]:
        sizes = layout(table)
        yield from self.coverage.table(table, "hit")
        yield from self.tracing.table(table, "target", sizes.key_words, sizes.range_words)
        yield "    switch (target.action) {"
        for action in {one.index: one for one in table.actions}.values():
            yield f"    case {action.index}:"
            yield from self.coverage.action(table, action, "        ")
            yield from self.tracing.action(action, "data", "        ")
            yield f"        {self.names.action(action)}(pipeline, packet, phv, data);"
            yield "        break;"
        yield "    }"
        yield from self.tracing.fields()
        yield "    return (struct applied){target.action, hit};"
        yield "}"
        yield ""
