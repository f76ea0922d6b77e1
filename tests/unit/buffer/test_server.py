"""Who may connect to a buffer."""

from __future__ import annotations

import inspect
import stat
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from p4fabric.buffer.command import buffer
from p4fabric.buffer.server import BufferOptions, BufferServer
from p4fabric.softswitch.server.ports import BadOption
from p4fabric.softswitch.server.server import Tls

HERE = IPv4Address("127.0.0.1")


def options(control: str, *, tls: Tls | None = None, insecure: bool = False) -> BufferOptions:
    return BufferOptions(HERE, control, tls=tls, insecure=insecure, port=0)


@pytest.mark.parametrize("tls", [None, Tls(Path("certificate"), Path("key"))])
async def test_without_mutual_tls_tcp_is_for_who_asks_for_it(tls: Tls | None) -> None:
    with pytest.raises(BadOption, match=r"--tls-ca.*--insecure"):
        async with BufferServer(options("127.0.0.1:0", tls=tls)):
            pass
    async with BufferServer(options("127.0.0.1:0", insecure=True)) as server:
        assert not server.control.endswith(":0")


async def test_by_default_the_buffer_s_own_user_may_connect(tmp_path: Path) -> None:
    default = inspect.signature(buffer).parameters["control"].default
    assert default == "unix:/run/p4fabric/buffer.sock"
    path = tmp_path / "buffer.sock"
    async with BufferServer(options(f"unix:{path}")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
