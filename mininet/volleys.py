"""Datagrams from hosts of a lab to one of them, begun at one moment, and what came of them.

This module runs `volley.py` inside hosts. It does not know why something is sent.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from acts import Stream
from processes import output_of
from scene import Scene

__all__ = ["UDP_PORT", "Volley", "fly", "free_udp_port"]

T = TypeVar("T")

UDP_PORT = 7000
PATIENCE_S = 60.0
HEAD_START_S = 0.3
"""From when senders are told until they begin, so that all of them begin at once."""


@dataclass(frozen=True)
class Volley(Generic[T]):
    """What was sent, and what came."""

    sent: Sequence[int]
    """Datagrams of each stream."""
    began: float
    """When, in seconds since 1970."""
    received: Mapping[str, Any]
    """By source, address and port: what volley.py says of it."""
    meanwhile: T


def fly(
    scene: Scene, streams: Sequence[Stream], receiver: str, meanwhile: Callable[[], T], *, skip: float = 0.0
) -> Volley[T]:
    """Send, and say what came.

    Args:
        scene: the running lab.
        streams: what is sent; they begin together.
        receiver: the host that all is sent to.
        meanwhile: called when all is sent, before the receiver ends.
        skip: seconds of each flow that percentiles leave out.
    """
    receive = _program("receive", UDP_PORT, "--skip", skip)
    with scene.background(receiver, *receive, ready="ready", stdin=subprocess.PIPE) as listening:
        sent, began = _send(scene, streams, str(scene.plan[receiver].ipv4.ip))
        found = meanwhile()
        out, _ = listening.communicate(b"", timeout=PATIENCE_S)
    return Volley(sent, began, json.loads(out.decode().splitlines()[-1]), found)


def free_udp_port() -> int:
    """One that nobody listens at."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _send(scene: Scene, streams: Sequence[Stream], address: str) -> tuple[list[int], float]:
    running = [
        scene.popen(stream.host, *_program("send", address, UDP_PORT, *stream.words), stdin=subprocess.PIPE)
        for stream in streams
    ]
    for process in running:
        Scene.wait_for(process, "ready", PATIENCE_S)
    begin, began = time.monotonic_ns() + round(HEAD_START_S * 1e9), time.time() + HEAD_START_S
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"%d\n" % begin)
        process.stdin.flush()
    return [json.loads(output_of(process, PATIENCE_S))["sent"] for process in running], began


def _program(*words: object) -> tuple[str, ...]:
    return (sys.executable, "-I", str(Path(__file__).with_name("volley.py")), *map(str, words))
