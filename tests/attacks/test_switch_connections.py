"""Connections that say nothing: a switch with 1024 descriptors goes on serving, and gets them back."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from finsy.proto import p4r

from p4fabric.softswitch import AsyncSoftSwitch
from p4fabric.softswitch.server import rpc, server, service
from p4fabric.softswitch.server.limits import (
    GRPC_OPTIONS,
    HANDSHAKE_SECONDS,
    IDLE_SECONDS,
    MOST_CONNECTIONS,
    PING_SECONDS,
    PING_TIMEOUT_SECONDS,
)
from tests.switch.server.client import Client

SILENT = 1100
NOT_FOUND, ALREADY_EXISTS = 5, 6
PRIMARY = """
import asyncio, sys
from tests.switch.server.client import Client

async def main():
    async with Client(sys.argv[1], 10) as client:
        assert await client.arbitrate() == 0
        print("primary", flush=True)
        await client.stream.read()
        await client.stream.read()

asyncio.run(main())
"""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


class Running:
    """`switch run` with 1024 descriptors."""

    def __init__(self) -> None:
        command = f"ulimit -n 1024; exec {sys.executable} -m p4fabric.softswitch run --grpc 127.0.0.1:0"
        self.process = subprocess.Popen(("sh", "-c", command), stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@pytest.fixture
def running() -> Iterator[Running]:
    found = Running()
    try:
        yield found
    finally:
        found.process.terminate()
        found.process.wait()


@pytest.fixture
def silent(running: Running) -> Iterator[Callable[[bytes], None]]:
    """Opens connections that say these bytes and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * SILENT:
        pytest.skip(f"needs {2 * SILENT} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * SILENT), hard))
    host, port = running.address.split(":")
    with contextlib.ExitStack() as stack:

        def connect(say: bytes) -> None:
            for _ in range(SILENT):
                one = stack.enter_context(socket.create_connection((host, int(port)), 5))
                with contextlib.suppress(OSError):  # it may be one too many
                    one.sendall(say)

        yield connect
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("say", "patience"),
    [(b"", HANDSHAKE_SECONDS), (PREFACE[:9], HANDSHAKE_SECONDS), (PREFACE, IDLE_SECONDS)],
)
async def test_silent_connections_are_let_go_and_the_primary_notices_nothing(
    running: Running, silent: Callable[[bytes], None], say: bytes, patience: float
) -> None:
    async with Client(running.address, 7) as primary:
        assert await primary.arbitrate() == 0
        before = running.descriptors()
        await asyncio.to_thread(silent, say)
        assert running.descriptors() <= before + MOST_CONNECTIONS + 16
        for _ in range(20):
            await primary.stub.Capabilities(p4r.CapabilitiesRequest(), timeout=30)
        # A controller that starts now, with a connection of its own, is let in when these are let go.
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 500))
        until = time.monotonic() + 2 * patience + 60
        async with grpc.aio.insecure_channel(running.address, options=options) as channel:
            call = channel.unary_unary("/p4.v1.P4Runtime/Capabilities")
            await call(b"", wait_for_ready=True, timeout=until - time.monotonic())
            while running.descriptors() > before + 16:
                assert time.monotonic() < until, running.descriptors()
                await asyncio.sleep(0.2)
        assert await primary.arbitrate() == 0


async def test_a_primary_that_hangs_is_one_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {PING_SECONDS * 1000: 1000, PING_TIMEOUT_SECONDS * 1000: 1000}
    options = tuple((name, quick.get(value, value)) for name, value in GRPC_OPTIONS)
    monkeypatch.setattr(server, "GRPC_OPTIONS", options)
    async with AsyncSoftSwitch() as switch, Client(switch.address, 5) as backup:
        hung = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PRIMARY, switch.address, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert hung.stdout is not None and await hung.stdout.readline() == b"primary\n"
            assert await backup.arbitrate() == ALREADY_EXISTS
            hung.send_signal(signal.SIGSTOP)
            told = await backup.receive("arbitration", timeout=20)
            assert told.arbitration.status.code == NOT_FOUND
        finally:
            hung.kill()
            await hung.wait()


def test_the_command_takes_as_many_descriptors_as_it_may_have() -> None:
    switch = f"{sys.executable} -m p4fabric.softswitch run --grpc 127.0.0.1:0"
    command = f"ulimit -Sn 300; ulimit -Hn 3000; exec {switch}"
    with subprocess.Popen(("sh", "-c", command), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline()
            assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (3000, 3000)
        finally:
            process.terminate()


async def test_requests_that_wait_for_their_turn_take_no_memory(running: Running) -> None:
    def resident() -> int:
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) << 10

    def channels(count: int) -> list[grpc.aio.Channel]:
        options = (("grpc.use_local_subchannel_pool", 1),)
        return [grpc.aio.insecure_channel(running.address, options=options) for _ in range(count)]

    method = "/p4.v1.P4Runtime/Write"
    async with contextlib.AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(channel) for channel in channels(rpc.RECEIVING_AT_ONCE + 50)
        ]
        silent = [channel.stream_unary(method)() for channel in opened[: rpc.RECEIVING_AT_ONCE]]
        for call in silent:
            await call.wait_for_connection()
        before = resident()
        request = bytes(rpc.LARGEST_REQUEST - 100)
        waiting = [channel.unary_unary(method)(request) for channel in opened[rpc.RECEIVING_AT_ONCE :]]
        await asyncio.sleep(3)  # all that they may send before their turn has been sent by then
        assert resident() - before < 4 * rpc.LARGEST_REQUEST, "50 of them are held"
        for call in silent:
            call.cancel()
        assert {await call.code() for call in waiting} == {grpc.StatusCode.INVALID_ARGUMENT}


async def test_streams_of_clients_that_do_not_arbitrate_are_bounded_and_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "MOST_STREAMS", 5)
    async with AsyncSoftSwitch() as switch, contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(Client(switch.address, 9))
        assert await first.arbitrate() == 0
        monkeypatch.setattr(service, "ARBITRATION_SECONDS", 0.5)
        others = [await stack.enter_async_context(Client(switch.address, n)) for n in range(1, 6)]
        for other in others:
            await other.stream.wait_for_connection()
        codes = [await other.stream.code() for other in others]
        assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 1
        assert codes.count(grpc.StatusCode.DEADLINE_EXCEEDED) == 4
        # The one that has arbitrated goes on, and there is room for others again.
        assert await first.arbitrate() == 0
        again = await stack.enter_async_context(Client(switch.address, 3))
        assert await again.arbitrate() == 6
