"""The runtime's segmenter and checksums (runtime/segment.c, transport.c) by themselves, for whoever has
frames of his own for them."""

from __future__ import annotations

import ctypes as c
import subprocess
from pathlib import Path
from typing import NamedTuple

from p4fabric.softswitch.engine.build import FLAGS, OPTIMISED, RUNTIME, SANITISED, find_compiler

LONGEST_FRAME = 9216
NEEDS_CSUM = 1
TCPV4, UFO, TCPV6, UDP_L4, ECN = 1, 3, 4, 5, 0x80
"""Of linux/virtio_net.h."""


class Offload(NamedTuple):
    """struct virtio_net_hdr."""

    flags: int = 0
    kind: int = 0
    header: int = 0
    size: int = 0
    start: int = 0
    offset: int = 0


class _Header(c.Structure):
    _fields_ = (
        ("flags", c.c_uint8),
        ("gso_type", c.c_uint8),
        *((name, c.c_uint16) for name in ("hdr_len", "gso_size", "csum_start", "csum_offset")),
    )


class Native:
    """The compiled functions."""

    def __init__(self, directory: Path, *, sanitize: bool = False) -> None:
        compiler = find_compiler().split("\0")[0]
        library = directory / "segments.so"
        flags = [*FLAGS, *(SANITISED if sanitize else OPTIMISED), "-fvisibility=default", "-shared"]
        units = [str(RUNTIME / f"{unit}.c") for unit in ("segment", "transport")]
        subprocess.run([compiler, *flags, "-o", str(library), *units], check=True)
        self._native = c.CDLL(str(library))
        self._native.segments_next.restype = c.c_uint32

    def segments(self, frame: bytes, offload: Offload, longest: int = LONGEST_FRAME) -> list[bytes] | None:
        """What becomes of a frame; None: it is refused."""
        given = (c.c_uint8 * len(frame)).from_buffer_copy(frame)  # so long and no longer
        state = c.create_string_buffer(256)
        header = _Header(*offload)
        if self._native.segments_begin(state, given, len(frame), c.byref(header), longest):
            assert not any(state.raw)
            return None
        made = []
        while int.from_bytes(state.raw[:8], "little"):  # segments_left
            to = (c.c_uint8 * longest)()
            length = self._native.segments_next(state, to)
            made.append(bytes(to[:length]))
        return made

    def complete(self, frame: bytes, start: int, offset: int) -> bytes:
        """With its checksum."""
        given = (c.c_uint8 * len(frame)).from_buffer_copy(frame)
        self._native.checksum_complete(given, len(frame), start, offset)
        return bytes(given)

    def complete_unsaid(self, frame: bytes) -> bytes:
        """With its checksum, if none is there."""
        given = (c.c_uint8 * len(frame)).from_buffer_copy(frame)
        self._native.checksum_complete_unsaid(given, len(frame))
        return bytes(given)
