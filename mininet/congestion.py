"""`p4fabric lab congestion`: a queue is congested in three ways, and the controller says where and by whom.

    sudo p4fabric lab congestion            (or `/usr/bin/python3 mininet/congestion.py`)
    sudo p4fabric lab congestion --keep     (leaves it running, for the page and Mininet's prompt)

A burst, an incast and an elephant beside mice meet the slow port of a small leaf-spine fabric. After each,
what the controller's API tells is printed beside what the lab itself has sent and received.
Exit status 0: what is told is right; 1: it is not; 2: the lab cannot run here, and why.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab import Lab, Made
from machine import CannotRun, check_machine, end_when_told, only_lab
from processes import Ended

try:
    from mininet.cli import CLI
    from mininet.log import setLogLevel
except ImportError:
    sys.exit(
        "congestion: Mininet is not there for this Python; `apt-get install mininet` and /usr/bin/python3"
    )

from acts import ACTS, FRAME_HEAD, Act, Stream
from congestion_verdict import Place, Seen, faults, lines, shown
from p4runtime_switch import SwitchFailed
from plan import ONE_SLOW_PORT
from preparing import prepare
from report import Check, Report
from scene import Scene
from topology import OneSlowPort
from volleys import UDP_PORT, fly, free_udp_port

INTENTS = Path(__file__).resolve().parent / "congestion-intents"
RECEIVER = "store"
DEPTH, THRESHOLD_MS = 64, 5.0
"""Of the queue: what it holds, and as of when the intents call a wait congestion."""
DIRECTED_LINKS = 8
PATIENCE_S = 60.0
"""Until a fabric must be ready, and an incident told and over, on a machine that has other things to do."""


class Congestion:
    """The running lab, and what is sent in it."""

    def __init__(self, scene: Scene, report: Report) -> None:
        """Take the lab, and whom to tell."""
        self._scene, self._report = scene, report
        receiver = scene.plan[RECEIVER]
        self._address = str(receiver.ipv4.ip)
        self._untold = 0
        self.place = Place(f"leaf{receiver.leaf}", receiver.port, DEPTH, THRESHOLD_MS)

    def run(self, act: Act) -> None:
        """Send, and say what was told of it."""
        started = time.monotonic()
        last = max((one["number"] for one in self._incidents()), default=0)
        volley = fly(self._scene, act.streams, RECEIVER, lambda: self._told(last))
        told, sent, received = volley.meanwhile, volley.sent, volley.received
        seen = [self._seen(stream, count, received) for stream, count in zip(act.streams, sent, strict=True)]
        wrong = faults(told, seen, self.place, self._untold)
        self._untold += sum(flow.lost for flow in seen) - sum(one["drops"] for one in told)
        self._report.add(
            Check(
                act.name,
                act.title,
                passed=not wrong,
                shown=shown(told, seen),
                figures={"incidents": told, "flows": [vars(flow) for flow in seen]},
                expected=f"an incident at {self.place} whose culprits are those who sent to congest it, and "
                "no others, and whose victims are the mice that waited",
                seen="; ".join(wrong),
                seconds=round(time.monotonic() - started, 2),
            )
        )
        for line in lines(told, seen):
            print(f"      {line}", flush=True)

    def follow(self) -> None:
        """Say by which way each client's datagrams went."""
        started = time.monotonic()
        clients = [host for host in self._scene.plan if host.name != RECEIVER]

        def found(answer: Mapping[str, Any]) -> dict[str, Any]:
            return {path["source"]: path for path in answer["items"] if path["complete"]}

        def ready(answer: Mapping[str, Any]) -> bool:
            return {str(host.ipv4.ip) for host in clients} <= found(answer).keys()

        address = f"/api/v1/flow-paths?to={self._address}&destinationPort={UDP_PORT}"
        paths = found(self._scene.controller.wait_until(address, ready, PATIENCE_S))
        wrong, ways = [], []
        for host in clients:
            path = paths.get(str(host.ipv4.ip))
            hops = path["hops"] if path is not None else []
            ways.append(f"{host.name} {' > '.join(hop['switch'] for hop in hops) or 'not told'}")
            first, last = (hops[0], hops[-1]) if hops else ({}, {})
            ends = first.get("switch"), first.get("ingressPort"), last.get("switch"), last.get("egressPort")
            is_direct = f"leaf{host.leaf}" == self.place.switch
            expected = f"leaf{host.leaf}", host.port, self.place.switch, self.place.port
            if ends != expected or len(hops) != (1 if is_direct else 3):
                wrong.append(ways[-1])
        self._report.add(
            Check(
                "paths",
                "The way of each client's datagrams",
                passed=not wrong,
                shown=", ".join(ways),
                figures={"paths": list(paths.values())},
                expected=f"from each client's port by a spine to {self.place}, from its own leaf directly",
                seen="; ".join(wrong),
                seconds=round(time.monotonic() - started, 2),
            )
        )

    def _incidents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._scene.controller.get("/api/v1/incidents")["items"]
        return found

    def _told(self, last: int) -> list[dict[str, Any]]:
        """Incidents since the one with the number `last`, when all are over; or what there is in the end."""

        def new(found: Mapping[str, Any]) -> list[dict[str, Any]]:
            return [one for one in found["items"] if one["number"] > last and one["mergedInto"] is None]

        def is_over(found: Mapping[str, Any]) -> bool:
            return bool(new(found)) and not any(one["active"] for one in found["items"])

        return new(self._scene.controller.wait_until("/api/v1/incidents", is_over, PATIENCE_S))

    def _seen(self, stream: Stream, sent: int, received: Mapping[str, Any]) -> Seen:
        source = f"{self._scene.plan[stream.host].ipv4.ip}:{stream.from_port}"
        came = received.get(source, {"received": 0, "longestMs": 0.0})
        size = stream.size + FRAME_HEAD
        return Seen(
            stream.host, source, stream.congests, sent, sent * size, came["received"], came["longestMs"]
        )


def prompt(scene: Scene) -> None:
    """Leave it running, with Mininet's prompt."""
    url, token = scene.controller.url, scene.controller.token_file
    print(
        f"""  The lab runs on. The page:

    {url}/ui/#/incidents      the token is in {token}

  In another terminal:

    export P4FABRIC_API={url} P4FABRIC_TOKEN_FILE={token}
    p4fabric get incidents -o wide
    p4fabric path --to store --watch
    p4fabric events --types IncidentOnset,IncidentCleared

  At the prompt, more congestion, and the end:

    {RECEIVER} iperf3 -s -D         h1 iperf3 -u -b 40M -c {RECEIVER}
    exit
""",
        flush=True,
    )
    setLogLevel("output")
    CLI(scene.net)


def run(options: argparse.Namespace) -> int:
    """Make, act, judge, keep, clear."""
    started = time.monotonic()
    report = Report("p4fabric lab congestion: 2 spines, 2 leaves, 4 clients, a server at 20 Mbit/s")
    reports = f"127.0.0.1:{free_udp_port()}"
    sections = {"telemetry": {"portInterval": 1.0, "reports": {"listen": reports}}}
    lab = Lab(options, report, Made(OneSlowPort, ONE_SLOW_PORT, sections))
    with contextlib.ExitStack() as stack:
        stack.callback(lab.clear)
        scene = lab.make()
        acts = Congestion(scene, report)
        ready = time.monotonic()
        prepare(scene, INTENTS, RECEIVER, DIRECTED_LINKS)
        report.note("intents, hosts and reports", time.monotonic() - ready)
        for act in ACTS:
            acts.run(act)
        acts.follow()
        report.end(time.monotonic() - started)
        if options.report:
            report.write(options.report)
        if options.keep:
            prompt(scene)
    return 0 if report.passed else 1


def main() -> int:
    """Run the lab; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="p4fabric lab congestion",
        description="Congest a queue by a burst, an incast and an elephant, and see that the controller "
        "tells when, where and because of whom.",
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave it running, for the page and Mininet's prompt"
    )
    parser.add_argument("--run", type=Path, default=Path("run/lab"), help="folder for logs")
    parser.add_argument("--report", type=Path, help="write the results as JSON")
    # bmv2 knows neither bins nor what found its queue full.
    parser.set_defaults(switch="softswitch")
    options = parser.parse_args()
    setLogLevel("error")
    end_when_told("congestion")
    try:
        check_machine(options.switch)
        with only_lab():
            return run(options)
    except CannotRun as error:
        print(f"congestion: {error}", file=sys.stderr)
        return 2
    except (Ended, SwitchFailed, RuntimeError, OSError) as error:
        print(f"\ncongestion: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ncongestion: interrupted; clearing up", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
