"""`p4fabric lab`: Mininet is the system's, so the lab runs in the system's Python."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["run"]

_SYSTEM_PYTHON = Path("/usr/bin/python3")
_LAB = Path(__file__).resolve().parents[2] / "mininet" / "lab.py"


def run(arguments: Sequence[str]) -> int:
    """Run the lab; returns its exit status."""
    if not _LAB.is_file():
        print(f"the lab is part of a checkout, and {_LAB} is not there", file=sys.stderr)
        return 2
    if not _SYSTEM_PYTHON.is_file():
        print(f"{_SYSTEM_PYTHON} is missing: the lab needs the system's Python and Mininet", file=sys.stderr)
        return 2
    try:
        return subprocess.run([_SYSTEM_PYTHON, _LAB, *arguments], check=False).returncode
    except KeyboardInterrupt:
        return 130
