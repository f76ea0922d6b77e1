"""Bindings of anybody's program: they pass strict type checks, and what they write a switch gives back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from p4fabric.controller.p4runtime import Update, UpdateKind
from p4fabric.pipelines.entities import FixedEntity, TableEntry
from p4fabric.pipelines.generate import generate

from .programs import PROGRAMS, ROOT, bindings_of, name_of, p4info_of
from .samples import entities, fixed_entities, session_with


def test_generated_code_passes_strict_type_checks_and_is_laid_out(tmp_path: Path) -> None:
    for path in PROGRAMS:
        text = generate(p4info_of(path), path.stem).text
        (tmp_path / f"{name_of(path).replace('/', '_').replace('-', '_')}.py").write_text(text)
    files = [str(file) for file in sorted(tmp_path.iterdir())]
    assert len(files) == len(PROGRAMS) > 20
    for command in (
        ["mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), *files],
        ["ruff", "format", "--isolated", "--line-length=110", "--check", *files],
        ["ruff", "check", "--isolated", "--select=F,I", "--line-length=110", *files],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", PROGRAMS, ids=name_of)
async def test_a_switch_gives_back_what_was_written(path: Path, tmp_path: Path) -> None:
    bindings = bindings_of(path, tmp_path).BINDINGS
    writable = {
        table.preamble.id
        for table in p4info_of(path).tables
        if table.match_fields and not table.is_const_table
    }
    wanted = entities(bindings, writable)
    assert writable == {entity.TABLE_ID for entity in wanted if isinstance(entity, TableEntry)}
    async with session_with(path, bindings) as (session, _):
        before = await session.read()
        assert await session.write([Update(UpdateKind.INSERT, one) for one in wanted], in_order=True) == []
        found = await session.read()
        assert found.unknown == ()
        assert found.entities == {**before.entities, **{one.key: one for one in wanted}}
        backwards = [Update(UpdateKind.DELETE, one) for one in reversed(wanted)]
        assert await session.write(backwards, in_order=True) == []
        assert (await session.read()).entities == before.entities


def has_fixed_entities(path: Path) -> bool:
    p4info = p4info_of(path)
    return bool(p4info.meters or p4info.registers or p4info.value_sets)


@pytest.mark.parametrize("path", [path for path in PROGRAMS if has_fixed_entities(path)], ids=name_of)
async def test_a_switch_gives_back_what_was_set(path: Path, tmp_path: Path) -> None:
    bindings = bindings_of(path, tmp_path).BINDINGS
    wanted = fixed_entities(bindings)
    async with session_with(path, bindings) as (session, _):
        assert await session.write_fixed(wanted) == []
        found: list[FixedEntity] = await session.read_fixed(*(type(one) for one in wanted))
        assert set(wanted) <= set(found)
