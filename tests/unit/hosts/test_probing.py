"""Questions leave as frames; a switch that takes none holds up no other."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from scapy.layers.l2 import ARP, Ether

from p4fabric.controller.hosts import AgeingSettings
from p4fabric.controller.hosts.probing import HostProbing
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.errors import SwitchUnavailable
from p4fabric.controller.topology.model import Host
from p4fabric.pipelines.values import IPv4Address, MacAddress, Port
from tests.unit.hosts.world import NET, World, network
from tests.unit.southbound.simulated_switch import run_without_waiting

STUCK, FREE = SwitchName("leaf1"), SwitchName("leaf2")


async def never(switch: SwitchName) -> None:
    raise AssertionError(f"{switch} is asked itself though nothing is checked")


@pytest.mark.parametrize("answers", [True, False])
def test_a_silent_host_is_forgotten_only_if_its_switch_answers(answers: bool) -> None:
    async def run() -> None:
        asked: list[SwitchName] = []

        async def send(port: PortRef, frame: bytes) -> None:
            pass

        async def ask(switch: SwitchName) -> None:
            asked.append(switch)
            if not answers:
                await asyncio.Event().wait()

        world = World(ageing=AgeingSettings(silence=300), clock=asyncio.get_running_loop().time)
        world.seen(1, 7, "10.0.1.7")
        probing = HostProbing(world.directory, None, send, ask)
        with suppress(TimeoutError):
            async with asyncio.timeout(400):
                await probing.run()
        assert set(asked) == {STUCK}
        assert bool(world.gone) is answers

    run_without_waiting(run())


async def sent_by(world: World, stuck: Exception | None, wanted: int) -> list[tuple[PortRef, bytes]]:
    sent: list[tuple[PortRef, bytes]] = []
    enough = asyncio.Event()

    async def send(port: PortRef, frame: bytes) -> None:
        if port.switch == STUCK:
            if stuck is not None:
                raise stuck
            await asyncio.Event().wait()
        sent.append((port, frame))
        if len(sent) >= wanted:
            enough.set()

    probing = HostProbing(world.directory, None, send, ask=never)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(probing.run())
        await enough.wait()
        running.cancel()
    return sent


@pytest.mark.parametrize("stuck", [None, SwitchUnavailable("away")], ids=["stuck", "refusing"])
async def test_a_switch_that_takes_no_frames_holds_up_no_other(stuck: Exception | None) -> None:
    attachments = [{"switch": switch, "port": port} for switch in (STUCK, FREE) for port in range(1, 11)]
    world = World(
        network(subnets=["10.0.0.0/16"], attachments=attachments),
        ageing=AgeingSettings(silence=0.05),
        clock=asyncio.get_running_loop().time,
    )
    world.directory.switch_connected(STUCK)
    world.directory.switch_connected(FREE)
    hosts = [
        Host(MacAddress(n), NET, PortRef(switch, Port(1 + n % 10)), frozenset([IPv4Address(0x0A000000 + n)]))
        for switch, first in ((STUCK, 1000), (FREE, 2000))
        for n in range(first, first + 100)
    ]
    world.restore(*hosts)
    sent = await sent_by(world, stuck, 50)
    asked = {(Ether(frame).dst, Ether(frame)[ARP].pdst) for _, frame in sent}
    assert asked <= {(str(host.mac), str(*host.addresses)) for host in hosts[100:]}
    assert len(asked) >= 50
