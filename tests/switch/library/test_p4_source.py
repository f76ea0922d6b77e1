"""P4 source where a JSON is taken: it is compiled, run, and compiled again as it is edited."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from finsy import Match, P4TableEntry
from finsy import P4TableAction as Action
from finsy.proto import p4r
from typer.testing import CliRunner

from p4fabric import AsyncSoftSwitch, BadOption, CompileError, Refusal, SoftSwitch
from p4fabric.pipelines.children import cache_folder
from p4fabric.softswitch.cli.app import app
from tests.p4c_stand_in import EXAMPLE, PROGRAM, StandIn
from tests.switch.server.client import Client, refused

FRAME = bytes(range(60))
JSON, P4INFO = EXAMPLE / "patch_panel.json", EXAMPLE / "patch_panel.p4info.txtpb"


@pytest.fixture
def p4c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The compiler on PATH; what the switch compiles to C stays where other tests have it."""
    stand_in = StandIn(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{stand_in.folder}:/usr/bin:/bin")
    engine = cache_folder("engine")
    engine.mkdir(parents=True, exist_ok=True)
    (tmp_path / "cache" / "p4fabric").mkdir(parents=True)
    (tmp_path / "cache" / "p4fabric" / "engine").symlink_to(engine)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("P4C", raising=False)
    return stand_in


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return Path(shutil.copy(PROGRAM, tmp_path / "panel.p4"))


def test_a_switch_in_a_script_runs_p4_source(p4c: StandIn, program: Path) -> None:
    with SoftSwitch(program) as switch:
        switch.write(+P4TableEntry("cables", match=Match(port=1), action=Action("join", port=2)))
        assert switch.send(1, FRAME) == [(2, FRAME)]
    with pytest.raises(BadOption, match="its P4Info is what the compiler makes of it"):
        SoftSwitch(program, P4INFO)
    program.write_text("nonsense\n" + program.read_text())
    with pytest.raises(CompileError, match="no P4 source"):
        SoftSwitch(program)
    program.write_text("// a\nheader nonsense {}\n")
    with pytest.raises(CompileError, match=rf"{program}:2: "):
        SoftSwitch(program)


async def test_a_switch_in_an_asyncio_program_runs_p4_source(p4c: StandIn, program: Path) -> None:
    async with AsyncSoftSwitch(program, interfaces={1: None}) as switch:
        assert switch.inject(1, FRAME)
    with pytest.raises(BadOption, match=r"patch_panel.json is no \.p4"):
        AsyncSoftSwitch(JSON)


def test_commands_on_files_take_p4_source(p4c: StandIn, program: Path) -> None:
    words = [str(program), "-D", "A", "--frame", FRAME.hex()]
    result = CliRunner().invoke(app, ["trace", *words])
    assert (result.exit_code, "drop" in result.output) == (0, True), result.output
    program.write_text("header nonsense {}\n")
    result = CliRunner().invoke(app, ["bench", *words])
    assert (result.exit_code, f"{program}:1: " in result.output) == (2, True), result.output
    assert all("-DA" in words for words in p4c.calls)


def test_p4_source_in_a_jsons_place_is_recognised(p4c: StandIn, program: Path) -> None:
    mistaken = program.rename(program.with_suffix(".json"))
    with pytest.raises(BadOption, match=f"this is P4 source; compile it: p4fabric compile {mistaken}"):
        SoftSwitch(mistaken, P4INFO)
    result = CliRunner().invoke(app, ["run", "--pipeline", str(mistaken), "--p4info", str(P4INFO)])
    assert (result.exit_code, "this is P4 source" in result.output) == (2, True)


async def test_p4_source_that_a_client_pushes_is_recognised() -> None:
    async with AsyncSoftSwitch() as switch, Client(switch.address) as client:
        await client.arbitrate()
        code, said = await refused(
            client.push(p4r.ForwardingPipelineConfig(p4_device_config=PROGRAM.read_bytes()))
        )
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "this is P4 source; compile it: p4fabric compile x.p4" in said


class Running:
    """`p4fabric switch run` in a process, and its log."""

    def __init__(self, log: Path, *words: str) -> None:
        self.log = log
        with log.open("w") as out:
            command = [sys.executable, "-m", "p4fabric.softswitch", "run", *words]
            self.process = subprocess.Popen(command, stdout=out, stderr=out)

    def until(self, words: str, count: int = 1) -> str:
        """The log, once it has these words so often."""
        deadline = time.monotonic() + 60
        while (said := self.log.read_text()).count(words) < count:
            assert time.monotonic() < deadline and self.process.poll() is None, said
            time.sleep(0.02)
        return said


@pytest.fixture
def run(tmp_path: Path, p4c: StandIn) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*words: object) -> Running:
        started.append(Running(tmp_path / "switch.log", *map(str, words)))
        return started[-1]

    yield start
    for one in started:
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(20) == 0, one.log.read_text()


def test_a_watched_program_is_pushed_as_it_is_edited(
    run: Callable[..., Running], p4c: StandIn, program: Path
) -> None:
    switch = run("--grpc", f"unix:{program.parent}/s", "--pipeline", program, "--watch")
    switch.until("serves P4Runtime")
    program.write_text(PROGRAM.read_text() + "// unused\n")
    said = switch.until("runs with what was in its tables")
    assert f"{program}:" in said, "the compiler's warnings are logged"
    program.write_text(PROGRAM.read_text() + "nonsense\n")
    said = switch.until("the program before it runs on")
    assert f"{program}:{len(PROGRAM.read_text().splitlines()) + 1}: [--Werror=not-found]" in said
    other = Path(__file__).parents[1] / "server" / "programs"
    compiler = p4c.path.read_text()
    p4c.path.write_text(compiler.replace(str(JSON), str(other / "kinds.json")))
    program.write_text(PROGRAM.read_text() + "// a refused one\n")
    switch.until("is refused; the program before it runs on")
    p4c.path.write_text(compiler)
    program.write_text(PROGRAM.read_text())
    switch.until("runs with what was in its tables", 2)


def test_watching_needs_source() -> None:
    for words in ([], ["--pipeline", str(JSON), "--p4info", str(P4INFO)]):
        result = CliRunner().invoke(app, ["run", "--watch", *words])
        assert (result.exit_code, "--watch is for P4 source" in result.output) == (2, True)


def test_refusals_are_still_refusals(p4c: StandIn, program: Path) -> None:
    p4c.path.write_text(p4c.path.read_text().replace(str(JSON), str(P4INFO)))
    with pytest.raises(Refusal, match="not JSON"):
        SoftSwitch(program).__enter__()
