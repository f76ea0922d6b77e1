"""What happens when something is wrong: an overloaded link, a controller that dies, a link that fails.

This module knows what the fabric promises for such times. It does not know how it keeps it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from control import in_sync
from processes import output_of
from report import Check
from scene import Scene

__all__ = ["congestion", "controller_restart", "link_failure"]

SOURCE_PORT, IPERF_PORT = 40001, 5201
RATE = 100
"""Datagrams a second in each direction: few enough for a queue of 64 to hold what comes while a busy machine
lets a switch wait for half a second. What is lost then has been lost by the fabric."""
DRAIN = 0.7
"""Seconds for what is still under way after the last datagram."""
LONGEST_OUTAGE = 6.0
"""Seconds until a failed link must be avoided: the wait for the next probe, eight that are lost, and some."""


def congestion(scene: Scene, queue_depth: int) -> Check:
    """Twice what a link carries: an event names the queue, its depth, the delay and the flow, and ends."""
    source, sink = scene.plan["h1"], scene.plan["dn"]
    assert sink.bandwidth is not None
    leaf, offered = f"leaf{sink.leaf}", 2 * sink.bandwidth
    at_queue = {"switch": leaf, "port": sink.port}
    # What earlier traffic has filled is over first: its episode would go on, and nothing new begin.
    scene.controller.wait_until("/api/v1/congestion?active=true", lambda found: not found["items"], 15)
    with scene.controller.events("CongestionOnset", "CongestionUpdate", "CongestionCleared") as events:
        # Without --forceflush it says that it listens only when it ends.
        server = ("iperf3", "--forceflush", "-s", "-1", "-p", str(IPERF_PORT))
        with scene.background(sink.name, *server, ready="listening"):
            words = ("iperf3", "-u", "-c", str(sink.ipv4.ip), "-p", str(IPERF_PORT), "-b", f"{offered:.0f}M")
            client = scene.popen(
                source.name, *words, "--cport", str(SOURCE_PORT), "-t", "2", "-J", "-l", "1400"
            )
            run = json.loads(output_of(client, 20))
        cleared = events.first(lambda event: event["type"] == "CongestionCleared" and _at(event, at_queue), 5)
        seen = [event for event in events.all if _at(event, at_queue)]
        # Where the machine lets a switch wait, other queues fill for moments: never for as long as this one.
        most = cleared["reports"] / 2 if cleared else 0
        elsewhere = [event for event in events.all if not _at(event, at_queue) and event["reports"] > most]
    onset = next((event for event in seen if event["type"] == "CongestionOnset"), None)
    worst = max(seen, key=lambda event: event["peakDepth"], default=None)
    wanted = f"udp {source.ipv4.ip}:{SOURCE_PORT} > {sink.ipv4.ip}:{IPERF_PORT}"
    named = _flow(worst["flows"][0]) if worst and worst["flows"] else "none"
    # A full queue of frames of this size waits so long: what is measured must be of that order, and what the
    # machine adds.
    full_ms = queue_depth * 1442 * 8 / sink.bandwidth / 1000
    peak, delay_ms = (worst["peakDepth"], worst["peakDelayUs"] / 1000) if worst else (0, 0.0)
    plausible = queue_depth / 4 <= peak <= queue_depth + 1 and full_ms / 4 <= delay_ms <= 10 * full_ms
    lost = run["end"]["sum"]["lost_percent"]
    return Check(
        "congestion",
        "An overloaded link raises a congestion event",
        passed=onset is not None and named == wanted and plausible and cleared is not None and not elsewhere,
        shown=f"{offered:.0f} Mbit/s into {sink.bandwidth:.0f} ({lost:.0f} % lost): {leaf} port {sink.port} "
        f"queue {worst['queue'] if worst else '?'}: depth {peak}, delay {delay_ms:.1f} ms, {named}"
        + (f"; over after {cleared['durationSeconds']:.1f} s" if cleared else ""),
        figures={
            **at_queue,
            "queue": worst["queue"] if worst else None,
            "peak_depth": peak,
            "peak_delay_ms": round(delay_ms, 3),
            "flow": named,
            "reports": worst["reports"] if worst else 0,
            "lost_percent": round(lost, 1),
        },
        expected=f"an onset at {leaf} port {sink.port}, nowhere else for as long, {wanted} as its flow, a "
        f"depth of up to {queue_depth} packets, a delay of about {full_ms:.0f} ms, and its end",
        seen=f"{[_short(event) for event in (elsewhere + seen)[:6]]}",
    )


def _at(event: dict[str, Any], place: dict[str, Any]) -> bool:
    return all(event.get(name) == value for name, value in place.items())


def _flow(flow: dict[str, Any]) -> str:
    return (
        f"{flow['protocol']} {flow['source']}:{flow['sourcePort']} > "
        f"{flow['destination']}:{flow['destinationPort']}"
    )


def _short(event: dict[str, Any]) -> str:
    flows = ", ".join(_flow(flow) for flow in event["flows"][:3])
    return (
        f"{event['type']} {event['switch']} port {event['port']} queue {event['queue']} depth "
        f"{event['peakDepth']} delay {event['peakDelayUs']} us reports {event['reports']}: {flows}"
    )


class Exchange:
    """Numbered datagrams between pairs of hosts, both ways, until it is closed."""

    def __init__(self, scene: Scene, pairs: tuple[tuple[str, str], ...]) -> None:
        """Start the programs; datagrams flow from `begin`."""
        self._scene = scene
        self._running: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self.results: dict[tuple[str, str], dict[str, Any]] = {}
        for number, (one, other) in enumerate(pairs):
            for here, there in ((one, other), (other, one)):
                words = ("numbered", "--port", 7000 + number, "--peer", scene.net[there].IP(), "--rate", RATE)
                process = scene.traffic(here, *words, stdin=subprocess.PIPE)
                self._running[here, there] = process

    def begin(self) -> None:
        """Send when all listen: what came before would not be the fabric's loss."""
        self._hear("ready")
        self._tell(b"send\n")

    def close(self) -> None:
        """Stop sending, let what is under way arrive, and take down what came."""
        self._tell(b"stop\n")
        self._hear("sent")
        time.sleep(DRAIN)
        for pair, process in self._running.items():
            self.results[pair] = json.loads(output_of(process, 10).splitlines()[-1])
        self._running.clear()

    def _hear(self, word: str) -> None:
        for process in self._running.values():
            self._scene.wait_for(process, word)

    def _tell(self, order: bytes) -> None:
        for process in self._running.values():
            assert process.stdin is not None
            process.stdin.write(order)
            process.stdin.flush()

    def kill(self) -> None:
        """End what still runs."""
        for process in self._running.values():
            process.kill()
            process.wait()

    @property
    def sent(self) -> int:
        """Datagrams in all directions."""
        return sum(result["sent"] for result in self.results.values())

    def lost(self) -> dict[str, int]:
        """Those that did not arrive, by direction."""
        return {
            f"{one} > {other}": self.results[one, other]["sent"] - self.results[other, one]["received"]
            for one, other in self.results
        }

    @property
    def longest_gap(self) -> float:
        """Seconds of silence at one of the ends."""
        return max(result["longest_gap_ms"] for result in self.results.values()) / 1000


@contextlib.contextmanager
def exchange(scene: Scene, *pairs: tuple[str, str]) -> Iterator[Exchange]:
    """Exchange datagrams meanwhile; the results are there afterwards."""
    running = Exchange(scene, pairs)
    try:
        running.begin()
        yield running
        running.close()
    finally:
        running.kill()


def controller_restart(scene: Scene) -> Check:
    """The controller is killed and started again under traffic: not one packet is lost."""
    with exchange(scene, ("h1", "web1"), ("h3", "h4"), ("ue1", "dn")) as traffic:
        scene.controller.kill()
        time.sleep(0.5)
        started = time.monotonic()
        scene.controller.start()
        state = scene.controller.wait_until("/api/v1/switches", _all_in_sync)
        intents = scene.controller.wait_until("/api/v1/intents", _all_active)
        took = time.monotonic() - started
        time.sleep(0.5)
    lost = traffic.lost()
    missing = {" > ".join(pair): found["missing"] for pair, found in traffic.results.items()}
    ready = _all_in_sync(state) and _all_active(intents)
    return Check(
        "controller_restart",
        "The controller dies and comes back: nothing lost",
        passed=not any(lost.values()) and ready and traffic.sent > 0,
        shown=f"{traffic.sent} datagrams in {len(lost)} directions, {sum(lost.values())} lost; "
        f"all intents active again {took:.1f} s after its start",
        figures={"sent": traffic.sent, "lost": lost, "seconds_to_active": round(took, 2)},
        expected="no datagram lost in any direction, all switches in sync and all intents active",
        seen=f"lost {lost}, missing numbers {missing}, "
        f"switches {[(s['name'], s['state'], s['inSync']) for s in state['items']]}, "
        f"intents {_not_active(intents)}",
    )


def _all_in_sync(found: dict[str, Any]) -> bool:
    return bool(found["items"]) and in_sync(found)


def _all_active(found: dict[str, Any]) -> bool:
    return bool(found["items"]) and not _not_active(found)


def _not_active(found: dict[str, Any]) -> list[str]:
    return [
        f"{intent['kind']} {intent['name']} {intent['status']['state']} {intent['status']['reasons']}"
        for intent in found["items"]
        if intent["status"]["state"] != "active"
        # What a kind of switch can never do is no trouble.
        and {reason["code"] for reason in intent["status"]["reasons"]} != {"target-limits"}
    ]


def link_failure(scene: Scene) -> Check:
    """A link between switches fails under traffic: the flow takes another way; later it is found again."""
    uplinks = {"spine1": "leaf1-eth11", "spine2": "leaf1-eth12"}
    with exchange(scene, ("h1", "web1")) as traffic:
        before = {spine: scene.sent_packets(interface) for spine, interface in uplinks.items()}
        time.sleep(0.5)
        spine = max(uplinks, key=lambda name: scene.sent_packets(uplinks[name]) - before[name])
        scene.net.configLinkStatus("leaf1", spine, "down")
        try:
            time.sleep(LONGEST_OUTAGE)
        finally:
            scene.net.configLinkStatus("leaf1", spine, "up")
    gap, lost = traffic.longest_gap, sum(traffic.lost().values())
    links = scene.controller.wait_until("/api/v1/links", lambda found: len(found["items"]) == 12, 10)["items"]
    return Check(
        "link_failure",
        "A failed link is avoided",
        # The link was down for longer: traffic that came back before it did has found another way.
        passed=gap < LONGEST_OUTAGE - 0.5 and len(links) == 12,
        shown=f"leaf1 to {spine} down under traffic: {gap:.1f} s without it, then by the other spine "
        f"({lost} of {traffic.sent} datagrams lost); link found again",
        figures={"spine": spine, "outage_seconds": round(gap, 2), "lost": lost, "sent": traffic.sent},
        expected=f"datagrams again within {LONGEST_OUTAGE - 0.5} s, while the link is down; then 12 links",
        seen=f"{gap:.1f} s without datagrams, {len(links)} links; {traffic.results}",
    )
