"""Ends what a network has started when the network's own process is gone, however it went.

Run as a program it reads lines from standard input, until its end: `namespace PATH` (to watch over),
`group PID` and `forget PID` (process groups outside of namespaces), `folder PATH` (to remove). Only the
standard library is used, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

PATIENCE = 2.0
"""Seconds between asking and killing."""


def processes_in(identities: Iterable[int]) -> list[int]:
    """The processes whose network namespace is one of these."""
    wanted = set(identities)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "ns" / "net").stat().st_ino in wanted and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
    return found


def end_processes(identities: Iterable[int], keep: Iterable[int] = ()) -> None:
    """Ask the processes of these namespaces to end, and kill those that do not."""
    wanted, kept = list(identities), set(keep)

    def signalled(number: signal.Signals) -> bool:
        found = [pid for pid in processes_in(wanted) if pid not in kept]
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return bool(found)

    if not signalled(signal.SIGTERM):
        return
    deadline = time.monotonic() + PATIENCE
    while [pid for pid in processes_in(wanted) if pid not in kept]:
        if time.monotonic() > deadline:
            signalled(signal.SIGKILL)
            return
        time.sleep(0.02)


def end_group(pid: int) -> None:
    """Ask a process group to end, and kill it if it does not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                os.killpg(pid, number if number is signal.SIGKILL else signal.SIGTERM)
            except (ProcessLookupError, PermissionError):
                return
            time.sleep(0.05)


def main() -> None:
    """Wait for the end of standard input, then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    descriptors: list[int] = []
    groups: list[int] = []
    folders: list[Path] = []
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        if word == "namespace":
            with contextlib.suppress(OSError):
                descriptors.append(os.open(argument, os.O_RDONLY))
        elif word == "group":
            groups.append(int(argument))
        elif word == "forget" and int(argument) in groups:
            groups.remove(int(argument))
        elif word == "folder":
            folders.append(Path(argument))
        print("noted", flush=True)
    for pid in groups:
        end_group(pid)
    end_processes(os.fstat(descriptor).st_ino for descriptor in descriptors)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
