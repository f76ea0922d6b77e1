"""Gives a switch that runs somewhere its program and entries, by files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from p4fabric.net.client import give, switch_at
from p4fabric.net.model import Entries, NetworkModel, Switch
from p4fabric.net.programs import prepare
from p4fabric.net.read.document import Value
from p4fabric.net.read.errors import TopologyError, Wrong
from p4fabric.net.read.files import Folders


def program_switch(
    address: str, device_id: int, program: Path, p4info: Path | None, entries: Sequence[Path]
) -> int:
    """Push a program and write entries; how many.

    Raises:
        TopologyError: a file is missing or does not fit the program.
        NetworkFailed: the switch refuses something, or there is none.
    """
    here = Folders((Path.cwd(),))
    try:
        found = here.program(Value(str(program), "program"), Value(str(p4info), "p4info") if p4info else None)
        files = [here.file(Value(str(path), "entries")) for path in entries]
    except Wrong as wrong:
        raise TopologyError(str(program), [wrong.problem]) from None
    switch = Switch(
        address, device_id, program=found, entries=tuple(Entries(str(path), path) for path in files)
    )
    prepared = prepare(NetworkModel({}, {address: switch}, (), folder=Path.cwd()))[address]
    with switch_at(address, address, device_id) as client:
        give(client, prepared)
    return len(prepared.updates)
