"""What ports count, from a gNMI server that answers as we want, as other switches do, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any

import grpc
import pytest
from finsy.proto import gnmi, gnmi_grpc

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import gnmi_follow as module
from p4fabric.controller.p4runtime.gnmi import subscribe
from p4fabric.controller.p4runtime.port_samples import QUEUE_LEAVES, PortSample, follow_samples
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.pipelines.values import Port

LEAF = SwitchName("leaf1")
FRONT_PORTS = range(1, 510)
SYNC = gnmi.SubscribeResponse(sync_response=True)
Script = Callable[["FakeGnmi", Any], Awaitable[None]]


class FakeGnmi(gnmi_grpc.gNMIServicer):
    """Does what a script says with each subscriber."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[gnmi.SubscriptionList] = []

    async def Subscribe(self, _: object, context: Any) -> None:  # type: ignore[override]
        self.requests.append((await context.read()).subscribe)
        await self.script(self, context)


class Watcher(PortCounts):
    """Remembers what it was told, and waits for it."""

    def __init__(self) -> None:
        super().__init__([LEAF])
        self.told: list[PortSample] = []
        self.reasons: list[str | None] = []
        """Why nothing was read, or (None) that something was."""
        self.news = asyncio.Event()

    def ports_sampled(self, switch: SwitchName, samples: Collection[PortSample]) -> None:
        super().ports_sampled(switch, samples)
        self.told += samples
        self.reasons.append(None)
        self.news.set()

    def ports_unread(self, switch: SwitchName, reason: str) -> None:
        super().ports_unread(switch, reason)
        self.reasons.append(reason)

    def ports_gone(self, switch: SwitchName, ports: Collection[Port]) -> None:
        super().ports_gone(switch, ports)
        self.news.set()

    def totals(self, port: int = 1) -> dict[str, int]:
        return next(count.totals for ref, count in self if ref.port == port)


@pytest.fixture
async def follow(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Follows a script, until it says no more; returns server and watcher."""
    monkeypatch.setattr(module, "_FIRST_RETRY", 0.01)
    monkeypatch.setattr(module, "_LONGEST_RETRY", 0.02)
    server = grpc.aio.server()

    async def followed(script: Script, leaf: str = "id") -> tuple[FakeGnmi, Watcher]:
        fake, watcher = FakeGnmi(script), Watcher()  # type: ignore[abstract]
        gnmi_grpc.add_gNMIServicer_to_server(fake, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel, asyncio.timeout(60):
            await follow_samples(channel, LEAF, leaf, FRONT_PORTS, watcher, interval=0.1, timeout=0.5)
        return fake, watcher

    yield followed
    await server.stop(None)


def said(*leaves: tuple[str, object]) -> gnmi.SubscribeResponse:
    """Values of leaves, by paths below `/interfaces/interface[name=…]/state/` or whole."""
    response, request = gnmi.SubscribeResponse(), gnmi.SubscribeRequest()
    for path, value in leaves:
        name, _, rest = path.partition(" ")
        whole = rest if rest.startswith("/") else f"/interfaces/interface[name={name}]/state/{rest}"
        subscribe(request, whole, gnmi.SAMPLE)
        update = response.update.update.add(path=request.subscribe.subscription[-1].path)
        if isinstance(value, str):
            update.val.string_val = value
        else:
            setattr(update.val, "uint_val" if isinstance(value, int) and value >= 0 else "int_val", value)
    return response


async def refused(fake: FakeGnmi, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such thing")


async def test_one_subscription_samples_all_ports_and_queues(follow: Any) -> None:
    fake, watcher = await follow(refused)
    paths = [["/".join(e.name for e in one.path.elem) for one in each.subscription] for each in fake.requests]
    state = [f"interfaces/interface/state/{leaf}" for leaf in ("id", "oper-status", "counters")]
    # Refused with some leaves of queues, it is asked with what there is, then without, and then no more.
    queue = "qos/interfaces/interface/output/queues/queue/state"
    assert paths == [[*state, *(f"{queue}/{leaf}" for leaf in QUEUE_LEAVES)], [*state, queue], state]
    assert {one.sample_interval for each in fake.requests for one in each.subscription} == {100_000_000}
    assert "UNIMPLEMENTED" in (watcher.unread[LEAF] or "")


async def test_a_switch_without_interfaces_has_nothing_to_say_and_is_asked_again(follow: Any) -> None:
    async def script(fake: FakeGnmi, context: Any) -> None:
        if len(fake.requests) == 1:
            await context.write(SYNC)
            await asyncio.Event().wait()
        elif len(fake.requests) == 2:
            await context.write(said(("eth1 id", 1), ("eth1 counters/in-pkts", 7)))
            await context.write(SYNC)
        await refused(fake, context)

    _, watcher = await follow(script)
    assert watcher.reasons[:2] == [None, None]
    assert watcher.totals() == {"in-pkts": 7}


async def test_unicast_and_the_rest_add_up_where_a_switch_counts_them_apart(follow: Any) -> None:
    """As Stratum does, whose port number is the ifindex."""

    async def script(fake: FakeGnmi, context: Any) -> None:
        if len(fake.requests) > 1:
            await refused(fake, context)
        counters = [("1/1/1 counters/in-unicast-pkts", 7), ("1/1/1 counters/in-multicast-pkts", 2)]
        status = ("1/1/1 oper-status", "openconfig-interfaces:UP")
        await context.write(said(*counters, status, ("1/1/1 counters/in-errors", 3)))
        await context.write(said(("1/1/1 ifindex", 260)))
        await context.write(SYNC)
        await context.write(said(("1/1/1 counters/in-unicast-pkts", 9)))
        await asyncio.sleep(0.05)

    _, watcher = await follow(script, "ifindex")
    assert watcher.totals(260) == {"in-pkts": 11, "in-errors": 3}
    assert watcher.told[-1].up is True and watcher.told[-1].interface == "1/1/1"


async def test_ports_that_go_or_share_a_number_confuse_no_count(follow: Any) -> None:
    async def script(fake: FakeGnmi, context: Any) -> None:
        if len(fake.requests) > 1:
            await refused(fake, context)
        first = [("eth1 id", 1), ("eth1 oper-status", "UP"), ("eth1 counters/in-pkts", 100)]
        # Another interface says that it is port 1, and a management interface has no port number.
        await context.write(
            said(*first, ("eth9 id", 1), ("eth9 counters/in-pkts", 5), ("mgmt counters/in-pkts", 1))
        )
        await context.write(SYNC)
        await context.write(said(("eth1 counters/in-pkts", 101), ("eth9 counters/in-pkts", 6)))
        gone = gnmi.SubscribeResponse()
        gone.update.delete.add(elem=said(("eth1 id", 1)).update.update[0].path.elem[:2])
        await context.write(gone)
        await context.write(said(("eth9 counters/in-pkts", 7)))
        await asyncio.sleep(0.05)

    _, watcher = await follow(script)
    # What came after is of another interface: it counts anew.
    assert watcher.totals() == {"in-pkts": 108} and {sample.port for sample in watcher.told} == {1}
    assert [sample.interface for sample in watcher.told] == ["eth1", "eth1", "eth9"]


async def many(fake: FakeGnmi, context: Any) -> None:
    for start in range(0, 2000, 100):
        await context.write(said(*((f"eth{n} counters/in-pkts", n) for n in range(start, start + 100))))
    await context.write(SYNC)
    await context.read()


async def nonsense(fake: FakeGnmi, context: Any) -> None:
    await context.write(said(("eth1 id", 1), ("eth1 counters/in-pkts", "many")))
    await context.write(SYNC)
    await context.read()


async def silent(fake: FakeGnmi, context: Any) -> None:
    """Not even that there is nothing to say."""
    await context.read()


@pytest.mark.parametrize("script", [many, nonsense, silent])
async def test_failures_are_tried_again_a_few_times_and_then_told(follow: Any, script: Script) -> None:
    fake, watcher = await follow(script)
    assert watcher.told == [] and len(fake.requests) == 5 and watcher.unread[LEAF]


async def test_queues_that_a_port_names_are_bounded(follow: Any) -> None:
    async def script(fake: FakeGnmi, context: Any) -> None:
        if len(fake.requests) > 1:
            await refused(fake, context)
        path = "/qos/interfaces/interface[interface-id=eth1]/output/queues/queue[name={}]/state/dropped-pkts"
        await context.write(said(("eth1 id", 1), *((f"eth1 {path.format(n)}", n) for n in range(500))))
        await context.write(SYNC)
        await asyncio.sleep(0.05)

    _, watcher = await follow(script)
    ((_, count),) = watcher
    assert len(count.queues) == 16


async def test_a_switch_that_says_that_it_has_cleared_its_counters_is_believed(follow: Any) -> None:
    """Though it has counted more since then than before."""
    queue = "/qos/interfaces/interface[interface-id=eth1]/output/queues/queue[name=q]/state/transmit-pkts"

    async def script(fake: FakeGnmi, context: Any) -> None:
        counted = {1: (100, 1000), 2: (150, 2000)}.get(len(fake.requests))
        if counted is None:
            await refused(fake, context)
            return
        packets, cleared_at = counted
        leaves = [("eth1 id", 1), ("eth1 counters/in-pkts", packets), (f"eth1 {queue}", packets)]
        await context.write(said(*leaves, ("eth1 counters/last-clear", cleared_at)))
        await context.write(SYNC)
        await context.write(said(("eth1 counters/in-pkts", packets + 1)))
        await asyncio.sleep(0.05)

    _, watcher = await follow(script)
    assert watcher.totals() == {"in-pkts": 101 + 151}
    ((_, count),) = watcher
    assert count.queues["q"].totals == {"transmit-pkts": 250}
