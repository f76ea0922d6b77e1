"""The controller has switches keep bins of watched queues, and send them to it; and asks their time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from finsy.proto import gnmi
from grpc import aio

from p4fabric.controller.fabric.figures import watches_of
from p4fabric.controller.fabric.watched_queues import collector_for
from p4fabric.controller.p4runtime.gnmi import key_of
from p4fabric.controller.p4runtime.gnmi_get import get_leaves
from p4fabric.softswitch import AsyncSoftSwitch, QueueWatch
from p4fabric.softswitch.server.ports import QueueLimits
from tests.fabric.api.conftest import TARGET, Served, configured, controller
from tests.fabric.api.test_switches import apply, until_in_sync
from tests.switch.pipeline.harness import free_tcp_port

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="bmv2 has no bins")

LISTEN = {"reports": {"listen": "127.0.0.1:0"}}
CONFIG = "/qos/interfaces/interface[interface-id=*]/output/queues/queue[name=egress]/config"
BY_HAND = 4


def watch(**spec: Any) -> dict[str, Any]:
    return {"kind": "TelemetryWatch", "name": "queues", "tenant": "operations", "spec": spec}


async def values(address: str, path: str) -> dict[str, gnmi.TypedValue]:
    """Values of a leaf, by interface."""
    async with aio.insecure_channel(address) as channel:
        updates = await get_leaves(channel, path, timeout=60)
        return {
            key_of(prefix, one.path, "interface", "interface-id") or "": one.val for prefix, one in updates
        }


async def watched(address: str) -> set[int]:
    """Ports whose queues are kept in bins."""
    found = await values(address, f"{CONFIG}/watch")
    return {int(name.removeprefix("port")) for name, value in found.items() if value.bool_val}


async def collector(address: str) -> str:
    """Who takes bins."""
    return str((await values(address, "/queues/config/collector"))[""].string_val)


def switch_at(port: int) -> AsyncSoftSwitch:
    watches = {BY_HAND: QueueWatch()}
    return AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 9)), listen=f"127.0.0.1:{port}", watches=watches)


async def test_ports_of_a_watch_are_kept_in_bins_after_a_restart_too_and_no_longer_than_it(
    tmp_path: Path,
) -> None:
    port = free_tcp_port()
    address = f"127.0.0.1:{port}"
    async with controller(configured(tmp_path, address, telemetry=LISTEN)) as served:

        async def is_set(ports: set[int], takes: str) -> bool:
            return await watched(address) == ports and await collector(address) == takes

        async with switch_at(port):
            await apply(served, [watch(ports=[2, 3], queueDepth=10, queueDelayMicroseconds=600)])
            await until_in_sync(served)
            here = f"127.0.0.1:{(await served.until(lambda: served.fabric.incidents.address))[1]}"
            await served.until(lambda: is_set({2, 3, BY_HAND}, here))
            depths = await values(address, f"{CONFIG}/report-depth")
            waits = await values(address, f"{CONFIG}/report-wait")
            assert (depths["port2"].uint_val, waits["port2"].uint_val) == (5, 300)
            await served.until(lambda: heard(served))
        # It comes back as it was started, and is set again.
        async with switch_at(port):
            await served.until(lambda: is_set({2, 3, BY_HAND}, here))
            await apply(served, [watch(ports=[3])])
            await served.until(lambda: is_set({3, BY_HAND}, here))
            await served.http.delete("/api/v1/intents/telemetrywatch/operations/queues")
            await served.until(lambda: is_set({BY_HAND}, ""))


async def heard(served: Served) -> bool:
    """Whether the switch sends bins, and its clock was compared."""
    (found,) = (await served.get("/api/v1/telemetry"))["switches"]
    return (
        found["heardAt"] is not None
        and found["clockErrorSeconds"] is not None
        and found["clockErrorSeconds"] < 5
        and found["binsProblem"] is None
    )


async def test_a_controller_that_takes_no_reports_has_none_sent_and_says_why(tmp_path: Path) -> None:
    port = free_tcp_port()
    address = f"127.0.0.1:{port}"
    async with switch_at(port), controller(configured(tmp_path, address)) as served:
        await apply(served, [watch(ports=[2])])
        await until_in_sync(served)

        async def problem() -> bool:
            (found,) = (await served.get("/api/v1/telemetry"))["switches"]
            return bool(found["binsProblem"] == "telemetry.reports.listen is not set")

        await served.until(problem)
        assert await watched(address) == {BY_HAND}


async def test_of_a_slow_port_less_is_reported_as_soon_as_its_switch_says_how_slow_it_is(
    tmp_path: Path,
) -> None:
    queues = {2: QueueLimits(rate_bps=10**7, depth=64)}
    async with (
        AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 5)), queues=queues) as leaf,
        controller(configured(tmp_path, leaf.address)) as served,
    ):
        (switch,) = served.fabric._switches.values()
        await apply(served, [watch(ports=[2, 3])])

        def intervals() -> dict[int, int]:
            return {int(one.egress_port): one.action.interval for one in watches_of(switch)}

        await served.until(lambda: intervals() == {2: 22_000, 3: 3125})
        await until_in_sync(served)


@pytest.mark.parametrize(
    ("at", "switch", "found"),
    [
        (("127.0.0.1", 9), "unix:/run/leaf1.sock", ("127.0.0.1:9", "")),
        (("0.0.0.0", 9), "127.0.0.1:9559", ("127.0.0.1:9", "")),
        (("::", 9), "unix:/run/leaf1.sock", ("[::1]:9", "")),
        (("192.0.2.1", 9), "leaf1.example:9559", ("192.0.2.1:9", "")),
        (("2001:db8::1", 9), "192.0.2.7:9559", ("[2001:db8::1]:9", "")),
        (
            ("127.0.0.1", 9),
            "192.0.2.7:9559",
            ("", "telemetry.reports.listen is 127.0.0.1, which 192.0.2.7:9559 cannot reach"),
        ),
        (
            ("0.0.0.0", 9),
            "leaf1.example:9559",
            ("", "telemetry.reports.collector must say which address of ours leaf1.example:9559 reaches"),
        ),
    ],
)
def test_a_switch_is_told_an_address_that_it_reaches(
    at: tuple[str, int], switch: str, found: tuple[str, str]
) -> None:
    assert collector_for(*at, switch) == found
