"""Mininet's switch nodes for P4Runtime: p4fabric's embedded switch, and bmv2's simple_switch_grpc.

A node is one switch process whose ports are the node's interfaces; a controller (any P4Runtime client)
finds it at `address`. This module knows how the processes are started, and that they answer. It knows no
pipeline, nor what the switches are for.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

from mininet.node import Switch

if __package__:  # as p4fabric.lab.p4runtime_switch
    from .processes import P4FABRIC, dies_with_us, end
else:
    from processes import P4FABRIC, dies_with_us, end

__all__ = ["SWITCHES", "Bmv2Switch", "P4RuntimeSwitch", "SoftSwitch", "SwitchFailed"]

CPU_PORT = 510
FRAME_BITS = 1500 * 8
"""What a frame is taken for where a switch counts its rate in packets."""
_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS = 4


class SwitchFailed(Exception):
    """A switch cannot be started; says what is missing or what it said."""


class P4RuntimeSwitch(Switch):
    """A switch that speaks P4Runtime on this machine; what differs between switches stands in subclasses."""

    needs: ClassVar[str]
    """What it runs, and where that comes from; for a message when it is missing."""
    starting_time = 20.0
    """Seconds until its gRPC server must answer, also when five start at once on two cores."""
    bandwidth_share: ClassVar[float] = 1.0
    """Part of the lab's bandwidths that it is given: three in a row must forward twice as much on 2 cores."""

    def __init__(
        self,
        name: str,
        device_id: int | None = None,
        grpc_port: int | None = None,
        queue_depth: int = 64,
        log_folder: str | Path = "run/mininet",
        **params: Any,
    ) -> None:
        """Make the node; nothing runs yet.

        Args:
            name: such as leaf1.
            device_id: P4Runtime's; by default that of Mininet's dpid (the first number in the name).
            grpc_port: at 127.0.0.1, by default 9558 and the device id; of switches that cannot listen at a
                Unix socket.
            queue_depth: packets that an egress queue holds, where the link has a bandwidth.
            log_folder: where NAME.log goes, and NAME.sock of a switch that listens at a Unix socket.
            params: those of Mininet's Switch.
        """
        params.pop("batch", None)
        super().__init__(name, **params)
        self.device_id = device_id if device_id is not None else int(self.dpid, 16)
        self.grpc_port = grpc_port if grpc_port is not None else 9558 + self.device_id
        self.queue_depth = queue_depth
        self.log_path = Path(log_folder) / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @classmethod
    def executable(cls) -> str | None:
        """The path of what it runs, if that is here."""
        raise NotImplementedError

    def found_program(self) -> str:
        """The path of what it runs.

        Raises:
            SwitchFailed: it is missing.
        """
        path = self.executable()
        if path is None:
            raise SwitchFailed(f"{self.name}: it needs {self.needs}")
        return path

    @property
    def address(self) -> str:
        """Where its P4Runtime server listens, as gRPC's clients take it."""
        raise NotImplementedError

    def connect(self) -> socket.socket:
        """A connection to it, which waits at most a second for anything; `OSError` when there is none."""
        raise NotImplementedError

    @property
    def process_id(self) -> int | None:
        """Of the switch, while it runs."""
        return self._process.pid if self._process is not None else None

    def data_ports(self) -> dict[int, Any]:
        """The interfaces by port number."""
        return {number: intf for number, intf in sorted(self.intfs.items()) if intf.name != "lo"}

    def command(self) -> Sequence[str]:
        """What to run."""
        raise NotImplementedError

    def after_start(self) -> None:
        """What is left to be set when it answers."""

    def start(self, _controllers: Iterable[Any] = ()) -> None:
        """Start the process; `wait` (or Mininet, for all switches at once) waits until it answers.

        Raises:
            SwitchFailed: the program is missing or the address is taken.
        """
        if self.answers():
            raise SwitchFailed(f"{self.name}: something else listens at {self.address}; is a lab running?")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self._log = self.log_path.open("ab")
        self._process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dies_with_us,
        )

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            SwitchFailed: it ended or stays silent.
        """
        deadline = time.monotonic() + self.starting_time
        while not self.answers():
            code = self._process.poll() if self._process is not None else 0
            if code is not None:
                raise SwitchFailed(f"{self.name}: the switch ended ({code}); {self._last_words()}")
            if time.monotonic() > deadline:
                silent = f"no answer at {self.address} in {self.starting_time:.0f} s"
                raise SwitchFailed(f"{self.name}: {silent}; {self._last_words()}")
            time.sleep(0.05)
        self.after_start()

    @classmethod
    def batchStartup(cls, switches: Sequence[P4RuntimeSwitch]) -> Sequence[P4RuntimeSwitch]:
        """Wait for all of them: they have been starting side by side."""
        for switch in switches:
            switch.wait()
        return switches

    def answers(self) -> bool:
        """Whether an HTTP/2 server, as gRPC's is, answers there."""
        try:
            with self.connect() as connection:
                connection.sendall(_HTTP2_PREFACE)
                answer = connection.recv(9)
        except OSError:
            return False
        return len(answer) >= 4 and answer[3] == _SETTINGS

    def connected(self) -> bool:
        """For Mininet's waitConnected: the controller comes to the switch, so what counts is that it can."""
        return self.answers()

    def stop(self, deleteIntfs: bool = True) -> None:
        """End the process, then take its interfaces away."""
        if self._process is not None:
            end(self._process)
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
        super().stop(deleteIntfs)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def _last_words(self) -> str:
        lines = (
            self.log_path.read_text(errors="replace").strip().splitlines() if self.log_path.exists() else []
        )
        return "\n  ".join((f"{self.log_path} ends:", *lines[-8:])) if lines else f"{self.log_path} is empty"


class SoftSwitch(P4RuntimeSwitch):
    """p4fabric's embedded switch, at a Unix socket: whoever connects may write, so only its user can.

    With `listen`, such as 127.0.0.1:50051, it is there instead, where any process of this machine may write.
    """

    needs = (
        "the command p4fabric, which is neither in this checkout's .venv (`make lab` installs it) nor on "
        "PATH, nor named by the variable P4FABRIC"
    )

    @classmethod
    def executable(cls) -> str | None:
        """The command p4fabric."""
        return P4FABRIC

    def __init__(
        self,
        name: str,
        program: str | Path | None = None,
        p4info: str | Path | None = None,
        entries: str | Path | Sequence[str | Path] = (),
        pcap: str | Path | None = None,
        cpu_port: int = CPU_PORT,
        log_packets: bool = False,
        grpc_port: int | None = None,
        listen: str | None = None,
        **params: Any,
    ) -> None:
        """Make the node; nothing runs yet.

        Args:
            name: such as s1.
            program: P4 source, or the JSON that p4c made of it; without one, a controller pushes it.
            p4info: of a JSON; by default the file beside it.
            entries: files of what it is given when it starts: P4Runtime's text format, p4lang/tutorials'
                JSON, or commands of simple_switch_CLI.
            pcap: a folder for what its ports receive and send.
            cpu_port: where packet-ins and packet-outs are.
            log_packets: log every packet with its tables, actions and drops.
            grpc_port: of other switches; this one takes `listen`.
            listen: HOST:PORT instead of the Unix socket.
            params: those of P4RuntimeSwitch.

        Raises:
            SwitchFailed: entries are given, and no program.
        """
        super().__init__(name, grpc_port=grpc_port, **params)
        self._program = program
        self._p4info = p4info
        self._entries = [entries] if isinstance(entries, str | Path) else list(entries)
        self._pcap = pcap
        self._cpu_port = cpu_port
        self._log_packets = log_packets
        self._listen = listen
        if self._entries and program is None:
            raise SwitchFailed(f"{name}: entries need a program")

    @property
    def address(self) -> str:
        """The socket, in the folder of its log, or what it is to listen at."""
        return self._listen or f"unix:{self._socket_path}"

    @property
    def _socket_path(self) -> Path:
        return self.log_path.with_suffix(".sock").absolute()

    def connect(self) -> socket.socket:
        """A connection to it, which waits at most a second for anything; `OSError` when there is none."""
        if self._listen and not self._listen.startswith("unix:"):
            host, _, port = self._listen.rpartition(":")
            return socket.create_connection((host.strip("[]"), int(port)), timeout=1)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(1)
            connection.connect(str(self._socket_path))
        except OSError:
            connection.close()
            raise
        return connection

    def command(self) -> Sequence[str]:
        """`p4fabric switch run`, with a queue where the link has a bandwidth."""
        words = [self.found_program(), "switch", "run", "--device-id", str(self.device_id)]
        words += ["--grpc", self.address]
        for number, intf in self.data_ports().items():
            words += ["-i", f"{number}@{intf.name}"]
            if bandwidth := getattr(intf, "bandwidth", None):
                depth = getattr(intf, "queue_size", None) or self.queue_depth
                words += ["--queue", f"{number}:rate={round(bandwidth * 1000)}kbit,depth={depth}"]
        if self._pcap is not None:
            Path(self._pcap).mkdir(parents=True, exist_ok=True)
            words += ["--pcap", str(self._pcap)]
        if self._log_packets:
            words += ["--log-level", "debug"]
        if self._cpu_port != CPU_PORT:
            words += ["--cpu-port", str(self._cpu_port)]
        return words

    def after_start(self) -> None:
        """Push its program and write its entries.

        Raises:
            SwitchFailed: the program or an entry is refused.
        """
        if self._program is None:
            return
        words = [self.found_program(), "net", "program", self.address, str(self._program)]
        words += ["--device-id", str(self.device_id), *map(str, self._entries)]
        if self._p4info is not None:
            words += ["--p4info", str(self._p4info)]
        said = subprocess.run(words, capture_output=True, text=True, check=False)
        if said.returncode:
            raise SwitchFailed(f"{self.name}: {said.stderr.strip()}")


class Bmv2Switch(P4RuntimeSwitch):
    """bmv2's simple_switch_grpc. Its queues count packets, not bits: rates are those of 1,500-byte frames.

    It cannot listen at a Unix socket, so it is at a TCP port of 127.0.0.1, where every process of this
    machine may write.
    """

    needs = (
        "simple_switch_grpc (bmv2) on PATH; p4lang's packages have it, or a build of "
        "https://github.com/p4lang/behavioral-model with PI"
    )
    bandwidth_share = 0.25
    """A packet of a watched port takes it 120 to 190 us of CPU time (1.15.5, -O3, without logging macros). At
    40 Mbit/s, 3,500 packets/s, three of them need most of two cores, and queues fill that no link fills."""

    @classmethod
    def executable(cls) -> str | None:
        """`simple_switch_grpc`, from PATH."""
        return shutil.which("simple_switch_grpc")

    def __init__(self, name: str, thrift_port: int | None = None, **params: Any) -> None:
        """Make the node; the Thrift port (for queue rates) is by default 1000 above the gRPC port."""
        super().__init__(name, **params)
        self.thrift_port = thrift_port if thrift_port is not None else self.grpc_port + 1000

    @property
    def address(self) -> str:
        """Its TCP port."""
        return f"127.0.0.1:{self.grpc_port}"

    def connect(self) -> socket.socket:
        """A connection to it, which waits at most a second for anything; `OSError` when there is none."""
        return socket.create_connection(("127.0.0.1", self.grpc_port), timeout=1)

    def command(self) -> Sequence[str]:
        """`simple_switch_grpc`, without a pipeline: the controller brings it."""
        words = [self.found_program(), "--no-p4", "--device-id", str(self.device_id)]
        for number, intf in self.data_ports().items():
            words += ["-i", f"{number}@{intf.name}"]
        words += ["--thrift-port", str(self.thrift_port), "--log-level", "warn", "--log-console", "--"]
        words += ["--grpc-server-addr", self.address, "--cpu-port", str(CPU_PORT)]
        # It has one otherwise, and drops packets of any other priority.
        return [*words, "--priority-queues", "8"]

    def after_start(self) -> None:
        """Set the queues' rates and depths, by the only interface that bmv2 has for it.

        Raises:
            SwitchFailed: simple_switch_CLI is missing or cannot do it.
        """
        lines = []
        for number, intf in self.data_ports().items():
            if bandwidth := getattr(intf, "bandwidth", None):
                lines.append(f"set_queue_rate {max(1, round(bandwidth * 1e6 / FRAME_BITS))} {number}")
                lines.append(f"set_queue_depth {self.queue_depth} {number}")
        if not lines:
            return
        program = shutil.which("simple_switch_CLI") or _beside_the_switch("simple_switch_CLI")
        if program is None:
            raise SwitchFailed(f"{self.name}: simple_switch_CLI (bmv2, with Thrift) is needed for bandwidths")
        try:
            said = subprocess.run(
                (program, "--thrift-port", str(self.thrift_port)),
                input="\n".join(lines) + "\n",
                capture_output=True,
                text=True,
                timeout=20,
            )
        except subprocess.TimeoutExpired:
            raise SwitchFailed(f"{self.name}: simple_switch_CLI gave no answer") from None
        if said.returncode or "Error" in said.stdout or "Traceback" in said.stderr:
            raise SwitchFailed(f"{self.name}: simple_switch_CLI: {said.stdout[-300:]}{said.stderr[-500:]}")


def _beside_the_switch(name: str) -> str | None:
    program = Bmv2Switch.executable()
    beside = Path(program).resolve().parent / name if program else None
    return str(beside) if beside is not None and os.access(beside, os.X_OK) else None


SWITCHES: dict[str, type[P4RuntimeSwitch]] = {"softswitch": SoftSwitch, "bmv2": Bmv2Switch}
"""By the name that `--switch` takes, which is the controller's name for the target as well."""
