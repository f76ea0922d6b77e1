"""Names of the program as C identifiers, and its text as C comments: whatever the JSON says, neither can
become code."""

from __future__ import annotations

import re
from enum import IntEnum

from p4fabric.softswitch.engine.load.headers import PADDING
from p4fabric.softswitch.engine.model import Action, Field, Header, Pipeline, Source, Stack, Union

LONGEST = 80
KEYWORDS = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "bool",
        "true",
        "false",
        "asm",
        "typeof",
        "NULL",
        "valid",
    ]
)


def identifier(name: str) -> str:
    """A C identifier that resembles `name` (not unique by itself)."""
    text = re.sub(r"[^A-Za-z0-9_]", "_", name, flags=re.ASCII)[:LONGEST]
    if not text or text[0].isdigit() or text.startswith("_") or text in KEYWORDS:
        text = "x" + text
    return text


def comment(text: str) -> str:
    """Text that cannot end a comment, continue a line, or form a trigraph."""
    return re.sub(r"[^A-Za-z0-9 _.,:;()\[\]{}<>=!&|+^%@$#'\"-]", " ", text, flags=re.ASCII)[:160].strip()


def string(text: str) -> str:
    """A C string literal."""
    return (
        '"' + re.sub(r"[^A-Za-z0-9 _.,:()\[\]-]", "?", text, flags=re.ASCII)[:200].replace("??", "? ?") + '"'
    )


def place(source: Source | None) -> str:
    """A comment that names the place in the P4 program, or nothing."""
    if source is None:
        return ""
    return f"/* {comment(source.filename)}:{source.line}: {comment(source.fragment)} */"


class Unique:
    """Hands out identifiers that differ."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name(self, wanted: str) -> str:
        """`wanted`, or something like it that nobody has."""
        text = base = identifier(wanted)
        count = 1
        while text in self._taken:
            count += 1
            text = f"{base}_{count}"
        self._taken.add(text)
        return text


class Place(IntEnum):
    """Where in `struct phv` something lies: what is cleared together lies together."""

    METADATA = 0
    PLAIN = 1
    VARIABLE = 2
    """Headers with room for a field of variable width, which is not worth clearing for each packet."""


def place_of(header: Header) -> Place:
    """The place of a header or metadata that is in no union or stack."""
    if header.metadata:
        return Place.METADATA
    return Place.PLAIN if header.variable is None else Place.VARIABLE


class Names:
    """The identifiers of one pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.types: dict[str, str] = {}
        self.fields: dict[tuple[str, str], str] = {}
        types = Unique()
        for header in pipeline.headers:
            if header.type_name not in self.types:
                self.types[header.type_name] = types.name(header.type_name)
                fields = Unique()
                for field in header.fields:
                    self.fields[header.type_name, field.name] = fields.name(field.name)
                variable = header.variable
                if variable is not None:
                    self.fields[header.type_name, variable.name + " bits"] = fields.name(
                        f"{variable.name}_bits"
                    )
        self.headers: dict[str, str] = {}
        self.unions: dict[str, str] = {}
        self.stacks: dict[str, str] = {}
        self.counts: dict[str, str] = {}
        self.union_types: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {}
        self.siblings: dict[str, tuple[Header, ...]] = {}
        self.members: list[tuple[Place, str]] = []
        self.variable: list[Header] = []
        """Headers that stand alone and have a field of variable width."""
        self.in_use = ""
        """Whether any of these may be valid, as an lvalue: they are cleared, and looked at, only then."""
        self._place_headers(pipeline)
        actions, tables, states, calculations = Unique(), Unique(), Unique(), Unique()
        self.actions = {one.index: "action_" + actions.name(one.name) for one in pipeline.actions}
        self.tables = {one.name: tables.name(one.name) for one in pipeline.tables}
        nodes = Unique()
        self.nodes = {
            (flow.name, name): "node_" + nodes.name(f"{flow.name}_{name}")
            for flow in (pipeline.ingress, pipeline.egress)
            for name in flow.nodes
        }
        self.states = {name: states.name(name) for name in pipeline.parser.states}
        self._calculations = calculations
        self.calculations: dict[int, str] = {}

    def _place_headers(self, pipeline: Pipeline) -> None:
        """Where each header lies in `struct phv`: alone, in a union, or in a stack, which is an array and has
        a count besides. `members` lists (place, declaration) in the headers' order."""
        unique = Unique()
        owners: dict[str, Union | Stack] = {}
        for union in pipeline.unions:
            owners.update((one.name, union) for one in union.members)
            for one in union.members:
                self.siblings[one.name] = tuple(other for other in union.members if other != one)
        for stack in pipeline.stacks:
            for element in stack.elements:
                members = element.members if isinstance(element, Union) else (element,)
                owners.update((one.name, stack) for one in members)
        placed: set[str] = set()
        in_use = unique.name("variable_in_use")
        self.in_use = f"phv->{in_use}"
        self.members.append((Place.METADATA, f"uint8_t {in_use};"))
        for header in pipeline.headers:
            owner = owners.get(header.name)
            if owner is None:
                self.headers[header.name] = unique.name(header.name)
                kind = f"type_{self.types[header.type_name]}"
                if not header.standard:
                    self.members.append((place_of(header), f"struct {kind} {self.headers[header.name]};"))
                if header.variable is not None:
                    self.variable.append(header)
            elif owner.name not in placed:
                placed.add(owner.name)
                self._place_owner(owner, unique)

    def _place_owner(self, owner: Union | Stack, unique: Unique) -> None:
        name = unique.name(owner.name)
        if isinstance(owner, Union):
            self._place_union(owner, name)
            kind = self.union_types[owner.type_name][0]
            self.members.append((Place.PLAIN, f"struct {kind} {name};"))
            return
        self.stacks[owner.name], self.counts[owner.name] = name, unique.name(f"{name}_count")
        for index, element in enumerate(owner.elements):
            if isinstance(element, Union):
                self._place_union(element, f"{name}[{index}]")
            else:
                self.headers[element.name] = f"{name}[{index}]"
        self.members.append((Place.PLAIN, f"struct {self.element_type(owner)} {name}[{owner.size}];"))
        self.members.append((Place.PLAIN, f"uint32_t {self.counts[owner.name]};"))

    def _place_union(self, union: Union, path: str) -> None:
        if union.type_name not in self.union_types:
            members = Unique()
            listed = tuple(
                (f"type_{self.types[one.type_name]}", members.name(one.name.rpartition(".")[2]))
                for one in union.members
            )
            taken = {known for known, _ in self.union_types.values()}
            kind = f"union_{identifier(union.type_name)}"
            while kind in taken:
                kind += "_"
            self.union_types[union.type_name] = kind, listed
        self.unions[union.name] = path
        for one, (_, member) in zip(union.members, self.union_types[union.type_name][1], strict=True):
            self.headers[one.name] = f"{path}.{member}"

    @property
    def first(self) -> str:
        """The member of `struct phv` with which the plain headers begin, behind all metadata."""
        declaration = next(one for place, one in self.members if place is Place.PLAIN)
        return declaration.split()[2].rstrip(";").partition("[")[0]

    def element_type(self, stack: Stack) -> str:
        """The struct of a stack's elements."""
        first = stack.elements[0]
        return (
            self.union_types[stack.type_name][0]
            if isinstance(first, Union)
            else (f"type_{self.types[first.type_name]}")
        )

    def at(self, stack: Stack, sample: Header, index: str) -> str:
        """The header of a stack's element `index` that `sample` is in element 0."""
        suffix = self.headers[sample.name].removeprefix(f"{self.stacks[stack.name]}[0]")
        return f"phv->{self.stacks[stack.name]}[{index}]{suffix}"

    def count(self, stack: Stack) -> str:
        """How many elements of a stack are in use, as an lvalue."""
        return f"phv->{self.counts[stack.name]}"

    def size(self, header: Header, base: str | None = None) -> str:
        """The bytes of a header (the one at `base`) as it is."""
        if header.variable is None:
            return str(header.size)
        return f"size_{self.types[header.type_name]}(&{base or self.header(header)})"

    def bits(self, header: Header, base: str | None = None) -> str:
        """The width of a header's variable field as an lvalue."""
        assert header.variable is not None
        member = self.fields[header.type_name, header.variable.name + " bits"]
        return f"{base or self.header(header)}.{member}"

    def use(self, header: Header) -> str:
        """A statement that belongs to all that make a header valid; empty for most."""
        return f"{self.in_use} = 1;" if header in self.variable else ""

    def header(self, header: Header) -> str:
        """A header as an lvalue."""
        return f"phv->{self.headers[header.name]}"

    def calculation(self, key: int, name: str) -> str:
        """The function of a calculation (`key` tells calculations of the same name apart)."""
        if key not in self.calculations:
            self.calculations[key] = "calculate_" + self._calculations.name(name)
        return self.calculations[key]

    def field(self, header: Header, field: Field) -> str:
        """A field as an lvalue."""
        if header.standard:
            name = PADDING if field.name.startswith(PADDING) else field.name
            return f"packet->standard_metadata.{name}"
        return f"phv->{self.headers[header.name]}.{self.fields[header.type_name, field.name]}"

    def validity(self, header: Header) -> str:
        """A header's validity as an lvalue."""
        return f"phv->{self.headers[header.name]}.valid"

    def valid(self, header: Header) -> str:
        """Whether a header is valid, asked so that a header far from the others is rarely touched."""
        validity = self.validity(header)
        return f"({self.in_use} && {validity})" if header in self.variable else validity

    def action(self, action: Action) -> str:
        """The function of an action."""
        return self.actions[action.index]
