"""A network that runs: `with Network("topology.yaml") as net: net.host("h1").run("ping", "-c1", "h2")`."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pyroute2.netlink.exceptions import NetlinkError

from p4fabric.net import wiring
from p4fabric.net.errors import CannotRun, NetworkFailed
from p4fabric.net.guarded import Guard
from p4fabric.net.hosts import SHELL, RunningHost
from p4fabric.net.links import Links
from p4fabric.net.model import Host, Link, NetworkModel, Switch, Task
from p4fabric.net.namespaces import Namespace, check_machine
from p4fabric.net.programs import Prepared, prepare
from p4fabric.net.read.load import load
from p4fabric.net.relay import Relay
from p4fabric.net.switches import RunningSwitch
from p4fabric.net.tasks import Tasks
from p4fabric.softswitch.server.listen import ListenAddress

PING_SECONDS = 2
PATIENCE = 2.0
"""Seconds between asking a script to end and killing it."""
AT_ONCE = 16
NOT_FOUND = 127
"""A shell's exit status where there is no such program."""


@dataclass(frozen=True, slots=True)
class Pings:
    """What `pingall` found: whether an answer came, by (from, to)."""

    answers: dict[tuple[str, str], bool]

    @property
    def lost(self) -> list[tuple[str, str]]:
        """The pairs without an answer."""
        return [pair for pair, answered in self.answers.items() if not answered]

    def __str__(self) -> str:
        lines = []
        for source in dict.fromkeys(one for one, _ in self.answers):
            row = [to if ok else "X" for (one, to), ok in self.answers.items() if one == source]
            lines.append(f"{source} -> {' '.join(row)}")
        total = len(self.answers)
        lost = len(self.lost)
        share = round(100 * lost / total) if total else 0
        return "\n".join((*lines, f"{share}% dropped ({total - lost}/{total} received)"))


class Network:
    """Hosts, switches and links, from `with` (or `start`) to its end (or `stop`).

    Each host is a network namespace; the switches' interfaces are in one of their own, so that networks do
    not meet. Everything goes away with the network, and with this process, however it ends.
    """

    def __init__(
        self,
        topology: str | Path | NetworkModel,
        *,
        pcap: str | Path | None = None,
        logs: str | Path | None = None,
        log_packets: bool = False,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Read the topology file; nothing is made yet.

        Args:
            topology: a file (ours, p4lang/tutorials' or p4-utils'), or a model.
            pcap: a folder for what each switch port receives and sends, such as s1-eth1_in.pcap and
                s1-eth1_out.pcap; by default as the topology says.
            logs: a folder for switches', tasks' and scripts' logs; by default as the topology says, or one
                that goes away with the network.
            log_packets: have all switches log every packet with its tables, actions and drops.
            say: takes what is worth telling while the network starts.

        Raises:
            TopologyError: lists what is wrong with the file.
        """
        model = topology if isinstance(topology, NetworkModel) else load(topology)
        if pcap is not None:
            model = replace(model, pcap_folder=Path(pcap).absolute())
        if logs is not None:
            model = replace(model, log_folder=Path(logs).absolute())
        if log_packets:
            switches = {one.name: replace(one, log_packets=True) for one in model.switches.values()}
            model = replace(model, switches=switches)
        self.model = model
        self.hosts: dict[str, RunningHost] = {}
        self.switches: dict[str, RunningSwitch] = {}
        self.logs = Path()
        self._say = say
        self._stack = ExitStack()
        self._tasks: Tasks | None = None
        self._links: Links | None = None
        self._begun = 0.0

    # --- its life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Make everything; when it fails, what was made is removed.

        Raises:
            TopologyError: entries do not fit a program.
            CannotRun: the machine lacks something.
            NetworkFailed: a part cannot be started.
        """
        check_machine()
        for note in self.model.notes:
            self._say(note)
        prepared = prepare(self.model)
        with ExitStack() as stack:
            try:
                self._make(stack, prepared)
            except NetlinkError as error:
                raise NetworkFailed(f"the kernel refuses: {error}") from None
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Remove everything. Idempotent."""
        self._stack.close()
        self.hosts, self.switches, self._tasks, self._links = {}, {}, None, None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _make(self, stack: ExitStack, prepared: dict[str, Prepared]) -> None:
        guard = Guard()
        stack.callback(guard.close)
        run_folder = Path(tempfile.mkdtemp(prefix="p4fabric-net-"))
        guard.folder(run_folder)
        self.logs = self.model.log_folder or run_folder
        for folder in (self.logs, self.model.pcap_folder):
            if folder is not None:
                _make_folder(folder)
        hosts_file = run_folder / "hosts"
        hosts_file.write_text(self._hosts_file())
        self.hosts, self.switches = {}, {}

        def namespace(name: str, *, host: bool) -> Namespace:
            made = Namespace(name, hosts_file if host else None)
            guard.namespace(made)
            if not host:
                made.call(wiring.prepare, False)
            return made

        switches = namespace("switches", host=False)
        for host in self.model.hosts.values():
            ends = self.model.ends(host.name)
            place = namespace(host.name, host=True)
            ipv6 = any(address.version == 6 for end in ends for address in end.addresses)
            place.call(wiring.prepare, ipv6)
            self.hosts[host.name] = RunningHost(host, ends, place, self.model.folder, self._say)
        self._links = links = Links(self.model, self.hosts, switches)
        links.plug(lambda: namespace("wires", host=False))
        for running in self.hosts.values():
            running.namespace.call(wiring.configure, running.model, running.ends)
        for one in self.model.switches.values():
            ports = [(self.model.link_of(end), end) for end in self.model.ends(one.name)]
            socket = _unix_path(one.grpc) or run_folder / f"{one.name}.sock"
            log = self.logs / f"{one.name}.log"
            switch = RunningSwitch(one, ports, switches, socket, log, self.model.pcap_folder)
            self.switches[one.name] = switch
            stack.callback(switch.stop)
            switch.start()
        links.wait_until_carrying()
        for switch in self.switches.values():
            switch.wait()
        self._program(prepared)
        links.wait_until_up()
        self._relay(stack)
        for running in self.hosts.values():
            running.configure()
        self._start_tasks(stack)
        self._start_scripts(stack, guard)

    def _hosts_file(self) -> str:
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
        for name in self.model.hosts:
            addresses = [address for end in self.model.ends(name) for address in end.addresses]
            lines += [f"{address.ip} {name}" for address in addresses]
        return "\n".join(lines) + "\n"

    def _program(self, prepared: dict[str, Prepared]) -> None:
        def program(switch: RunningSwitch) -> None:
            if switch.name in prepared:
                switch.program(prepared[switch.name])

        _all_at_once(program, self.switches.values())

    def _relay(self, stack: ExitStack) -> None:
        routes = {
            switch.model.grpc: switch.socket
            for switch in self.switches.values()
            if switch.model.grpc and not switch.model.grpc.startswith("unix:")
        }
        if routes:
            relay = Relay(routes)
            relay.start()
            stack.callback(relay.close)

    def _start_tasks(self, stack: ExitStack) -> None:
        self._begun = time.monotonic()
        self._tasks = Tasks(self.logs)
        self._tasks.start()
        stack.callback(self._tasks.close)
        nodes: list[Host | Switch] = [*self.model.hosts.values(), *self.model.switches.values()]
        for node in nodes:
            for task in node.tasks:
                self._tasks.add(node.name, task, self._popen_of(node.name), self._begun)

    def _start_scripts(self, stack: ExitStack, guard: Guard) -> None:
        for number, command in enumerate(self.model.scripts, 1):
            log: IO[bytes] = stack.enter_context((self.logs / f"script-{number}.log").open("ab"))
            process = subprocess.Popen(
                [SHELL, "-c", command],
                cwd=self.model.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            guard.group(process)
            stack.callback(_end_script, process, guard)

    # --- what is in it ----------------------------------------------------------------------------

    def host(self, name: str) -> RunningHost:
        """A host.

        Raises:
            KeyError: there is none of that name.
        """
        if name not in self.hosts:
            raise KeyError(f"no host {name}; there are {', '.join(self.hosts) or 'none'}")
        return self.hosts[name]

    def switch(self, name: str) -> RunningSwitch:
        """A switch.

        Raises:
            KeyError: there is none of that name.
        """
        if name not in self.switches:
            raise KeyError(f"no switch {name}; there are {', '.join(self.switches) or 'none'}")
        return self.switches[name]

    def ended(self) -> list[RunningSwitch]:
        """The switches whose processes have ended by themselves."""
        return [switch for switch in self.switches.values() if not switch.running]

    def cut(self) -> list[Link]:
        """The links with delay or loss that carry nothing any more: what carried their frames has ended."""
        return self._links.cut() if self._links is not None else []

    # --- what it does -----------------------------------------------------------------------------

    def ping(self, source: str, to: str, *, timeout: float = PING_SECONDS) -> bool:
        """Whether one host's ping of another is answered within so many seconds.

        Raises:
            CannotRun: there is no program ping.
        """
        address = self.host(to).address
        if address is None:
            return False
        words = ("ping", "-n", "-q", "-c1", "-W", f"{timeout:g}", str(address))
        status = self.host(source).run(*words).returncode
        if status == NOT_FOUND:
            raise CannotRun("ping is not installed (Debian, Ubuntu: apt-get install iputils-ping)")
        return status == 0

    def pingall(self, hosts: Iterable[str] | None = None, *, timeout: float = PING_SECONDS) -> Pings:
        """Have each host ping each other one."""
        names = list(self.hosts if hosts is None else hosts)
        pairs = [(one, other) for one in names for other in names if one != other]
        answers = _all_at_once(lambda pair: self.ping(*pair, timeout=timeout), pairs)
        return Pings(dict(zip(pairs, answers, strict=True)))

    def link_up(self, node: str, other: str) -> None:
        """Plug all links between two nodes in again.

        Raises:
            KeyError: there is none.
        """
        self._running_links().set_state(node, other, up=True)

    def link_down(self, node: str, other: str) -> None:
        """Have all links between two nodes fail: both ends lose their carrier.

        Raises:
            KeyError: there is none.
        """
        self._running_links().set_state(node, other, up=False)

    def _running_links(self) -> Links:
        if self._links is None:
            raise RuntimeError("the network does not run")
        return self._links

    def add_task(self, node: str, command: str, *, start: float = 0, end: float | None = None) -> Path:
        """Have a node run a command, `start` seconds from now to `end`; returns the file of its output."""
        if self._tasks is None:
            raise RuntimeError("the network does not run")
        return self._tasks.add(node, Task(command, start, end), self._popen_of(node), time.monotonic())

    def _popen_of(self, node: str) -> Callable[..., subprocess.Popen[Any]]:
        if node in self.hosts:
            return self.hosts[node].popen
        switch = self.switches[node]
        return lambda command, **options: switch.popen(SHELL, "-c", command, **options)


def _all_at_once(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(function, items))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NetworkFailed(f"{folder}: cannot be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NetworkFailed(f"{folder}: cannot be written to")


def _unix_path(address: str | None) -> Path | None:
    """Of an address that is a Unix socket's."""
    return ListenAddress.parse(address).path if address is not None else None


def _end_script(process: subprocess.Popen[bytes], guard: Guard) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
            break
    guard.forget(process)


__all__ = ["Network", "Pings"]
