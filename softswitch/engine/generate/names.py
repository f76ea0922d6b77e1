"""Names of the program as C identifiers, and its text as C comments: whatever the JSON says, neither can
become code."""

from __future__ import annotations

import re

from softswitch.engine.model import Action, Field, Header, Pipeline, Source

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


class Names:
    """The identifiers of one pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        headers, types = Unique(), Unique()
        self.types: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.fields: dict[tuple[str, str], str] = {}
        for header in pipeline.headers:
            self.headers[header.name] = headers.name(header.name)
            if header.type_name not in self.types:
                self.types[header.type_name] = types.name(header.type_name)
                fields = Unique()
                for field in header.fields:
                    self.fields[header.type_name, field.name] = fields.name(field.name)
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

    def calculation(self, key: int, name: str) -> str:
        """The function of a calculation (`key` tells calculations of the same name apart)."""
        if key not in self.calculations:
            self.calculations[key] = "calculate_" + self._calculations.name(name)
        return self.calculations[key]

    def field(self, header: Header, field: Field) -> str:
        """A field as an lvalue."""
        if header.standard:
            return f"packet->standard_metadata.{field.name}"
        return f"phv->{self.headers[header.name]}.{self.fields[header.type_name, field.name]}"

    def valid(self, header: Header) -> str:
        """A header's validity as an lvalue."""
        return f"phv->{self.headers[header.name]}.valid"

    def action(self, action: Action) -> str:
        """The function of an action."""
        return self.actions[action.index]
