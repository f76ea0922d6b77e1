"""A host of a running network, and how commands run in it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from p4fabric.net.model import End, Host
from p4fabric.net.namespaces import Namespace

SHELL = "bash" if shutil.which("bash") else "sh"


class RunningHost:
    """A host; made by `Network`."""

    def __init__(
        self,
        model: Host,
        ends: list[End],
        namespace: Namespace,
        folder: Path,
        log: Callable[[str], None],
    ) -> None:
        self.model = model
        self.name = model.name
        self.ends = ends
        self.namespace = namespace
        self._folder = folder
        self._say = log

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """Its first IPv4 address, or else its first IPv6 address."""
        addresses = sorted(
            (address for end in self.ends for address in end.addresses), key=lambda address: address.version
        )
        return addresses[0].ip if addresses else None

    @property
    def mac(self) -> str:
        """The MAC address of its first interface."""
        said = self.run("cat", f"/sys/class/net/{self.ends[0].interface}/address", check=True)
        return said.stdout.strip()

    def run(
        self, *command: str, timeout: float | None = None, check: bool = False, input: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the host, to its end: one text is for a shell, several are its words.

        Raises:
            subprocess.TimeoutExpired: it takes longer than `timeout` seconds (and is killed).
            subprocess.CalledProcessError: with `check`, it failed.
        """
        return subprocess.run(
            self.namespace.words(self._words(command), self._folder),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=check,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
        )

    def popen(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        """Start a command in the host: one text is for a shell, several are its words.

        Options are those of `Namespace.popen`: env, stdin, stdout, stderr, text, start_new_session. What
        still runs when the network ends, is ended.
        """
        return self.namespace.popen(self._words(command), **{"folder": self._folder, **options})

    def configure(self) -> None:
        """Run the commands of its description; what fails is said."""
        for command in self.model.commands:
            done = self.run(command)
            if done.returncode:
                said = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
                self._say(f"{self.name}: {command}: {said}")

    @staticmethod
    def _words(command: tuple[str, ...]) -> list[str]:
        return [SHELL, "-c", command[0]] if len(command) == 1 else list(command)
