"""Attacks on health checks: answers that nobody asked for, to a real switch and the controller."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from p4fabric.softswitch import AsyncSoftSwitch
from tests.fabric.api.conftest import TARGET, configured, controller
from tests.fabric.api.servers import GATEWAY, PORT, ROUTER, Server, Servers, checked_service, serving

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="frames are put into memory ports")

AT_ONCE, A_SECOND = 26, 50
"""Answers that the pipeline takes of one port: see sizes.p4."""


@pytest.fixture
async def switch() -> AsyncIterator[AsyncSoftSwitch]:
    async with AsyncSoftSwitch(interfaces=dict.fromkeys((3, 4, 5))) as switch:
        yield switch


async def flood(servers: Servers, attacker: Server, pretended: Server, frames: int) -> None:
    """Send SYN-ACKs of a server to all ports that checks may come from."""
    ether = Ether(src=attacker.mac, dst=ROUTER)
    for n in range(frames):
        port, guess = 49152 + n % 16384, n * 2654435761 % 2**32
        answer = TCP(sport=PORT, dport=port, flags="SA", seq=n, ack=guess)
        frame = ether / IP(src=pretended.ip, dst=GATEWAY) / answer
        while not servers.send(attacker.port, frame):  # noqa: ASYNC110
            await asyncio.sleep(0.001)  # nobody tells that there is room


async def test_a_flood_of_answers_reaches_the_controller_at_a_bounded_rate_and_harms_no_other_server(
    tmp_path: Path, switch: AsyncSoftSwitch
) -> None:
    config = configured(tmp_path, switch.address, telemetry={"counterInterval": 0.1})
    async with controller(config) as served, serving(switch, served, checked_service("tcp")) as servers:
        attacker, victim = servers.all.values()
        await served.until(lambda: victim.resets)
        began = time.monotonic()
        await flood(servers, attacker, attacker, 1000)
        taken = AT_ONCE + A_SECOND * (time.monotonic() - began)

        async def dropped() -> int:
            drops = (await served.get("/api/v1/drops"))["drops"]
            ours = [d for d in drops if d["port"] == attacker.port and d["reason"] == "health_reply"]
            return sum(d["packets"] for d in ours)

        await served.until(dropped)
        asked = victim.resets
        await served.until(lambda: victim.resets >= asked + 3)
        assert await dropped() >= 1000 - taken
        assert not any(victim.ip in reason for reason in servers.reasons())


async def test_nobody_answers_for_a_server_that_is_down(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    config = configured(tmp_path, switch.address)
    async with controller(config) as served, serving(switch, served, checked_service("tcp")) as servers:
        attacker, victim = servers.all.values()
        victim.is_there = False
        await servers.until_down(victim.ip, why="failed 1 checks: did not answer")
        asked = len(attacker.asked)
        while len(attacker.asked) < asked + 4:
            # In the victim's name and in its own, with numbers that it can only guess.
            await flood(servers, attacker, victim, 10)
            await flood(servers, attacker, attacker, 2)
            await asyncio.sleep(0.05)
        assert any(victim.ip in reason for reason in servers.reasons())
        assert not any(attacker.ip in reason for reason in servers.reasons())


@pytest.mark.parametrize("listens", [True, False])
async def test_an_answer_to_another_number_is_none(
    tmp_path: Path, switch: AsyncSoftSwitch, listens: bool
) -> None:
    config = configured(tmp_path, switch.address)
    async with controller(config) as served, serving(switch, served, checked_service("tcp")) as servers:
        _, liar = servers.all.values()
        liar.listens, liar.lies = listens, True
        await servers.until_down(liar.ip, why="failed 1 checks: did not answer")
        asked = len(liar.asked)
        await served.until(lambda: len(liar.asked) > asked + 3)
        assert any(liar.ip in reason for reason in servers.reasons()) and not liar.resets
