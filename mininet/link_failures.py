"""Link failures under traffic: for how long a flow gets nothing through when a link of its path fails.

    sudo /usr/bin/python3 mininet/link_failures.py --failures 20        (or `make link-failures`)

Two flows of 1,000 datagrams a second cross the lab's fabric, h1 to web1 over one spine and web1 to h1 over
the other. One link after another that they use is taken down, at its leaf's or at its spine's interface, and
up again. The gap is the time between the last datagram before it and the first behind it that arrived, by
when they were sent: a receiver that the machine keeps waiting does not count, all else does.

Where a flow's first leaf has lost its link, the leaf itself takes the other one (watch ports). Where the
spine has lost its only link to the flow's last leaf, the controller has to tell the first leaf. Exit status
0: the 99th percentile is within the limit; 1: it is not; 2: it cannot run here, and why.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from machine import CannotRun, check_machine, end_when_told, only_lab
from processes import INTENTS, Ended, output_of

try:
    from mininet.log import setLogLevel
except ImportError:
    sys.exit(
        "link_failures: Mininet is not there for this Python; `apt-get install mininet` and /usr/bin/python3"
    )

from control import in_sync
from lab import DIRECTED_LINKS, Lab
from lateness import Lateness
from p4runtime_switch import SWITCHES, SwitchFailed
from report import Report
from scene import Scene

PORT = 7000
HOSTS = ("h1", "web1")
LEAVES = ("leaf1", "leaf2")
SPINES = ("spine1", "spine2")
DOWN_S = 1.0
"""For how long a link is down."""
APART_S = 3.0
"""Between failures, so that each link fails too rarely to be held down as flapping."""
LATER_S = 0.15
"""In which it shows that a thread of a switch has waited."""
SETTLED_S = 15.0
"""Until a link must be found again after it came up."""


@dataclass(frozen=True)
class Flow:
    """Datagrams from one host to the other, which cross one spine."""

    sender: str
    receiver: str
    leaves: tuple[str, str]
    """The sender's and the receiver's."""
    spine: str
    from_port: int


@dataclass(frozen=True)
class Failure:
    """One link that failed, and what the flow over it has lost."""

    leaf: str
    spine: str
    interface: str
    """The one that was set down."""
    told: bool
    """The controller has to tell the flow's first leaf; otherwise that leaf sees it by itself."""
    gap_ms: float
    lost: int
    lost_when_up: int
    """Datagrams lost after the link came up again, until the next failure."""
    flow: str
    """The one with the longest gap."""
    late: dict[str, float]
    """Milliseconds for which the machine kept threads of switches waiting meanwhile."""
    load: float
    """Of the machine: processes that run or wait to, when the link failed."""


class LinkFailures:
    """The lab, two flows, and links that fail."""

    def __init__(self, scene: Scene, options: argparse.Namespace) -> None:
        """Take the running lab."""
        self._scene = scene
        self._options = options
        self._late: list[tuple[float, str, float]] = []

    def run(self) -> list[Failure]:
        """Let links fail, and gather what became of the flows."""
        self._scene.controller.command("apply", "-f", str(INTENTS))
        self._settle()
        for name in HOSTS:
            self._scene.ask(name, "ping", self._address(name).rpartition(".")[0] + ".1", "--seconds", 1)
        peer = self._address(HOSTS[1])
        if self._scene.ask(HOSTS[0], "ping", peer, "--seconds", 10)[peer] is None:
            raise Ended(f"{HOSTS[0]} does not reach {HOSTS[1]}")
        flows = [
            self._flow(HOSTS, LEAVES, SPINES[0]),
            self._flow(HOSTS[::-1], LEAVES[::-1], SPINES[1]),  # type: ignore[arg-type]
        ]
        receivers = [self._program(flow.receiver, "receive", PORT, stdin=subprocess.PIPE) for flow in flows]
        for process in receivers:
            Scene.wait_for(process, "ready")
        seconds = self._options.failures * (APART_S + SETTLED_S)
        senders = [self._send(flow, seconds, self._options.rate) for flow in flows]
        time.sleep(1)
        lateness = Lateness({switch.name: switch.process_id for switch in self._scene.net.switches})
        moments = list(self._fail(flows))
        self._late = lateness.close()
        for process in senders:
            process.terminate()
            process.wait()
        time.sleep(0.2)
        gaps = []
        for process in receivers:
            out, _ = process.communicate(b"", timeout=10)
            gaps.append(json.loads(out.splitlines()[-1])["gaps"])
        return [self._failure(flows, gaps, moments, number) for number in range(len(moments))]

    def _fail(self, flows: list[Flow]) -> Iterator[dict[str, Any]]:
        """Set interfaces down and up: each link of the flows in turn, in each round at the other end."""
        links = [(flow, number) for flow in flows for number in range(2)]
        for index, (flow, number) in enumerate(
            itertools.islice(itertools.cycle(links), self._options.failures)
        ):
            leaf = flow.leaves[number]
            at_leaf = (index // len(links)) % 2 == 0
            interface = _interface(leaf, flow.spine) if at_leaf else _interface(flow.spine, leaf)
            started = time.monotonic()
            load = float(Path("/proc/loadavg").read_text().split()[0])
            _set(interface, "down")
            time.sleep(DOWN_S)
            up = time.monotonic()
            _set(interface, "up")
            self._settle()
            yield {
                "flow": flow,
                "number": number,
                "interface": interface,
                "from": started,
                "up": up,
                "load": load,
            }
            time.sleep(max(0.0, started + APART_S - time.monotonic()))

    def _failure(
        self, flows: list[Flow], gaps: list[Any], moments: list[dict[str, Any]], number: int
    ) -> Failure:
        moment = moments[number]
        flow: Flow = moment["flow"]
        until = moments[number + 1]["from"] if number + 1 < len(moments) else math.inf
        # The other flow uses links of its own; what it loses meanwhile counts too.
        down = [
            (gap["to"] - gap["from"], flow.sender, gap)
            for flow, found in zip(flows, gaps, strict=True)
            for gap in found
            if moment["from"] <= gap["to"] and gap["from"] < moment["up"]
        ]
        later = [gap for found in gaps for gap in found if moment["up"] <= gap["from"] < until]
        seconds, sender, longest = max(down, key=lambda each: each[0], default=(0.0, "", None))
        late: dict[str, float] = {}
        for at, name, milliseconds in self._late:
            if longest is not None and longest["from"] <= at <= longest["arrived"] + LATER_S:
                late[name] = max(milliseconds, late.get(name, 0.0))
        return Failure(
            leaf=flow.leaves[moment["number"]],
            spine=flow.spine,
            interface=moment["interface"],
            told=moment["number"] == 1,
            gap_ms=round(seconds * 1000, 1),
            lost=sum(gap["lost"] for _, _, gap in down),
            lost_when_up=sum(gap["lost"] for gap in later),
            flow=sender and f"from {sender}",
            late=late,
            load=moment["load"],
        )

    def _flow(self, hosts: tuple[str, str], leaves: tuple[str, str], spine: str) -> Flow:
        """A flow that crosses a spine: its source port decides."""
        interface = _interface(leaves[0], spine)
        for from_port in range(PORT + 1, PORT + 65):
            flow = Flow(*hosts, leaves, spine, from_port)
            before = self._scene.sent_packets(interface)
            output_of(self._send(flow, 0.2, 200), 10)
            if self._scene.sent_packets(interface) - before >= 20:
                return flow
        raise Ended(f"no flow from {hosts[0]} to {hosts[1]} crosses {spine}")

    def _send(self, flow: Flow, seconds: float, rate: float) -> subprocess.Popen[bytes]:
        words = (self._address(flow.receiver), PORT, "--from-port", flow.from_port)
        options = ("--rate", rate, "--size", 100, "--seconds", seconds)
        return self._program(flow.sender, "send", *words, *options)

    def _program(self, host: str, *words: object, **options: Any) -> subprocess.Popen[bytes]:
        program = str(Path(__file__).with_name("flow.py"))
        return self._scene.popen(host, sys.executable, "-I", program, *map(str, words), **options)

    def _address(self, host: str) -> str:
        return str(self._scene.net[host].IP())

    def _settle(self) -> None:
        """Wait until all links are found, and all switches hold what is desired.

        Raises:
            Ended: that does not come.
        """
        controller = self._scene.controller
        links = controller.wait_until("/api/v1/links", _are_all, SETTLED_S)
        switches = controller.wait_until("/api/v1/switches", in_sync, SETTLED_S)
        if not (_are_all(links) and in_sync(switches)):
            raise Ended(f"after {SETTLED_S:.0f} s there are {len(links['items'])} of {DIRECTED_LINKS} links")


def _are_all(links: dict[str, Any]) -> bool:
    return len(links["items"]) == DIRECTED_LINKS


def _interface(switch: str, other: str) -> str:
    """The one of a switch towards another: leaf port 11 is at spine1, spine port 1 at leaf1, and so on."""
    number = int(other.removeprefix("spine").removeprefix("leaf"))
    return f"{switch}-eth{number + 10 if switch.startswith('leaf') else number}"


def _set(interface: str, state: str) -> None:
    subprocess.run(("ip", "link", "set", interface, state), check=True)


def percentile(values: list[float], part: float) -> float:
    """The smallest value that so large a part of all does not exceed."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def report(failures: list[Failure], limit_ms: float, say: Callable[[str], None] = print) -> bool:
    """Say what was seen; returns whether it is within the limit."""
    for each in failures:
        way = "its first leaf was told" if each.told else "its first leaf saw it"
        say(
            f"  {each.leaf} to {each.spine}, {each.interface} down: {each.gap_ms:6.1f} ms without traffic, "
            f"{each.lost} lost ({way}); {each.lost_when_up} lost when it came back; load {each.load:.1f}"
            + (f"; {each.flow}, threads late by {each.late} ms" if each.late else "")
        )
    for name, some in (
        ("first leaf sees it", [each for each in failures if not each.told]),
        ("first leaf is told", [each for each in failures if each.told]),
        ("all", failures),
    ):
        gaps = [each.gap_ms for each in some]
        if gaps:
            say(
                f"{name}: {len(gaps)} failures, without traffic p50 {percentile(gaps, 0.5):.1f} ms, "
                f"p99 {percentile(gaps, 0.99):.1f} ms, max {max(gaps):.1f} ms"
            )
    holds = percentile([each.gap_ms for each in failures], 0.99) <= limit_ms
    say(f"verdict: {'holds' if holds else 'DOES NOT HOLD'}: the limit for p99 is {limit_ms:.0f} ms")
    return holds


def main() -> int:
    """Make the lab, let links fail, judge, clear; returns the exit status."""
    parser = argparse.ArgumentParser(prog="link_failures", description="How long flows wait when links fail.")
    parser.add_argument("--failures", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1000, help="datagrams a second of each flow")
    parser.add_argument("--limit", type=float, default=50, help="milliseconds that p99 may reach")
    parser.add_argument("--switch", choices=sorted(SWITCHES), default="softswitch")
    parser.add_argument("--run", type=Path, default=Path("run/link-failures"), help="folder for logs")
    parser.add_argument("--report", type=Path, help="write all that was seen as JSON")
    options = parser.parse_args()
    setLogLevel("error")
    end_when_told("link_failures")
    lab = Lab(options, Report("link failures under traffic"))
    try:
        check_machine(options.switch)
        with only_lab(), contextlib.ExitStack() as stack:
            stack.callback(lab.clear)
            failures = LinkFailures(lab.make(), options).run()
            if options.report:
                options.report.write_text(json.dumps([asdict(each) for each in failures], indent=2) + "\n")
            return 0 if report(failures, options.limit) else 1
    except CannotRun as error:
        print(f"link_failures: {error}", file=sys.stderr)
        return 2
    except (Ended, SwitchFailed, RuntimeError) as error:
        print(f"link_failures: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
