"""What calls of the controller's API take while strangers hold thousands of connections open, and what
memory the controller takes for them.

One process opens connections and opens anew whatever is closed: a third says nothing, a third sends half of
a request's headers, a third asks (some with the token, some for what needs none) and never reads. Another
makes calls, each on a connection of its own, one after the other, first without the rest.

    .venv/bin/python -m benchmarks.api_connections [--connections 10000] [--rate 500] [--seconds 30]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.figures import Figure, add_option, save

P4FABRIC = str(Path(sys.executable).with_name("p4fabric"))
POLICIES = 200
ONE_IN_KNOWS = 8
"""One in so many of those that never read has the token."""
MIB = 1 << 20
_PACE = 0.05
"""Seconds whose connections are opened at once at most."""
_IP_BIND_ADDRESS_NO_PORT = 24
ASKED_WITH_TOKEN = ("/api/v1/events", "/api/v1/intents")
ASKED_WITHOUT = ("/docs/assets/swagger-ui-bundle.js", "/openapi.json")


@dataclass(frozen=True, slots=True)
class Running:
    """A controller."""

    port: int
    token: str
    pid: int

    def call(self, method: str, path: str, body: object = None) -> int:
        """Make a call on a connection of its own; returns the status."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def memory(self) -> int:
        """Bytes that the process has resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) << 10

    def descriptors(self) -> int:
        """File descriptors that the process has open."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())


@contextmanager
def controller(folder: Path) -> Iterator[Running]:
    """Run a controller with some intents and no switches."""
    (folder / "fabric.yaml").write_text('api: {listen: "127.0.0.1:0"}\n')
    command = [P4FABRIC, "controller", "--config", "fabric.yaml", "--log-level", "warning"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder)
    try:
        assert process.stdout is not None
        found = re.search(r"http://[^ /]+:(\d+)/", process.stdout.readline())
        assert found is not None, (folder / "log").read_text()
        token = (folder / "p4fabric.token").read_text().strip()
        running = Running(int(found[1]), token, process.pid)
        assert running.call("POST", "/api/v1/intents", documents()) == 200
        yield running
    finally:
        process.terminate()
        process.wait(20)


def documents() -> list[object]:
    """Intents enough for an answer of 100 KiB."""
    subnet = {"subnets": ["10.0.1.0/24"], "gateways": ["10.0.1.1"]}
    found: list[object] = [{"kind": "Network", "name": "clients", "tenant": "acme", "spec": subnet}]
    for number in range(POLICIES):
        rule = {"name": "web", "action": "allow", "protocol": "tcp", "ports": [number + 1, "8000-8099"]}
        spec = {"priority": number + 1, "rules": [{**rule, "from": {"network": "clients"}}]}
        found.append({"kind": "FirewallPolicy", "name": f"policy-{number}", "tenant": "acme", "spec": spec})
    return found


def attack(port: int, token: str, wanted: int, rate: float) -> None:
    """Keep `wanted` connections open, opening at most `rate` of them a second, until killed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    poll = select.epoll()
    open_: dict[int, tuple[socket.socket, int]] = {}
    waiting: deque[int] = deque(range(wanted))
    due, at = 0.0, time.monotonic()
    while True:
        now = time.monotonic()
        due, at = min(due + (now - at) * rate, rate * _PACE), now
        for _ in range(min(len(waiting), int(due))):
            number = waiting.popleft()
            due -= 1
            connection = socket.socket()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind((f"127.0.0.{2 + number % 250}", 0))
            connection.connect_ex(("127.0.0.1", port))
            open_[connection.fileno()] = connection, number
            poll.register(connection, select.EPOLLOUT | select.EPOLLRDHUP)
        for descriptor, events in poll.poll(0.005):
            connection, number = open_[descriptor]
            if events & (select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR):
                del open_[descriptor]
                connection.close()
                waiting.append(number)
            else:
                connection.send(said(number, token))
                poll.modify(connection, select.EPOLLRDHUP)


def said(number: int, token: str) -> bytes:
    """What a connection of the attack sends, once and for all."""
    match number % 3:
        case 0:
            return b""
        case 1:
            return b"GET / HTTP/1.1\r\nHost: fabric\r\nX-Long: "
    if number // 3 % ONE_IN_KNOWS:
        path = ASKED_WITHOUT[number // 3 % len(ASKED_WITHOUT)]
        return f"GET {path} HTTP/1.1\r\nHost: fabric\r\n\r\n".encode()
    path = ASKED_WITH_TOKEN[number // 3 // ONE_IN_KNOWS % len(ASKED_WITH_TOKEN)]
    return f"GET {path} HTTP/1.1\r\nHost: fabric\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


@dataclass(frozen=True, slots=True)
class Calls:
    """How long calls took, in milliseconds, and what became of them."""

    median: float
    p99: float
    longest: float
    failed: int
    count: int

    def __str__(self) -> str:
        times = f"median {self.median:.1f}, p99 {self.p99:.1f}, longest {self.longest:.1f} ms"
        return f"{times} ({self.count} calls, {self.failed} failed)"


def make_calls(running: Running, seconds: float) -> Calls:
    """Make calls for some time, 50 a second at most."""
    took: list[float] = []
    failed = 0
    change = {"spec": {"subnets": ["10.0.2.0/24"], "gateways": ["10.0.2.1"]}}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for method, path, body in (
            ("GET", "/healthz", None),
            ("GET", "/api/v1/switches", None),
            ("GET", "/api/v1/intents/FirewallPolicy/acme/policy-7", None),
            ("PUT", "/api/v1/intents/Network/acme/servers", change),
        ):
            begun = time.monotonic()
            try:
                status = running.call(method, path, body)
                failed += status >= 400
            except (OSError, HTTPException):
                failed += 1
            took.append((time.monotonic() - begun) * 1000)
            time.sleep(0.02)
    quantiles = statistics.quantiles(took, n=100)
    return Calls(quantiles[49], quantiles[98], max(took), failed, len(took))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=500.0, help="connections opened a second at most")
    parser.add_argument("--seconds", type=float, default=30.0)
    add_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, controller(Path(folder)) as running:
        alone = make_calls(running, options.seconds / 3)
        before = running.memory()
        print(f"calls alone                 {alone}", flush=True)
        arguments = (running.port, running.token, options.connections, options.rate)
        attacker = multiprocessing.get_context("spawn").Process(target=attack, args=arguments)
        attacker.start()
        try:
            opening = options.connections / options.rate
            print(f"beside {options.connections} being opened  {make_calls(running, opening)}", flush=True)
            beside = make_calls(running, options.seconds)
            print(f"beside {options.connections} held open     {beside}", flush=True)
            grown = running.memory() - before
            descriptors = running.descriptors()
        finally:
            attacker.kill()
            attacker.join()
        print(f"memory +{grown / MIB:.1f} MiB, {descriptors} file descriptors, log "
              f"{(Path(folder) / 'log').stat().st_size} bytes")  # fmt: skip
    among = f"beside {options.connections:,} connections"
    save(
        options.figures,
        [
            Figure("api.alone_p99", "a call, p99", "ms", [alone.p99], less_is_better=True),
            Figure("api.beside_p99", f"a call {among}, p99", "ms", [beside.p99], less_is_better=True),
            Figure("api.memory", f"memory {among}", "MiB", [grown / MIB], less_is_better=True, threshold=0.5),
        ],
    )


if __name__ == "__main__":
    main()
