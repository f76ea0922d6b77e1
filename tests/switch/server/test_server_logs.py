"""What the switch logs: clients, elections, pipelines, refusals, ports at info; every packet at debug."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import grpc
import pytest

from p4fabric.softswitch import AsyncSoftSwitch, SoftSwitch
from p4fabric.softswitch.engine.trace.events import TraceFilter
from p4fabric.softswitch.server.front_panel import PortFigures, PortSettings
from p4fabric.softswitch.server.logs import LONGEST_LINE, PERIOD, BoundedLog
from p4fabric.softswitch.server.port_log import PortLog
from p4fabric.softswitch.tracing.follow import follow
from tests.switch.server.client import INSERT, Client, kinds_config
from tests.switch.server.kinds import everywhere

SHOWN = Path(__file__).parents[1] / "trace" / "programs" / "shown"
PORT = PortFigures(1, "veth1", "veth1", 7, PortSettings(), up=False)
FRAME = bytes.fromhex("0200000000020200000000019999") + bytes(46)


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "p4fabric.softswitch")


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not found():  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.02)


async def test_clients_elections_pipelines_and_ports_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    def said(*words: str) -> bool:
        return any(all(word in line for word in words) for line in caplog.messages)

    async with AsyncSoftSwitch(interfaces={1: None}) as switch, Client(switch.address, 5) as first:
        await first.arbitrate()
        assert said("client ipv4:127.0.0.1:", ": connected")
        assert said("primary, election id 5")
        await first.push(kinds_config())
        assert said("VERIFY_AND_COMMIT", "tables")
        await until(lambda: said("port 1 (port1): up"))
        async with Client(switch.address, 6) as second:
            await second.arbitrate()
            assert said("primary, election id 6") and said("no longer primary")
        await until(lambda: said("disconnected, the primary"))


async def test_what_is_refused_is_logged_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncSoftSwitch(interfaces={1: None, 3: None}) as switch, Client(switch.address, 1) as client:
        with pytest.raises(grpc.aio.AioRpcError):
            await client.write((INSERT, everywhere(3)))
        assert "write refused: " in caplog.messages[-1]
        await client.arbitrate()
        broken = kinds_config()
        copy = type(broken)()
        copy.CopyFrom(broken)
        copy.p4_device_config = b"{"
        with pytest.raises(grpc.aio.AioRpcError):
            await client.push(copy)
        assert "pipeline refused: INVALID_ARGUMENT: p4_device_config" in caplog.messages[-1]
        await client.push(kinds_config())
        assert await client.write((INSERT, everywhere(3))) == []
        before = len(caplog.messages)
        assert await client.write((INSERT, everywhere(3))) != []
        (line,) = caplog.messages[before:]
        assert "1 of 1 updates refused; update 1: ALREADY_EXISTS" in line


def test_a_flood_of_lines_is_bounded_and_counted_and_forges_no_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    lines = BoundedLog(logging.getLogger("p4fabric.softswitch.x"), 3, lambda: now)
    for number in range(10):
        lines.info("refused: %s", f"{number}\n2026 ERROR forged \x1b[2J" + "y" * 10_000)
    assert len(caplog.messages) == 3
    assert all(one.isprintable() and len(one) < LONGEST_LINE + 50 for one in caplog.messages)
    now = PERIOD
    lines.info("refused: %s", "again")
    assert caplog.messages[-1] == "refused: again (7 more like this were not logged)"


def test_lines_that_nobody_wants_are_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "p4fabric.softswitch")
    lines = BoundedLog(logging.getLogger("p4fabric.softswitch.x"), 1)
    for _ in range(5):
        lines.info("refused")
    caplog.set_level(logging.INFO, "p4fabric.softswitch")
    lines.info("refused")
    assert caplog.messages == ["refused"]


def test_ports_are_logged_when_they_change(caplog: pytest.LogCaptureFixture) -> None:
    log = PortLog(lambda: ())
    for up in (False, True, True, False):
        log.look([replace(PORT, up=up)])
    assert caplog.messages == ["port 1 (veth1): up", "port 1 (veth1): down"]


def test_frames_that_do_not_pass_for_their_size_are_logged_once_for_each_port(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    log = PortLog(lambda: ())
    for count in (0, 1, 7):
        log.look([replace(PORT, too_long=count, offload=count), replace(PORT, number=2, beyond_mtu=count)])
    assert [message.partition(",")[0] for message in caplog.messages] == [
        "port 1 (veth1): dropped a frame of more than 9216 bytes",
        "port 1 (veth1): dropped a packet whose sender left segmentation to its card",
        "port 2 (veth1): dropped a frame that is longer than the interface's MTU: raise that",
    ]


def test_every_packet_is_logged_at_debug_with_what_the_program_says(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "p4fabric.softswitch.packets")

    def packets() -> list[str]:
        return [one.getMessage() for one in caplog.records if one.name == "p4fabric.softswitch.packets"]

    files = (SHOWN.with_suffix(".json"), SHOWN.with_suffix(".p4info.txtpb"))
    with SoftSwitch(*files, log_packets=True) as switch:
        # Before the code that traces is there, packets pass without being logged.
        with grpc.insecure_channel(switch.address) as channel:
            traced = follow(channel, TraceFilter(), 1)
            assert next(traced) == {}
            switch.send(1, FRAME)
            assert len(list(traced)) == 1
        assert [one for one in packets() if "packets are not logged while client" in one]
        while not any("received" in one for one in packets()):
            switch.send(1, FRAME)
        switch.send(1, FRAME)
    last = packets()[-1]
    assert "table        In.reports: miss" not in last and "DROPPED      ingress by In.drop" in last
    assert "log          a frame of kind 39321  (shown.p4:51)" in last


def test_packets_cost_nothing_where_they_are_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    from p4fabric.softswitch.engine import NativeEngine

    begun: list[object] = []
    monkeypatch.setattr(NativeEngine, "start_trace", lambda *given: begun.append(given))
    with SoftSwitch(SHOWN.with_suffix(".json"), SHOWN.with_suffix(".p4info.txtpb")) as switch:
        assert switch.send(1, FRAME) == []
    assert not begun


def test_the_command_logs_at_info_unless_told_otherwise(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "p4fabric.softswitch", "run", "--grpc", f"unix:{tmp_path}/socket")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as switch:
        try:
            assert switch.stdout is not None and switch.stderr is not None
            assert "serves" in switch.stdout.readline()
            with grpc.insecure_channel(f"unix:{tmp_path}/socket") as channel:
                # gRPC cancels a call that is no longer referred to, perhaps before it leaves.
                requests: SimpleQueue[bytes | None] = SimpleQueue()
                stream = channel.stream_stream("/p4.v1.P4Runtime/StreamChannel")(iter(requests.get, None))
                line = switch.stderr.readline()
                requests.put(None)
                list(stream)
            assert "INFO p4fabric.softswitch.server.service_log: client unix:" in line and "connected" in line
        finally:
            switch.terminate()
