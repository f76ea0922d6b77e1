"""Traffic for the lab's checks, to be run inside a host: each command says what it saw as one line of JSON.

    traffic.py ping 10.0.1.1 2001:db8:1::1        which of them answer, and how fast
    traffic.py serve web1 8080                    an HTTP server that says its name
    traffic.py get http://10.0.100.80/ -n 240     one connection a request: who answered how often
    traffic.py connect 10.0.2.11 23 -n 10         TCP connections that are given up after one SYN
    traffic.py numbered --port 7000 --peer 10.0.2.11 --rate 100   numbered datagrams, both ways

This program knows sockets. It does not know what should happen.
"""

from __future__ import annotations

import argparse
import asyncio
import http.server
import itertools
import json
import os
import selectors
import socket
import struct
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

_ECHO_REQUEST, _ECHO_REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
_ICMP = {4: (socket.AF_INET, socket.IPPROTO_ICMP), 6: (socket.AF_INET6, socket.IPPROTO_ICMPV6)}
_AGAIN = 0.4
"""Seconds after which an echo request is repeated."""


def say(result: object) -> None:
    """Print the result."""
    print(json.dumps(result), flush=True)


def checksum(message: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class Pinger:
    """Asks many addresses at once, each again and again until it answers. ICMP's id is the process's."""

    def __init__(self, addresses: list[str]) -> None:
        """Take IPv4 and IPv6 addresses."""
        self._id = os.getpid() & 0xFFFF
        self._addresses = addresses
        self._sent: list[dict[int, float]] = [{} for _ in addresses]
        self._round_trips: dict[int, float] = {}
        self._sockets: dict[int, socket.socket] = {}
        for version in {self._version(address) for address in addresses}:
            family, protocol = _ICMP[version]
            self._sockets[version] = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)

    @staticmethod
    def _version(address: str) -> int:
        return 6 if ":" in address else 4

    def run(self, seconds: float, size: int = 56) -> dict[str, float | None]:
        """Milliseconds by address; None where no answer came in time."""
        selector = selectors.DefaultSelector()
        for version, sock in self._sockets.items():
            selector.register(sock, selectors.EVENT_READ, version)
        deadline, attempt, due = time.monotonic() + seconds, 0, 0.0
        while len(self._round_trips) < len(self._addresses) and (now := time.monotonic()) < deadline:
            if now >= due:
                self._ask(attempt, size)
                attempt, due = attempt + 1, now + _AGAIN
            for key, _ in selector.select(max(0.0, min(due, deadline) - now)):
                self._listen(key.data)
        return {address: self._round_trips.get(index) for index, address in enumerate(self._addresses)}

    def _ask(self, attempt: int, size: int) -> None:
        for index, address in enumerate(self._addresses):
            if index in self._round_trips:
                continue
            version = self._version(address)
            body = struct.pack("!HH", index, attempt).ljust(size & ~1, b"\0")
            head = struct.pack("!BBHHH", _ECHO_REQUEST[version], 0, 0, self._id, attempt)
            if version == 4:
                sum_of_it = checksum(head + body)
                head = struct.pack("!BBHHH", _ECHO_REQUEST[4], 0, sum_of_it, self._id, attempt)
            self._sent[index][attempt] = time.monotonic()
            try:
                self._sockets[version].sendto(head + body, (address, 0))
            except OSError:
                continue  # no route or no neighbour yet: it is asked again

    def _listen(self, version: int) -> None:
        while True:
            try:
                message, peer = self._sockets[version].recvfrom(0xFFFF)
            except BlockingIOError:
                return
            if version == 4:
                message = message[(message[0] & 15) * 4 :]
            if len(message) < 12 or message[0] != _ECHO_REPLY[version]:
                continue
            identifier, _, index, attempt = struct.unpack_from("!HHHH", message, 4)
            if identifier != self._id or index >= len(self._addresses):
                continue
            sent = self._sent[index].get(attempt)
            if sent is not None and peer[0] == self._addresses[index]:
                self._round_trips.setdefault(index, round((time.monotonic() - sent) * 1000, 3))


def ping(arguments: argparse.Namespace) -> None:
    """Which addresses answer."""
    say(Pinger(arguments.addresses).run(arguments.seconds))


class NamedAnswer(http.server.BaseHTTPRequestHandler):
    """Says the server's name and whom it sees; `/bytes/N` gives N bytes."""

    name = ""

    def do_GET(self) -> None:
        """Answer a GET."""
        if self.path.startswith("/bytes/") and self.path[7:].isdigit():
            body = bytes(min(int(self.path[7:]), 1 << 26))
        else:
            body = json.dumps({"server": self.name, "client": self.client_address[0]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """A backlog for a crowd."""

    request_queue_size = 256
    daemon_threads = True


def serve(arguments: argparse.Namespace) -> None:
    """An HTTP server, until it is ended."""
    NamedAnswer.name = arguments.name
    server = Server(("0.0.0.0", arguments.port), NamedAnswer)
    say({"serving": arguments.name})
    server.serve_forever()


def _get_once(url: str, source_port: int | None, seconds: float) -> str:
    """Who answered, or why nobody did."""
    parts = urlsplit(url)
    source = ("", source_port) if source_port else None
    connection = HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=seconds, source_address=source
    )
    try:
        connection.request("GET", parts.path or "/", headers={"Connection": "close"})
        body = connection.getresponse().read()
        if parts.path.startswith("/bytes/"):
            return f"{len(body)} bytes"
        return str(json.loads(body)["server"])
    except (OSError, HTTPException, ValueError) as error:
        return f"error: {type(error).__name__}: {error}"
    finally:
        connection.close()


def get(arguments: argparse.Namespace) -> None:
    """Who answers how often."""
    first = arguments.from_port
    ports = [first + i if first else None for i in range(arguments.count)]
    started = time.monotonic()
    with ThreadPoolExecutor(arguments.at_once) as pool:
        names = list(pool.map(lambda port: _get_once(arguments.url, port, arguments.seconds), ports))
    answers = Counter(name for name in names if not name.startswith("error"))
    errors = Counter(name for name in names if name.startswith("error"))
    took = round(time.monotonic() - started, 3)
    say(
        {"answers": answers, "errors": dict(errors.most_common(3)), "failed": errors.total(), "seconds": took}
    )


def _retransmissions() -> int:
    with open("/proc/net/snmp") as file:  # noqa: PTH123 - a file of the kernel's, of this namespace
        names, values = (line.split() for line in file if line.startswith("Tcp:"))
    return int(dict(zip(names, values, strict=True))["RetransSegs"])


def connect(arguments: argparse.Namespace) -> None:
    """How many TCP connections are made, refused, or met by silence, with one SYN each."""
    before, outcomes = _retransmissions(), Counter[str]()
    sockets = []
    for _ in range(arguments.count):
        sock = socket.socket(socket.AF_INET6 if ":" in arguments.address else socket.AF_INET)
        sock.setblocking(False)
        sock.connect_ex((arguments.address, arguments.port))
        sockets.append(sock)
    # A second SYN would follow after one second.
    time.sleep(min(arguments.seconds, 0.8))
    for sock in sockets:
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            sock.getpeername()
            outcomes["connected"] += 1
        except OSError:
            outcomes["refused" if error else "silent"] += 1
        sock.close()
    say({"syns": arguments.count + _retransmissions() - before, **outcomes})


class Numbered(asyncio.DatagramProtocol):
    """Sends numbered datagrams to a peer at a rate, and notes which of the peer's came."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self.seen: set[int] = set()
        self.arrivals: list[float] = []
        self.twice = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Note a number."""
        (number,) = struct.unpack_from("!I", data)
        self.twice += number in self.seen
        self.seen.add(number)
        self.arrivals.append(time.monotonic())


async def _exchange(arguments: argparse.Namespace) -> None:
    loop, orders = asyncio.get_running_loop(), asyncio.StreamReader()
    local = ("::" if ":" in arguments.peer else "0.0.0.0", arguments.port)
    transport, protocol = await loop.create_datagram_endpoint(Numbered, local_addr=local)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    say({"ready": True})
    await orders.readline()
    peer, padding = (arguments.peer, arguments.port), bytes(arguments.size)
    started, number = time.monotonic(), 0
    stop = asyncio.create_task(orders.readline())
    while not stop.done():
        target = int((time.monotonic() - started) * arguments.rate) + 1
        while number < target:
            transport.sendto(struct.pack("!I", number) + padding, peer)
            number += 1
        await asyncio.sleep(0.5 / arguments.rate)
    stopped = time.monotonic()
    say({"sent": number})
    await orders.read()
    # What never came again is silence as well, and as long.
    times = [started, *(at for at in protocol.arrivals if started < at < stopped), stopped]
    longest = round(max(after - before for before, after in itertools.pairwise(times)) * 1000, 1)
    missing = sorted(set(range(max(protocol.seen, default=-1) + 1)) - protocol.seen)
    say(
        {
            "sent": number,
            "received": len(protocol.seen),
            "twice": protocol.twice,
            "missing": missing[:20],
            "longest_gap_ms": longest,
        }
    )


def numbered(arguments: argparse.Namespace) -> None:
    """Exchange numbered datagrams between two lines on standard input; say what came when it is closed."""
    asyncio.run(_exchange(arguments))


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="traffic.py")
    commands = parser.add_subparsers(required=True)

    def command(name: str, act: object) -> argparse.ArgumentParser:
        found = commands.add_parser(name)
        found.set_defaults(act=act)
        found.add_argument("--seconds", type=float, default=3.0)
        return found

    command("ping", ping).add_argument("addresses", nargs="+")
    server = command("serve", serve)
    server.add_argument("name")
    server.add_argument("port", type=int)
    client = command("get", get)
    client.add_argument("url")
    client.add_argument("-n", "--count", type=int, default=1)
    client.add_argument("--at-once", type=int, default=8)
    client.add_argument("--from-port", type=int, default=0, help="count the source ports up from here")
    syn = command("connect", connect)
    syn.add_argument("address")
    syn.add_argument("port", type=int)
    syn.add_argument("-n", "--count", type=int, default=1)
    exchange = command("numbered", numbered)
    exchange.add_argument("--port", type=int, required=True)
    exchange.add_argument("--peer", required=True)
    exchange.add_argument("--rate", type=float, default=100)
    exchange.add_argument("--size", type=int, default=100)
    arguments = parser.parse_args()
    arguments.act(arguments)


if __name__ == "__main__":
    main()
