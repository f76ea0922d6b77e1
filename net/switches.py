"""A switch of a running network: a process of `p4fabric switch run` with the switch's interfaces."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from finsy.proto import p4r

from p4fabric.net.client import give, switch_at
from p4fabric.net.errors import NetworkFailed
from p4fabric.net.model import End, Link, Switch
from p4fabric.net.namespaces import Namespace
from p4fabric.net.programs import Prepared
from p4fabric.softswitch.client.session import Switch as Client
from p4fabric.softswitch.server.listen import ListenAddress
from p4fabric.softswitch.server.ports import BadOption

STARTING_TIME = 30.0
"""Seconds until a switch must answer, also when many start at once on a busy machine."""
LAST_WORDS = 8


class RunningSwitch:
    """A switch; made by `Network`."""

    def __init__(
        self,
        model: Switch,
        ports: Sequence[tuple[Link, End]],
        namespace: Namespace,
        socket: Path,
        log: Path,
        pcap_folder: Path | None,
    ) -> None:
        self.model = model
        self.name = model.name
        self.device_id = model.device_id
        self.namespace = namespace
        self.socket = socket
        self.log = log
        self._ports = ports
        self._pcap_folder = pcap_folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it serves P4Runtime, as gRPC's clients take it: the topology file's address, or unix:PATH."""
        return self.model.grpc or f"unix:{self.socket}"

    @property
    def running(self) -> bool:
        """Whether its process has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Of its process."""
        return self._process.pid if self._process is not None else None

    def interfaces(self) -> list[str]:
        """Its ports' interfaces."""
        return [end.interface for _, end in self._ports]

    def command(self) -> list[str]:
        """What its process runs."""
        words = [sys.executable, "-m", "p4fabric", "switch", "run", "--device-id", str(self.device_id)]
        words += ["--grpc", f"unix:{self.socket}", "--cpu-port", str(self.model.cpu_port)]
        words += ["--log-level", "debug" if self.model.log_packets else "info"]
        if self.model.cores > 1:
            words += ["--cores", str(self.model.cores)]
        if self._pcap_folder is not None:
            words += ["--pcap", str(self._pcap_folder)]
        for link, end in self._ports:
            words += ["-i", f"{end.port}@{end.interface}"]
            if link.rate_bps:
                words += ["--queue", f"{end.port}:rate={link.rate_bps}bit,depth={link.queue_depth}"]
        return words

    def start(self) -> None:
        """Start its process; `wait` waits for it.

        Raises:
            NetworkFailed: another process listens at its socket.
        """
        try:
            # What a dead switch has left there would pass for this one.
            with ListenAddress.parse(f"unix:{self.socket}").bindable():
                pass
        except BadOption as error:
            raise NetworkFailed(f"{self.name}: {error}") from None
        self._log = self.log.open("ab")
        self._process = self.namespace.popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            NetworkFailed: it ended or stays silent; with the end of its log.
        """
        deadline = time.monotonic() + STARTING_TIME
        while not self.socket.exists():
            if not self.running:
                raise NetworkFailed(f"{self.name}: the switch ended; {self.last_words()}")
            if time.monotonic() > deadline:
                raise NetworkFailed(f"{self.name}: no answer in {STARTING_TIME:g} s; {self.last_words()}")
            time.sleep(0.02)

    def program(self, prepared: Prepared) -> None:
        """Push its program and write its entries.

        Raises:
            NetworkFailed: the program or an entry is refused.
        """
        with self.client() as client:
            give(client, prepared)

    def client(self) -> AbstractContextManager[Client]:
        """A P4Runtime client of it, for `with`, which writes where nobody else is primary.

        Raises:
            NetworkFailed: inside, when the switch refuses, or has ended.
        """
        return switch_at(self.name, f"unix:{self.socket}", self.device_id)

    def entities(self, *requests: p4r.Entity) -> list[p4r.Entity]:
        """What the switch holds, as P4Runtime's Read gives it; without requests all table entries.

        Raises:
            NetworkFailed: it has no program, or has ended.
        """
        with self.client() as client:
            return client.read(*(requests or (p4r.Entity(table_entry=p4r.TableEntry()),)))

    def popen(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        """Start a command where its interfaces are; options are those of `Namespace.popen`."""
        return self.namespace.popen(command, **options)

    def stop(self) -> None:
        """End it. Idempotent."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
        if self._process is not None:
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None
            self.socket.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        if not lines:
            return f"{self.log} is empty"
        return "\n  ".join((f"{self.log} ends:", *lines[-LAST_WORDS:]))
