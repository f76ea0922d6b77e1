"""Capabilities and Get: the paths, their values, the encodings, the errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from finsy.proto import gnmi as messages
from pyroute2 import IPRoute

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.gnmi.client import IETF, JSON, Gnmi, path
from tests.switch.server.client import Client, kinds_config, refused
from tests.switch.server.kinds import frame

MAC = 0x800000000001
ONE = "/interfaces/interface[name=port1]"
QUEUE_2 = "/qos/interfaces/interface[interface-id=port2]/output/queues/queue[name=egress]"
CLOCK = "/queues/state/clock"
"""The one leaf that is another at each look."""
Kind = messages.GetRequest


async def test_capabilities_name_models_and_encodings(gnmi: Gnmi) -> None:
    answer = await gnmi.stub.Capabilities(messages.CapabilityRequest())
    assert answer.gNMI_version == "0.10.0"
    assert set(answer.supported_encodings) == {JSON, IETF, messages.Encoding.PROTO}
    assert {"openconfig-interfaces", "openconfig-qos", "openconfig-system"} <= {
        one.name for one in answer.supported_models
    }


async def test_an_interface_shows_what_it_is(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    found = await gnmi.get(ONE)
    assert 0 < time.time_ns() - found.pop(f"{ONE}/state/counters/last-clear") < 60e9
    counters = {path: value for path, value in found.items() if "/counters/" in path}
    assert set(counters.values()) == {0} and len(counters) == 6
    assert {path.removeprefix(ONE): value for path, value in found.items() if path not in counters} == {
        "/name": "port1",
        "/config/name": "port1",
        "/config/type": "ethernetCsmacd",
        "/config/enabled": True,
        "/config/id": 1,
        "/state/name": "port1",
        "/state/type": "ethernetCsmacd",
        "/state/enabled": True,
        "/state/id": 1,
        "/state/ifindex": 0,
        "/state/admin-status": "UP",
        "/state/oper-status": "UP",
        "/ethernet/config/port-speed": "SPEED_UNKNOWN",
        "/ethernet/state/port-speed": "SPEED_UNKNOWN",
    }


async def test_counters_count_packets(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    for _ in range(3):
        switch.inject(1, frame(MAC))
    assert len(await switch.collect()) == 3
    found = await gnmi.get("/interfaces/interface[name=*]/state/counters")
    found = {path: value for path, value in found.items() if not path.endswith("/last-clear")}
    named = {one.split("name=")[1].replace("]/state/counters/", " "): value for one, value in found.items()}
    assert {one: value for one, value in named.items() if value} == {
        "port1 in-pkts": 3,
        "port1 in-octets": 180,
        "port3 out-pkts": 3,
        "port3 out-octets": 180,
    }


async def test_queues_show_limits_and_drops(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    found = await gnmi.get(QUEUE_2)
    assert {one: found[f"{QUEUE_2}/config/{one}"] for one in ("rate-bps", "rate-pps", "depth-limit")} == {
        "rate-bps": 10**6,
        "rate-pps": 500,
        "depth-limit": 64,
    }
    queue = QUEUE_2.replace("port2", "port3")
    await gnmi.set(update={f"{queue}/config/rate-pps": 1, f"{queue}/config/depth-limit": 10})
    for _ in range(30):
        switch.inject(1, frame(MAC))
    await asyncio.sleep(0.2)
    found = await gnmi.get(f"{queue}/state")
    state = {one.removeprefix(f"{queue}/state/"): value for one, value in found.items()}
    assert state["depth-limit"] == 10 and state["rate-pps"] == 1
    assert state["transmit-pkts"] + state["occupancy"] + state["dropped-pkts"] == 30
    assert state["occupancy"] in (9, 10) and state["max-queue-len"] == 10
    assert state["dropped-pkts"] >= 18


async def test_ports_are_there_before_there_is_a_pipeline(gnmi: Gnmi) -> None:
    found = await gnmi.get("/interfaces/interface/state/oper-status")
    assert found == {f"/interfaces/interface[name=port{n}]/state/oper-status": "DOWN" for n in (1, 2, 3)}


BOOT_TIME = "/system/state/boot-time"


async def test_a_restart_can_be_told_from_a_counter_that_goes_back(gnmi: Gnmi) -> None:
    first = (await gnmi.get(BOOT_TIME))[BOOT_TIME]
    assert 0 < time.time_ns() - first < 600e9
    assert await gnmi.get("/system") == {BOOT_TIME: first}
    for _ in range(2):
        async with AsyncSoftSwitch(interfaces={1: None}) as other, Gnmi(other.address) as client:
            again = (await client.get(BOOT_TIME))[BOOT_TIME]
            assert again > first
            first = again


async def test_a_new_pipeline_or_a_port_that_was_off_is_no_restart(
    switch: AsyncSoftSwitch, controller: Client, gnmi: Gnmi
) -> None:
    before = await gnmi.get(BOOT_TIME)
    await controller.push(kinds_config())
    for enabled in (False, True):
        await gnmi.set(update={f"{ONE}/config/enabled": enabled})
    assert await gnmi.get(BOOT_TIME) == before
    assert await gnmi.get(BOOT_TIME, type=Kind.OPERATIONAL) == before
    assert await gnmi.get(BOOT_TIME, type=Kind.CONFIG) == {}
    (tree,) = (await gnmi.get("/system", encoding=IETF)).values()
    assert tree == {"openconfig-system:state": {"boot-time": str(before[BOOT_TIME])}}


async def test_wildcards_prefixes_and_types_select(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    ids = {f"/interfaces/interface[name=port{n}]/config/id": n for n in (1, 2, 3)}
    assert await gnmi.get("/interfaces/interface/config/id") == ids
    assert await gnmi.get("/interfaces/*/config/id") == ids
    assert await gnmi.get("/.../config/id") == ids
    assert await gnmi.get("config/id", prefix=ONE) == {f"{ONE}/config/id": 1}
    everything, again = await gnmi.get("/"), await gnmi.get()
    assert everything.pop(CLOCK) < again.pop(CLOCK)
    assert everything == again
    config = await gnmi.get("/", type=Kind.CONFIG)
    state = await gnmi.get("/", type=Kind.STATE)
    del state[CLOCK]
    assert config | state == everything and not set(config) & set(state)
    assert f"{ONE}/config/enabled" in config and f"{ONE}/state/enabled" in state
    operational = await gnmi.get(f"{ONE}/state", type=Kind.OPERATIONAL)
    assert f"{ONE}/state/oper-status" in operational and f"{ONE}/state/enabled" not in operational


async def test_json_is_a_tree_and_ietf_json_names_modules_and_writes_wide_numbers_as_strings(
    switch: AsyncSoftSwitch, gnmi: Gnmi
) -> None:
    (plain,) = (await gnmi.get("/interfaces", encoding=JSON)).values()
    assert [one["name"] for one in plain["interface"]] == ["port1", "port2", "port3"]
    assert plain["interface"][0]["state"]["counters"]["in-pkts"] == 0
    found = await gnmi.get("/interfaces/interface", encoding=IETF)
    assert list(found) == [f"/interfaces/interface[name=port{n}]" for n in (1, 2, 3)]
    one = found[ONE]
    assert one["openconfig-interfaces:name"] == "port1"
    assert one["openconfig-interfaces:config"]["openconfig-p4rt:id"] == 1
    assert one["openconfig-interfaces:config"]["type"] == "iana-if-type:ethernetCsmacd"
    assert one["openconfig-interfaces:state"]["counters"]["in-pkts"] == "0"
    speed = one["openconfig-if-ethernet:ethernet"]["config"]["port-speed"]
    assert speed == "openconfig-if-ethernet:SPEED_UNKNOWN"
    assert await gnmi.get(f"{ONE}/config/id", encoding=IETF) == {f"{ONE}/config/id": 1}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("/interfaces/interface[name=port9]/state", grpc.StatusCode.NOT_FOUND),
        ("/interfaces/interface[name=port1]/state/colour", grpc.StatusCode.INVALID_ARGUMENT),
        ("/interfaces/interface[colour=red]", grpc.StatusCode.INVALID_ARGUMENT),
        ("/components", grpc.StatusCode.INVALID_ARGUMENT),
        ("/.../.../id", grpc.StatusCode.INVALID_ARGUMENT),
        ("/" + "*/" * 40, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_paths_that_name_nothing_are_told_apart(gnmi: Gnmi, asked: str, code: grpc.StatusCode) -> None:
    assert (await refused(gnmi.get(asked)))[0] is code


async def test_what_this_server_has_not_is_unimplemented(gnmi: Gnmi) -> None:
    for request in (
        messages.GetRequest(encoding=messages.Encoding.ASCII),
        messages.GetRequest(use_models=[messages.ModelData(name="openconfig-interfaces")]),
    ):
        request.path.append(path("/interfaces"))
        assert (await refused(gnmi.stub.Get(request)))[0] is grpc.StatusCode.UNIMPLEMENTED
    other = messages.GetRequest(path=[messages.Path(origin="cli")])
    assert (await refused(gnmi.stub.Get(other)))[0] is grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def veth() -> Iterator[int]:
    """A real interface, `gnmi0`; its index."""
    with IPRoute() as ip:
        ip.link("add", ifname="gnmi0", kind="veth", peer="gnmi1")
        try:
            for name in ("gnmi0", "gnmi1"):
                Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
                ip.link("set", index=ip.link_lookup(ifname=name)[0], state="up")
            yield ip.link_lookup(ifname="gnmi0")[0]
        finally:
            ip.link("del", ifname="gnmi0")


@pytest.mark.root
async def test_a_real_interface_is_named_as_the_kernel_names_it(veth: int) -> None:
    async with AsyncSoftSwitch(interfaces={7: "gnmi0"}) as switch, Gnmi(switch.address) as gnmi:
        state = "/interfaces/interface[name=gnmi0]/state"
        found = await gnmi.get(state)
        assert (found[f"{state}/id"], found[f"{state}/ifindex"]) == (7, veth)
