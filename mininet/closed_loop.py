"""`p4fabric lab closed-loop`: the same congestion with and without the loop, in turns, and the verdict.

    sudo p4fabric lab closed-loop               (or `/usr/bin/python3 mininet/closed_loop.py`)
    sudo p4fabric lab closed-loop --pairs 10

Two elephants and a mouse meet on one of two paths of a small leaf-spine fabric. In one run of each pair the
response only recommends; in the other it acts. What arrived, and how late, is the hosts' own account.
Exit status 0: the loop helps and keeps to its bounds; 1: it does not; 2: the lab cannot run here, and why.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab import Lab, Made
from machine import CannotRun, check_machine, end_when_told, only_lab
from processes import Ended

try:
    from mininet.log import setLogLevel
except ImportError:
    sys.exit(
        "closed-loop: Mininet is not there for this Python; `apt-get install mininet` and /usr/bin/python3"
    )

from acts import Stream
from loop_verdict import PATHS, Pair, Run, pair_shown, ports_on, table, verdict
from p4runtime_switch import SwitchFailed
from plan import FIRST_UPLINK, TWO_PATHS
from preparing import prepare
from report import Check, Report
from scene import Scene
from topology import TwoPaths
from volleys import fly, free_udp_port

INTENTS = Path(__file__).resolve().parent / "closed-loop-intents"
RECEIVER = "store"
DIRECTED_LINKS = 8
ELEPHANTS, MOUSE = ("h1", "h2"), "h3"
BIG_RATE, SMALL_RATE = 1400, 100
"""Datagrams a second: an elephant is three quarters of a path at most, whatever the machine does to it."""
PATIENCE_S = 60.0
SETTLED_S = 5.5
"""Of each run, what is left out of percentiles: the loop has seen, acted, and looked at the effect."""
LEASE_S = 30
BLIND = 0.3
"""Of a run's milliseconds: of so many, switches may say nothing in time."""


class ClosedLoop:
    """The running lab."""

    def __init__(self, scene: Scene, report: Report, seconds: float) -> None:
        """Take the lab, whom to tell, and how long a run is."""
        self._scene, self._report, self._seconds = scene, report, seconds

    def pair(self, number: int) -> Pair:
        """Two runs with the same flows; which comes first takes turns."""
        started = time.monotonic()
        path = number % PATHS
        addresses = {host: str(self._scene.plan[host].ipv4.ip) for host in (*ELEPHANTS, MOUSE, RECEIVER)}
        first_port = 40_000 + 100 * number
        ports = {
            host: ports_on(path, addresses[host], addresses[RECEIVER], first_port)
            for host in (*ELEPHANTS, MOUSE)
        }
        runs: dict[bool, Run] = {}
        for acts in (False, True) if number % 2 else (True, False):
            runs[acts] = self._run(acts, ports, path)
        pair = Pair(number, runs[False], runs[True])
        self._report.note(pair_shown(pair), time.monotonic() - started)
        return pair

    def _run(self, acts: bool, ports: dict[str, int], path: int) -> Run:
        self.respond(acts)
        self._until_calm()
        before = {one["number"] for one in self._remedies()}
        streams = [Stream(host, ports[host], seconds=self._seconds, rate=BIG_RATE) for host in ELEPHANTS]
        streams.append(Stream(MOUSE, ports[MOUSE], congests=False, seconds=self._seconds, rate=SMALL_RATE))
        volley = fly(self._scene, streams, RECEIVER, self._remedies, skip=SETTLED_S)
        remedies = [one for one in volley.meanwhile if one["number"] not in before]
        found = self._scene.controller.get("/api/v1/remedies")["findings"]
        mouse = volley.received.get(self._source(MOUSE, ports), {})
        elephants = [volley.received.get(self._source(host, ports), {}) for host in ELEPHANTS]
        return Run(
            acts,
            self._queued_p99(path, volley.began),
            mouse.get("medianMs", 0.0),
            mouse.get("p99Ms", 0.0),
            volley.sent[-1] - mouse.get("received", 0),
            [one.get("receivedLate", 0) / max(0.1, self._seconds - SETTLED_S) for one in elephants],
            sum(one.get("reordered", 0) for one in elephants),
            remedies,
            found,
        )

    def _queued_p99(self, path: int, began: float) -> float | None:
        """What packets on a path waited in its two queues, by their switches' clocks, in milliseconds.

        None where these have told too little in time.
        """
        since, until = (_text(began + after) for after in (SETTLED_S, self._seconds))
        total = 0.0
        for switch, port in (("leaf1", FIRST_UPLINK + path), (f"spine{path + 1}", 2)):
            query = f"from={since}&to={until}&step=1ms"
            found = self._scene.controller.get(f"/api/v1/queues/{switch}/{port}/0/series?{query}")
            if found["known"].count("unknown") > len(found["known"]) * BLIND:
                return None
            waits = sorted((wait for wait in found["maxWaitUs"] if wait is not None), reverse=True)
            # Of all milliseconds: in those without a bin, nothing waited that is worth one.
            rank = len(found["maxWaitUs"]) // 100
            total += waits[rank] / 1000 if rank < len(waits) else 0.0
        return total

    def respond(self, acts: bool) -> None:
        """Let the response act, or only recommend."""
        document = {
            "kind": "CongestionResponse",
            "tenant": "operations",
            "name": "queues",
            "spec": {
                "mode": "act" if acts else "recommend",
                "allTenants": True,
                "reroute": {"maxFlows": 4},
                "leaseSeconds": LEASE_S,
                "holdSeconds": 1,
                "maxActions": 8,
            },
        }
        path = self._scene.folder / "response.yaml"
        path.write_text(json.dumps(document))
        self._scene.controller.command("apply", "-f", str(path))

    def _until_calm(self) -> None:
        """Nothing is congested, nothing is done, and what ports have sent is known to be little."""

        def calm(found: Any) -> bool:
            return not found["standing"] and not found["findings"]

        if not calm(self._scene.controller.wait_until("/api/v1/remedies", calm, PATIENCE_S)):
            raise Ended(f"remedies of a run before are still there after {PATIENCE_S:.0f} s")
        time.sleep(2.5)  # two samples of what ports count, so that an idle path is known to be idle

    def _remedies(self) -> list[dict[str, Any]]:
        found = self._scene.controller.get("/api/v1/remedies")
        return [*found["standing"], *found["ended"]]

    def _source(self, host: str, ports: dict[str, int]) -> str:
        return f"{self._scene.plan[host].ipv4.ip}:{ports[host]}"


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def run(options: argparse.Namespace) -> int:
    """Make, run pairs, judge, clear."""
    started = time.monotonic()
    report = Report("p4fabric lab closed-loop: 2 spines, 2 leaves, two elephants and a mouse on 20 Mbit/s")
    reports = f"127.0.0.1:{free_udp_port()}"
    sections = {"telemetry": {"portInterval": 1.0, "reports": {"listen": reports}}}
    lab = Lab(options, report, Made(TwoPaths, TWO_PATHS, sections))
    with contextlib.ExitStack() as stack:
        stack.callback(lab.clear)
        scene = lab.make()
        ready = time.monotonic()
        prepare(scene, INTENTS, RECEIVER, DIRECTED_LINKS)
        report.note("intents, hosts and reports", time.monotonic() - ready)
        loop = ClosedLoop(scene, report, options.seconds)
        pairs: list[Pair] = []
        # A machine that lets no switch report says nothing of the loop.
        while sum(pair.counts for pair in pairs) < options.pairs and len(pairs) < 3 * options.pairs:
            pairs.append(loop.pair(len(pairs)))
        for line in table(pairs):
            print(f"    {line}", flush=True)
        for name, title, shown, wrong in verdict([pair for pair in pairs if pair.counts]):
            report.add(
                Check(name, title, not wrong, shown, {}, "as the table of the how-to says", "; ".join(wrong))
            )
        report.facts["pairs"] = [pair.document for pair in pairs]
        report.end(time.monotonic() - started)
        if options.report:
            report.write(options.report)
    return 0 if report.passed else 1


def main() -> int:
    """Run the lab; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="p4fabric lab closed-loop",
        description="Congest one of two paths, with and without the closed loop, in turns, and compare.",
    )
    parser.add_argument("--pairs", type=int, default=3, help="how often")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a run, at most 10")
    parser.add_argument("--run", type=Path, default=Path("run/lab"), help="folder for logs")
    parser.add_argument("--report", type=Path, help="write the results as JSON")
    # bmv2 sends no bins, so nothing is done there.
    parser.set_defaults(switch="softswitch")
    options = parser.parse_args()
    if options.pairs < 1 or options.seconds < SETTLED_S + 2:
        parser.error(f"at least one pair, and runs of {SETTLED_S + 2:.1f} s")
    setLogLevel("error")
    end_when_told("closed-loop")
    try:
        check_machine(options.switch)
        with only_lab():
            return run(options)
    except CannotRun as error:
        print(f"closed-loop: {error}", file=sys.stderr)
        return 2
    except (Ended, SwitchFailed, RuntimeError, OSError) as error:
        print(f"\nclosed-loop: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nclosed-loop: interrupted; clearing up", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
