"""`p4fabric lab`: Mininet is the system's, so the lab runs in the system's Python."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

__all__ = ["run"]

_SYSTEM_PYTHON = Path("/usr/bin/python3")
_FOLDER = files("p4fabric") / "lab"
_LABS = {"congestion": "congestion.py", "closed-loop": "closed_loop.py"}
"""By their first word; without one of these it is the lab of the whole fabric."""


def run(arguments: Sequence[str]) -> int:
    """Run the lab, or another one that the first argument names; returns its exit status.

    Raises:
        ModuleNotFoundError: this is an installation of the switch alone, without a controller.
    """
    if not {"-h", "--help"} & set(arguments) and importlib.util.find_spec("fastapi") is None:
        raise ModuleNotFoundError("the lab's controller needs it", name="fastapi")
    if not _SYSTEM_PYTHON.is_file():
        print(f"{_SYSTEM_PYTHON} is missing: the lab needs the system's Python and Mininet", file=sys.stderr)
        return 2
    # The lab starts the command that it was started with, wherever that is installed.
    environment = {**os.environ, "P4FABRIC": str(Path(sys.executable).with_name("p4fabric"))}
    program = _LABS.get(arguments[0]) if arguments else None
    words = arguments[1:] if program else arguments
    try:
        return subprocess.run(
            [_SYSTEM_PYTHON, str(_FOLDER / (program or "lab.py")), *words], env=environment, check=False
        ).returncode
    except KeyboardInterrupt:
        return 130
