"""The examples' artifacts are what their sources compile to, and nothing of an example is missing."""

from __future__ import annotations

import pytest

from p4fabric.pipelines.compile import EXAMPLES, EXAMPLES_DIGESTS, examples_digests

PROGRAMS = sorted(EXAMPLES.rglob("*.p4"))


def test_artifacts_come_from_the_sources_in_the_tree() -> None:
    assert EXAMPLES_DIGESTS.read_text() == examples_digests(), (
        "examples/ changed: run `make p4` with p4c on PATH"
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_has_its_artifacts(program) -> None:  # type: ignore[no-untyped-def]
    assert f'"{program.name}"' in program.with_suffix(".json").read_text()
    assert program.with_suffix(".p4info.txtpb").is_file()
