"""Finds and reads intent documents: YAML or JSON, several in a file, files, folders, standard input.

This module does not know what a document should say; the controller is the judge.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.shown import shorten
from p4fabric.controller.strict_yaml import UnusableYaml, load_all, read_bounded

__all__ = ["Found", "read_documents"]

_SUFFIXES = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, slots=True)
class Found:
    """A document and where it was."""

    document: Any
    source: str
    number: int
    """Its place in the file, from 1."""

    def __str__(self) -> str:
        if not isinstance(self.document, dict):
            return f"{self.source} document {self.number}"
        named = [shorten(str(self.document.get(part, "?"))) for part in ("kind", "tenant", "name")]
        return f"{self.source} document {self.number} ({'/'.join(named)})"


def read_documents(names: Sequence[str]) -> list[Found]:
    """Read all documents that files, folders and `-` hold, in order.

    Raises:
        Usage: a file cannot be read, or is not YAML, or there is no document at all.
    """
    found = [document for name in names for document in _read(name)]
    if not found:
        raise Usage(f"{', '.join(names)}: no documents found")
    return found


def _read(name: str) -> Iterator[Found]:
    if name == "-":
        yield from _parse(read_bounded(sys.stdin.buffer), "standard input")
        return
    path = Path(name)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    for file in files:
        try:
            with file.open("rb") as opened:
                content = read_bounded(opened)
        except OSError as error:
            raise Usage(f"{file}: {error.strerror}") from None
        yield from _parse(content, str(file))


def _parse(content: bytes, source: str) -> Iterator[Found]:
    try:
        documents = load_all(content)
    except UnusableYaml as error:
        raise Usage(f"{source} is not YAML that can be applied: {error}") from None
    number = 0
    for document in documents:
        # A file may hold a list of documents as well; what is empty between `---` is nothing.
        for each in document if isinstance(document, list) else [document]:
            if each is not None:
                number += 1
                yield Found(each, source, number)
