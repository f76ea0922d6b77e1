"""What a lab needs of the machine, and what it must not meet there.

This module knows programs, ports, names of interfaces. It does not know what the lab does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType

from hosts import ALIAS
from processes import P4FABRIC

__all__ = [
    "CannotRun",
    "check_machine",
    "end_when_told",
    "free_ports",
    "only_lab",
    "remove_interfaces",
    "remove_leftovers",
]

_LOCK = Path("/run/lock/p4fabric-lab")
_PROGRAMS = ("mnexec", "ip", "tc", "ethtool", "ping", "iperf3", "ifconfig")


class CannotRun(Exception):
    """The lab cannot run here; says what is missing."""


def check_machine(switch: str) -> None:
    """See that everything is there before anything is made.

    Raises:
        CannotRun: lists all that is missing.
    """
    missing = [] if os.geteuid() == 0 else ["root: namespaces and interfaces are made"]
    missing += [f"the program {name}" for name in _PROGRAMS if shutil.which(name) is None]
    if P4FABRIC is None:
        missing.append(
            "p4fabric, in the checkout's .venv, on PATH or named by P4FABRIC (`make lab` installs it)"
        )
    if not Path("/dev/net/tun").exists():
        missing.append("/dev/net/tun, for the UEs")
    if switch == "bmv2" and shutil.which("simple_switch_grpc") is None:
        missing.append("simple_switch_grpc (bmv2) on PATH, for --switch bmv2")
    if missing:
        raise CannotRun("missing here:\n  " + "\n  ".join(missing))


def end_when_told(name: str) -> None:
    """Have SIGTERM and SIGHUP end the program with all that it must clear up."""

    def stop(number: int, frame: FrameType | None) -> None:
        # Mininet's prompt would take a KeyboardInterrupt for one of its user's.
        raise SystemExit(f"{name}: stopped; clearing up")

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


@contextlib.contextmanager
def only_lab() -> Iterator[None]:
    """Nobody else's lab uses the same names meanwhile; the kernel lets go when we end, however we do."""
    _LOCK.parent.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRun(f"another lab is running ({_LOCK} is locked)") from None
        yield


def free_ports(first: int, count: int) -> int:
    """The first of so many TCP ports in a row that nobody listens at, from a preferred one on."""
    for start in range(first, first + 2000, count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(start, start + count):
                    sock = stack.enter_context(socket.socket())
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        return start
    raise CannotRun(f"no {count} free TCP ports from {first} on")


def remove_leftovers(interfaces: Iterable[str]) -> None:
    """Take away what a killed lab has left: interfaces with our names that carry our mark.

    Raises:
        CannotRun: an interface of that name is somebody else's.
    """
    for name in interfaces:
        alias = Path(f"/sys/class/net/{name}/ifalias")
        if not alias.exists():
            continue
        if alias.read_text().strip() != ALIAS:
            raise CannotRun(f"an interface {name} exists that no lab has made")
        remove_interfaces([name])


def remove_interfaces(names: Iterable[str]) -> None:
    """Delete those that are there."""
    for name in names:
        if Path(f"/sys/class/net/{name}").exists():
            subprocess.run(("ip", "link", "delete", name), check=False, capture_output=True)
