"""simple_switch_grpc as scripts for bmv2 start it: from PATH, in the background; packets, logs, captures."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from finsy.proto import p4r
from scapy.utils import RawPcapReader

from p4fabric.pipelines.children import cache_folder
from p4fabric.softswitch.compat import install, simple_switch_grpc
from p4fabric.softswitch.server.ports import Ports, QueueLimits
from p4fabric.softswitch.server.server import read_config
from p4fabric.softswitch.server.shapers import with_shapers
from tests.p4c_stand_in import EXAMPLE, PROGRAM, StandIn
from tests.switch.server.client import Client, entity, kinds_config
from tests.veth import make_pair, open_wire, receive, remove

FRAMES = [bytes([number]) * 60 for number in range(1, 4)]
JSON = EXAMPLE / "patch_panel.json"


def panel_config(wrapped: bool) -> p4r.ForwardingPipelineConfig:
    """The patch panel; wrapped as p4lang/tutorials' library sends it, in a p4.tmp.P4DeviceConfig."""
    config = read_config(EXAMPLE / "patch_panel.p4info.txtpb", JSON)
    if wrapped:
        content = config.p4_device_config
        size = len(content)
        length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
        config.p4_device_config = b"\x08\x01\x1a" + length + content
    return config


def joined(port: str) -> p4r.Entity:
    """What comes in at port 1 leaves by this port, a byte string in text form."""
    action = f'action {{ action {{ action_id: $join params {{ param_id: 1 value: "{port}" }} }} }}'
    match = 'match { field_id: 1 exact { value: "\\001" } }'
    return entity(f"table_entry {{ table_id: $cables {match} {action} }}", panel_config(wrapped=False))


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `p4fabric compat install` has put its programs."""
    folder = tmp_path_factory.mktemp("bin")
    command = Path(sys.executable).with_name("p4fabric")
    subprocess.run((command, "compat", "install", folder), check=True, capture_output=True)
    return folder


@pytest.fixture
def interfaces() -> Iterator[None]:
    make_pair("dtest0", "dtest1")
    make_pair("dtest2", "dtest3")
    yield
    for name in ("dtest0", "dtest2"):
        remove(name)


class Shell:
    """A bash that starts switches as Mininet's nodes do, with `&` and `kill %`."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": "/nowhere"}
        self._process = subprocess.Popen(
            ("bash", "-m"),
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, line: str) -> str:
        """What a line prints."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{line}\necho '<end>'\n")
        self._process.stdin.flush()
        said = ""
        while not said.endswith("<end>\n"):
            said += self._process.stdout.readline()
        return said.removesuffix("<end>\n")

    def start(self, options: str) -> str:
        """Start a switch with a log; the address that it serves at."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.run(f"simple_switch_grpc {options.replace('ADDRESS', f'127.0.0.1:{port}')} > switch.log 2>&1 &")
        self.until(f"Server listening on 127.0.0.1:{port}")
        return f"127.0.0.1:{port}"

    def until(
        self, words: str, file: str = "switch.log", meanwhile: Callable[[], object] = lambda: None
    ) -> str:
        """The log, when it has these words; packets are logged from when the code that traces is compiled."""
        deadline = time.monotonic() + 60
        while words not in (
            said := (self.folder / file).read_text() if (self.folder / file).exists() else ""
        ):
            assert time.monotonic() < deadline, said
            meanwhile()
            time.sleep(0.05)
        return said

    def sizes(self) -> dict[str, int]:
        """Of the files in its folder."""
        return {path.name: path.stat().st_size for path in self.folder.iterdir()}

    def stop(self) -> None:
        """End the switch, and the shell."""
        self.run("kill %simple_switch_grpc 2>/dev/null; wait")
        self._process.communicate("exit\n", timeout=60)


@pytest.fixture
def shell(programs: Path, tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(programs, tmp_path)
    yield shell
    shell.stop()


def captured(path: Path) -> list[bytes]:
    with RawPcapReader(str(path)) as reader:
        return [bytes(content) for content, _ in reader]


@pytest.mark.root
@pytest.mark.usefixtures("interfaces")
async def test_a_switch_that_is_started_as_the_tutorials_do_forwards_logs_and_captures(
    shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "pcaps").mkdir()
    address = shell.start(
        f"-i 1@dtest1 -i 2@dtest2 --pcap pcaps --nanolog ipc:///tmp/bm-0-log.ipc --device-id 0 {JSON} "
        "--log-console --thrift-port 9090 -- --grpc-server-addr ADDRESS --cpu-port 510 --priority-queues 8"
    )
    with open_wire("dtest0") as client, open_wire("dtest3") as server:
        async with Client(address, device_id=0) as controller:
            assert await controller.arbitrate() == 0
            await controller.push(panel_config(wrapped=True))
            assert not await controller.write((p4r.Update.INSERT, joined("\\002")))
            for frame in FRAMES:
                client.send(frame)
            assert [receive(server) for _ in FRAMES] == FRAMES
            said = shell.until("PanelIngress.join", meanwhile=lambda: client.send(FRAMES[0]))
    assert "--thrift-port: this switch has no Thrift server" in said
    assert "--nanolog: " in said
    shell.run("kill %simple_switch_grpc; wait")
    sent = captured(tmp_path / "pcaps" / "dtest1_in.pcap")
    assert (sent[:3], set(sent[3:])) == (FRAMES, {FRAMES[0]})
    assert captured(tmp_path / "pcaps" / "dtest2_out.pcap") == sent
    assert captured(tmp_path / "pcaps" / "dtest1_out.pcap") == []


@pytest.mark.root
@pytest.mark.usefixtures("interfaces")
async def test_another_drop_port_makes_511_a_port_like_any_other(shell: Shell) -> None:
    address = shell.start("-i 1@dtest1 -i 511@dtest2 --no-p4 -- --grpc-server-addr ADDRESS --drop-port 500")
    with open_wire("dtest0") as client, open_wire("dtest3") as server:
        async with Client(address, device_id=0) as controller:
            await controller.arbitrate()
            await controller.push(panel_config(wrapped=False))
            client.send(FRAMES[0])  # misses, and goes to the drop port
            assert not await controller.write((p4r.Update.INSERT, joined("\\001\\377")))
            client.send(FRAMES[1])
            assert receive(server) == FRAMES[1]


async def test_packets_go_by_the_cpu_port_that_is_given(shell: Shell) -> None:
    address = shell.start("--no-p4 -- --grpc-server-addr ADDRESS --cpu-port 510")
    async with Client(address, device_id=0) as controller:
        await controller.arbitrate()
        await controller.push(kinds_config())
        # What goes out by the CPU port comes back in by it.
        await controller.stream.write(packet_out(510, FRAMES[0]))
        answer = (await controller.receive("packet")).packet
    assert FRAMES[0] in answer.payload


def packet_out(port: int, frame: bytes) -> p4r.StreamMessageRequest:
    request = p4r.StreamMessageRequest()
    request.packet.payload = frame
    for number, value in ((1, port), (2, 0)):
        request.packet.metadata.add(metadata_id=number, value=value.to_bytes(2, "big").lstrip(b"\0") or b"\0")
    return request


async def test_a_log_file_is_named_and_rotated_as_bmv2_does(shell: Shell) -> None:
    address = shell.start(
        "--no-p4 --log-file log --log-flush --log-file-max-size 1000 --log-file-max-files 2 "
        "-- --grpc-server-addr ADDRESS"
    )
    for _ in range(12):
        async with Client(address, device_id=0) as controller:
            await controller.arbitrate()
    shell.until("disconnected", "log.txt")
    sizes = {name: size for name, size in shell.sizes().items() if name.startswith("log")}
    assert set(sizes) == {"log.txt", "log.1.txt", "log.2.txt"}
    assert max(sizes.values()) <= 1000
    assert "connected" not in shell.until("listening"), "the console has what is amiss only"


@pytest.mark.root
def test_what_cannot_be_is_said_and_the_status_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = {
        "": "please specify an input JSON configuration file",
        "nosuch.json": "nosuch.json: No such file",
        "-i 1@nowhere0 --no-p4": "no interface 'nowhere0'",
        "-i 511@lo --no-p4": "port 511 is the drop port",
        "--no-p4 -- --cpu-port 511": "both the CPU port and the drop port",
        "-i 510@lo --no-p4 -- --cpu-port 510": "port 510 is the CPU port",
    }
    for options, said in cases.items():
        monkeypatch.setattr(sys, "argv", ["simple_switch_grpc", *options.split()])
        with pytest.raises(SystemExit) as ended:
            simple_switch_grpc.main()
        assert (ended.value.code, said in capsys.readouterr().err) == (1, True), options


def test_p4_source_is_compiled(shell: Shell, tmp_path: Path) -> None:
    stand_in = StandIn(tmp_path / "p4c")
    shell.run(f"export P4C={stand_in.path} XDG_CACHE_HOME={tmp_path}")
    (tmp_path / "p4fabric").mkdir()
    (tmp_path / "p4fabric" / "engine").symlink_to(cache_folder("engine"))
    shell.start(f"{PROGRAM} -- --grpc-server-addr ADDRESS")
    assert len(stand_in.calls) == 1


def test_thrift_clients_are_told_what_to_use(shell: Shell) -> None:
    said = shell.run("echo register_read r | simple_switch_CLI --thrift-port 9090 2>&1; echo status $?")
    assert re.search(r"Thrift.*P4Runtime.*\nstatus 1\n", said, re.DOTALL)


def test_installing_leaves_other_programs_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [install.run(tmp_path / "bin", force=False) for _ in range(2)] == [0, 0], "its own it replaces"
    program = tmp_path / "bin" / "simple_switch_CLI"
    program.write_text("#!/bin/sh\n# bmv2's\n")
    assert install.run(tmp_path / "bin", force=False) == 2
    assert f"{program}: not p4fabric's" in capsys.readouterr().err
    assert "bmv2's" in program.read_text()
    assert install.run(tmp_path / "bin", force=True) == 0


def test_a_compiler_is_installed_only_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = StandIn(tmp_path / "real")
    cache = {"XDG_CACHE_HOME": str(tmp_path)}

    def installed(path: str) -> bool:
        monkeypatch.setenv("PATH", path)
        assert install.run(tmp_path / "bin", force=False) == 0
        return (tmp_path / "bin" / "p4c-bm2-ss").exists()

    assert not installed(str(real.folder))
    assert installed("/nowhere")
    # It is p4c-bm2-ss to Makefiles, and never the compiler that p4fabric itself finds.
    wrapped = (tmp_path / "bin" / "p4c-bm2-ss", "--p4v", "16", "--p4runtime-files", tmp_path / "x.txtpb")
    words = (*wrapped, "-o", tmp_path / "x.json", PROGRAM)
    environment = {"PATH": f"{tmp_path / 'bin'}:{real.folder}", **cache}
    subprocess.run(words, check=True, env=environment)
    assert (tmp_path / "x.json").read_bytes() == JSON.read_bytes()
    alone = subprocess.run(
        words, env={"PATH": str(tmp_path / "bin"), **cache}, capture_output=True, text=True
    )
    assert (alone.returncode, "Ubuntu" in alone.stderr) == (1, True)


@pytest.mark.root
@pytest.mark.usefixtures("interfaces")
def test_the_rates_that_tc_has_on_interfaces_are_those_of_the_queues() -> None:
    for line in (
        "qdisc add dev dtest1 root handle 5:0 htb default 1",  # as Mininet sets a link's bandwidth
        "class add dev dtest1 parent 5:0 classid 5:1 htb rate 0.5Mbit burst 15k",
        "qdisc add dev dtest2 root tbf rate 2Mbit burst 15000 latency 50ms",
        "qdisc add dev dtest0 root tbf rate 2Mbit burst 15000 latency 50ms",
    ):
        subprocess.run(("tc", *line.split()), check=True)
    own = QueueLimits(rate_bps=7)
    ports = Ports({1: "dtest1", 2: "dtest2", 3: "dtest3", 4: None, 5: "dtest0"}, {5: own})
    assert with_shapers(ports, 64).queues == {
        1: QueueLimits(rate_bps=500_000, depth=64),
        2: QueueLimits(rate_bps=2_000_000, depth=64),
        5: own,
    }
