"""The host of a buffer: a namespace with one interface at a switch, and `p4fabric buffer` in it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.fabric.n4.smf import PATIENCE

__all__ = ["ADDRESS", "AT_SWITCH", "MAC", "BufferHost", "buffer_host"]

ADDRESS, MAC = "10.0.3.20", "02:00:00:00:03:20"
AT_SWITCH = "p4fbuf0"
_NAMESPACE, _AT_HOST = "p4fbuf", "p4fbuf1"


class BufferHost:
    """Where `p4fabric buffer` runs; it may be started, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.control = f"unix:{folder / 'buffer.sock'}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *options: str) -> None:
        """Return when it serves."""
        command = ("ip", "netns", "exec", _NAMESPACE, sys.executable, "-m", "p4fabric", "buffer")
        where = ("--address", ADDRESS, "--control", self.control)
        self._process = await asyncio.create_subprocess_exec(
            *command, *where, *options, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            greeting = await self._process.stdout.readline()
        assert ADDRESS in greeting.decode(), greeting

    async def kill(self) -> None:
        """End it without notice."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextmanager
def buffer_host(folder: Path, neighbours: Mapping[str, str]) -> Iterator[BufferHost]:
    """The host while the body runs; it knows the MAC addresses of its neighbours."""
    subprocess.run(("ip", "netns", "delete", _NAMESPACE), stderr=subprocess.DEVNULL, check=False)
    _ip(f"netns add {_NAMESPACE}", f"link add {AT_SWITCH} type veth peer name {_AT_HOST} netns {_NAMESPACE}")
    try:
        Path(f"/proc/sys/net/ipv6/conf/{AT_SWITCH}/disable_ipv6").write_text("1")
        _ip(f"link set {AT_SWITCH} up")
        _ip(
            f"link set {_AT_HOST} address {MAC} up",
            f"address add {ADDRESS}/24 dev {_AT_HOST}",
            *(f"neighbour add {one} lladdr {mac} dev {_AT_HOST}" for one, mac in neighbours.items()),
            namespace=_NAMESPACE,
        )
        yield BufferHost(folder)
    finally:
        _ip(f"netns delete {_NAMESPACE}")


def _ip(*commands: str, namespace: str | None = None) -> None:
    where = () if namespace is None else ("-n", namespace)
    subprocess.run(("ip", *where, "-batch", "-"), input="\n".join(commands), text=True, check=True)
