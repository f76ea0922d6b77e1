"""The benchmarks' compiled programs are what their sources compile to."""

from benchmarks.programs import DIGEST, FOLDER, NAMES, pipeline_config, program
from p4fabric.pipelines.compile import sources_digest


def test_artifacts_come_from_the_sources_in_the_tree() -> None:
    assert DIGEST.read_text().strip() == sources_digest(FOLDER), (
        "benchmarks/programs/ changed: run `python -m benchmarks.programs` with p4c on PATH"
    )


def test_the_p4info_names_the_tables_of_the_device_config() -> None:
    for name in NAMES:
        named = {table.preamble.name for table in pipeline_config(name).p4info.tables}
        assert named == {table for table in program(name).info.tables if table.startswith("In.")}, name
