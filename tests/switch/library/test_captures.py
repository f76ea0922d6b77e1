"""pcap files of what ports receive and send: named as bmv2's, whole, and honest about what is missing."""

from __future__ import annotations

import logging
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from finsy import Match, P4TableEntry
from finsy import P4TableAction as Action
from scapy.utils import PcapReader, RawPcapReader
from typer.testing import CliRunner

from p4fabric import BadOption, SoftSwitch
from p4fabric.softswitch.cli.app import app
from p4fabric.softswitch.engine import NativeEngine
from tests.p4c_stand_in import EXAMPLE
from tests.veth import make_pair, open_wire, receive, remove

PROGRAM = (EXAMPLE / "patch_panel.json", EXAMPLE / "patch_panel.p4info.txtpb")
FRAMES = [bytes([number]) * 60 for number in range(1, 4)]


def join_1_with_2() -> P4TableEntry:
    return +P4TableEntry("cables", match=Match(port=1), action=Action("join", port=2))


def captured(path: Path) -> list[bytes]:
    """The frames of a file."""
    with RawPcapReader(str(path)) as reader:
        return [bytes(content) for content, _ in reader]


def until_captured(path: Path, count: int) -> list[bytes]:
    """The frames of a file that is still written to, once there are so many."""
    deadline = time.monotonic() + 60
    while len(frames := captured(path)) < count:
        assert time.monotonic() < deadline, frames
        time.sleep(0.01)
    return frames


def test_each_port_has_a_file_for_what_comes_and_one_for_what_goes(tmp_path: Path) -> None:
    begin = time.time()
    with SoftSwitch(*PROGRAM, pcap=tmp_path) as switch:
        assert {path.name for path in tmp_path.iterdir()} == {
            f"port{number}_{direction}.pcap" for number in range(1, 9) for direction in ("in", "out")
        }
        switch.write(join_1_with_2())
        switch.send(1, *FRAMES)
        assert until_captured(tmp_path / "port1_in.pcap", 3) == FRAMES
        assert until_captured(tmp_path / "port2_out.pcap", 3) == FRAMES
        switch.send(2, FRAMES[0])  # is dropped
    assert captured(tmp_path / "port2_in.pcap") == FRAMES[:1]
    assert captured(tmp_path / "port1_out.pcap") == []
    with PcapReader(str(tmp_path / "port1_in.pcap")) as reader:
        times = [float(packet.time) for packet in reader]
    assert begin - 1 < times[0] <= times[1] <= times[2] < time.time() + 1


def test_the_files_are_what_other_programs_read(tmp_path: Path) -> None:
    with SoftSwitch(*PROGRAM, pcap=tmp_path) as switch:
        switch.send(1, *FRAMES)
    command = ("tshark", "-r", str(tmp_path / "port1_in.pcap"), "-T", "fields", "-e", "frame.len")
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["60"] * 3


@pytest.fixture
def interfaces() -> Iterator[None]:
    make_pair("ctest0", "ctest1")
    make_pair("ctest2", "ctest3")
    yield
    for name in ("ctest0", "ctest2"):
        remove(name)


@pytest.mark.root
@pytest.mark.usefixtures("interfaces")
def test_files_are_named_after_interfaces_and_go_on_when_a_port_was_off(tmp_path: Path) -> None:
    with (
        SoftSwitch(*PROGRAM, interfaces={1: "ctest1", 2: "ctest2"}, pcap=tmp_path) as switch,
        open_wire("ctest0") as client,
        open_wire("ctest3") as server,
    ):
        switch.write(join_1_with_2())
        client.send(FRAMES[0])
        assert receive(server) == FRAMES[0]
        engine = switch._parts[1].engine
        engine.remove_port(2)
        engine.add_port(2, "ctest2")
        client.send(FRAMES[1])
        assert receive(server) == FRAMES[1]
    assert captured(tmp_path / "ctest1_in.pcap") == FRAMES[:2]
    assert captured(tmp_path / "ctest2_out.pcap") == FRAMES[:2]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_grow_is_said_and_stops_no_packet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), SoftSwitch(*PROGRAM, pcap=tmp_path) as switch:
        switch.write(join_1_with_2())
        with largest_file(32 * 1024):
            for _ in range(10):
                assert len(switch.send(1, *[bytes(1500)] * 10)) == 10
            deadline = time.monotonic() + 60
            while "port1_in.pcap: written no further: File too large" not in caplog.text:
                assert time.monotonic() < deadline, caplog.text
                time.sleep(0.01)
        stats = {one.file.name: one for one in switch._parts[1].engine.captures()}
    one = stats["port1_in.pcap"]
    assert one.frames + one.missing == 100
    assert f"port1_in.pcap: {one.missing} frames are missing so far, {one.frames} are there" in caplog.text
    assert "port3_in.pcap" not in caplog.text


def test_frames_that_come_faster_than_they_are_written_are_counted_as_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    count = 30_000  # of which the ring holds a third, while the writer is not told of them
    with SoftSwitch(*PROGRAM, pcap=tmp_path) as switch:
        engine = switch._parts[1].engine
        assert isinstance(engine, NativeEngine)
        engine.measure(1, [bytes(1500)], count)
        switch.send(1, FRAMES[0])
        deadline = time.monotonic() + 60
        while (one := engine.captures()[0]).frames + one.missing < count + 1:
            assert time.monotonic() < deadline, one
            time.sleep(0.01)
    assert (one.file.name, one.frames + one.missing) == ("port1_in.pcap", count + 1)
    assert 0 < one.missing < count
    lengths = [len(frame) for frame in captured(one.file)]
    assert lengths == [1500] * (one.frames - 1) + [60], "what is there is whole, and in order"
    assert f"port1_in.pcap: {one.missing} frames are missing so far" in caplog.text


def test_a_folder_that_is_no_good_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"pcap .*nowhere: no folder"):
        SoftSwitch(*PROGRAM, pcap=tmp_path / "nowhere").__enter__()
    result = CliRunner().invoke(app, ["run", "--pcap", str(tmp_path / "nowhere")])
    assert (result.exit_code, "no folder" in result.output) == (2, True)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "port1_in.pcap").symlink_to(victim)
    with pytest.raises(Exception, match="symbolic links"):
        SoftSwitch(*PROGRAM, pcap=tmp_path).__enter__()
    assert victim.read_text() == "mine"
