"""Networks that run: on real packets, and what is left of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import finsy as fy
import pytest
from scapy.layers.inet import ICMP, IP
from scapy.utils import rdpcap

from p4fabric.net import Network, NetworkFailed
from p4fabric.net.cli.script import check

pytestmark = pytest.mark.root

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "networks" / "two-routers"
PANEL = REPOSITORY / "examples" / "first-program" / "patch_panel.json"
PATIENCE = 60.0
"""Seconds, on a busy machine."""


def cable(port: int, to: int) -> str:
    return f"{{table: cables, match: {{port: {port}}}, action_name: join, action_params: {{port: {to}}}}}"


TOPOLOGY = f"""
hosts:
  h1:
    address: 10.0.0.1/24
    addresses: [fd00::1/64]
    mac: 02:00:00:00:00:01
    commands: ["echo $PWD > h1.out"]
  h2:
    address: 10.0.0.2/24
    addresses: [fd00::2/64]
    interface: eth0
    tasks: [{{run: "echo begun; sleep 1000", start: 0.1, end: 0.4}}, {{run: "ping h1", start: 500}}]
switches:
  s1: {{program: {PANEL}, entries: [{cable(1, 2)}, {cable(2, 1)}], grpc: "127.0.0.1:50971"}}
links:
  - h1 s1
  - {{between: h2 s1, rate: 2Mbit}}
"""


SEND = "import socket, sys; socket.create_connection((sys.argv[1], 5001)).sendall(bytes(200_000))"
RECEIVE = """
import socket, time
server = socket.create_server(("", 5001))
print("listening", flush=True)
connection = server.accept()[0]
connection.recv(1)
begun = time.monotonic()
while connection.recv(65536):
    pass
print(time.monotonic() - begun)
"""


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("net")
    (folder / "topology.yaml").write_text(TOPOLOGY)
    return folder


@pytest.fixture(scope="module")
def net(folder: Path) -> Iterator[Network]:
    """One network for the tests that only look at it."""
    with Network(folder / "topology.yaml", pcap=folder / "pcap", logs=folder / "logs") as running:
        yield running


def test_hosts_reach_each_other_by_name_over_ipv4_and_ipv6(net: Network) -> None:
    assert not net.pingall().lost
    assert net.host("h1").run("ping", "-4", "-c1", "h2").returncode == 0
    assert net.host("h2").run("ping -6 -c1 fd00::1").returncode == 0
    assert net.host("h1").mac == "02:00:00:00:00:01"
    assert net.host("h2").run("ls", "/sys/class/net").stdout.split() == ["eth0", "lo"]


def test_commands_and_tasks_run_where_and_when_they_are_to(net: Network, folder: Path) -> None:
    assert (folder / "h1.out").read_text().strip() == str(folder)
    log = folder / "logs" / "h2-task-1.log"
    until(lambda: log.exists() and "begun" in log.read_text(), "the task has not begun")
    until(lambda: "sleep 1000" not in net.host("h2").run("ps ax").stdout, "the task has not ended")
    later = net.add_task("h1", "cat /etc/hosts")
    until(lambda: later.exists() and "10.0.0.2 h2" in later.read_text(), "the task has not run")


def test_packets_are_captured_at_each_port_in_both_directions(net: Network, folder: Path) -> None:
    size = 321
    assert net.host("h1").run(f"ping -4 -c1 -s {size} h2").returncode == 0

    def kinds(name: str) -> list[int]:
        packets = rdpcap(str(folder / "pcap" / name))
        return [packet[ICMP].type for packet in packets if ICMP in packet and packet[IP].len == size + 28]

    until(lambda: kinds("s1-eth2_out.pcap") == [8], "the request is not in the file")
    until(lambda: kinds("s1-eth2_in.pcap") == [0], "the answer is not in the file")


async def test_a_controller_finds_the_switch_at_its_tcp_address(net: Network) -> None:
    switch = net.switch("s1")
    async with asyncio.timeout(PATIENCE), fy.Switch("s1", switch.address) as client:
        read = client.read([fy.P4TableEntry("cables")])
        entries = [entry async for entry in read]  # type: ignore[attr-defined] # finsy: it is no coroutine
        await client.write(
            [~fy.P4TableEntry("cables", match=fy.Match(port=1), action=fy.Action("join", port=2))]
        )
    assert switch.address == "127.0.0.1:50971" and len(entries) == len(switch.entities()) == 2


def test_a_rate_limits_both_directions(net: Network) -> None:
    """200,000 bytes take 0.8 s at 2 Mbit/s, and 16 frames of them may come at once."""
    for source, to in (("h1", "h2"), ("h2", "h1")):
        receiver = net.host(to).popen(sys.executable, "-c", RECEIVE, stdout=subprocess.PIPE, text=True)
        with receiver:
            assert receiver.stdout is not None and receiver.stdout.readline() == "listening\n"
            address = str(net.host(to).address)
            net.host(source).run(sys.executable, "-c", SEND, address, check=True)
            seconds = float(receiver.stdout.readline())
        assert seconds > 0.6, f"from {source}"


def test_a_link_that_fails_keeps_hosts_routes(net: Network) -> None:
    net.link_down("h1", "s1")
    assert not net.ping("h1", "h2", timeout=0.3)
    net.link_up("s1", "h1")
    until(lambda: net.ping("h1", "h2", timeout=0.3), "the link has not come back")
    with pytest.raises(KeyError, match="no link between h1 and h2"):
        net.link_down("h1", "h2")


def test_two_networks_do_not_meet_and_one_has_a_link_with_a_delay(net: Network, folder: Path) -> None:
    with pytest.raises(NetworkFailed, match=r"127\.0\.0\.1:50971: cannot listen there"):
        Network(folder / "topology.yaml").start()
    other = folder / "other.yaml"
    text = TOPOLOGY.replace(', grpc: "127.0.0.1:50971"', "").replace("rate: 2Mbit", "delay: 30ms")
    other.write_text(text)
    with Network(other) as second:
        said = second.host("h2").run("ping", "-q", "-c5", "-i0.01", "10.0.0.1").stdout
        fastest = float(said.split("=")[1].split("/")[0])
        assert 60 < fastest < 120, said  # twice 30 ms, and what a busy machine adds
        second.link_down("h2", "s1")
        assert not second.ping("h1", "h2", timeout=0.3)
        assert net.ping("h1", "h2")
        assert second.cut() == []
        mine = ("pgrep", "-P", str(os.getpid()), "-f", "p4fabric.net.wire")
        for number in subprocess.run(mine, capture_output=True, text=True, check=True).stdout.split():
            os.kill(int(number), signal.SIGKILL)
        until(lambda: second.cut() == [second.model.links[1]], "the dead link is not noticed")


def test_a_switch_serves_at_the_unix_socket_that_the_file_names(tmp_path: Path) -> None:
    file, socket = tmp_path / "topology.yaml", tmp_path / "s1.sock"
    file.write_text('switches: {s1: {grpc: "unix:s1.sock"}}')
    for _ in range(2):
        with Network(file) as net:
            assert net.switch("s1").address == f"unix:{socket}" and socket.is_socket()
            with pytest.raises(NetworkFailed, match="another process"), Network(file):
                pass
            assert socket.is_socket()
            net.switch("s1").stop()
            assert not socket.exists()


def test_a_network_ends_without_its_guard(tmp_path: Path) -> None:
    (tmp_path / "topology.yaml").write_text("switches: {s1: }\nscripts: [sleep 1000]\n")
    with Network(tmp_path / "topology.yaml") as net:
        kept = net.logs
        mine = subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", "net/guard.py"], capture_output=True, text=True
        )
        os.kill(int(mine.stdout.split()[-1]), signal.SIGKILL)
    assert not kept.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "topology.yaml").write_text("switches: {s1: }")
    (tmp_path / "file").touch()
    with pytest.raises(NetworkFailed, match=r"file/pcap: cannot be made: Not a directory"):
        Network(tmp_path / "topology.yaml", pcap=tmp_path / "file" / "pcap").start()


def test_a_check_script_reports_each_line_and_the_verdict(net: Network, tmp_path: Path) -> None:
    script = tmp_path / "checks.txt"
    script.write_text("ping h1 h2\nh1 echo h2 => 10.0.0.2\nh2 false\ntables s1 => /port=1 +join port=2/\n")
    said: list[str] = []
    assert not check(net, script, said.append)
    assert [line[:4] for line in said] == ["ok  ", "ok  ", "FAIL", "ok  ", str(script)[:4]]
    assert said[2] == "FAIL  h2 false: exit status 1" and said[-1].endswith("3 of 4 as expected")
    program = tmp_path / "checks.py"
    program.write_text("assert net.host('h1').run('true').returncode == 0\nassert False, 'on purpose'\n")
    assert not check(net, program, said.append)
    assert "on purpose" in said[-2] and said[-1].endswith("failed")


def namespaces(pid: int) -> set[int]:
    """The network namespaces, but for our own, of a process's descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    below = [int(word) for word in children.read_text().split()] if children.exists() else []
    found = {namespace.stat().st_ino for one in below if (namespace := Path(f"/proc/{one}/ns/net")).exists()}
    return found.union(*map(namespaces, below)) - {Path("/proc/self/ns/net").stat().st_ino}


def living(wanted: set[int]) -> list[str]:
    """The processes that are in these namespaces."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "ns" / "net").stat().st_ino in wanted:
                found.append(f"{entry.name} {(entry / 'cmdline').read_text()}")
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "topology.yaml").write_text(TOPOLOGY.replace("50971", "50972") + "scripts: [sleep 1000]\n")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "p4fabric.net", "run", "topology.yaml"],
        cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write("h1 sleep 1000 & echo started\n")
        process.stdin.flush()
        assert any("started" in line for line in iter(process.stdout.readline, ""))
        made = namespaces(process.pid)
        assert len(made) == 3 and any("sleep" in one for one in living(made))
        process.send_signal(number)
        assert process.wait(PATIENCE) == (143 if number is signal.SIGTERM else -signal.SIGKILL)
        until(lambda: not living(made), "processes are still there")
        until(lambda: not list(tmp_path.glob("p4fabric-net-*")), "the run folder is still there")
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()  # what it has left may hold the other end


def test_the_example_holds_what_its_checks_say() -> None:
    words = [sys.executable, "-m", "p4fabric.net", "run", "topology.yaml", "--check", "checks.txt"]
    done = subprocess.run(words, cwd=EXAMPLE, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "checks.txt: 9 of 9 as expected" in done.stdout


def test_a_users_mininet_script_runs_with_the_systems_python(tmp_path: Path) -> None:
    paths = (REPOSITORY / "src", sysconfig.get_path("purelib"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    words = ["/usr/bin/python3", str(REPOSITORY / "tests" / "net" / "mininet_script.py"), str(tmp_path)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert "lost 0 %" in done.stdout, done.stdout + done.stderr
    assert rdpcap(str(tmp_path / "pcap" / "s1-eth1_in.pcap"))
