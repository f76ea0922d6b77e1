"""Where a switch listens: strangers are kept out unless the operator says that they may come in."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from p4fabric.softswitch import AsyncSoftSwitch, BadOption, SoftSwitch, Tls
from p4fabric.softswitch.server.listen import LONGEST_PATH, ListenAddress
from tests.switch.server.client import Client
from tests.switch.server.test_server_tls import authority, files, gets_in

__all__ = ["authority", "files"]

EVERYWHERE = ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "switch.example:0", "ipv4:0.0.0.0:0", "127.1:0")


@pytest.mark.parametrize("address", EVERYWHERE)
async def test_an_address_that_others_reach_needs_mutual_tls(address: str, files: Tls) -> None:
    no_authority = Tls(files.certificate, files.private_key)
    for tls, said in ((None, "--insecure"), (no_authority, "--tls-ca")):
        with pytest.raises(BadOption, match=said):
            async with AsyncSoftSwitch(listen=address, tls=tls):
                pass
    with pytest.raises(BadOption, match="unix:PATH"), SoftSwitch(listen=address):
        pass


async def test_it_is_served_with_mutual_tls_or_when_that_is_accepted(files: Tls) -> None:
    async with AsyncSoftSwitch(listen="0.0.0.0:0", tls=files):
        pass
    async with AsyncSoftSwitch(listen="0.0.0.0:0", insecure=True) as switch:
        assert await gets_in(switch.address.replace("0.0.0.0", "127.0.0.1"), None)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0", "127.8.8.8:0"])
def test_loopback_needs_no_tls(address: str) -> None:
    ListenAddress.parse(address).check_open(tls=False, authority=False, insecure=False)


def switch_run(*options: str) -> subprocess.Popen[str]:
    words = (sys.executable, "-m", "p4fabric.softswitch", "run", *options)
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_refuses_and_says_what_to_do() -> None:
    process = switch_run("--grpc", "0.0.0.0:0")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    for cure in ("--tls-cert", "--tls-key", "--tls-ca", "unix:PATH", "127.0.0.1", "--insecure"):
        assert cure in said


# --- Unix sockets ---------------------------------------------------------------------------------


async def test_a_unix_socket_is_this_users_alone_and_found_at_the_address_that_is_said(
    tmp_path: Path,
) -> None:
    path = tmp_path / "leaf1.sock"
    before = os.umask(0)  # the most open that a user can have
    try:
        async with AsyncSoftSwitch(listen=f"unix:{path}") as switch:
            assert path.stat().st_mode & 0o777 == 0o600
            assert switch.address == f"unix:{path}"
            assert await gets_in(switch.address, None)
    finally:
        assert os.umask(before) == 0
    assert not path.exists()


async def test_grpcs_other_form_and_relative_paths_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for listen in (f"unix://{tmp_path}/a.sock", "unix:a.sock"):
        async with AsyncSoftSwitch(listen=listen) as switch:
            assert switch.address == f"unix:{tmp_path}/a.sock"
            assert await gets_in(switch.address, None)


async def test_the_socket_of_a_dead_switch_is_replaced_and_a_living_ones_is_not(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/leaf1.sock"
    process = await asyncio.to_thread(switch_run, "--grpc", address)
    try:
        assert process.stdout is not None
        assert (await asyncio.to_thread(process.stdout.readline)).split()[-1] == address
        with pytest.raises(BadOption, match="another process listens there"):
            async with AsyncSoftSwitch(listen=address):
                pass
        assert await gets_in(address, None)  # the living one was not disturbed
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert (tmp_path / "leaf1.sock").exists()
    async with AsyncSoftSwitch(listen=address) as switch:
        assert await gets_in(switch.address, None)


def test_a_trace_is_followed_at_a_unix_socket(tmp_path: Path) -> None:
    program = Path(__file__).parent / "programs" / "queues"
    listen = f"unix:{tmp_path}/s"
    with SoftSwitch(f"{program}.json", f"{program}.p4info.txtpb", listen=listen) as switch:
        words = (sys.executable, "-m", "p4fabric.softswitch", "trace", switch.address, "-c", "1")
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tracing:
            assert tracing.stderr is not None and tracing.stdout is not None
            assert any(line == "tracing\n" for line in tracing.stderr)  # first it may be compiled
            switch.send(1, bytes((0, 2)).ljust(60, b"\0"))
            assert "sent         by port 2" in tracing.stdout.read()


async def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "notes")
    for name in ("notes", "link"):
        with pytest.raises(BadOption, match="no socket"):
            async with AsyncSoftSwitch(listen=f"unix:{tmp_path}/{name}"):
                pass
    assert (tmp_path / "notes").read_text() == "mine"


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("unix:", "unix:PATH"),
        ("unix://relative.sock", "absolute"),
        ("unix:/" + "x" * LONGEST_PATH, str(LONGEST_PATH)),
        ("unix:/nowhere/at/all.sock", "no folder /nowhere/at"),
        ("unix-abstract:name", "HOST:PORT"),
    ],
)
async def test_a_path_that_cannot_be_is_refused(listen: str, said: str) -> None:
    with pytest.raises(BadOption, match=said):
        async with AsyncSoftSwitch(listen=listen):
            pass


async def test_a_stranger_cannot_connect_to_the_socket(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = Path("/tmp") / f"p4fabric-attack-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        async with AsyncSoftSwitch(listen=f"unix:{folder}/s") as switch:
            code = f"import socket; socket.socket(socket.AF_UNIX).connect('{folder}/s')"
            words = ("/usr/bin/python3", "-c", code)
            stranger = await asyncio.to_thread(
                subprocess.run, words, user=65534, group=65534, extra_groups=(), stderr=subprocess.PIPE
            )
            assert b"PermissionError" in stranger.stderr
            async with Client(switch.address) as client:
                assert await client.arbitrate() == 0
    finally:
        folder.rmdir()


async def test_tls_works_over_a_unix_socket_too(tmp_path: Path, files: Tls) -> None:
    async with AsyncSoftSwitch(listen=f"unix:{tmp_path}/s", tls=files) as switch:
        assert not await gets_in(switch.address, None)


def test_a_socket_in_an_unreachable_place_is_named() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        name = f"/tmp/p4fabric-attack-{os.getpid()}.dgram"
        other.bind(name)
        try:
            with pytest.raises(BadOption, match=name), ListenAddress.parse(f"unix:{name}").bindable():
                pass
        finally:
            Path(name).unlink()
