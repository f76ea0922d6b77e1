"""Processes of tests that share no interface, port or name of a namespace with each other.

xdist's processes call `isolate` at first; from then on, whatever they start is alone in a network namespace.
"""

from __future__ import annotations

import ctypes
import os
import subprocess

from p4fabric.net.namespaces import CLONE_NEWNET

__all__ = ["isolate", "outside", "unshare"]

CLONE_NEWNS = 0x00020000
_SET_UP = """
mount --make-rprivate /
mount -t sysfs none /sys
mkdir -p /run/netns && mount -t tmpfs none /run/netns
mount -t tmpfs none /run/lock
ip link set lo up
"""
"""Names of namespaces and locks of labs are files."""

_machines_network: int | None = None


def unshare(kinds: int) -> None:
    """Leave namespaces of these kinds, with this thread and those that it begins.

    Raises:
        OSError: the kernel does not let us.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(kinds):
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")


def isolate() -> None:
    """Be alone. Needs root."""
    global _machines_network
    _machines_network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    unshare(CLONE_NEWNET | CLONE_NEWNS)
    subprocess.run(("sh", "-euc", _SET_UP), check=True)


def outside() -> tuple[str, ...]:
    """The words before a command that needs the machine's network, as pip does."""
    return (
        () if _machines_network is None else ("nsenter", f"--net=/proc/{os.getpid()}/fd/{_machines_network}")
    )
