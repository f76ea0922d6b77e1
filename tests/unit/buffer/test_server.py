"""Who may connect to a buffer, and what becomes of who says nonsense."""

from __future__ import annotations

import asyncio
import inspect
import stat
from ipaddress import IPv4Address
from pathlib import Path

import grpc
import pytest

from p4fabric.buffer.command import buffer
from p4fabric.buffer.orders import CONTROL, SERVICE
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


async def test_who_says_nonsense_is_told_why_it_is_not_understood(tmp_path: Path) -> None:
    control = f"unix:{tmp_path / 'buffer.sock'}"
    async with BufferServer(options(control)), grpc.aio.insecure_channel(control) as channel:
        async with asyncio.timeout(20):
            call = channel.stream_stream(f"/{SERVICE}/{CONTROL}")()
            await call.write(b"nonsense")
            assert (await call.code(), await call.details()) == (
                grpc.StatusCode.INVALID_ARGUMENT,
                "no JSON: Expecting value: line 1 column 1 (char 0)",
            )
