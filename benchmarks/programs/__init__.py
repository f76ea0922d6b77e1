"""The benchmarks' own small P4 programs and what the compiler made of them.

`python -m benchmarks.programs` compiles them anew (needs p4c's `p4c-bm2-ss` on PATH); a test compares the
digest with the sources.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from finsy.proto import p4r
from google.protobuf import text_format

from p4fabric.pipelines.compile import sources_digest
from p4fabric.softswitch.engine import LoadedConfig, load_config

FOLDER = Path(__file__).parent
DIGEST = FOLDER / "sources.sha256"
NAMES = ("exact", "l3", "ternary")


def program(name: str) -> LoadedConfig:
    """One of the programs, as the engine runs it."""
    return load_config((FOLDER / f"{name}.json").read_bytes())


def pipeline_config(name: str) -> p4r.ForwardingPipelineConfig:
    """One of the programs, as P4Runtime pushes it."""
    config = p4r.ForwardingPipelineConfig(p4_device_config=(FOLDER / f"{name}.json").read_bytes())
    text_format.Parse((FOLDER / f"{name}.p4info.txtpb").read_text(), config.p4info)
    return config


def compile_all() -> None:
    """Compile, and say what is missing when p4c is."""
    compiler = shutil.which("p4c-bm2-ss")
    if compiler is None:
        raise SystemExit("p4c-bm2-ss is not on PATH: build p4c's bmv2 back end")
    for name in NAMES:
        made = FOLDER / f"{name}.json"
        command = [compiler, "--arch", "v1model", "-o", str(made)]
        command += ["--p4runtime-files", f"{name}.p4info.txtpb", f"{name}.p4"]
        subprocess.run(command, check=True, cwd=FOLDER)
        config = json.loads(made.read_text())
        config["program"] = f"{name}.p4"
        made.write_text(json.dumps(config, indent=1) + "\n")
    DIGEST.write_text(sources_digest(FOLDER) + "\n")
