"""What hosts and routes say of addresses, where it contradicts what the fabric keeps: it stops nothing else.

A real switch and the controller, wired as in `test_takeover`; and the compiler alone.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from p4fabric.controller.intents import IntentError
from tests.attacks.test_takeover import (
    ADDRESS,
    ATTACKER,
    MULE,
    VICTIM,
    Wired,
    arp_reply,
    arp_request,
    open_network,
    victim_speaks,
    watched,
    wired,
)
from tests.fabric.api.conftest import configured
from tests.unit.compiler.world import (
    ACCESS,
    CLIENTS,
    DATA,
    SERVERS,
    UE,
    WEB,
    compiled,
    host,
    network,
    topology,
)

__all__ = ["wired"]

MARK = b"to the mule alone"
FROM_VICTIM = (
    Ether(src=VICTIM, dst=MULE) / IP(src=ADDRESS, dst="10.0.1.9") / UDP(sport=9, dport=9) / Raw(MARK)
)


def heard(wired: Wired, port: int) -> bool:
    """Whether the marked frame has come out of a port; empties what waits there."""
    wire, found = wired.wires[port], False
    wire.setblocking(False)
    while True:
        try:
            found |= MARK in wire.recv(2000)
        except BlockingIOError:
            return found


async def until_the_mule_is_followed(wired: Wired, seconds: float = 60) -> None:
    """A host speaks for the first time; soon what is for it is not flooded any more, for it has entries."""
    async with asyncio.timeout(seconds):
        while True:
            wired.send(3, arp_request(MULE, "10.0.1.9"))
            wired.send(1, FROM_VICTIM)
            await asyncio.sleep(0.1)
            flooded, delivered = heard(wired, 2), heard(wired, 3)
            if delivered and not flooded:
                return


@pytest.mark.root
@pytest.mark.parametrize(
    "claimed",
    [
        pytest.param("10.0.1.0"),
        pytest.param("10.0.1.255"),
        "10.0.1.66",
    ],
    ids=["network address", "broadcast address", "control: an address of a host"],
)
async def test_an_address_that_no_host_can_have_is_not_learned_and_stops_nothing(
    wired: Wired, tmp_path: Path, claimed: str
) -> None:
    async with watched(configured(tmp_path, wired.switch)) as found:
        await victim_speaks(wired, found)
        wired.send(2, arp_reply(ATTACKER, claimed))
        wired.send(2, arp_reply(ATTACKER, "10.0.1.66"))
        await found.until_known(lambda one: str(one.mac) == ATTACKER)
        await until_the_mule_is_followed(wired)
        assert found.at(ATTACKER) == (2, {"10.0.1.66"})


@pytest.mark.root
@pytest.mark.parametrize(
    "learned",
    [pytest.param("10.0.1.127"), "10.0.1.126"],
    ids=["becomes the broadcast address", "control: stays a host's"],
)
async def test_a_subnet_that_becomes_smaller_around_a_host_stops_nothing(
    wired: Wired, tmp_path: Path, learned: str
) -> None:
    async with watched(configured(tmp_path, wired.switch)) as found:
        await victim_speaks(wired, found)
        wired.send(2, arp_reply(ATTACKER, learned))
        await found.until_known(lambda one: str(one.mac) == ATTACKER)
        smaller = open_network(subnets=["10.0.1.0/25"], gateways=["10.0.1.1"])
        answer = await found.served.http.post("/api/v1/intents", json=smaller)
        assert answer.status_code == 200, answer.text
        await until_the_mule_is_followed(wired)


@pytest.mark.parametrize("address", ["10.0.1.0", "10.0.1.255"])
def test_a_stored_host_with_an_address_that_it_cannot_have_does_not_stop_the_compiler(address: str) -> None:
    compiled(CLIENTS, seen=topology(host("clients", "leaf1", 1, address)))


@pytest.mark.parametrize("prefix", ["10.0.100.80/32", "10.45.0.2/32"], ids=["a virtual IP", "a UE"])
def test_a_route_for_what_is_a_services_or_a_sessions_own_is_refused(prefix: str) -> None:
    routing = network("clients", 1, ("leaf1", 1), routes=[{"prefix": prefix, "via": "10.0.1.11"}])
    with pytest.raises(IntentError):
        compiled(routing, SERVERS, ACCESS, DATA, WEB, UE)


def test_a_route_that_covers_such_addresses_among_others_stands_beside_them() -> None:
    prefixes = ("10.0.100.0/24", "10.45.0.0/31")
    routes = [{"prefix": prefix, "via": "10.0.1.11"} for prefix in prefixes]
    compiled(network("clients", 1, ("leaf1", 1), routes=routes), SERVERS, ACCESS, DATA, WEB, UE)
