"""Clients that people use: finsy's switch and controller, pygnmi, and what gnmic and Stratum's send."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import finsy
import pytest

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.gnmi.client import IETF, JSON, ONCE, PROTO, Gnmi, value

KINDS = Path(__file__).parents[1] / "server" / "programs" / "kinds"
ONE = "/interfaces/interface[name=port1]"
STATUS, NUMBER, PACKETS = f"{ONE}/state/oper-status", f"{ONE}/state/id", f"{ONE}/state/counters/in-pkts"
PORTS = {"port1", "port2", "port3"}
OPTIONS = finsy.SwitchOptions(p4info=KINDS.with_suffix(".p4info.txtpb"), p4blob=KINDS.with_suffix(".json"))


def up(switch: finsy.Switch) -> set[str]:
    return {one.name for one in switch.ports if one.up}


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not found():  # noqa: ASYNC110 - finsy has no event of it
            await asyncio.sleep(0.01)


async def test_finsys_switch_connects_and_hears_of_ports(bare: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    async with finsy.Switch("s1", bare.address, OPTIONS) as switch:
        assert switch.is_primary
        assert {one.name for one in switch.ports} == PORTS
        await until(lambda: up(switch) == PORTS)  # since there is a pipeline
        await gnmi.set(update={f"{ONE}/config/enabled": False})
        await until(lambda: up(switch) == PORTS - {"port1"})


async def test_finsys_switch_connects_where_there_is_no_pipeline(bare: AsyncSoftSwitch) -> None:
    async with finsy.Switch("s1", bare.address) as switch:
        assert [one.up for one in switch.ports] == [False] * 3


async def test_finsys_controller_runs_a_ready_handler(bare: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    written: list[object] = []

    async def on_ready(switch: finsy.Switch) -> None:
        await switch.write([+entry])
        async for one in switch.read(finsy.P4TableEntry(entry.table_id)):  # type: ignore[attr-defined]
            written.append(one)

    entry = finsy.P4TableEntry(
        "In.prefixes", match=finsy.Match(dst="02:00:00:00:00:00/8"), action=finsy.Action("In.send", port=2)
    )
    switch = finsy.Switch("s1", bare.address, OPTIONS(ready_handler=on_ready))
    async with finsy.Controller([switch]):
        await until(lambda: up(switch) == PORTS and bool(written))
    assert len(written) == 1


async def test_leaves_are_scalars_unless_ietf_json_is_asked_for(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    """Without an encoding as Stratum's client and finsy subscribe, with JSON as gnmic does."""
    scalars = {"string_val": "UP", "uint_val": 1}
    for encoding, expected in (
        (None, scalars),
        (JSON, scalars),
        (PROTO, scalars),
        (IETF, {"json_ietf_val": b"1"}),
    ):
        subscriber = gnmi.subscribe(STATUS, NUMBER, mode=ONCE, encoding=JSON)
        if encoding is None:
            subscriber.request.subscribe.ClearField("encoding")
        else:
            subscriber.request.subscribe.encoding = encoding
        await subscriber.send()
        updates = (await subscriber.stream.read()).update.update
        kinds = {
            one.val.WhichOneof("value"): getattr(one.val, one.val.WhichOneof("value")) for one in updates
        }
        assert kinds == expected
        got = await gnmi.stub.Get(gnmi.request(STATUS, encoding=encoding or 0))
        (update,) = got.notification[0].update
        assert value(update.val) == "UP"
        assert update.val.WhichOneof("value") == ("json_ietf_val" if encoding == IETF else "string_val")


@pytest.mark.parametrize("mode", ["SAMPLE", "ON_CHANGE"])
async def test_gnmic_subscribes_to_a_container(switch: AsyncSoftSwitch, gnmi: Gnmi, mode: str) -> None:
    """`gnmic subscribe --path /interfaces/interface[name=port1]/state`: encoding JSON, a stream of leaves."""
    fields = {
        "mode": {"SAMPLE": 2, "ON_CHANGE": 1}[mode],
        "sample_interval": 10**9 if mode == "SAMPLE" else 0,
    }
    subscriber = gnmi.subscribe(f"{ONE}/state", encoding=JSON, **fields)
    await subscriber.send()
    found = await subscriber.until_sync()
    assert (found[STATUS], found[NUMBER], found[PACKETS]) == ("UP", 1, 0)


async def test_pygnmi_reads_every_encoding(switch: AsyncSoftSwitch) -> None:
    script = str(Path(__file__).with_name("ask_pygnmi.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, *switch.address.rsplit(":", 1), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0
    found = json.loads(said)
    assert found["leaf"] == dict.fromkeys(("json", "json_ietf", "proto"), "UP")
    assert found["container"]["json"]["id"] == 1
    assert found["container"]["json_ietf"]["openconfig-p4rt:id"] == 1
    assert set(found["subscribed"]) == {"", "json", "json_ietf", "proto"}
    assert all(sorted(map(str, one)) == ["1", "UP"] for one in found["subscribed"].values())
