"""Entries' keys and actions as the words that the runtime lays out: what a match or an argument may be."""

from __future__ import annotations

from p4fabric.softswitch.engine.api import (
    ActionCall,
    Exact,
    FieldMatch,
    GroupRef,
    Lpm,
    MatchKind,
    MemberRef,
    Range,
    Status,
    TableInfo,
    Ternary,
)
from p4fabric.softswitch.engine.generate.actions import words
from p4fabric.softswitch.engine.generate.tables import Tables, layout
from p4fabric.softswitch.engine.model import Action, Table

WORD = (1 << 64) - 1
TARGET_ACTION, TARGET_MEMBER, TARGET_GROUP = range(3)
HIGHEST_PRIORITY = (1 << 31) - 1


class Refused(Exception):
    """An operation that cannot be carried out whatever the state."""

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def invalid(text: str) -> Refused:
    """An operation that says something impossible."""
    return Refused(Status.INVALID_ARGUMENT, text)


class TableCode:
    """How one table's entries are encoded."""

    def __init__(self, table: Table, info: TableInfo) -> None:
        self.table = table
        self.info = info
        self.layout = layout(table)
        self.data_words = Tables.entry_words(table) - self.layout.data_offset
        self.actions = {action.name: action for action in table.actions}

    def direct(self, match: tuple[FieldMatch, ...] | None, priority: int, values: list[int]) -> list[int]:
        """What sets an entry's direct resource, or with no match the default entry's."""
        if match is None:
            return [0, *values]
        return [self.priority(priority), *values, *self.match(match)]

    def match(self, match: tuple[FieldMatch, ...]) -> list[int]:
        """Key, range ends and mask."""
        if len(match) != len(self.table.key):
            raise invalid(f"{self.info.name}: {len(match)} match fields, the key has {len(self.table.key)}")
        sizes = self.layout
        key, mask = [0] * sizes.key_words, [0] * sizes.key_words
        ranges = [0] * (2 * sizes.range_words)
        for field, key_field, place, given in zip(
            self.info.key, self.table.key, sizes.places, match, strict=True
        ):
            whole = (1 << field.bitwidth) - 1
            try:
                if place.ranged:
                    low, high = (0, whole) if given is None else self._range(given, key_field.bias)
                    if not 0 <= low <= high <= whole:
                        raise invalid(
                            f"{low ^ key_field.bias}..{high ^ key_field.bias} is no range of "
                            f"{field.bitwidth}{' signed' * field.signed} bits"
                        )
                    ranges[2 * place.word : 2 * place.word + 2] = low, high
                    continue
                value, bits = masked(given, field.match, field.bitwidth, whole)
            except Refused as refused:
                raise Refused(refused.status, f"{self.info.name}.{field.name}: {refused.text}") from None
            value <<= place.shift
            bits <<= place.shift
            for index in range(words(field.bitwidth)):
                key[place.word + index] |= value >> 64 * index & WORD
                mask[place.word + index] |= bits >> 64 * index & WORD
        return [*key, *ranges, *mask]

    @staticmethod
    def _range(given: FieldMatch, bias: int) -> tuple[int, int]:
        """The ends, in the order of unsigned numbers."""
        if not isinstance(given, Range):
            raise invalid(f"a range is needed, not {given!r}")
        return given.low ^ bias, given.high ^ bias

    def priority(self, priority: int) -> int:
        """The priority, when the table has any."""
        if not self.info.needs_priority:
            if priority:
                raise invalid(f"{self.info.name} has no priorities, {priority} was given")
            return 0
        if not 1 <= priority <= HIGHEST_PRIORITY:
            raise invalid(f"{self.info.name}: priority {priority} is not in 1..{HIGHEST_PRIORITY}")
        return priority

    def target(self, action: object, default: bool = False) -> list[int]:
        """Target kind, action, ref id and the action's arguments."""
        if isinstance(action, ActionCall):
            if self.table.profile and not default:
                raise invalid(f"{self.info.name} takes members and groups of {self.table.profile.name}")
            called = self.actions.get(action.action)
            if called is None:
                raise invalid(f"{self.info.name} has no action {action.action!r}")
            data = arguments(called, action.arguments)
            return [TARGET_ACTION, called.index, 0, *data, *[0] * (self.data_words - len(data))]
        if self.table.profile is None:
            raise invalid(f"{self.info.name} has no action profile")
        if isinstance(action, MemberRef):
            kind, ref = TARGET_MEMBER, action.member
        elif isinstance(action, GroupRef):
            if self.table.profile.selector is None:
                raise invalid(f"{self.table.profile.name} has no selector: groups cannot be used")
            kind, ref = TARGET_GROUP, action.group
        else:
            raise invalid(f"{self.info.name}: an action is needed")
        return [kind, 0, number(ref, "id", 32), *[0] * self.data_words]


def masked(given: FieldMatch, kind: MatchKind, width: int, whole: int) -> tuple[int, int]:
    """Value and mask of a match on a field of this kind."""
    if given is None:
        if kind is MatchKind.EXACT:
            raise invalid("an exact field cannot be left out")
        return 0, 0
    match kind, given:
        case ((MatchKind.EXACT | MatchKind.OPTIONAL | MatchKind.TERNARY), Exact(value)):
            mask = whole
        case MatchKind.LPM, Lpm(value, length):
            if not 0 <= length <= width:
                raise invalid(f"prefix length {length} is not in 0..{width}")
            mask = whole >> (width - length) << (width - length)
        case MatchKind.TERNARY, Ternary(value, mask):
            if not 0 <= mask <= whole:
                raise invalid(f"mask {mask:#x} is wider than {width} bits")
        case _:
            raise invalid(f"the field is matched {kind.value}, {type(given).__name__} was given")
    if not 0 <= value <= whole:
        raise invalid(f"{value:#x} is wider than {width} bits")
    if value & ~mask:
        raise invalid(f"{value:#x} has bits outside its mask {mask:#x}")
    return value, mask


def number(value: int, name: str, bits: int, low: int = 0) -> int:
    """A number of bounded width."""
    if not low <= value < 1 << bits:
        raise invalid(f"{name} {value} is not in {low}..{(1 << bits) - 1}")
    return value


def arguments(action: Action, values: tuple[int, ...]) -> list[int]:
    """An action's arguments as words."""
    if len(values) != len(action.widths):
        raise invalid(f"{action.name}: {len(values)} arguments, {len(action.widths)} are needed")
    data: list[int] = []
    for index, (value, width) in enumerate(zip(values, action.widths, strict=True)):
        if not 0 <= value < 1 << width:
            raise invalid(f"{action.name}: argument {index} is wider than {width} bits")
        data.extend((value >> 64 * i) & WORD for i in range(words(width)))
    return data
