"""p4c-bm2-ss where there is only p4c's container: its commonest options, for Makefiles."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from p4fabric.pipelines.p4c import CompileError, compile_program


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="p4c-bm2-ss", description="p4c-bm2-ss by way of p4c's container, with its commonest options."
    )
    parser.add_argument("-I", dest="include", action="append", default=[], type=Path)
    parser.add_argument("-D", dest="define", action="append", default=[])
    parser.add_argument("-o", dest="output", type=Path)
    parser.add_argument("--p4runtime-files", type=Path)
    parser.add_argument("--p4v", "--std", choices=("16", "p4-16"))
    parser.add_argument("--arch", choices=("v1model",))
    parser.add_argument("--emit-externs", action="store_true")
    parser.add_argument("source", type=Path)
    given = parser.parse_args()
    try:
        made = compile_program(given.source, include=given.include, define=given.define)
        if made.warnings:
            print(made.warnings, file=sys.stderr)
        for file, wanted in ((made.device_config, given.output), (made.p4info, given.p4runtime_files)):
            if wanted is not None:
                shutil.copyfile(file, wanted)
    except CompileError as error:
        raise SystemExit(str(error)) from None
    except OSError as error:
        raise SystemExit(f"{error.filename}: {error.strerror}") from None


if __name__ == "__main__":
    main()
