"""The processes of a lab: what they run with, that they end when the lab ends, and only they.

This module knows processes and where p4fabric is installed. It does not know what they do.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

__all__ = ["INTENTS", "P4FABRIC", "Ended", "dies_with_us", "end", "output_of"]

_HERE = Path(__file__).resolve().parent
INTENTS = _HERE / "intents"
"""What the lab applies unless told otherwise."""
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _p4fabric() -> str | None:
    """The command that is named by P4FABRIC, the checkout's own, that of this Python, or that of PATH."""
    own = _HERE.parent / ".venv" / "bin" / "p4fabric"
    beside = Path(sys.executable).with_name("p4fabric")
    installed = next((str(path) for path in (own, beside) if path.exists()), None)
    return os.environ.get("P4FABRIC") or installed or shutil.which("p4fabric")


P4FABRIC = _p4fabric()


class Ended(Exception):
    """A process that was to go on, or to succeed, did not; carries what it said."""


def dies_with_us() -> None:
    """In a child, before it runs: have the kernel end it with the thread that started it."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end(process: subprocess.Popen[bytes], seconds: float = 5.0) -> None:
    """Ask it to end, and see to it."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def output_of(process: subprocess.Popen[bytes], seconds: float) -> str:
    """What it says until it ends by itself.

    Raises:
        Ended: it failed, or did not end in time (and is killed).
    """
    words = " ".join(map(str, process.args)) if isinstance(process.args, list | tuple) else str(process.args)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise Ended(f"not done in {seconds:.0f} s: {words}\n{_tail(out, err)}") from None
    if process.returncode != 0:
        raise Ended(f"exit status {process.returncode}: {words}\n{_tail(out, err)}")
    return out.decode(errors="replace")


def _tail(*streams: bytes | None) -> str:
    text = "\n".join((stream or b"").decode(errors="replace").strip() for stream in streams)
    return "\n".join(text.strip().splitlines()[-12:])
