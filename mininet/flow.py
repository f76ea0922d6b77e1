"""A steady flow of numbered datagrams, and what of it was lost and when. To be run inside hosts.

    flow.py send 10.0.2.11 7000 --rate 1700 --size 1458 --seconds 300
    flow.py receive 7000            until standard input is closed

Each says what it saw as one line of JSON. Every datagram carries its number and when it was sent, by the
machine's monotonic clock. A sender that was kept waiting goes on from there and does not make up for it:
what is lost was lost on the way, not to a burst that the machine's scheduler has made.
This program knows sockets. It does not know what should happen.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import select
import socket
import struct
import sys
import time
from pathlib import Path

_HEAD = struct.Struct("!QQ")
_MOST_AT_ONCE = 8
"""Datagrams that follow each other without a pause, at the most."""
_ROOM = 32 * 1024 * 1024
"""Bytes that wait for a receiver which the machine does not let run."""
_SO_RCVBUFFORCE = 33


def send(arguments: argparse.Namespace) -> dict[str, object]:
    """Send datagrams at a rate."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if arguments.from_port:
        sock.bind(("", arguments.from_port))
    sock.connect((arguments.address, arguments.port))
    padding = bytes(max(0, arguments.size - _HEAD.size))
    interval = round(1e9 / arguments.rate)
    started = due = time.monotonic_ns()
    number = held_up = 0
    while (now := time.monotonic_ns()) - started < arguments.seconds * 1e9:
        if now - due > _MOST_AT_ONCE * interval:
            held_up += 1
            due = now
        while due <= now:
            # That nobody listens is the receiver's to tell.
            with contextlib.suppress(ConnectionRefusedError):
                sock.send(_HEAD.pack(number, time.monotonic_ns()) + padding)
            number += 1
            due += interval
        time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
    return {"sent": number, "held_up": held_up, "seconds": round((time.monotonic_ns() - started) / 1e9, 1)}


def _not_taken() -> int:
    """Datagrams that this namespace's sockets had no room for."""
    names, values = (
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Udp:")
    )
    return int(dict(zip(names, values, strict=True))["RcvbufErrors"])


def receive(arguments: argparse.Namespace) -> dict[str, object]:
    """Note which numbers are missing."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
    sock.bind(("0.0.0.0", arguments.port))
    before = _not_taken()
    print(json.dumps({"ready": True}), flush=True)
    expected = received = last_sent = out_of_order = 0
    gaps: list[dict[str, float]] = []
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    poll.register(sys.stdin, select.POLLIN | select.POLLHUP)
    ended = False
    while not ended:
        ready = {descriptor for descriptor, _ in poll.poll()}
        ended = sys.stdin.fileno() in ready
        while True:
            try:
                number, sent = _HEAD.unpack_from(sock.recv(0xFFFF, socket.MSG_DONTWAIT))
            except BlockingIOError:
                break
            received += 1
            if number < expected:
                out_of_order += 1
                continue
            if number > expected:
                gaps.append(
                    {
                        "first": expected,
                        "lost": number - expected,
                        "from": last_sent / 1e9,
                        "to": sent / 1e9,
                        "arrived": time.monotonic(),
                    }
                )
            expected, last_sent = number + 1, sent
    return {
        "received": received,
        "expected": expected,
        "out_of_order": out_of_order,
        "not_taken": _not_taken() - before,
        "gaps": gaps,
    }


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="flow.py")
    commands = parser.add_subparsers(required=True)
    sender = commands.add_parser("send")
    sender.set_defaults(act=send)
    sender.add_argument("address")
    sender.add_argument("port", type=int)
    sender.add_argument("--rate", type=float, default=1700, help="datagrams a second")
    sender.add_argument("--size", type=int, default=1458, help="bytes of each")
    sender.add_argument("--seconds", type=float, default=10)
    sender.add_argument("--from-port", type=int, default=0, help="source port; by default any")
    receiver = commands.add_parser("receive")
    receiver.set_defaults(act=receive)
    receiver.add_argument("port", type=int)
    arguments = parser.parse_args()
    print(json.dumps(arguments.act(arguments)), flush=True)


if __name__ == "__main__":
    main()
