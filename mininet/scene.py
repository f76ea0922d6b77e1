"""The running lab as the checks see it: run something in a host, ask the controller, touch a link.

This module knows Mininet, the controller and the programs that make traffic. It does not know what is
expected of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control import Controller
from mininet.net import Mininet
from plan import Plan
from processes import Ended, dies_with_us, end, output_of

__all__ = ["Scene"]

_HERE = Path(__file__).resolve().parent


@dataclass
class Scene:
    """Everything that a check may use."""

    net: Mininet
    controller: Controller
    plan: Plan
    folder: Path

    def popen(self, host: str, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in a host; it ends with the lab."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        found: subprocess.Popen[bytes] = self.net[host].popen(
            list(words), **{**pipes, **options}, preexec_fn=dies_with_us
        )
        return found

    def traffic(self, host: str, *words: object, **options: Any) -> subprocess.Popen[bytes]:
        """Start one of traffic.py's commands in a host."""
        program = str(_HERE / "traffic.py")
        return self.popen(host, sys.executable, "-I", program, *map(str, words), **options)

    def ask(self, host: str, *words: object, seconds: float = 20) -> Any:
        """Run one of traffic.py's commands and give what it saw."""
        return json.loads(output_of(self.traffic(host, *words), seconds))

    def ask_all(self, commands: Mapping[str, tuple[object, ...]], seconds: float = 20) -> dict[str, Any]:
        """Run a command in each of several hosts at once."""
        running = {host: self.traffic(host, *words) for host, words in commands.items()}
        return {host: json.loads(output_of(process, seconds)) for host, process in running.items()}

    @contextlib.contextmanager
    def background(
        self, host: str, *words: str, ready: str = "", **options: Any
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program in a host meanwhile, from when it has said `ready` (if given)."""
        process = self.popen(host, *words, **{"stderr": subprocess.STDOUT, **options})
        try:
            self.wait_for(process, ready)
            yield process
        finally:
            end(process)

    def serve(self, stack: contextlib.ExitStack, host: str, port: int) -> None:
        """Run an HTTP server that says its host's name, until the stack is closed."""
        words = (sys.executable, "-I", str(_HERE / "traffic.py"), "serve", host, str(port))
        stack.enter_context(self.background(host, *words, ready="serving"))

    @staticmethod
    def wait_for(process: subprocess.Popen[bytes], ready: str, seconds: float = 10) -> None:
        """Until it has said something.

        Raises:
            Ended: it did not.
        """
        assert process.stdout is not None
        said, deadline = b"", time.monotonic() + seconds
        while ready.encode() not in said:
            left = max(0.0, deadline - time.monotonic())
            more = b""
            if select.select([process.stdout], [], [], left)[0]:
                more = os.read(process.stdout.fileno(), 4096)
            if not more:
                raise Ended(
                    f"did not say {ready!r}: {process.args!r}: {said.decode(errors='replace')[-500:]}"
                )
            said += more

    def sent_packets(self, interface: str) -> int:
        """What a switch has sent out of an interface."""
        return int(Path(f"/sys/class/net/{interface}/statistics/tx_packets").read_text())
