"""Datagrams from several hosts to one, begun at one moment, and what came of them. To be run inside hosts.

    volley.py send 10.0.2.10 7000 --from-port 40001 --count 80      as fast as the link takes them
    volley.py send 10.0.2.10 7000 --from-port 40002 --rate 50 --seconds 2 --size 60
    volley.py receive 7000            until standard input is closed

A sender says that it is ready and waits for a line: when to begin, in nanoseconds of the machine's monotonic
clock. Each datagram carries when it was sent. What was seen is said as one line of JSON.
This program knows sockets. It does not know what should happen.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import struct
import sys
import time

_HEAD = struct.Struct("!Q")
_SENT_AHEAD = 32 * 1024
"""Bytes that wait at the sender's own link at most: a full socket holds the program up, and loses nothing."""
_ROOM = 32 * 1024 * 1024
"""Bytes that wait for a receiver which the machine does not let run."""
_SO_RCVBUFFORCE = 33


def say(what: object) -> None:
    """Print a line of JSON."""
    print(json.dumps(what), flush=True)


def send(arguments: argparse.Namespace) -> None:
    """Send so many datagrams, or for so long; at a rate, or as fast as the link takes them."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD)
    sock.bind(("", arguments.from_port))
    sock.connect((arguments.address, arguments.port))
    padding = bytes(max(0, arguments.size - _HEAD.size))
    say({"ready": True})
    begin = int(sys.stdin.readline())
    time.sleep(max(0, begin - time.monotonic_ns()) / 1e9)
    interval = round(1e9 / arguments.rate) if arguments.rate else 0
    started, number = time.monotonic_ns(), 0
    while True:
        now = time.monotonic_ns()
        if number == arguments.count or (arguments.seconds and now - started >= arguments.seconds * 1e9):
            break
        sock.send(_HEAD.pack(now) + padding)
        number += 1
        if interval:
            # Who was kept waiting does not make up for it: that would be a burst.
            time.sleep(interval / 1e9)
    say({"sent": number})


def receive(arguments: argparse.Namespace) -> None:
    """Count what comes from whom, and how long it was on its way."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
    sock.bind(("0.0.0.0", arguments.port))
    say({"ready": True})
    ways: dict[str, list[tuple[int, int]]] = {}
    """When each datagram of a flow was sent, and how long it took."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    poll.register(sys.stdin, select.POLLIN | select.POLLHUP)
    ended = False
    while not ended:
        ended = sys.stdin.fileno() in {descriptor for descriptor, _ in poll.poll()}
        while True:
            try:
                datagram, (address, port) = sock.recvfrom(0xFFFF, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            flow = f"{address}:{port}"
            sent = _HEAD.unpack_from(datagram)[0]
            ways.setdefault(flow, []).append((sent, time.monotonic_ns() - sent))
    say({flow: _seen(found, arguments.skip) for flow, found in ways.items()})


def _seen(ways: list[tuple[int, int]], skip: float) -> dict[str, float]:
    """What came of one flow; percentiles are of what was sent when the flow was so many seconds old."""
    since = min(sent for sent, _ in ways) + skip * 1e9
    late = sorted(took for sent, took in ways if sent >= since) or [0]
    newest, reordered = 0, 0
    for sent, _ in ways:
        reordered += sent < newest
        newest = max(newest, sent)
    return {
        "received": len(ways),
        "longestMs": max(took for _, took in ways) / 1e6,
        "medianMs": late[len(late) // 2] / 1e6,
        "p99Ms": late[min(len(late) - 1, len(late) * 99 // 100)] / 1e6,
        "receivedLate": len(late),
        "reordered": reordered,
    }


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="volley.py")
    commands = parser.add_subparsers(required=True)
    sender = commands.add_parser("send")
    sender.set_defaults(act=send)
    sender.add_argument("address")
    sender.add_argument("port", type=int)
    sender.add_argument("--from-port", type=int, required=True)
    sender.add_argument("--size", type=int, default=1400, help="bytes of each")
    sender.add_argument("--count", type=int, help="how many")
    sender.add_argument("--seconds", type=float, help="how long")
    sender.add_argument("--rate", type=float, help="datagrams a second; by default as the link takes them")
    receiver = commands.add_parser("receive")
    receiver.set_defaults(act=receive)
    receiver.add_argument("port", type=int)
    receiver.add_argument("--skip", type=float, default=0.0, help="seconds that percentiles leave out")
    arguments = parser.parse_args()
    arguments.act(arguments)


if __name__ == "__main__":
    main()
