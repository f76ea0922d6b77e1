"""A cable with a delay, or one that loses packets: carries frames between two interfaces.

`python -m p4fabric.net.wire INTERFACE INTERFACE DELAY LOSS` runs in the namespace of both, says `ready`, and
carries each frame over DELAY seconds after it arrived, or, with the probability LOSS, never. It does what
netem would, which many kernels lack, and which what switches send would pass by. The time of arrival is
the kernel's, so that a busy machine delays nothing twice.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import sys
import time
from collections import deque

SOL_PACKET = 263
PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 8, 23
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
ETH_P_ALL = 3
VLAN_VALID = 0x10
BUFFER = 16 << 20
LARGEST = 65_535
MOST = 20_000
"""Frames that are under way in one direction; more are lost."""
BURST = 64


def open_end(interface: str) -> socket.socket:
    """A socket that hears what arrives at an interface, and sends there."""
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    end.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    end.bind((interface, ETH_P_ALL))
    end.setblocking(False)
    return end


def receive(end: socket.socket) -> tuple[float, bytes]:
    """When the next frame arrived, and the frame with the VLAN tag that the kernel took out of it."""
    frame, ancillary, _, _ = end.recvmsg(LARGEST, 256)
    arrived = time.time()
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("=qq", content[:16])
            arrived = seconds + nanoseconds * 1e-9
        elif (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status = int.from_bytes(content[:4], sys.byteorder)
            tag, protocol = struct.unpack("=HH", content[16:20])
            if status & VLAN_VALID:
                frame = frame[:12] + struct.pack("!HH", protocol or 0x8100, tag) + frame[12:]
    return arrived, frame


class Direction:
    """From one end to the other."""

    def __init__(self, near: socket.socket, far: socket.socket, delay: float, loss: float) -> None:
        self.near = near
        self._far = far
        self._delay = delay
        self._loss = loss
        self._waiting: deque[tuple[float, bytes]] = deque()

    def take(self) -> None:
        """What has arrived."""
        # An interface that is down says so once, and goes on when it is up again.
        with contextlib.suppress(OSError):
            for _ in range(BURST):
                arrived, frame = receive(self.near)
                if len(self._waiting) < MOST and random.random() >= self._loss:
                    self._waiting.append((arrived + self._delay, frame))

    def send(self) -> float | None:
        """Send what is due; seconds until more is, None if nothing waits."""
        while self._waiting:
            due = self._waiting[0][0] - time.time()
            if due > 0:
                return min(due, self._delay)
            with contextlib.suppress(OSError):
                self._far.send(self._waiting[0][1])
            self._waiting.popleft()
        return None


def main() -> None:
    """Carry frames until ended."""
    names, (delay, loss) = sys.argv[1:3], map(float, sys.argv[3:5])
    one, other = map(open_end, names)
    directions = {one: Direction(one, other, delay, loss), other: Direction(other, one, delay, loss)}
    print("ready", flush=True)
    while True:
        waits = [wait for direction in directions.values() if (wait := direction.send()) is not None]
        ready, _, _ = select.select(list(directions), [], [], min(waits, default=None))
        for end in ready:
            directions[end].take()


if __name__ == "__main__":
    main()
