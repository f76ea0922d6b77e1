"""P4 source as text: whether something is P4 source, and which files a program includes.

Knows the lines of the preprocessor, as far as files go. Must not know a compiler.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_BEGINNING = re.compile(
    r"#\s*(?:include|define|if|ifdef|ifndef|pragma|undef|line)\b"
    r"|@\w+"
    r"|(?:header|header_union|struct|typedef|type|const|parser|control|action|extern|error|enum|match_kind"
    r"|package)\b"
)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>|([^\s"<][^\n]*))', re.MULTILINE)
_LONGEST_HEAD = 1 << 16


def is_p4_source(content: bytes) -> bool:
    """Whether this is a P4 program, and not what a compiler makes of one."""
    try:
        text = content[:_LONGEST_HEAD].decode(errors="ignore" if len(content) > _LONGEST_HEAD else "strict")
    except UnicodeDecodeError:
        return False
    return _BEGINNING.match(_COMMENTS.sub("", text).lstrip("\ufeff \t\r\n")) is not None


@dataclass(frozen=True, slots=True)
class Sources:
    """A program's files.

    `files` are the program and what it includes, in the order of the first mention; what only the compiler
    has, such as core.p4, is not among them. `known` is false where a macro names an included file: then there
    may be more of them.
    """

    files: tuple[Path, ...]
    known: bool = True


def find_sources(program: Path, include: Sequence[Path] = ()) -> Sources:
    """The program with all that any branch of it includes; `OSError` when the program cannot be read.

    A file is looked for as the preprocessor does it: beside the one that includes it ("..." only), then in
    the folders of `include`, in order.
    """
    found: dict[Path, None] = {program: None}
    known = True
    waiting = [program]
    while waiting:
        file = waiting.pop()
        for quoted, angled, macro in _INCLUDE.findall(file.read_text(errors="replace")):
            if macro:
                known = False
                continue
            places = [file.parent, *include] if quoted else include
            name = quoted or angled
            path = next((place / name for place in places if (place / name).is_file()), None)
            if path is not None and path not in found:
                found[path] = None
                waiting.append(path)
    return Sources(tuple(found), known)
