"""Compiles `p4src/` into `pipelines/`: `python -m pipelines.compile` (what `make p4` runs).

Needs p4c's `p4c-bm2-ss` on PATH. Writes the P4Info, the device config (bmv2 JSON) and the digest of
the sources, then the bindings. The artifacts are committed, so that using p4fabric needs no compiler;
a test compares the digest with the sources.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from pipelines import generate

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "p4src"
OUTPUT = ROOT / "pipelines" / "fabric"


def sources_digest(folder: Path = SOURCES) -> str:
    """SHA-256 over the names and contents of all P4 files, in order of names."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.p4")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def main() -> None:
    """Compile, and say what is missing when p4c is."""
    compiler = shutil.which("p4c-bm2-ss")
    if compiler is None:
        raise SystemExit(
            "p4c-bm2-ss is not on PATH: build p4c's bmv2 back end (https://github.com/p4lang/p4c)"
        )
    device_config, p4info = OUTPUT / "fabric.json", OUTPUT / "fabric.p4info.txtpb"
    subprocess.run(
        [
            compiler, "--arch", "v1model", "-o", str(device_config),
            "--p4runtime-files", str(p4info), "p4src/fabric.p4",
        ],
        check=True,
        cwd=ROOT,
    )  # fmt: skip
    config = json.loads(device_config.read_text())
    config["program"] = "p4src/fabric.p4"
    device_config.write_text(json.dumps(config, indent=1) + "\n")
    generate.main([str(p4info), str(OUTPUT / "bindings.py")])
    (OUTPUT / "sources.sha256").write_text(sources_digest() + "\n")


if __name__ == "__main__":
    main()
