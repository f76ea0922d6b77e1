"""The network's side of its guard."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

from p4fabric.net import guard
from p4fabric.net.namespaces import Namespace


class Guard:
    """Watches over what a network makes; `close` clears up, and so does the end of this process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._namespaces: list[Namespace] = []
        self._folders: list[Path] = []

    def namespace(self, namespace: Namespace) -> None:
        """Processes in it end with the network."""
        self._namespaces.append(namespace)
        self._tell(f"namespace /proc/{namespace.pid}/ns/net")

    def folder(self, folder: Path) -> None:
        """It is removed with the network."""
        self._folders.append(folder)
        self._tell(f"folder {folder}")

    def group(self, process: subprocess.Popen[bytes]) -> None:
        """Its process group ends with the network."""
        self._tell(f"group {process.pid}")

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """It has ended; somebody else may get its number."""
        with contextlib.suppress(OSError):  # a guard that was killed keeps nothing in mind
            self._tell(f"forget {process.pid}")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def close(self) -> None:
        """End all processes of the namespaces, let go of them, remove the folders."""
        holders = [namespace.pid for namespace in self._namespaces]
        guard.end_processes((namespace.identity for namespace in self._namespaces), keep=holders)
        for namespace in self._namespaces:
            namespace.close()
        self._namespaces = []
        with contextlib.suppress(OSError):
            self._process.communicate(timeout=20)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
