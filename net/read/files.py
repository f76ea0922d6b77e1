"""Finds the files that a topology file names, and what belongs to a P4 program."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from p4fabric.net.model import Program
from p4fabric.net.read.document import Value

P4INFO_SUFFIXES = (
    ".p4info.txtpb",
    ".p4info.txt",
    ".p4.p4info.txtpb",
    ".p4.p4info.txt",
    "_p4rt.txt",
    ".p4info",
)
"""What follows a program's name where compilers' users keep its P4Info."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where relative names are looked for, in this order."""

    folders: tuple[Path, ...]

    def find(self, name: str) -> Path | None:
        """The first file of that name."""
        for folder in self.folders:
            found = folder / name
            with suppress(OSError):  # such as a name that is too long
                if found.is_file():
                    return found.absolute()
        return None

    def file(self, value: Value) -> Path:
        """The file that a value names.

        Raises:
            Wrong: there is none.
        """
        if found := self.find(value.text()):
            return found
        raise value.wrong(f"no such file in {self}")

    def __str__(self) -> str:
        return " or ".join(str(folder) for folder in self.folders)

    def program(self, value: Value, p4info: Value | None = None) -> Program:
        """The program that a value names: P4 source, or a JSON whose P4Info is named or lies beside it.

        A JSON in `build/` that is not there, or older than its source, is made of the source beside `build/`.

        Raises:
            Wrong: a file is missing.
        """
        name = value.text()
        if Path(name).suffix in (".p4", ".p4_16"):
            if p4info is not None:
                raise p4info.wrong("belongs to a JSON; of P4 source it is made")
            return Program(source=self.file(value))
        found = self.find(name)
        source = self._source_of(name)
        if source is not None and (found is None or found.stat().st_mtime < source.stat().st_mtime):
            return Program(source=source)
        if found is None:
            raise value.wrong(f"no such file in {self}")
        if p4info is not None:
            return Program(device_config=found, p4info=self.file(p4info))
        for suffix in P4INFO_SUFFIXES:
            if (beside := found.with_name(found.stem + suffix)).is_file():
                return Program(device_config=found, p4info=beside)
        tried = ", ".join(found.stem + suffix for suffix in P4INFO_SUFFIXES[:2])
        raise value.wrong(f"its P4Info is missing: name it as p4info, or put it beside as {tried}")

    def _source_of(self, name: str) -> Path | None:
        """The source of what p4lang/tutorials' makefile puts into `build/`."""
        path = Path(name)
        if path.parent.name != "build" or path.suffix != ".json":
            return None
        return self.find(str(path.parent.parent / f"{path.stem}.p4"))


def folders_around(path: Path, more: Sequence[Path] = ()) -> Folders:
    """Where a topology file's names are looked for: in its folder, and in others."""
    folders = [path.absolute().parent, *(folder.absolute() for folder in more)]
    return Folders(tuple(dict.fromkeys(folders)))
