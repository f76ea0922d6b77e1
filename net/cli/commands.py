"""What can be typed at a network's prompt and written into its check scripts.

A line is a command of ours (`pingall`, `link s1 s2 down`) or the name of a host or switch and what it is to
run. Must not know where lines come from.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from p4fabric.net.cli.shown import entries_text, links_text, nodes_text, switches_text
from p4fabric.net.errors import CannotRun, NetworkFailed
from p4fabric.net.hosts import SHELL
from p4fabric.net.network import Network
from p4fabric.net.read.document import MOST_SECONDS

LONGEST_WAIT = 3600.0
IPERF_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command said, and its exit status: 0 is success."""

    output: str = ""
    status: int = 0


class Unknown(Exception):
    """There is no such command, or it is used wrongly; says how it is used."""


class Commands:
    """Runs lines in a network."""

    def __init__(self, network: Network, *, terminal: bool = False) -> None:
        """`terminal`: what commands say goes to one, whose width it is to fit."""
        self._network = network
        self._terminal = terminal
        self.own: dict[str, Callable[[list[str]], Outcome]] = {
            "hosts": self._nodes,
            "nodes": self._nodes,
            "links": self._links,
            "net": self._links,
            "switches": self._switches,
            "tables": self._tables,
            "log": self._log,
            "pingall": self._pingall,
            "ping": self._ping,
            "iperf": self._iperf,
            "link": self._link,
            "task": self._task,
            "wait": self._wait,
        }

    @property
    def nodes(self) -> list[str]:
        """Names that a line can begin with, to run something there."""
        return [*self._network.hosts, *self._network.switches]

    def run(self, line: str, *, capture: bool, timeout: float | None = None) -> Outcome:
        """Run a line.

        Args:
            line: not empty.
            capture: whether what a host's command says is returned, or goes to the terminal.
            timeout: seconds that a host's command may take.

        Raises:
            Unknown: it is no command.
        """
        word, _, rest = line.strip().partition(" ")
        if word in self.own:
            try:
                return self.own[word](rest.split())
            except (CannotRun, KeyError, NetworkFailed) as error:
                return Outcome(str(error.args[0]), 1)
        if word not in self.nodes:
            raise Unknown(f"{word}: no command, host or switch; `help` lists the commands")
        if not rest.strip():
            raise Unknown(f"{word}: what is it to run? Such as: {word} ip address")
        return self._run_in(word, self.with_addresses(rest), capture=capture, timeout=timeout)

    def with_addresses(self, text: str) -> str:
        """A command in which hosts' names are their addresses, where they stand as words of their own."""
        addresses = {name: str(host.address) for name, host in self._network.hosts.items() if host.address}
        return re.sub(r"(?<!\S)\S+(?!\S)", lambda word: addresses.get(word[0], word[0]), text)

    def _run_in(self, node: str, command: str, *, capture: bool, timeout: float | None) -> Outcome:
        network = self._network
        place = network.hosts[node].namespace if node in network.hosts else network.switches[node].namespace
        words = place.words([SHELL, "-c", command], network.model.folder)
        if capture:
            try:
                done = subprocess.run(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    timeout=timeout,
                )
            except subprocess.TimeoutExpired as error:
                said = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else ""
                return Outcome(f"{said}\nnot done in {timeout:g} s", 124)
            return Outcome(done.stdout, done.returncode)
        process = subprocess.Popen(words)
        while True:
            # ^C is for the command, which has the same terminal; its end is waited for.
            with contextlib.suppress(KeyboardInterrupt):
                return Outcome(status=process.wait())

    # --- about the network ------------------------------------------------------------------------

    def _nodes(self, _words: list[str]) -> Outcome:
        """nodes: hosts and switches with their addresses"""
        return Outcome(nodes_text(self._network.model))

    def _links(self, _words: list[str]) -> Outcome:
        """links: what is plugged in where"""
        return Outcome(links_text(self._network.model))

    def _switches(self, _words: list[str]) -> Outcome:
        """switches: where each serves P4Runtime, and whether it runs"""
        return Outcome(switches_text(self._network))

    def _tables(self, words: list[str]) -> Outcome:
        """tables SWITCH [TABLE]: the entries that it holds, as `p4fabric switch read` shows them"""
        if not 1 <= len(words) <= 2:
            raise Unknown("usage: tables SWITCH [TABLE]")
        table = words[1] if len(words) > 1 else None
        with self._network.switch(words[0]).client() as client:
            return Outcome(entries_text(client, table, terminal=self._terminal))

    def _log(self, words: list[str]) -> Outcome:
        """log SWITCH: the end of its log"""
        if len(words) != 1:
            raise Unknown("usage: log SWITCH")
        return Outcome(self._network.switch(words[0]).last_words())

    # --- what changes or measures it --------------------------------------------------------------

    def _pingall(self, words: list[str]) -> Outcome:
        """pingall [HOST...]: each of all (or of these) pings each other one"""
        for name in words:
            self._network.host(name)
        found = self._network.pingall(words or None)
        return Outcome(str(found), 1 if found.lost else 0)

    def _ping(self, words: list[str]) -> Outcome:
        """ping HOST HOST: whether the first reaches the second"""
        if len(words) != 2:
            raise Unknown("usage: ping HOST HOST")
        answered = self._network.ping(*words)
        return Outcome(
            f"{words[0]} -> {words[1]}: {'answered' if answered else 'no answer'}", 0 if answered else 1
        )

    def _iperf(self, words: list[str]) -> Outcome:
        """iperf HOST HOST: TCP's throughput from the first to the second"""
        if len(words) != 2:
            raise Unknown("usage: iperf HOST HOST")
        client, server = self._network.host(words[0]), self._network.host(words[1])
        if shutil.which("iperf3") is None:
            return Outcome("iperf3 is not installed (Debian, Ubuntu: apt-get install iperf3)", 1)
        listening = server.popen("iperf3", "-s", "-1", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            words = ["iperf3", "-t", str(IPERF_SECONDS), "-f", "m", "-c", str(server.address)]
            for _ in range(20):
                done = client.run(*words, "--connect-timeout", "1000", timeout=IPERF_SECONDS + 10)
                if "refused" not in done.stderr + done.stdout:
                    break
                time.sleep(0.1)
        except subprocess.TimeoutExpired:
            return Outcome(f"not done in {IPERF_SECONDS + 10} s", 1)
        finally:
            listening.kill()
            listening.wait()
        if done.returncode:
            return Outcome((done.stderr or done.stdout).strip(), 1)
        ends = [line for line in done.stdout.splitlines() if line.rstrip().endswith("receiver")]
        speed = re.search(r"([\d.]+ Mbits/sec)", ends[-1]) if ends else None
        return Outcome(f"{client.name} -> {server.name}: {speed[1] if speed else done.stdout}")

    def _link(self, words: list[str]) -> Outcome:
        """link NODE NODE down|up: has the links between them fail, or plugs them in again"""
        if len(words) != 3 or words[2] not in ("down", "up"):
            raise Unknown("usage: link NODE NODE down|up")
        act = self._network.link_up if words[2] == "up" else self._network.link_down
        act(words[0], words[1])
        return Outcome()

    def _task(self, words: list[str]) -> Outcome:
        """task NODE START DURATION COMMAND: runs it later, for so many seconds (0: without an end)"""
        try:
            node, start, duration = words[0], _seconds(words[1]), _seconds(words[2])
        except (IndexError, ValueError):
            raise Unknown("usage: task NODE START DURATION COMMAND") from None
        if node not in self.nodes or len(words) < 4:
            raise Unknown("usage: task NODE START DURATION COMMAND")
        command = self.with_addresses(" ".join(words[3:]))
        log = self._network.add_task(node, command, start=start, end=start + duration if duration else None)
        return Outcome(f"its output goes to {log}")

    def _wait(self, words: list[str]) -> Outcome:
        """wait SECONDS: nothing, for so long"""
        try:
            seconds = _seconds(words[0])
        except (IndexError, ValueError):
            raise Unknown("usage: wait SECONDS") from None
        time.sleep(min(seconds, LONGEST_WAIT))
        return Outcome()

    def help(self) -> str:
        """All commands, one a line."""
        lines = ["HOST COMMAND, SWITCH COMMAND: runs it there; hosts' names stand for their addresses"]
        lines += dict.fromkeys(str(command.__doc__) for command in self.own.values())
        return "\n".join((*lines, "help, exit"))


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= MOST_SECONDS:
        raise ValueError(f"{text} is no number of seconds")
    return seconds
