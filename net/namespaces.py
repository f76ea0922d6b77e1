"""Network namespaces that nobody else sees and that leave nothing behind.

A namespace has no name: a process of ours holds it, which ends when we do, however we end; the kernel then
removes the namespace with its interfaces. So two networks never meet, and a killed one leaves nothing.
Knows namespaces and how to run something in one. Must not know what a network is.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
_PROGRAMS = ("unshare", "nsenter", "mount", "cat", "sh")
_libc = ctypes.CDLL(None, use_errno=True)

# What a host sees as /sys and /etc/hosts is its own.
_SET_UP = """
[ -z "$1" ] || { mount -t sysfs sysfs /sys && mount --bind "$1" /etc/hosts; } || exit 1
echo ready; exec cat
"""
_RUN = 'cd "$0" && exec "$@"'


class CannotRun(Exception):
    """The network cannot be made on this machine; says what is missing."""


def check_machine() -> None:
    """See that namespaces can be made.

    Raises:
        CannotRun: says what is missing.
    """
    if os.geteuid() != 0:
        raise CannotRun("namespaces and interfaces need root: sudo")
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None]:
        raise CannotRun(f"not on PATH: {', '.join(missing)} (util-linux)")


def call_inside(namespace: int, function: Callable[..., T], *arguments: Any) -> T:
    """What a function returns that is called in a network namespace.

    Args:
        namespace: a descriptor of it.
        function: is called in a thread of its own.
        arguments: its arguments.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def inside() -> None:
        try:
            if _libc.setns(namespace, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            results.append(function(*arguments))
        except BaseException as error:
            errors.append(error)

    # A thread that ends: nothing has to find its way back to our own namespace.
    thread = threading.Thread(target=inside, name=f"in namespace {namespace}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


class Namespace:
    """A network namespace, and for hosts (`hosts_file` given) a mount namespace; from making to `close`."""

    def __init__(self, name: str, hosts_file: Path | None = None) -> None:
        """Make it; `name` is for errors.

        Raises:
            CannotRun: the kernel does not let us.
        """
        self.name = name
        self._mounts = hosts_file is not None
        kinds = ["--net", "--mount"] if hosts_file else ["--net"]
        argument = str(hosts_file) if hosts_file else ""
        self._holder = subprocess.Popen(
            ["unshare", *kinds, "--", "sh", "-c", _SET_UP, "sh", argument],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            said = self._holder.communicate()[1].decode(errors="replace").strip()
            raise CannotRun(f"{name}: no namespace can be made here: {said}")
        self.fd = os.open(f"/proc/{self._holder.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    @property
    def pid(self) -> int:
        """Of the process that holds it."""
        return self._holder.pid

    @property
    def identity(self) -> int:
        """What /proc/PID/ns/net of every process in it shows; nobody else's while `fd` is open."""
        return os.fstat(self.fd).st_ino

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """What a function returns that is called with this network namespace as its own."""
        return call_inside(self.fd, function, *arguments)

    def words(self, command: Sequence[str], folder: Path | None = None) -> list[str]:
        """The command that runs a command here."""
        words = ["nsenter", f"--net=/proc/{self.pid}/ns/net"]
        if self._mounts:
            words.append(f"--mount=/proc/{self.pid}/ns/mnt")
        return [*words, "--", "sh", "-c", _RUN, str(folder or Path.cwd()), *command]

    def popen(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
        text: bool = False,
        start_new_session: bool = False,
    ) -> subprocess.Popen[Any]:
        """Start a command here."""
        return subprocess.Popen(
            self.words(command, folder),
            env={**os.environ, **env} if env else None,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=text,
            start_new_session=start_new_session,
        )

    def close(self) -> None:
        """Let go of it; the kernel removes it with the last process in it. Idempotent."""
        if self._holder.poll() is None:
            self._holder.kill()
        self._holder.communicate()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
