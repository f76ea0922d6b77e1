"""Each exercise of the tutorials: what its README has a student type, and what must be seen then."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Judge = Callable[[str, Path], str]
"""Of Mininet's output and the exercise's folder: what is wrong, or nothing."""


@dataclass(frozen=True, slots=True)
class Exercise:
    """One of `exercises/`, with its solution."""

    name: str
    lines: tuple[str, ...]
    """For Mininet's prompt."""
    judge: Judge


def _pings(output: str, _: Path) -> str:
    return "" if "Results: 0% dropped" in output else "pingall loses packets"


def _says(file: str, *wanted: str) -> Judge:
    """These expressions are found in a file, in this order."""

    def judge(_: str, folder: Path) -> str:
        said = (folder / file).read_text(errors="replace")
        missing = [one for one in wanted if not re.search(one, said)]
        return f"{file} lacks {', '.join(missing)}" if missing else ""

    return judge


def _prints(*wanted: str) -> Judge:
    def judge(output: str, _: Path) -> str:
        missing = [one for one in wanted if not re.search(one, output)]
        return f"the output lacks {', '.join(missing)}" if missing else ""

    return judge


def _all(*judges: Judge) -> Judge:
    def judge(output: str, folder: Path) -> str:
        return "; ".join(filter(None, (one(output, folder) for one in judges)))

    return judge


def _balanced(_: str, folder: Path) -> str:
    got = [(folder / f"{host}.log").read_text(errors="replace").count("P4 is cool") for host in ("h2", "h3")]
    return "" if min(got) > 0 and sum(got) == 8 else f"h2 and h3 got {got[0]} and {got[1]} of 8"


def _queues_seen(_: str, folder: Path) -> str:
    depths = [int(one) for one in re.findall(r"qdepth *= *(\d+)", (folder / "h2.log").read_text())]
    return "" if depths and min(depths) == 0 and max(depths) > 5 else f"queue depths {sorted(set(depths))}"


def _utilization_seen(_: str, folder: Path) -> str:
    rates = [float(one) for one in re.findall(r"Port \d+: ([\d.]+) Mbps", (folder / "r.log").read_text())]
    return "" if rates and max(rates) > 0.05 else f"rates up to {max(rates, default=None)} Mbps"


def _flows_cached(output: str, _: Path) -> str:
    """The first packet of each direction is sent on by the controller, with an address that no host has."""
    received = re.findall(r"5 packets transmitted, (\d) received", output)
    return "" if received == ["3", "3"] else f"{received} of 5 pings each come back, not 3"


_CONGEST = (
    "h2 ./receive.py > h2.log 2>&1 &",
    "h22 iperf -s -u > h22.log 2>&1 &",
    "sh sleep 3",
    'h1 ./send.py 10.0.2.2 "P4 is cool" 22 > h1.log 2>&1 &',
    "sh sleep 5",
    "h11 iperf -c 10.0.2.22 -t 10 -u",
    "sh sleep 8",
)

EXERCISES = (
    Exercise("basic", ("pingall",), _pings),
    Exercise(
        "basic_tunnel",
        (
            "h2 ./receive.py > h2.log 2>&1 &",
            "h3 ./receive.py > h3.log 2>&1 &",
            "sh sleep 3",
            'h1 ./send.py 10.0.2.2 "routed"',
            'h1 ./send.py 10.0.2.2 "tunnelled" --dst_id 2',
            'h1 ./send.py 10.0.3.3 "diverted" --dst_id 2',
            "sh sleep 2",
        ),
        _all(
            _says("h2.log", "routed", "tunnelled", "diverted"),
            lambda _, folder: "h3 got something" if "diverted" in (folder / "h3.log").read_text() else "",
        ),
    ),
    Exercise(
        "calc", ("h1 printf '12 + 30\\n7 & 5\\nquit\\n' | python3 calc.py",), _prints(r"\b42\b", r"\b5\b")
    ),
    Exercise("ecn", _CONGEST, _says("h2.log", r"tos *= *0x1\b", r"tos *= *0x3\b")),
    Exercise(
        "firewall",
        (
            "h3 iperf -s > h3.log 2>&1 &",
            "h1 iperf -s > h1.log 2>&1 &",
            "sh sleep 1",
            "h1 timeout -s KILL 20 iperf -c 10.0.3.3 -t 2 > outwards.log 2>&1",
            "h3 timeout -s KILL 8 iperf -c 10.0.1.1 -t 2 > inwards.log 2>&1",
            "h2 timeout -s KILL 20 iperf -c 10.0.1.1 -t 2 > inside.log 2>&1",
        ),
        _all(
            _says("outwards.log", "bits/sec"),
            _says("inside.log", "bits/sec"),
            lambda _, folder: "h3 gets in" if "bits/sec" in (folder / "inwards.log").read_text() else "",
        ),
    ),
    Exercise(
        "flowcache",
        (
            "sh ./mycontroller.py > controller.log 2>&1 &",
            "sh sleep 6",
            "h1 ping -c 5 -W 3 h2",
            "h1 ping -c 5 -W 3 h3",
            "sh sleep 3",
        ),
        _all(
            _flows_cached,
            _says("controller.log", "(?i)packet"),
        ),
    ),
    Exercise(
        "link_monitor",
        (
            "h1 ./receive.py > r.log 2>&1 &",
            "h1 ./send.py > s.log 2>&1 &",
            "h4 iperf -s > h4.log 2>&1 &",
            "sh sleep 4",
            "h1 timeout -s KILL 30 iperf -c 10.0.4.4 -t 5",
            "sh sleep 2",
        ),
        _utilization_seen,
    ),
    Exercise(
        "load_balance",
        (
            "h2 ./receive.py > h2.log 2>&1 &",
            "h3 ./receive.py > h3.log 2>&1 &",
            "sh sleep 3",
            *['h1 ./send.py 10.0.0.1 "P4 is cool"'] * 8,
            "sh sleep 2",
        ),
        _balanced,
    ),
    Exercise("mri", _CONGEST, _all(_queues_seen, _says("h2.log", "swid"))),
    Exercise("multicast", ("pingall",), _pings),
    Exercise(
        "p4runtime",
        ("sh ./mycontroller.py > controller.log 2>&1 &", "sh sleep 5", "h1 ping -c 5 -W 2 h2", "sh sleep 3"),
        _all(
            _prints(r" 0% packet loss"), _says("controller.log", r"MyIngress.ingressTunnelCounter 100: [1-9]")
        ),
    ),
    Exercise(
        "qos",
        (
            "h2 ./receive.py > h2.log 2>&1 &",
            "sh sleep 3",
            'h1 ./send.py --p=UDP --des=10.0.2.2 --m="P4 is cool" --dur=3',
            'h1 ./send.py --p=TCP --des=10.0.2.2 --m="P4 is cool" --dur=3',
            "sh sleep 2",
        ),
        _says("h2.log", r"tos *= *0xb9\b", r"tos *= *0xb1\b"),
    ),
    Exercise(
        "source_routing",
        (
            "h2 ./receive.py > h2.log 2>&1 &",
            "sh sleep 3",
            "h1 printf '2 3 2 2 1\\nq\\n' | ./send.py 10.0.2.2",
            "sh sleep 2",
        ),
        _says("h2.log", "got a packet|SourceRoute|ttl"),
    ),
)
