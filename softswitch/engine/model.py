"""The bmv2 JSON as typed values: what the generator reads. No JSON, no C, no I/O.

Everything here has been checked by `load`: names resolve, widths fit, graphs have no cycles.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from p4fabric.softswitch.engine.api import MatchKind, MeterUnit, PipelineInfo


@dataclass(frozen=True, slots=True)
class Source:
    """Where in the P4 program something stands; free text, never trusted."""

    filename: str
    line: int
    fragment: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a header; `offset` is its first bit. A `variable` one (varbit) has at most `bitwidth` bits,
    of which `offset`s behind it count none."""

    name: str
    bitwidth: int
    signed: bool
    offset: int
    variable: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """A header or metadata instance; `size` in bytes without its variable field (of a header; metadata is
    never on the wire), `longest` with all of it."""

    name: str
    type_name: str
    metadata: bool
    fields: tuple[Field, ...]
    size: int
    longest: int

    @property
    def variable(self) -> Field | None:
        """The field of variable width, if it has one."""
        return next((one for one in self.fields if one.variable), None)

    @property
    def standard(self) -> bool:
        """Whether this is v1model's standard metadata, which the runtime knows by field."""
        return self.name == "standard_metadata"


@dataclass(frozen=True, slots=True)
class Union:
    """A header union: at most one of `members` is valid."""

    name: str
    type_name: str
    members: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """A header stack: each element is one header, or of a stack of unions one header for each member."""

    name: str
    type_name: str
    elements: tuple[Header | Union, ...]

    @property
    def size(self) -> int:
        """The number of its elements."""
        return len(self.elements)


# --- expressions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant:
    """An integer of any size and sign."""

    value: int


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean constant."""

    value: bool


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field's value, or the field as the target of an assignment."""

    header: Header
    field: Field


@dataclass(frozen=True, slots=True)
class StackCount:
    """How many elements of a stack are in use: the index of its `next`."""

    stack: Stack


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """A header of a stack at an index that only the packet knows; `sample` is the header of element 0."""

    stack: Stack
    index: Expression
    sample: Header


@dataclass(frozen=True, slots=True, eq=False)
class ElementField:
    """A field of such a header; 0 when there is no such element."""

    element: Element
    field: Field


@dataclass(frozen=True, slots=True)
class Validity:
    """A header's validity: a truth value, or 1 bit when used as a number."""

    header: Header | Element


@dataclass(frozen=True, slots=True)
class Argument:
    """The running action's parameter of this index."""

    index: int
    bitwidth: int
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Lookahead:
    """Bits of the packet behind what has been extracted (parsers only)."""

    offset: int
    bitwidth: int


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """An operator; `left` is None for a unary one, `condition` is for `?` only."""

    operator: str
    left: Expression | None
    right: Expression
    condition: Expression | None = None


Expression = (
    Constant | Truth | FieldRef | ElementField | StackCount | Validity | Argument | Lookahead | Operation
)


# --- calculations -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HeaderInput:
    """All bytes of a header, when it is valid."""

    header: Header


@dataclass(frozen=True, slots=True)
class ConstantInput:
    """A constant of a fixed width."""

    value: int
    bitwidth: int


@dataclass(frozen=True, slots=True)
class PayloadInput:
    """All bytes that the parser left unread."""


CalculationInput = FieldRef | HeaderInput | ConstantInput | PayloadInput


@dataclass(frozen=True, slots=True)
class Calculation:
    """A hash or checksum over inputs that are laid out bit behind bit."""

    name: str
    algorithm: str
    inputs: tuple[CalculationInput, ...]


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum field that is verified after parsing or computed before deparsing."""

    name: str
    source: Source | None
    target: FieldRef
    calculation: Calculation
    verify: bool
    update: bool
    condition: Expression | None


# --- actions ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Register:
    """A register array."""

    index: int
    name: str
    size: int
    bitwidth: int


@dataclass(frozen=True, slots=True)
class Counter:
    """An indirect counter array."""

    index: int
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Meter:
    """An indirect meter array."""

    index: int
    name: str
    size: int
    unit: MeterUnit


@dataclass(frozen=True, slots=True)
class DirectMeter:
    """The meters of a table's entries; a hit's colour goes to `target`."""

    unit: MeterUnit
    target: FieldRef


@dataclass(frozen=True, slots=True)
class Jump:
    """The index of a primitive (or one behind the last)."""

    target: int


@dataclass(frozen=True, slots=True)
class Text:
    """What a message says; each `{}` in it stands for one of the values behind it. Free, never trusted."""

    value: str


Operand = Expression | Header | Element | Stack | Calculation | Register | Counter | Meter | Jump | Text


@dataclass(frozen=True, slots=True)
class Primitive:
    """One step of an action or of a parser state; operands as the primitive's signature has them."""

    name: str
    operands: tuple[Operand, ...]
    source: Source | None


@dataclass(frozen=True, slots=True)
class Action:
    """An action; `index` is its place in the pipeline's list, `widths` those of its parameters."""

    index: int
    id: int
    name: str
    widths: tuple[int, ...]
    primitives: tuple[Primitive, ...]


# --- parser -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ValueSet:
    """A parser value set; a member has a value for each of `widths`, which may be `signed`."""

    index: int
    name: str
    size: int
    widths: tuple[int, ...]
    signed: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Transition:
    """One case: (value, mask) for each part of the key, none for the default; of a value set's, the masks
    count. `target` None accepts."""

    cases: tuple[tuple[int, int], ...] | None
    target: str | None
    value_set: ValueSet | None = None


@dataclass(frozen=True, slots=True)
class ParserState:
    """A parser state."""

    name: str
    operations: tuple[Primitive, ...]
    key: tuple[tuple[Expression, int], ...]
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class Parser:
    """The parser, states by name."""

    name: str
    initial: str | None
    states: dict[str, ParserState]


# --- control flow -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Key:
    """One field of a table's key; `mask` is the program's static mask."""

    name: str
    expression: FieldRef | ElementField | Validity
    bitwidth: int
    match: MatchKind
    mask: int | None

    @property
    def signed(self) -> bool:
        """Whether its values are numbers in two's complement."""
        return not isinstance(self.expression, Validity) and self.expression.field.signed

    @property
    def bias(self) -> int:
        """What turns values over so that their order is that of unsigned numbers: the sign bit."""
        return 1 << self.bitwidth - 1 if self.signed else 0


@dataclass(frozen=True, slots=True)
class Profile:
    """An action profile; `selector` hashes to choose among a group's members."""

    index: int
    name: str
    selector: Calculation | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `next` is by position in `actions`; `hit`/`miss` are set instead when the program asks."""

    index: int
    name: str
    source: Source | None
    key: tuple[Key, ...]
    actions: tuple[Action, ...]
    default: tuple[Action, tuple[int, ...]] | None
    default_fixed: bool
    counted: bool
    timed: bool
    meter: DirectMeter | None
    profile: Profile | None
    max_size: int
    next: tuple[str | None, ...]
    by_hit: bool
    hit: str | None
    miss: str | None
    base_next: str | None


@dataclass(frozen=True, slots=True)
class Conditional:
    """An if."""

    name: str
    source: Source | None
    expression: Expression
    true_next: str | None
    false_next: str | None


@dataclass(frozen=True, slots=True)
class ControlFlow:
    """Ingress or egress: nodes by name, in an order where each stands before those it leads to."""

    name: str
    initial: str | None
    nodes: dict[str, Table | Conditional]


@dataclass(frozen=True, slots=True)
class FieldList:
    """Fields that a clone, resubmission or recirculation keeps, or that a digest carries."""

    id: int
    name: str
    fields: tuple[FieldRef | Validity | ConstantInput, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole program."""

    program: str
    headers: tuple[Header, ...]
    unions: tuple[Union, ...]
    stacks: tuple[Stack, ...]
    errors: dict[str, int]
    parser: Parser
    verify: tuple[Checksum, ...]
    ingress: ControlFlow
    egress: ControlFlow
    update: tuple[Checksum, ...]
    deparser_steps: tuple[Primitive, ...]
    deparser: tuple[Header, ...]
    actions: tuple[Action, ...]
    tables: tuple[Table, ...]
    profiles: tuple[Profile, ...]
    registers: tuple[Register, ...]
    counters: tuple[Counter, ...]
    meters: tuple[Meter, ...]
    value_sets: tuple[ValueSet, ...]
    kept_fields: tuple[FieldList, ...]
    digests: tuple[FieldList, ...]
    info: PipelineInfo = field(compare=False)
