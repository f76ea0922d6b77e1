"""A hundred hosts behind one switch speak at once: all are learned, and nothing is refused or held up."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from time import thread_time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

from p4fabric import SoftSwitch
from p4fabric.controller.telemetry.bus import Published
from p4fabric.controller.telemetry.events import HostLearned
from tests.fabric.api.conftest import TARGET, configured, controller, network
from tests.fabric.api.test_switches import apply
from tests.fabric.api.wiretap import Wiretap

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="frames are put into memory ports")

HOSTS = range(1, 101)
"""Their numbers, which are those of their ports."""


def mac(number: int) -> str:
    return f"02:00:00:00:00:{number:02x}"


def address(number: int) -> str:
    return f"10.0.1.{number}"


def spoken(number: int) -> bytes:
    """A host asks for its gateway."""
    asked = ARP(hwsrc=mac(number), psrc=address(number), pdst="10.0.1.254")
    return bytes(Ether(src=mac(number), dst="ff:ff:ff:ff:ff:ff") / asked).ljust(60, b"\0")


EVERYBODY = network(
    "everybody",
    subnets=["10.0.1.0/24"],
    gateways=["10.0.1.254"],
    attachments=[{"switch": "leaf1", "port": number} for number in HOSTS],
)
NO_TELNET = {
    "kind": "FirewallPolicy",
    "name": "no-telnet",
    "tenant": "acme",
    "spec": {"rules": [{"name": "telnet", "action": "deny", "protocol": "tcp", "ports": [23]}]},
}
WEB = {
    "kind": "Service",
    "name": "web",
    "tenant": "acme",
    "spec": {
        "virtualIp": "10.0.100.1",
        "protocol": "tcp",
        "port": 80,
        "pool": [{"address": address(number), "port": 8080} for number in HOSTS[:20]],
    },
}


async def longest_turn(done: asyncio.Event) -> float:
    """For how long others held the loop's thread at most, in seconds of its own time."""
    longest = 0.0
    gc.disable()  # not what is measured here
    try:
        while not done.is_set():
            before = thread_time()
            await asyncio.sleep(0)
            longest = max(longest, thread_time() - before)
    finally:
        gc.enable()
    return longest


async def test_a_hundred_hosts_of_one_switch_are_learned_at_once(tmp_path: Path) -> None:
    with SoftSwitch(interfaces=dict.fromkeys(HOSTS)) as switch:
        async with (
            Wiretap(switch.address) as tap,
            controller(configured(tmp_path, tap.address)) as served,
        ):
            await apply(served, [EVERYBODY, NO_TELNET, WEB])
            await served.until(lambda: all(one.in_sync for one in served.fabric.switches), 60)
            learned: list[str] = []
            done = asyncio.Event()
            with served.fabric.bus.subscribe() as events:
                beating = asyncio.create_task(longest_turn(done))
                for number in HOSTS:
                    switch.inject(number, spoken(number))
                while len(learned) < len(HOSTS):
                    assert await events.wait(60.0), f"{len(learned)} hosts were learned"
                    told = [item.event for item in events.take(1000) if isinstance(item, Published)]
                    learned += [str(event.host.mac) for event in told if isinstance(event, HostLearned)]
                await served.until_all("active", 60)
                done.set()
            assert sorted(learned) == [mac(number) for number in HOSTS]
            assert tap.refused == []
            assert await beating < 0.1, (
                "benchmarks hold the loop to 20 ms, this test to no pile of work in one turn"
            )
            # Each is known where it is: nothing is flooded to the others.
            switch.collect()
            for number in HOSTS:
                other = number % len(HOSTS) + 1
                packet = IP(src=address(number), dst=address(other)) / UDP(sport=1, dport=1) / bytes(32)
                frame = bytes(Ether(src=mac(number), dst=mac(other)) / packet)
                assert switch.send(number, frame) == [(other, frame)]
