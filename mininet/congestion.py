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
import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab import Lab, Made
from machine import CannotRun, check_machine, end_when_told, only_lab
from processes import Ended, output_of

try:
    from mininet.cli import CLI
    from mininet.log import setLogLevel
except ImportError:
    sys.exit(
        "congestion: Mininet is not there for this Python; `apt-get install mininet` and /usr/bin/python3"
    )

from acts import ACTS, FRAME_HEAD, Act, Stream
from congestion_verdict import Place, Seen, faults, lines, shown
from control import in_sync
from p4runtime_switch import SwitchFailed
from plan import ONE_SLOW_PORT
from report import Check, Report
from scene import Scene
from topology import OneSlowPort

INTENTS = Path(__file__).resolve().parent / "congestion-intents"
RECEIVER, UDP_PORT = "store", 7000
DEPTH, THRESHOLD_MS = 64, 5.0
"""Of the queue: what it holds, and as of when the intents call a wait congestion."""
DIRECTED_LINKS = 8
PATIENCE_S = 60.0
"""Until a fabric must be ready, and an incident told and over, on a machine that has other things to do."""
HEAD_START_S = 0.3
"""From when senders are told until they begin, so that all of them begin at once."""


class Congestion:
    """The running lab, and what is sent in it."""

    def __init__(self, scene: Scene, report: Report) -> None:
        """Take the lab, and whom to tell."""
        self._scene, self._report = scene, report
        receiver = scene.plan[RECEIVER]
        self._address = str(receiver.ipv4.ip)
        self._untold = 0
        self.place = Place(f"leaf{receiver.leaf}", receiver.port, DEPTH, THRESHOLD_MS)

    def prepare(self) -> None:
        """Apply the intents, and wait until hosts are known and switches report.

        Raises:
            Ended: that does not come.
        """
        controller = self._scene.controller
        controller.command("apply", "-f", str(INTENTS))
        self._until("/api/v1/links", lambda found: len(found["items"]) == DIRECTED_LINKS, "links are missing")
        self._until(
            "/api/v1/switches",
            in_sync,
            "not all switches hold what is desired",
        )
        # All at once: a host at another leaf is routed to when it has said something.
        peers = {
            host.name: self._address if host.name != RECEIVER else str(self._scene.net["h1"].IP())
            for host in self._scene.plan
        }
        asked = {host: ("ping", peer, "--seconds", PATIENCE_S) for host, peer in peers.items()}
        for host, answers in self._scene.ask_all(asked, seconds=2 * PATIENCE_S).items():
            if answers[peers[host]] is None:
                raise Ended(f"{host} does not reach {peers[host]}")
        self._until(
            "/api/v1/telemetry",
            lambda found: all(
                one["heardAt"] is not None for one in found["switches"] if one["switch"] == self.place.switch
            ),
            f"{self.place.switch} reports nothing",
        )

    def _until(self, path: str, ready: Any, otherwise: str) -> Any:
        found = self._scene.controller.wait_until(path, ready, PATIENCE_S)
        if not ready(found):
            raise Ended(f"{otherwise} after {PATIENCE_S:.0f} s")
        return found

    def run(self, act: Act) -> None:
        """Send, and say what was told of it."""
        started = time.monotonic()
        last = max((one["number"] for one in self._incidents()), default=0)
        with self._scene.background(
            RECEIVER, *self._program("receive", UDP_PORT), ready="ready", stdin=subprocess.PIPE
        ) as receiver:
            sent = self._send(act.streams)
            told = self._told(last)
            received = json.loads(self._closed(receiver))
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

    def _send(self, streams: Sequence[Stream]) -> list[int]:
        """Datagrams of each stream, which begin together."""
        running = [
            self._scene.popen(
                stream.host,
                *self._program("send", self._address, UDP_PORT, *stream.words),
                stdin=subprocess.PIPE,
            )
            for stream in streams
        ]
        for process in running:
            Scene.wait_for(process, "ready", PATIENCE_S)
        begin = time.monotonic_ns() + round(HEAD_START_S * 1e9)
        for process in running:
            assert process.stdin is not None
            process.stdin.write(b"%d\n" % begin)
            process.stdin.flush()
        return [json.loads(output_of(process, PATIENCE_S))["sent"] for process in running]

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

    @staticmethod
    def _program(*words: object) -> tuple[str, ...]:
        return (sys.executable, "-I", str(Path(__file__).with_name("volley.py")), *map(str, words))

    @staticmethod
    def _closed(receiver: subprocess.Popen[bytes]) -> str:
        out, _ = receiver.communicate(b"", timeout=PATIENCE_S)
        return out.decode().splitlines()[-1]


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


def free_udp_port() -> int:
    """One that nobody listens at."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        acts.prepare()
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
