"""Packets that a buffer takes in and sends on: `python -m benchmarks.buffer [--packets N] [--octets N]`.

A buffer in this process, with real sockets at addresses of the loopback interface. Packets are sent to it in
bursts that its socket has room for, and only its own work is timed: from the socket until they are kept, and
from there to the gNB's socket. Processor time is what one core would take; the clock tells how busy others
were.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import struct
import time
from ipaddress import IPv4Address

from benchmarks.figures import Figure, add_option, print_table, save
from p4fabric.buffer.gtpu import PORT
from p4fabric.buffer.orders import Forward, Hold, TunnelKey
from p4fabric.buffer.packets import Bounds
from p4fabric.buffer.service import BufferService

N3, BUFFER, GNB = (IPv4Address(f"127.0.0.{one}") for one in (2, 20, 10))
BURST = 2000
LIMITS = {"kept": 50_000.0, "sent": 50_000.0, "passed": 50_000.0}
_SO_RCVBUFFORCE = 33


def udp(address: IPv4Address) -> socket.socket:
    """A socket at GTP-U's port with room for a burst."""
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
    found.bind((str(address), PORT))
    found.setblocking(False)
    return found


def emptied(gnb: socket.socket) -> int:
    """How many datagrams a socket has; it has none any more."""
    count = 0
    while True:
        try:
            gnb.recv(0xFFFF)
        except BlockingIOError:
            return count
        count += 1


async def measured(packets: int, octets: int) -> dict[str, tuple[float, float]]:
    """Packets a second: by processor time, and by the clock."""
    service = BufferService(Bounds(packets + 1, 1 << 40))
    service.open(BUFFER)
    n3, gnb = udp(N3), udp(GNB)
    held, tunnel = service.held, TunnelKey(N3, 1)
    message = struct.pack(">BBHI8B", 0x34, 255, 8 + octets, 1, 0, 0, 0, 0x85, 1, 0, 0, 0) + bytes(octets)
    spent = {what: [0.0, 0.0] for what in LIMITS}
    arrived = 0

    def filled(count: int) -> None:
        for _ in range(count):
            n3.sendto(message, (str(BUFFER), PORT))

    async def timed(what: str, is_done: int, sent: bool) -> None:
        began = time.process_time(), time.perf_counter()
        while (held.sent if sent else held.kept) < is_done:  # noqa: ASYNC110
            await asyncio.sleep(0)  # The socket is read in between.
        for index, clock in enumerate((time.process_time, time.perf_counter)):
            spent[what][index] += clock() - began[index]

    try:
        for round_ in range(packets // BURST):
            held.apply(Hold(tunnel, 1, 1 << 20, 3600.0), 0.0)
            filled(BURST)
            await timed("kept", (round_ + 1) * BURST, sent=False)
            held.apply(Forward(tunnel, GNB, 2, 9, 1.0, 1.0), 0.0)
            service.go_on()
            await timed("sent", (2 * round_ + 1) * BURST, sent=True)
            arrived += emptied(gnb)
            filled(BURST)
            await timed("passed", (2 * round_ + 2) * BURST, sent=True)
            arrived += emptied(gnb)
        assert not held.dropped and arrived == 2 * (packets // BURST) * BURST, (held.dropped, arrived)
    finally:
        service.close()
        n3.close()
        gnb.close()
    total = packets // BURST * BURST
    return {what: (total / cpu, total / clock) for what, (cpu, clock) in spent.items()}


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packets", type=int, default=200_000)
    parser.add_argument("--octets", type=int, default=100, help="of the IP packets")
    add_option(parser)
    arguments = parser.parse_args()
    found = asyncio.run(measured(arguments.packets, arguments.octets))
    clocks = (("", "of a core"), (".clock", "by the clock"))
    figures = [
        Figure(
            f"buffer.{what}{name}",
            f"packets {what}, {by}",
            "1/s",
            [number],
            limit=None if name else LIMITS[what],
        )
        for what, numbers in found.items()
        for (name, by), number in zip(clocks, numbers, strict=True)
    ]
    print_table(figures)
    save(arguments.figures, figures)


if __name__ == "__main__":
    main()
