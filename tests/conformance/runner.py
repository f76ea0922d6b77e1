"""Runs many tests: finds them, compiles their programs, gives each a process of its own, so that nothing that
a program does can spoil another's result."""

from __future__ import annotations

import multiprocessing
import re
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from p4fabric.softswitch.engine import load_config, open_engine
from p4fabric.softswitch.engine.api import Engine, EngineError, EngineOptions
from p4fabric.softswitch.server.errors import Refusal
from p4fabric.softswitch.server.front_panel import FrontPanel
from p4fabric.softswitch.server.pipeline import Pipelines
from p4fabric.softswitch.server.ports import BadOption, Ports
from p4fabric.softswitch.server.server import read_config

from .entries import Unknown
from .stf import StfError, read_stf
from .switch import Mismatch, Switch

V1MODEL = re.compile(r"include.*v1model\.p4")
LONGEST_COMPILATION = 120  # seconds
LONGEST_TEST = 180


@dataclass(frozen=True, slots=True)
class Result:
    """A test's outcome; no `reason`: it passed. `stage` is what failed."""

    name: str
    stage: str = ""
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether the program did what the test expects."""
        return not self.stage


@dataclass(frozen=True, slots=True)
class Setting:
    """How tests are run: a compiler, or a folder with what it made; `sanitize` as the engine has it. With
    `p4info`, programs are pushed with their P4Info, as a P4Runtime client does it."""

    compiler: str | None
    json: Path | None
    sanitize: bool = False
    p4info: bool = False


def find_tests(folder: Path, pattern: str) -> list[Path]:
    """The v1model programs of a folder that have a packet test."""
    programs = sorted(one for one in folder.glob(pattern) if one.with_suffix(".stf").exists())
    return [one for one in programs if V1MODEL.search(one.read_text(errors="replace"))]


def run_tests(programs: list[Path], setting: Setting, jobs: int) -> Iterator[Result]:
    """Each program's result, in their order."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda program: run_test(program, setting), programs)


def run_test(program: Path, setting: Setting) -> Result:
    """One program: compiled, then run in a process of its own."""
    name = program.stem
    with tempfile.TemporaryDirectory(prefix="p4fabric-stf-") as scratch:
        if setting.json is not None:
            compiled = setting.json / f"{name}.json"
            if not compiled.exists():
                return Result(name, "compile", f"there is no {compiled.name}")
        else:
            compiled = Path(scratch) / f"{name}.json"
            failed = _compile(program, compiled, setting)
            if failed:
                return Result(name, "compile", failed)
        return _in_process(program, compiled, setting)


def _compile(program: Path, compiled: Path, setting: Setting) -> str:
    command = [setting.compiler or "p4c-bm2-ss", "--arch", "v1model", "-o", str(compiled)]
    if setting.p4info:
        command += ["--p4runtime-files", str(_p4info(compiled))]
    command.append(program.name)
    try:
        done = subprocess.run(
            command,
            cwd=program.parent,
            capture_output=True,
            text=True,
            timeout=LONGEST_COMPILATION,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
    return "" if not done.returncode else (errors or [f"the compiler ended with {done.returncode}"])[0]


def _p4info(compiled: Path) -> Path:
    return compiled.with_suffix(".p4info.txtpb")


def _in_process(program: Path, compiled: Path, setting: Setting) -> Result:
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_perform, args=(program, compiled, setting, theirs))
    process.start()
    theirs.close()
    result = Result(program.stem, "run", f"no end within {LONGEST_TEST} s")
    if ours.poll(LONGEST_TEST):
        try:
            result = ours.recv()
        except EOFError:
            process.join()
            result = Result(program.stem, "crash", f"the process ended with {process.exitcode}")
    process.kill()
    process.join()
    return result


def _perform(program: Path, compiled: Path, setting: Setting, to: Connection) -> None:
    to.send(_judge(program, compiled, setting))
    to.close()


def _open(compiled: Path, setting: Setting) -> Engine:
    """An engine that holds the program."""
    options = EngineOptions(sanitize=setting.sanitize)
    if not setting.p4info:
        return open_engine(load_config(compiled.read_bytes()), options)
    pushed = Pipelines(FrontPanel(Ports()), options).prepare(read_config(_p4info(compiled), compiled))
    return pushed.engine


def _judge(program: Path, compiled: Path, setting: Setting) -> Result:
    name = program.stem
    try:
        commands = read_stf(program.with_suffix(".stf"))
    except StfError as error:
        return Result(name, "stf", str(error))
    try:
        engine = _open(compiled, setting)
    except (EngineError, Refusal, BadOption) as error:
        return Result(name, "load", str(error))
    try:
        Switch(engine, commands).run()
    except (Mismatch, Unknown, EngineError, LookupError, ValueError) as error:
        return Result(name, "run", f"{error}")
    return Result(name)
