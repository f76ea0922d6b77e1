"""Fields of keys as people write them: 10.0.0.0/24, 0x1&&&0xf, 0x1/0xf, 80..443, and `*` for any.

Knows the kinds of match and their messages. Must not know tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from finsy.p4schema import P4MatchType
from finsy.proto import p4r

from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.values import ValueType
from p4fabric.softswitch.tracing.formats import Format

ANY = {"*", "_", "any"}
_FORMS = {
    P4MatchType.EXACT: "a value",
    P4MatchType.LPM: "value/length",
    P4MatchType.TERNARY: "a value, value/length, value/mask or value&&&mask",
    P4MatchType.RANGE: "low..high, or a value",
    P4MatchType.OPTIONAL: "a value",
}


@dataclass(frozen=True, slots=True)
class MatchField:
    """A field of a key: `name` is P4Info's, `short` what people write."""

    id: int
    name: str
    short: str
    kind: P4MatchType | str
    type: ValueType

    @property
    def label(self) -> str:
        """Name, type and kind of match."""
        kind = self.kind.name.lower() if isinstance(self.kind, P4MatchType) else self.kind
        return f"{self.short}: {self.type.label} {kind}"

    @property
    def may_be_left_out(self) -> bool:
        """Whether to leave it out means any value."""
        return self.kind is not P4MatchType.EXACT

    def parse(self, word: str, *, trim: bool = False) -> p4r.FieldMatch | None:
        """What a word matches, None for anything; `BadInput` names the field. Bits of a value that its mask
        leaves out are refused, or with `trim` cleared."""
        if self.may_be_left_out and word in ANY:
            return None
        match self.kind:
            case P4MatchType.EXACT:
                return self._message(exact=p4r.FieldMatch.Exact(value=self.type.encode(word)))
            case P4MatchType.OPTIONAL:
                return self._message(optional=p4r.FieldMatch.Optional(value=self.type.encode(word)))
            case P4MatchType.LPM:
                return self._prefix(word, trim)
            case P4MatchType.TERNARY:
                return self._ternary(word, trim)
            case P4MatchType.RANGE:
                return self._range(word)
        raise BadInput(f"{self.short}: this command cannot write matches of kind {self.kind}")

    def show(self, match: p4r.FieldMatch) -> str:
        """A match as people write it."""
        show = self.type.show
        match match.WhichOneof("field_match_type"):
            case "exact":
                return show(match.exact.value)
            case "optional":
                return show(match.optional.value)
            case "lpm":
                return f"{show(match.lpm.value)}/{match.lpm.prefix_len}"
            case "range":
                low, high = show(match.range.low), show(match.range.high)
                return low if low == high else f"{low}..{high}"
            case "ternary":
                return self._show_ternary(match.ternary)
        return "?"

    def plain(self, match: p4r.FieldMatch) -> Any:
        """A match for programs."""
        plain = self.type.plain
        match match.WhichOneof("field_match_type"):
            case "exact":
                return plain(match.exact.value)
            case "optional":
                return plain(match.optional.value)
            case "lpm":
                return {"value": plain(match.lpm.value), "prefix_len": match.lpm.prefix_len}
            case "range":
                return {"low": plain(match.range.low), "high": plain(match.range.high)}
            case "ternary":
                return {"value": plain(match.ternary.value), "mask": plain(match.ternary.mask)}
        return None

    def _message(self, **kind: Any) -> p4r.FieldMatch:
        return p4r.FieldMatch(field_id=self.id, **kind)

    def _prefix(self, word: str, trim: bool) -> p4r.FieldMatch | None:
        value, slash, length = word.partition("/")
        bits = self._length(length, word) if slash else self.type.width
        if not bits:
            self.type.parse(value)
            return None
        number = self._masked(value, self._prefix_mask(bits), word, trim)
        return self._message(lpm=p4r.FieldMatch.LPM(value=number, prefix_len=bits))

    def _ternary(self, word: str, trim: bool) -> p4r.FieldMatch | None:
        if "&&&" in word:
            value, _, given = word.partition("&&&")
            mask = self._mask(given)
        elif "/" in word:
            value, _, given = word.partition("/")
            given = given.removeprefix("&")
            if given.isdigit() and "/&" not in word:
                mask = self._prefix_mask(self._length(given, word))
            else:
                mask = self._mask(given)
        else:
            value, mask = word, (1 << self.type.width) - 1
        raw = self._masked(value, mask, word, trim)
        if not mask:
            return None
        return self._message(ternary=p4r.FieldMatch.Ternary(value=raw, mask=self._of_bits(mask)))

    def _range(self, word: str) -> p4r.FieldMatch | None:
        for between in ("...", "..", "->"):
            if between in word:
                low, _, high = word.partition(between)
                break
        else:
            low = high = word
        first, last = self.type.parse(low), self.type.parse(high)
        if first > last:
            raise BadInput(f"{self.short}: {word!r}: {low} is more than {high}")
        if (first, last) == self.type.bounds():
            return None
        ends = p4r.FieldMatch.Range(low=self.type.to_bytes(first), high=self.type.to_bytes(last))
        return self._message(range=ends)

    def _length(self, length: str, word: str) -> int:
        if not (length.isascii() and length.isdigit()) or int(length) > self.type.width:
            raise BadInput(f"{self.short}: {word!r}: the length {length!r} is not in 0..{self.type.width}")
        return int(length)

    def _mask(self, word: str) -> int:
        unsigned = ValueType(f"{self.short}: the mask", self.type.width, None)
        return unsigned.parse(word) & (1 << self.type.width) - 1

    def _prefix_mask(self, bits: int) -> int:
        return ((1 << bits) - 1) << (self.type.width - bits)

    def _masked(self, value: str, mask: int, word: str, trim: bool) -> bytes:
        """A value of which no bit is set outside of its mask."""
        number = self.type.parse(value) & (1 << self.type.width) - 1
        if number & ~mask and not trim:
            right = self.type.show_number(number & mask) + word[len(value) :]
            raise BadInput(f"{self.short}: {word!r} has bits set outside of its mask. Did you mean {right}?")
        return self._of_bits(number & mask)

    def _of_bits(self, bits: int) -> bytes:
        """A pattern of bits as the byte string of the number that it is."""
        width = self.type.width
        return self.type.to_bytes(bits - (1 << width) if self.type.signed and bits >> width - 1 else bits)

    def _show_ternary(self, match: p4r.FieldMatch.Ternary) -> str:
        every = (1 << self.type.width) - 1
        mask = self.type.number(match.mask) & every
        if mask == every:
            return self.type.show(match.value)
        bits = mask.bit_count()
        if self.type.format is not None and mask == self._prefix_mask(bits):
            return f"{self.type.show(match.value)}/{bits}"
        if self.type.format is Format.MAC:
            return f"{self.type.show(match.value)}&&&{self.type.show(match.mask)}"
        return f"{self.type.number(match.value) & every:#x}&&&{mask:#x}"


def forms(kind: P4MatchType | str) -> str:
    """How values of a kind of match are written."""
    return _FORMS.get(kind, "a value") if isinstance(kind, P4MatchType) else "a value"
