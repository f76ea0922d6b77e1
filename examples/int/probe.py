"""Sends probes, and shows what they met on their way. Needs nothing but Python.

python probe.py collect [--count N]                       at the receiving host
python probe.py send ADDRESS [--count N] [--every SECONDS]   at the sending host
"""

from __future__ import annotations

import argparse
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

PORT = 5000
VERSION = 1
HEADER = struct.Struct("!BB")
"""Version, number of hops."""
HOP = struct.Struct("!HHII")


@dataclass(frozen=True)
class Hop:
    """What a probe met in one switch."""

    switch_id: int
    egress_port: int
    queue_depth: int
    """Packets in the queue when the probe came."""
    latency_us: int


def parse(datagram: bytes) -> list[Hop]:
    """The hops of a probe, first switch first.

    Raises:
        ValueError: it is no probe.
    """
    if len(datagram) < HEADER.size or datagram[0] != VERSION:
        raise ValueError("not a probe")
    count = datagram[1]
    if len(datagram) < HEADER.size + count * HOP.size:
        raise ValueError(f"a probe with {count} hops that is only {len(datagram)} bytes long")
    records = datagram[HEADER.size : HEADER.size + count * HOP.size]
    return [Hop(*fields) for fields in HOP.iter_unpack(records)][::-1]


def received(address: str, count: int) -> Iterator[list[Hop]]:
    """Probes to an address as they come; without end if `count` is 0."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, PORT))
        print(f"waiting for probes at UDP port {PORT}", flush=True)
        left = count or -1
        while left:
            datagram = listener.recv(2048)
            try:
                yield parse(datagram)
            except ValueError as error:
                print(f"ignored: {error}", flush=True)
            else:
                left -= 1


def collect(address: str, count: int) -> None:
    """Print a line for each probe."""
    for hops in received(address, count):
        parts = [f"s{hop.switch_id}: queue {hop.queue_depth:3}, {hop.latency_us:6} us" for hop in hops]
        print(" │ ".join(parts), flush=True)


def send(address: str, count: int, every: float) -> None:
    """Send probes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        left = count or -1
        while left:
            sender.sendto(HEADER.pack(VERSION, 0), (address, PORT))
            left -= 1
            time.sleep(every)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Probes for telemetry.p4.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("collect", "send"):
        command = commands.add_parser(name)
        command.add_argument("--count", type=int, default=0, help="stop after so many; 0: never")
        if name == "collect":
            command.add_argument("--address", default="", help="this host's; all of them unless given")
        else:
            command.add_argument("address", metavar="ADDRESS")
            command.add_argument("--every", type=float, default=0.2, help="seconds between two probes")
    arguments = parser.parse_args()
    try:
        if arguments.command == "send":
            send(arguments.address, arguments.count, arguments.every)
        else:
            collect(arguments.address, arguments.count)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
