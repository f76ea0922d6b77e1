"""Ports on real interfaces. Needs root: veth pairs are made."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from p4fabric.softswitch.engine import NativeEngine, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    BuildError,
    Change,
    EngineOptions,
    Exact,
    PortError,
    Status,
    WriteEntry,
)
from tests.veth import PACKET_VNET_HDR, make_pair, open_wire, receive, remove

from .conftest import program
from .packets import Command, command

EACH = pytest.mark.parametrize(
    "wired", ["packet", "packet by senders", "packet busily", "xdp", "xdp by senders"], indirect=True
)
"""By AF_PACKET and by AF_XDP, with threads that send, with a worker that looks for more before it sleeps."""


@pytest.fixture
def wired(request: pytest.FixtureRequest) -> Iterator[NativeEngine]:
    """constructs.p4 between etest0 and etest2: commands from port 1 leave by port 2, IPv4 too."""
    how = getattr(request, "param", "packet")
    xdp, cores = how.startswith("xdp"), 3 if how.endswith("senders") else 1
    make_pair("etest0", "etest1")
    make_pair("etest2", "etest3")
    try:
        options = EngineOptions(cores=cores, busy_poll_us=1000 if how.endswith("busily") else 0)
        with open_engine(program("constructs"), options) as engine:
            outcomes = engine.apply(
                [
                    WriteEntry(Change.INSERT, "In.ports", (Exact(1),), ActionCall("In.send", (2,))),
                    WriteEntry(Change.INSERT, "In.routes", (None,), ActionCall("In.routed", (2, 1))),
                ]
            )
            assert {one.status for one in outcomes} == {Status.OK}
            engine.add_port(1, "etest1", xdp=xdp)
            engine.add_port(2, "etest2", xdp=xdp)
            engine.start()
            yield engine
    finally:
        for name in ("etest0", "etest2"):
            remove(name)


@EACH
def test_frames_pass_unchanged_between_interfaces(wired: NativeEngine) -> None:
    with open_wire("etest0") as near, open_wire("etest3") as far:
        for size in (0, 100, 1400):
            near.send(command(bytes(size)))
            assert receive(far) == command(bytes(size))
        for _ in range(500):
            near.send(command())
        assert all(receive(far) == command() for _ in range(500))
    stats = wired.port_stats()
    assert (stats[1].rx_packets, stats[2].tx_packets) == (503, 503)


@EACH
def test_vlan_tags_which_the_kernel_took_out_are_put_back(wired: NativeEngine) -> None:
    # The program passes only commands and IPv4: a tagged frame that the parser sees as untagged would pass.
    tagged = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Dot1Q(vlan=5) / IP() / UDP()
    with open_wire("etest0") as near, open_wire("etest3") as far:
        near.send(bytes(tagged))
        near.send(command(b"after"))
        assert receive(far) == command(b"after")
    assert wired.stats().drops["ingress"] == 1


def test_checksums_that_the_sender_left_to_its_card_are_completed(wired: NativeEngine) -> None:
    packet = Ether(dst="02:00:00:00:00:02") / IP(dst="10.0.0.1", src="10.0.0.2") / TCP(dport=80) / Raw(b"odd")
    good = Ether(bytes(packet))[TCP].chksum
    frame = bytearray(bytes(packet))
    pseudo = sum(struct.unpack("!4H", frame[26:34])) + 6 + len(frame) - 34
    pseudo = (pseudo & 0xFFFF) + (pseudo >> 16)
    frame[50:52] = pseudo.to_bytes(2, "big")
    needs_checksum = struct.pack("<BBHHHH", 1, 0, 0, 0, 34, 16)
    with open_wire("etest0", PACKET_VNET_HDR) as near, open_wire("etest3") as far:
        near.send(needs_checksum + bytes(frame))
        assert Ether(receive(far))[TCP].chksum == good


@EACH
def test_a_vanished_interface_stops_no_other_and_is_found_again(wired: NativeEngine) -> None:
    def is_up(port: int) -> bool:
        return wired.port_stats()[port].up

    def eventually(port: int, up: bool) -> None:
        deadline = time.monotonic() + 60
        while is_up(port) != up:
            assert time.monotonic() < deadline, f"port {port} did not become {'up' if up else 'down'}"
            time.sleep(0.05)

    remove("etest0")
    eventually(1, False)
    assert is_up(2)
    make_pair("etest0", "etest1")
    eventually(1, True)
    with IPRoute() as ip:
        ip.link("set", index=ip.link_lookup(ifname="etest3")[0], state="down")
        eventually(2, False)
        ip.link("set", index=ip.link_lookup(ifname="etest3")[0], state="up")
    eventually(2, True)
    with open_wire("etest0") as near, open_wire("etest3") as far:
        near.send(command(b"again"))
        assert receive(far) == command(b"again")


def test_an_interface_that_does_not_exist_is_refused(wired: NativeEngine) -> None:
    for number, interface in (
        (3, "etest-none"),
        (1, "etest2"),
        (511, None),
        (512, None),
        (4, "x" * 20),
        (4, ""),
    ):
        with pytest.raises(PortError):
            wired.add_port(number, interface)
    assert set(wired.port_stats()) == {1, 2}


@EACH
def test_an_idle_switch_uses_no_processor(wired: NativeEngine) -> None:
    with open_wire("etest0") as near:
        near.send(command())
    time.sleep(0.2)
    before = time.process_time()
    time.sleep(1.5)
    assert time.process_time() - before < 0.15


def test_senders_keep_the_order_and_lose_nothing_when_a_port_goes_and_comes() -> None:
    make_pair("etest0", "etest1")
    make_pair("etest2", "etest3")
    try:
        with open_engine(program("constructs"), EngineOptions(cores=2)) as engine:
            call = ActionCall("In.send", (2,))
            assert not engine.apply([WriteEntry(Change.INSERT, "In.ports", (Exact(1),), call)])[0].status
            engine.add_port(1, None)
            engine.start()
            for _ in range(5):
                engine.add_port(2, "etest2")
                with open_wire("etest3") as far:
                    for number in range(300):
                        assert engine.inject(1, command(a=number))
                    engine.collect()
                    engine.remove_port(2)  # what was given to a sender is sent first
                    received = [Ether(receive(far))[Command].a for _ in range(300)]
                    assert received == list(range(300))
            assert engine.stats().drops["send_failed"] == 0
            for number in range(1000):
                engine.inject(1, command(a=number))
                if number % 200 == 0:
                    engine.add_port(2, "etest2")
                    engine.remove_port(2)
    finally:
        for name in ("etest0", "etest2"):
            remove(name)


def test_cores_that_cannot_be_had_are_refused() -> None:
    for cores in (0, 17):
        with pytest.raises(BuildError, match="1 to 16"):
            open_engine(program("constructs"), EngineOptions(cores=cores))


def has_xdp_program(name: str) -> bool:
    with IPRoute() as ip:
        (link,) = ip.link("get", index=ip.link_lookup(ifname=name)[0])
        return bool(link.get_attr("IFLA_XDP").get_attr("IFLA_XDP_ATTACHED"))


def test_an_xdp_program_goes_with_its_port_and_with_its_process() -> None:
    make_pair("etest0", "etest1")
    try:
        with open_engine(program("constructs")) as engine:
            engine.add_port(1, "etest1", xdp=True)
            assert has_xdp_program("etest1")
            with open_engine(program("constructs")) as other, pytest.raises(PortError, match="has it"):
                other.add_port(1, "etest1", xdp=True)
            engine.remove_port(1)
            assert not has_xdp_program("etest1")
        text = (
            "import os, signal; from tests.switch.engine.conftest import program;"
            "from p4fabric.softswitch.engine import open_engine; engine = open_engine(program('constructs'));"
            "engine.add_port(1, 'etest1', xdp=True); print('there', flush=True); signal.pause()"
        )
        with subprocess.Popen((sys.executable, "-c", text), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "there\n"
            assert has_xdp_program("etest1")
            process.kill()
        deadline = time.monotonic() + 60
        while has_xdp_program("etest1"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        remove("etest0")


def test_what_af_xdp_cannot_have_is_said() -> None:
    make_pair("etest0", "etest1", mtu=9000)
    try:
        with open_engine(program("constructs")) as engine:
            with pytest.raises(PortError, match="AF_XDP: its MTU is too large"):
                engine.add_port(1, "etest1", xdp=True)
            with pytest.raises(PortError, match="AF_XDP: No such device"):
                engine.add_port(1, "etest9", xdp=True)
            engine.add_port(1, "etest1")  # by AF_PACKET it can
    finally:
        remove("etest0")
