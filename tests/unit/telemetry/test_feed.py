"""Reports by a process of their own: what it passes on is what came, also after the controller was away."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from p4fabric.controller.telemetry.collector import (
    Collector,
    CollectorSettings,
    FeedSender,
    Refused,
    open_endpoint,
    serve_feed,
)
from p4fabric.controller.telemetry.collector import feed as feeding
from p4fabric.controller.telemetry.reports import encode
from tests.unit.telemetry.test_collector import LEAF, NODES, Heard, group


def controller_side() -> tuple[Collector, Heard]:
    heard = Heard()
    return Collector(CollectorSettings(NODES), heard), heard


async def test_what_came_to_the_process_comes_to_the_controller(tmp_path: Path) -> None:
    """From a real UDP socket; what is refused there is counted here."""
    settings = CollectorSettings(NODES, port=0)
    outer = Collector(settings, lambda switch, group, arrived: None)
    sender = FeedSender(tmp_path / "feed", lambda: {one.value: n for one, n in outer.refused.items()})
    collector, heard = controller_side()
    async with asyncio.timeout(60), open_endpoint(settings, outer, sender.keep) as address:
        tasks = [
            asyncio.create_task(serve_feed(tmp_path / "feed", collector)),
            asyncio.create_task(sender.run()),
        ]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as switch:
            switch.sendto(b"nonsense", address)
            for number in range(300):
                switch.sendto(encode(group(number)), address)
                await asyncio.sleep(0)
        await heard.wait(300)
        while not collector.refused:  # noqa: ASYNC110 - counts are told by nobody
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
    assert [one.sequence for _, one, _ in heard.groups] == list(range(300))
    assert collector.refused == {Refused.VERSION: 1}
    assert (tmp_path / "feed").stat().st_mode & 0o777 == 0o600


async def test_what_finds_no_room_is_lost_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "_MOST_WAITING", 100)
    sender = FeedSender(tmp_path / "feed", dict)
    for number in range(150):
        sender.keep(encode(group(number)), number)
    collector, heard = controller_side()
    async with asyncio.timeout(60):
        tasks = [
            asyncio.create_task(serve_feed(tmp_path / "feed", collector)),
            asyncio.create_task(sender.run()),
        ]
        await heard.wait(100)
        for task in tasks:
            task.cancel()
    assert [arrived for _, _, arrived in heard.groups] == list(range(50, 150))
    assert (sender.dropped, collector.socket_lost) == (50, 50)


async def test_a_feed_of_nonsense_is_closed_and_harms_nobody(tmp_path: Path) -> None:
    collector, _ = controller_side()
    task = asyncio.create_task(serve_feed(tmp_path / "feed", collector))
    async with asyncio.timeout(60):
        while not (tmp_path / "feed").exists():  # noqa: ASYNC110 - nor is a socket
            await asyncio.sleep(0.01)
        for nonsense in (
            b"\xff" * 64,
            bytes(1) + b"\xff" * 4 + bytes(8),
            b"\x01\0\0\0\x02" + bytes(8) + b"[]",
        ):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "feed")
            writer.write(nonsense)
            assert await reader.read() == b""
            writer.close()
    assert not task.done()
    task.cancel()
    assert collector.nodes[LEAF].received == 0
