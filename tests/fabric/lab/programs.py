"""The lab's modules, loaded by path: `mininet/` is no package, or the real one could not be imported."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

REPOSITORY = Path(__file__).resolve().parents[3]
SYSTEM_PYTHON = "/usr/bin/python3"


def module(name: str) -> ModuleType:
    """One of mininet/'s modules that need nothing but the standard library."""
    folder = str(REPOSITORY / "mininet")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)
