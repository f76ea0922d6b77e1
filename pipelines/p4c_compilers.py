"""The p4c that is here: one on PATH, or the one in p4lang's container image.

Knows how each is found, told apart from other versions, and run. Must not know what is kept of what it makes.
A container gets the program's files through its standard input and gives back what the compiler made through
its standard output: nothing of this machine is mounted there, and it has no network.
"""

from __future__ import annotations

import io
import logging
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from p4fabric.pipelines.children import Abandoned, run_compiler
from p4fabric.pipelines.p4_source import Sources
from p4fabric.pipelines.p4c_errors import GET_P4C, CompileError, CompilerMissing

IMAGE = "docker.io/p4lang/p4c:latest"
LONGEST_COMPILE = 300
"""Seconds."""
_LONGEST_PULL = 3600
_LONGEST_QUESTION = 60
OURS = b"made by `p4fabric compat install`"
"""In the head of each program that the command makes."""
_HEAD = 400
_CONTAINERS = ("podman", "docker")
_MADE = "/p4fabric-made"
_IN_CONTAINER = f"""\
tar -xf - -C / && cd "$1" && shift && mkdir {_MADE} &&
timeout {LONGEST_COMPILE} "$@" </dev/null >&2 && tar -cf - -C {_MADE} ."""
_LARGEST_MADE = 1 << 28
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be compiled: paths as they were given, so that messages name them so."""

    program: Path
    sources: Sources
    include: tuple[Path, ...]
    define: tuple[str, ...]

    @property
    def device_config(self) -> str:
        """The file's name."""
        return f"{self.program.stem}.json"

    @property
    def p4info(self) -> str:
        """The file's name."""
        return f"{self.program.stem}.p4info.txtpb"

    def command(self, compiler: str, made: str) -> list[str]:
        """The compiler's command line, for output to the folder `made`; `compiler` is p4c-bm2-ss or p4c."""
        options = [f"-I{folder}" for folder in self.include] + [f"-D{one}" for one in self.define]
        options += ["--arch", "v1model", "--p4runtime-files", f"{made}/{self.p4info}"]
        if Path(compiler).name == "p4c":  # the driver, which makes its own names in a folder
            return [compiler, "--target", "bmv2", *options, "-o", made, str(self.program)]
        return [compiler, *options, "-o", f"{made}/{self.device_config}", str(self.program)]


class Compiler(Protocol):
    """A p4c."""

    @property
    def identity(self) -> str:
        """What tells it apart from other versions."""

    def compile(self, job: Job, made: Path) -> subprocess.CompletedProcess[bytes]:
        """Compile into a folder; what it says is in `stderr`. Raises what `run_compiler` raises."""


@dataclass(frozen=True, slots=True)
class NativeCompiler:
    """A p4c-bm2-ss, or the driver p4c."""

    path: str

    @property
    def identity(self) -> str:
        """Its file, and what it says of its version."""
        real = Path(self.path).resolve()
        state = real.stat()
        said = _ask(self.path, "--version")
        return f"{real}\0{state.st_size}\0{state.st_mtime_ns}\0{said.stdout.decode(errors='replace')}"

    def compile(self, job: Job, made: Path) -> subprocess.CompletedProcess[bytes]:
        """Compile into a folder."""
        return run_compiler(job.command(self.path, str(made)), LONGEST_COMPILE)


@dataclass(frozen=True, slots=True)
class ContainerCompiler:
    """p4lang's image, run by podman or docker."""

    path: str
    image_id: str

    @property
    def identity(self) -> str:
        """The image's digest."""
        return f"{IMAGE}\0{self.image_id}"

    def compile(self, job: Job, made: Path) -> subprocess.CompletedProcess[bytes]:
        """Compile in a container that is gone afterwards."""
        command = [self.path, "run", "--rm", "--interactive", "--network=none", "--pull=never"]
        command += ["--entrypoint=sh", IMAGE, "-c", _IN_CONTAINER, "sh", str(Path.cwd())]
        command += job.command("p4c-bm2-ss", _MADE)
        done = run_compiler(command, LONGEST_COMPILE + 60, given=_packed(job))
        if done.returncode == 0:
            _unpack(done.stdout, (job.device_config, job.p4info), made)
        return done


def find_compiler() -> Compiler:
    """$P4C, else p4c-bm2-ss or p4c from PATH, else the container image by podman or docker; the image is
    pulled when it is not there yet.

    Raises:
        CompilerMissing: there is none of these.
    """
    chosen = os.environ.get("P4C")
    for name in (chosen,) if chosen else ("p4c-bm2-ss", "p4c"):
        if path := find_real(name):
            return NativeCompiler(path)
    if chosen:
        raise CompilerMissing(f"P4C={chosen}: there is no such program")
    tried = ["neither p4c-bm2-ss nor p4c is on PATH"]
    for name in _CONTAINERS:
        path = shutil.which(name)
        if path is None:
            tried.append(f"nor is {name}")
            continue
        try:
            return ContainerCompiler(path, _image(path))
        except CompileError as error:
            tried.append(f"{name} cannot run it ({error})")
    raise CompilerMissing(GET_P4C.format(tried=", ".join(tried)))


def find_real(name: str) -> str | None:
    """A program by its path, or on PATH, that is not one of `p4fabric compat install`."""
    for folder in (None,) if "/" in name else os.get_exec_path():
        path = shutil.which(name, path=folder)
        if path is not None and OURS not in _head(path):
            return path
    return None


def _head(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(_HEAD)


def _ask(*command: str, timeout: float = _LONGEST_QUESTION) -> subprocess.CompletedProcess[bytes]:
    try:
        return run_compiler(command, timeout)
    except subprocess.TimeoutExpired:
        raise CompileError(f"no answer in {timeout:.0f} s") from None
    except (Abandoned, OSError) as error:
        raise CompileError(str(error)) from None


def _image(path: str) -> str:
    """The image's id; pulls it when it is not there. `CompileError` says why it cannot be had."""
    for _ in range(2):
        asked = _ask(path, "image", "inspect", "--format", "{{.Id}}", IMAGE)
        if asked.returncode == 0:
            return asked.stdout.decode(errors="replace").strip()
        said = asked.stderr.decode(errors="replace")
        if "no such" not in said.lower() and "not known" not in said.lower():
            raise CompileError(_last_line(said))
        _log.warning("%s pulls %s, the P4 compiler: once, some 2 GB", Path(path).name, IMAGE)
        pulled = _ask(path, "pull", IMAGE, timeout=_LONGEST_PULL)
        if pulled.returncode:
            raise CompileError(_last_line(pulled.stderr.decode(errors="replace")))
    raise CompileError(f"{IMAGE} was pulled, and is not there")


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it says nothing"


def _packed(job: Job) -> bytes:
    """The files as a tar archive, by their absolute paths."""
    files = dict.fromkeys(job.sources.files)
    if not job.sources.known:  # a macro names a file: all that could be meant go along
        for folder in (job.program.parent, *job.include):
            files |= dict.fromkeys(one for one in sorted(folder.glob("*.*")) if one.suffix in _SOURCES)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        here = tarfile.TarInfo(str(Path.cwd()).lstrip("/"))
        here.type, here.mode = tarfile.DIRTYPE, 0o755
        if here.name:
            archive.addfile(here)
        for file in files:
            content = file.read_bytes()
            entry = tarfile.TarInfo(os.path.abspath(file).lstrip("/"))  # noqa: PTH100  # links stay as named
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


_SOURCES = frozenset({".p4", ".p4h", ".p4inc", ".h", ".inc"})


def _unpack(packed: bytes, names: Sequence[str], folder: Path) -> None:
    """These files of what the container gave back, and nothing else."""
    try:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            for entry in archive:
                name = entry.name.removeprefix("./")
                content = archive.extractfile(entry) if name in names and entry.isfile() else None
                if content is not None:
                    (folder / name).write_bytes(content.read(_LARGEST_MADE))
    except tarfile.TarError as error:
        raise CompileError(f"the container gave back no archive: {error}") from None
