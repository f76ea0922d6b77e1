"""What intents have counted, of a switch whose process is killed and comes back with nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
from finsy.proto import p4r, p4r_grpc
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from p4fabric.pipelines.fabric.bindings import FirewallIpv4
from tests.fabric.api.conftest import TARGET, Served, configured, controller, network, switch_process
from tests.fabric.api.test_switches import POLICY, apply, until_in_sync
from tests.fabric.api.wiretap import Wiretap
from tests.veth import make_pair, open_wire, remove

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(TARGET != "softswitch", reason="bmv2 takes long to restart"),
]

NEAR, FAR = "counts-sw", "counts-h"
CLIENTS = network(
    subnets=["10.0.1.0/24"], gateways=["10.0.1.1"], attachments=[{"switch": "leaf1", "port": 1}]
)
TELNET = bytes(
    Ether(src="02:00:00:00:00:77", dst="02:00:5e:00:00:01")
    / IP(src="10.0.1.7", dst="10.0.2.4")
    / TCP(dport=23)
)


@pytest.fixture
def cable() -> Iterator[None]:
    make_pair(NEAR, FAR)
    yield
    remove(NEAR)


@contextmanager
def leaf() -> Iterator[str]:
    """A switch with the cable in port 1; it is killed at the end."""
    with switch_process(1, [f"1@{NEAR}"]) as address:
        yield address


def send(times: int) -> None:
    """Packets that the policy denies."""
    with open_wire(FAR) as wire:
        for _ in range(times):
            wire.send(TELNET)


async def until_counted(served: Served, address: str, times: int) -> None:
    """Wait until a switch has denied so many packets, by its own account: the controller does not read."""
    wanted = p4r.Entity()
    wanted.direct_counter_entry.table_entry.table_id = FirewallIpv4.TABLE_ID
    request = p4r.ReadRequest(device_id=1, entities=[wanted])

    async def seen() -> bool:
        async with grpc.aio.insecure_channel(address) as channel:
            answers = [answer async for answer in p4r_grpc.P4RuntimeStub(channel).Read(request)]
        counters = (entity.direct_counter_entry.data for answer in answers for entity in answer.entities)
        return bool(sum(counter.packet_count for counter in counters) == times)

    await served.until(seen)


async def counted(served: Served) -> int:
    answer = await served.get("/api/v1/intents/FirewallPolicy/acme/no-telnet/counters")
    return sum(count["packets"] for count in answer["counters"])


async def ready(served: Served, switch: Wiretap, pushes: int) -> None:
    await served.until(lambda: switch.pushes == pushes)
    await served.until_all("active")
    await until_in_sync(served)


async def test_a_killed_switch_that_has_counted_more_than_before_when_it_is_read_loses_no_count(
    tmp_path: Path, cable: None
) -> None:
    """Counters are read on request only, so the first answer after the restart is a higher count."""
    config = {"telemetry": {"counterInterval": 0, "portInterval": 0}}
    with ExitStack() as running:
        first = running.enter_context(leaf())
        async with Wiretap(first) as wire, controller(configured(tmp_path, wire.address, **config)) as served:
            await apply(served, [CLIENTS, POLICY])
            await ready(served, wire, pushes=1)
            send(20)
            await until_counted(served, first, 20)
            assert await counted(served) == 20
            running.close()
            second = running.enter_context(leaf())
            await wire.point_to(second)
            await ready(served, wire, pushes=2)
            send(30)
            await until_counted(served, second, 30)
            assert await counted(served) == 50
            page = (await served.http.get("/metrics")).text
            series = 'counter="telnet",kind="FirewallPolicy",name="no-telnet",tenant="acme"'
            assert f"p4fabric_intent_packets_total{{{series}}} 50.0" in page
            assert 'p4fabric_tenant_packets_total{kind="FirewallPolicy",tenant="acme"} 50.0' in page
