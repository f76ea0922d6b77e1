"""The switch as a library: `with SoftSwitch(...)`, in a program that knows no asyncio."""

from __future__ import annotations

import os
from pathlib import Path

import grpc
import pytest
from finsy import (
    Action,
    Match,
    P4CounterData,
    P4CounterEntry,
    P4MeterConfig,
    P4MeterEntry,
    P4PacketOut,
    P4TableEntry,
    P4ValueSetEntry,
)
from finsy.p4entity import P4ValueSetMember
from finsy.proto import p4r, p4r_grpc

from p4fabric.softswitch import BadOption, QueueLimits, Refusal, SoftSwitch
from p4fabric.softswitch.server.ports import parse_queues

SWITCH_TESTS = Path(__file__).parents[1]
KINDS = SWITCH_TESTS / "server" / "programs" / "kinds"
STATE = SWITCH_TESTS / "engine" / "programs" / "state"
FRAME = bytes.fromhex("800000000001 000000000001 08ff") + bytes(46)


def switch_of(program: Path, queues: dict[int, QueueLimits] | None = None) -> SoftSwitch:
    return SoftSwitch(program.with_suffix(".json"), program.with_suffix(".p4info.txtpb"), queues=queues)


def route(prefix: str, port: int) -> P4TableEntry:
    return P4TableEntry("prefixes", match=Match(dst=prefix), action=Action("send", port=port))


def test_entries_by_name_decide_where_frames_go() -> None:
    with switch_of(KINDS) as switch:
        assert switch.send(1, FRAME) == []
        switch.write(+route("80:00:00:00:00:00/1", 2))
        assert switch.send(1, FRAME, FRAME) == [(2, FRAME), (2, FRAME)]
        switch.write(~route("80:00:00:00:00:00/1", 3))
        assert switch.send(1, FRAME) == [(3, FRAME)]
        (found,) = switch.read(P4TableEntry("prefixes"))
        assert found.action.args == {"port": 3}
        (cell,) = switch.read(P4CounterEntry("per_port", index=1))
        assert cell.packet_count == 4
        switch.write(-route("80:00:00:00:00:00/1", 3))
        assert switch.send(1, FRAME) == [] == switch.read(P4TableEntry("prefixes"))


def test_a_frame_that_is_empty_is_refused() -> None:
    with switch_of(KINDS) as switch:
        with pytest.raises(ValueError, match="port 1 takes no such frame"):
            switch.send(1, b"")
        assert switch.send(1, FRAME) == []


def test_device_0_takes_a_device_config_in_p4_tmp_p4deviceconfig(tmp_path: Path) -> None:
    content = KINDS.with_suffix(".json").read_bytes()
    size = len(content)
    wrapped = tmp_path / "kinds.bin"
    # device_data = 3: a varint of three bytes is its size.
    wrapped.write_bytes(bytes([0x08, 1, 0x1A, size & 127 | 128, size >> 7 & 127 | 128, size >> 14]) + content)
    with SoftSwitch(wrapped, KINDS.with_suffix(".p4info.txtpb"), device_id=0) as switch:
        with grpc.insecure_channel(switch.address) as channel:
            stub = p4r_grpc.P4RuntimeStub(channel)
            request = p4r.GetForwardingPipelineConfigRequest(device_id=0)
            found = stub.GetForwardingPipelineConfig(request)
            assert found.config.p4_device_config == wrapped.read_bytes()
            request.device_id = 1
            with pytest.raises(grpc.RpcError, match="there is no device 1; this one is 0"):
                stub.GetForwardingPipelineConfig(request)
        switch.write(+route("80:00:00:00:00:00/1", 2))
        assert switch.send(1, FRAME) == [(2, FRAME)]


def test_interfaces_have_names_and_belong_to_one_port_of_one_switch() -> None:
    with pytest.raises(BadOption, match="port 1: the interface's name is empty"):
        SoftSwitch(interfaces={1: ""}).__enter__()
    with pytest.raises(BadOption, match="port 2: lo is the interface of port 1 already"):
        SoftSwitch(interfaces={1: "lo", 2: "lo"}).__enter__()
    taken = rf"port 5 \(lo\): another switch has .* \(process {os.getpid()}\)"
    with SoftSwitch(interfaces={1: "lo"}), pytest.raises(BadOption, match=taken):
        SoftSwitch(interfaces={5: "lo"}).__enter__()
    with SoftSwitch(interfaces={5: "lo"}):
        pass


def test_rates_have_units() -> None:
    assert parse_queues(["1:rate=10mbit", "2:rate=10bit,depth=5", "3:rate=7pps"]) == {
        1: QueueLimits(rate_bps=10_000_000),
        2: QueueLimits(rate_bps=10, depth=5),
        3: QueueLimits(rate_pps=7),
    }
    with pytest.raises(BadOption, match="rate 10 has no unit: 10mbit, 10kbit, 10bit or 10pps"):
        parse_queues(["1:rate=10"])


def test_a_write_is_carried_out_whole_or_not_at_all() -> None:
    with switch_of(KINDS) as switch:
        with pytest.raises(Refusal, match=r"update 2: In\.prefixes: it exists already"):
            switch.write(+route("80:00:00:00:00:00/1", 2), +route("80:00:00:00:00:00/1", 3))
        assert switch.read(P4TableEntry("prefixes")) == []
        with pytest.raises(Refusal, match="no direct counter"):
            switch.read(P4TableEntry("prefixes", counter_data=P4CounterData()))
        with pytest.raises(ValueError, match="no memory port"):
            switch.send(77, FRAME)


def test_packets_come_in_and_go_out_by_the_cpu_port() -> None:
    with switch_of(KINDS) as switch:
        with pytest.raises(TimeoutError):
            switch.receive(timeout=0.1)
        switch.write(+route("80:00:00:00:00:00/1", 510), P4PacketOut(FRAME, egress_port=4, padding=0))
        assert switch.collect(count=1) == [(4, FRAME)]
        assert switch.send(3, FRAME) == []
        told = switch.receive()
        assert (told.payload, told.metadata["ingress_port"]) == (FRAME, 3)


def test_meters_value_sets_and_timeouts_are_finsys_entities() -> None:
    frame = b"\0\5\x20\0\0".ljust(100, b"\0")
    entry = P4TableEntry(
        "In.kinds",
        match=Match({"hdr.ask.kind": 5}),
        action=Action("forward", port=2),
        idle_timeout_ns=200_000_000,
    )
    with switch_of(STATE) as switch:
        switch.write(
            +entry,
            ~P4MeterEntry("cells", index=0, config=P4MeterConfig(cir=0, cburst=100, pir=0, pburst=200)),
            P4ValueSetEntry("pairs", members=[P4ValueSetMember(kind=5, part=(2, 15))]),
        )
        assert [(answer[3], answer[4]) for _, answer in switch.send(1, frame, frame, frame)] == [
            (1, 0),
            (1, 1),
            (1, 2),
        ]
        assert switch.receive().table_entry[0].match == {"kind": 5}


def test_queues_are_as_slow_as_they_are_told_to_be() -> None:
    with switch_of(KINDS, {2: QueueLimits(rate_pps=20, depth=3)}) as switch:
        switch.write(+route("80:00:00:00:00:00/1", 2))
        sent = switch.send(1, *[FRAME] * 20)
        assert 3 <= len(sent) < 20


def test_it_is_a_p4runtime_server_too() -> None:
    with SoftSwitch() as switch, grpc.insecure_channel(switch.address) as channel:
        said = p4r_grpc.P4RuntimeStub(channel).Capabilities(p4r.CapabilitiesRequest())
        assert said.p4runtime_api_version.startswith("1.")
        with pytest.raises(RuntimeError, match="no forwarding pipeline"):
            switch.read(P4TableEntry("prefixes"))


def test_switches_run_side_by_side_and_end_with_their_block() -> None:
    with switch_of(KINDS) as one, switch_of(KINDS) as other:
        assert one.address != other.address
        one.write(+route("80:00:00:00:00:00/1", 2))
        assert (one.send(1, FRAME), other.send(1, FRAME)) == ([(2, FRAME)], [])
    with pytest.raises(RuntimeError, match="does not run"):
        one.send(1, FRAME)


def test_what_cannot_be_had_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"no\.json"):
        SoftSwitch(tmp_path / "no.json", KINDS.with_suffix(".p4info.txtpb"))
    with pytest.raises(ValueError, match="belong together"):
        SoftSwitch(KINDS.with_suffix(".json"))
    with pytest.raises(Refusal, match="device config"):
        SoftSwitch(KINDS.with_suffix(".json"), STATE.with_suffix(".p4info.txtpb")).__enter__()
    with pytest.raises(BadOption, match="nowhere0"):
        SoftSwitch(interfaces={1: "nowhere0"}).__enter__()
