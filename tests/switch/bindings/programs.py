"""The programs of this repository, and bindings generated for them as anybody's are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from finsy.proto import p4i

from p4fabric.pipelines.generate import generate
from p4fabric.pipelines.generate.command import read

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = sorted(
    path
    for folder in ("benchmarks", "examples", "pipelines", "tests")
    for path in (ROOT / folder).rglob("*.p4info.txtpb")
)
KINDS = ROOT / "tests/switch/server/programs/kinds.p4info.txtpb"
STATE = ROOT / "tests/switch/engine/programs/state.p4info.txtpb"
TRANSLATED = ROOT / "tests/switch/server/programs/translated.p4info.txtpb"
BALANCER = ROOT / "examples/load-balancer/load_balancer.p4info.txtpb"


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name.partition('.')[0]}"


def p4info_of(path: Path) -> p4i.P4Info:
    return read(path)


def device_config_of(path: Path) -> bytes:
    return path.with_name(path.name.partition(".")[0] + ".json").read_bytes()


def bindings_of(path: Path, folder: Path, *, one_shot: bool = False) -> ModuleType:
    """The generated module, imported from a folder."""
    made = generate(read(path), path.stem, one_shot=one_shot)
    assert made.left_out == ()
    return imported(made.text, folder / f"{name_of(path).replace('/', '_').replace('-', '_')}.py")


def imported(text: str, file: Path) -> ModuleType:
    file.write_text(text)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # dataclasses look there for what annotations mean
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[file.stem]
    return module
