"""Random frames to the segmenter and to what completes checksums, built with ASan and UBSan; run as
`fuzz.py` is:

    .venv/bin/python -m tests.switch.engine.fuzz_segments SECONDS SEED
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.layers.sctp import SCTP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from .segments import LONGEST_FRAME, Native, Offload

NETWORKS = (
    Ether() / IP(),
    Ether() / IPv6(),
    Ether() / Dot1Q() / IP(),
    Ether() / IPv6() / IPv6ExtHdrDestOpt(),
)
TUNNELS = (UDP(dport=4789) / VXLAN() / Ether() / IP() / TCP(), GRE() / IPv6() / TCP(), IP() / TCP())
TRANSPORTS = (TCP(), UDP(), SCTP(), Raw(b"x"), *TUNNELS)
FRAMES = [
    bytes(one / transport / Raw(bytes(size)))
    for one in NETWORKS
    for transport in TRANSPORTS
    for size in (0, 1, 3000)
]
ODD = (0, 1, 2, 4, 6, 8, 16, 20, 34, 38, 54, 58, 78, 84, 88, 104, 255, 1000, 65535)


def frame_of(chance: random.Random) -> bytes:
    """Headers that were right once, and anything behind them."""
    frame = bytearray(chance.choice(FRAMES))
    frame += bytes(chance.choice((0, 0, 0, 0, 1, 2, 100, 10_000, 65_000)))
    for _ in range(chance.choice((0, 0, 1, 1, 2, 8))):
        frame[chance.randrange(min(len(frame), 120))] = chance.choice((0, 1, 6, 17, 43, 60, 129, 0x45, 0xFF))
    return bytes(frame[: chance.randrange(len(frame) + 1)] if chance.random() < 0.3 else frame)


def offload_of(chance: random.Random) -> Offload:
    """More often right for some of the frames than not."""
    return Offload(
        flags=chance.choice((0, 1, 1, 1, 0xFF)),
        kind=chance.choice((0, 1, 1, 1, 4, 4, 5, 5, 3, 0x81, 0x84, 255)),
        size=chance.choice(ODD),
        start=chance.choice((34, 54, 38, 62, 84, 54, chance.choice(ODD))),
        offset=chance.choice((16, 16, 6, 8, chance.choice(ODD))),
    )


def main() -> None:
    """Keep going for the time given."""
    chance, until = random.Random(int(sys.argv[2])), time.monotonic() + float(sys.argv[1])
    frames = segments = 0
    with tempfile.TemporaryDirectory() as directory:
        native = Native(Path(directory), sanitize=True)
        while time.monotonic() < until:
            frame, offload = frame_of(chance), offload_of(chance)
            longest = chance.choice((LONGEST_FRAME, 200, 60))
            # Few segments, that the time goes to many frames.
            made = native.segments(frame[: offload.size * 20 + 200], offload, longest) or []
            assert all(0 < len(one) <= longest for one in made), (frame.hex(), offload)
            native.complete(frame, offload.start, offload.offset)
            native.complete_unsaid(frame)
            frames, segments = frames + 1, segments + len(made)
    print(f"{frames} frames, {segments} segments")


if __name__ == "__main__":
    main()
