"""The controller's connection to a buffer: how it comes about, and what waits to be said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from p4fabric.buffer.orders import Drop, Hold, Order, TunnelKey
from p4fabric.buffer.server import BufferOptions, BufferServer
from p4fabric.controller.buffer_config import BufferConfig
from p4fabric.controller.fabric import buffer_client
from p4fabric.controller.fabric.buffer_client import BufferClient

N3 = IPv4Address("10.0.3.2")


class Bed:
    """A client, and how often it asked for all that stands."""

    def __init__(self, address: str, standing: int = 0) -> None:
        self.asked = 0
        self.tunnels = [TunnelKey(N3, teid) for teid in range(1, standing + 1)]
        config = BufferConfig(name="one", address=address)
        self.client = BufferClient(config, self.standing, lambda news: None, lambda: None)

    def standing(self) -> Iterator[Order]:
        self.asked += 1
        yield from (Hold(one, 7, 10, 60.0) for one in self.tunnels)


async def test_attempts_in_vain_are_logged_and_the_next_one_comes_soon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"unix:{tmp_path / 'buffer.sock'}"
    bed = Bed(address)
    running = asyncio.create_task(bed.client.run())
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(20):
            while f"buffer one at {address}" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            async with BufferServer(BufferOptions(IPv4Address("127.0.0.1"), address, port=0)):
                while not bed.client.is_connected:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                assert await bed.client.tell([Drop(TunnelKey(N3, 1))])
    running.cancel()
    await asyncio.wait({running})


async def test_all_is_told_anew_when_many_changes_wait_however_much_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(buffer_client, "_MOST_WAITING", 10)
    bed = Bed("unix:/nowhere", standing=50)
    bed.client.is_connected = True
    bed.client.begin_again()
    changes = [Drop(one) for one in bed.tunnels]
    answer = bed.client.tell(changes[:10])
    assert bed.asked == 1 and not answer.done()
    bed.client.tell(changes[10:11])
    assert bed.asked == 2 and answer.result() is False
    bed.client.tell(changes[:10])
    assert bed.asked == 2
