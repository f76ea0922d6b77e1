"""From congestion to the event: how long after a burst met a slow port a client of the event stream hears of
it.

An embedded switch and a controller, in processes of their own as in the lab, and packets over veth pairs. A
port is congested all the time by 64 flows, so that its reports come at the rate that a port may have; bursts
meet one of five others in turns. What is counted begins when a burst's first frame is sent, so the wait that
makes it congestion (1 ms) is part of it. Needs root, and interfaces of its own:

    unshare -n -m sh -c 'mount -t sysfs none /sys; ip link set lo up; exec "$@"' sh \\
        .venv/bin/python -m benchmarks.onset [--bursts 100]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import queue
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from pyroute2 import IPRoute
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from benchmarks.controllers import running_controller
from benchmarks.figures import Figure, add_option, print_table, save

SENDER, BUSY, BURSTS = 1, 8, (3, 4, 5, 6, 7)
"""Ports: of all that send, of what is congested all the time, and of what bursts meet."""
PORTS = (SENDER, *BURSTS, BUSY)
RATE, DEPTH, FRAMES = "10mbit", 64, 30
BURST_EVERY = 0.37
"""Seconds: an incident is over a second after the burst, and each port has its turn when it is."""
FLOWS, PACKETS_A_SECOND = 64, 1100
PATIENCE = 60.0
PROMISED = 0.010


def mac(port: int) -> str:
    """Of the host at a port."""
    return f"02:00:00:00:00:{port:02x}"


def frame(port: int, flow: int, length: int = 1400) -> bytes:
    """To the host at a port."""
    ends = Ether(dst=mac(port), src=mac(SENDER))
    packet = IP(src=f"10.0.1.{SENDER}", dst=f"10.0.1.{port}") / UDP(sport=10_000 + flow, dport=port)
    return bytes(ends / packet / Raw(bytes(length - 42)))


INTENTS: list[dict[str, Any]] = [
    {
        "kind": "Network",
        "name": "hosts",
        "tenant": "acme",
        "spec": {
            "subnets": ["10.0.1.0/24"],
            "attachments": [
                {"switch": "leaf1", "port": port, "mac": mac(port), "addresses": [f"10.0.1.{port}"]}
                for port in PORTS
            ],
        },
    },
    {
        "kind": "TelemetryWatch",
        "name": "queues",
        "tenant": "operations",
        "spec": {
            "ports": [*BURSTS, BUSY],
            "queueDepth": DEPTH // 2,
            "queueDelayMicroseconds": 1000,
            "longestDelayMicroseconds": 75_000,
            "reportIntervalMilliseconds": 1000,
            "reports": 1000,
        },
    },
]


@contextmanager
def switch() -> Iterator[str]:
    """An embedded switch at veth pairs `on…` and `of…`; its address."""
    with ExitStack() as stack:
        words: list[str] = []
        with IPRoute() as ip:
            for port in PORTS:
                ip.link("add", ifname=f"on{port}", kind="veth", peer=f"of{port}")
                for name in (f"on{port}", f"of{port}"):
                    Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
                    ip.link("set", index=ip.link_lookup(ifname=name)[0], state="up")
                words += ["-i", f"{port}@on{port}"]
        for port in (*BURSTS, BUSY):
            words += ["--queue", f"{port}:rate={RATE},depth={DEPTH}"]
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        command = [sys.executable, "-m", "p4fabric.softswitch", "run", "--grpc", address, *words]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)
        yield address


@contextmanager
def controller(folder: Path, address: str) -> Iterator[httpx.Client]:
    """A controller of the switch; a client of its API."""
    with running_controller(folder, address) as (url, token):
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE) as client:
            yield client


def until_active(client: httpx.Client) -> None:
    """Wait until the switch has what the intents need."""
    client.post("/api/v1/intents", json={"items": INTENTS}).raise_for_status()
    deadline = time.monotonic() + PATIENCE
    while True:
        states = {one["status"]["state"] for one in client.get("/api/v1/intents").json()["items"]}
        if states == {"active"}:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"intents are {states}")
        time.sleep(0.2)


def reports_of(client: httpx.Client) -> int:
    """Of congested queues, so far."""
    (leaf,) = client.get("/api/v1/telemetry").json()["switches"]
    return int(leaf["reports"])


class Listener(threading.Thread):
    """A client of the event stream: notes when it hears of which port."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(daemon=True)
        self._client = client
        self.ready = threading.Event()
        self.heard: queue.SimpleQueue[tuple[int, float]] = queue.SimpleQueue()

    def run(self) -> None:
        """Until the controller ends."""
        with (
            contextlib.suppress(httpx.HTTPError),
            self._client.stream("GET", "/api/v1/events?types=IncidentOnset", timeout=None) as answer,
        ):
            self.ready.set()
            for line in answer.iter_lines():
                now = time.monotonic()
                if line.startswith("data:"):
                    event = json.loads(line[5:])
                    self.heard.put((event["queues"][0]["port"], now))


class Busy(threading.Thread):
    """Keeps a port congested."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.end = threading.Event()

    def run(self) -> None:
        """At a steady rate, above the port's."""
        frames = [frame(BUSY, flow) for flow in range(FLOWS)]
        begun, sent = time.monotonic(), 0
        with raw_socket() as sender:
            while not self.end.wait(0.004):
                while sent < (time.monotonic() - begun) * PACKETS_A_SECOND:
                    sender.send(frames[sent % FLOWS])
                    sent += 1


def raw_socket() -> socket.socket:
    """At the interface of the host that sends."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.bind((f"of{SENDER}", 0))
    return made


def measure(client: httpx.Client, bursts: int) -> tuple[list[float], float, int]:
    """Seconds from each burst to its event, reports a second meanwhile, and bursts that nobody told of."""
    listener, busy = Listener(client), Busy()
    listener.start()
    assert listener.ready.wait(PATIENCE)
    busy.start()
    port, _ = listener.heard.get(timeout=PATIENCE)
    assert port == BUSY
    time.sleep(2)  # what may come at once has come by then
    found, missed = [], 0
    reports, begun = reports_of(client), time.monotonic()
    with raw_socket() as sender:
        for number in range(bursts):
            port = BURSTS[number % len(BURSTS)]
            frames = [frame(port, flow % 4) for flow in range(FRAMES)]
            sent_at = time.monotonic()
            for one in frames:
                sender.send(one)
            try:
                while True:
                    where, heard_at = listener.heard.get(timeout=BURST_EVERY)
                    if where == port:
                        found.append(heard_at - sent_at)
                        break
            except queue.Empty:
                missed += 1
            time.sleep(max(0.0, sent_at + BURST_EVERY - time.monotonic()))
    rate = (reports_of(client) - reports) / (time.monotonic() - begun)
    busy.end.set()
    busy.join()
    return found, rate, missed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bursts", type=int, default=100)
    add_option(parser)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        switch() as address,
        controller(Path(folder), address) as client,
    ):
        until_active(client)
        found, rate, missed = measure(client, options.bursts)
    found.sort()
    p99 = found[min(len(found) - 1, len(found) * 99 // 100)]
    title = "From a burst to the event at a client"
    figures = [
        Figure("onset.median", f"{title}, median", "ms", [1000 * statistics.median(found)], True, 0.5),
        Figure("onset.p99", f"{title}, p99", "ms", [1000 * p99], True, 0.5, 1000 * PROMISED),
        Figure("onset.reports", "Reports of congested queues meanwhile", "reports/s", [rate]),
        Figure("onset.missed", "Bursts without an event of their own", "bursts", [missed], True),
    ]
    print_table(figures)
    save(options.figures, figures)


if __name__ == "__main__":
    main()
