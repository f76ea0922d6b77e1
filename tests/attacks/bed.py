"""A controller, a switch and the ends of its wires: frames go in at a port, and all that comes out is seen.

Controller and switch are processes as an operator runs them; the test speaks the API, the wires, and reads
the switch's counters of drops. Nothing here waits to see that nothing happens: a marker that is sent
behind a frame, through the same port, comes out of every port behind what the frame became.
"""

from __future__ import annotations

import itertools
import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Self

import grpc
import httpx
import yaml
from finsy.proto import p4r, p4r_grpc
from scapy.layers.inet6 import ICMPv6ND_NS
from scapy.layers.l2 import ARP, Dot1Q, Ether

from p4fabric.pipelines import fabric
from tests.switch.pipeline.harness import free_tcp_port
from tests.veth import make_pair, open_wire, receive, remove

__all__ = ["MARKER_TAG", "ROUTER", "WIRES", "Bed", "Outcome", "drop_reasons"]

ROUTER = "02:00:5e:00:00:01"
"""The fabric's own MAC address in every network."""
WIRES = tuple(range(1, 13))
"""Ports whose other end the test holds."""
LISTENER_PORT = 13
"""The port whose other end a kernel gets."""
MARKER_TAG = 4000
"""Tag of the network that markers travel in; it is open at all wires."""
_MARKER = b"\x88\xb5p4fabric marker "
_SECONDS = 60.0
_REASON_BITS = 5
_EGRESS_REASONS = frozenset({"FRAGMENT_REPLY"})

Outcome = dict[int, list[bytes]]
"""Frames that came out, by port; a port that nothing came out of is not there."""


@cache
def drop_reasons() -> dict[str, int]:
    """The numbers of the reasons, by their names in drops.p4 without `DROP_`."""
    source = Path(__file__).parents[2] / "p4src/include/drops.p4"
    found = re.findall(r"^const drop_reason_t DROP_(\w+)\s*=\s*(\d+);", source.read_text(), re.MULTILINE)
    return {name: int(number) for name, number in found}


def _until(wanted: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + _SECONDS
    while not (found := wanted()):
        assert time.monotonic() < deadline, f"{what} within {_SECONDS:g} s"
        time.sleep(0.02)
    return found


class Bed:
    """One leaf with its controller; use it as a context manager."""

    def __init__(
        self,
        folder: Path,
        documents: Sequence[dict[str, Any]],
        answers: Callable[[int], Iterable[bytes]] = lambda port: (),
    ) -> None:
        """Plan it.

        Args:
            folder: where the controller keeps its files.
            documents: the intents that it gets.
            answers: the frames with which the hosts at a port tell the controller that they are there.
        """
        self._answers = answers
        self._folder = folder
        self._documents = documents
        self._cleanup = ExitStack()
        self._serial = itertools.count(int.from_bytes(os.urandom(4), "big") << 16)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.push(self._cleanup)
            self._wires = {port: self._make_wire(port) for port in WIRES}
            self._make_pair(LISTENER_PORT)
            self._start_switch()
            self._start_controller()
            answer = self._http.post("/api/v1/intents", json=list(self._documents))
            assert answer.status_code == 200, answer.text
            _until(self._in_sync, "the intents are in the switch")
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _make_pair(self, port: int) -> None:
        make_pair(f"at{port}", f"at{port}t", mtu=1600)
        self._cleanup.callback(remove, f"at{port}")

    def _make_wire(self, port: int) -> socket.socket:
        self._make_pair(port)
        return self._cleanup.enter_context(open_wire(f"at{port}t"))

    def _start_switch(self) -> None:
        self._address = f"127.0.0.1:{free_tcp_port()}"
        interfaces = [word for port in (*WIRES, LISTENER_PORT) for word in ("-i", f"{port}@at{port}")]
        self._start(
            "-m", "p4fabric.softswitch", "run", "--device-id", "1", "--grpc", self._address, *interfaces
        )
        channel = grpc.insecure_channel(self._address)
        self._cleanup.callback(channel.close)
        grpc.channel_ready_future(channel).result(timeout=_SECONDS)
        self._switch = p4r_grpc.P4RuntimeStub(channel)

    def _start_controller(self) -> None:
        leaf = {"name": "leaf1", "deviceId": 1, "address": self._address, "role": "leaf", "ports": []}
        path = self._folder / "fabric.yaml"
        path.write_text(yaml.safe_dump({"switches": [leaf], "api": {"listen": "127.0.0.1:0"}}))
        main = "from p4fabric.controller.cli.main import main; main()"
        process = self._start("-c", main, "controller", "-c", str(path), stdout=subprocess.PIPE)
        assert process.stdout is not None
        self._cleanup.enter_context(process.stdout)
        said = re.search(r"http://[^/ ]+", process.stdout.readline().decode())
        assert said, f"the controller did not say where it is; its exit status: {process.poll()}"
        token = (self._folder / "p4fabric.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        self._http = self._cleanup.enter_context(httpx.Client(base_url=said[0], headers=headers, timeout=30))

    def _start(self, *arguments: str, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, *arguments], stdout=stdout)
        self._cleanup.callback(_stop, process)
        return process

    def _in_sync(self) -> bool:
        return all(switch["inSync"] for switch in self._http.get("/api/v1/switches").json()["items"])

    def states(self) -> dict[str, Any]:
        """The status of each intent, by name."""
        intents = self._http.get("/api/v1/intents").json()["items"]
        return {intent["name"]: intent["status"] for intent in intents}

    def hosts(self) -> dict[str, tuple[int, frozenset[str]]]:
        """Port and IP addresses of each host that was learned, by MAC address."""
        known = self._http.get("/api/v1/hosts").json()["items"]
        return {host["mac"]: (host["port"], frozenset(host["addresses"])) for host in known}

    def until(self, wanted: Callable[[], Any], what: str) -> None:
        """Wait until something is true, and the switch holds what follows from it."""
        _until(lambda: wanted() and self._in_sync(), what)

    def emit(self, port: int, frame: bytes) -> Outcome:
        """Send a frame into a port; returns all that came out of the switch for it, wherever that was."""
        other = next(wire for wire in WIRES if wire != port)
        self.send(port, frame)
        serial = self._mark(port)
        outcome = {wire: self._up_to(serial, wire) for wire in WIRES if wire != port}
        # Flooding does not go back where it came from: what did come back is ahead of a second marker.
        outcome[port] = self._up_to(self._mark(other), port)
        return {wire: frames for wire, frames in outcome.items() if frames}

    def drain(self) -> None:
        """Forget what has come out so far, and what is on its way; answer what the controller asked."""
        for port in WIRES:
            serial = self._mark(port)
            for wire in WIRES:
                if wire != port:
                    self._up_to(serial, wire, answer=True)

    def send(self, port: int, frame: bytes) -> None:
        """Send a frame into a port, padded to what Ethernet needs."""
        self._wires[port].send(frame.ljust(60, b"\0"))

    def wire(self, port: int) -> socket.socket:
        """The test's end of a port."""
        return self._wires[port]

    def listener(self) -> str:
        """The interface at the other end of the port that a kernel is to have."""
        return f"at{LISTENER_PORT}t"

    def _mark(self, port: int) -> bytes:
        serial = next(self._serial).to_bytes(8, "big")
        source = f"02:00:00:00:ff:{port:02x}"
        head = Ether(src=source, dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=MARKER_TAG, type=0x88B5)
        self.send(port, bytes(head) + _MARKER[2:] + serial)
        return serial

    def _up_to(self, serial: bytes, port: int, answer: bool = False) -> list[bytes]:
        frames: list[bytes] = []
        while True:
            try:
                frame = receive(self._wires[port])
            except TimeoutError:
                raise AssertionError(f"the marker did not come out of port {port}") from None
            if frame[16 : 16 + len(_MARKER)] == _MARKER:
                if frame[16 + len(_MARKER) :].startswith(serial):
                    return frames
            elif not _is_question(frame):
                frames.append(frame)
            elif answer:
                for reply in self._answers(port):
                    self.send(port, reply)

    def drops(self, port: int) -> dict[str, int]:
        """Frames dropped so far: by reason, those that came in at a port; in egress, those at any port."""
        request = p4r.ReadRequest(device_id=1)
        for name, reason in drop_reasons().items():
            egress = name in _EGRESS_REASONS
            for each in (*WIRES, LISTENER_PORT) if egress else (port,):
                entry = request.entities.add().counter_entry
                entry.counter_id = _counter(
                    "FabricEgress.egress_drops" if egress else "FabricIngress.ingress_drops"
                )
                entry.index.index = each << _REASON_BITS | reason
        read = [entity.counter_entry for answer in self._switch.Read(request) for entity in answer.entities]
        counts = Counter[int]()
        for entry in read:
            counts[entry.index.index & (1 << _REASON_BITS) - 1] += entry.data.packet_count
        return {name: counts[number] for name, number in drop_reasons().items() if counts[number]}


@cache
def _counter(name: str) -> int:
    (found,) = (counter for counter in fabric.p4info().counters if counter.preamble.name == name)
    return int(found.preamble.id)


def _is_question(frame: bytes) -> bool:
    """Whether the controller asks for a host."""
    packet = Ether(frame)
    if packet.src != ROUTER:
        return False
    probe = packet.getlayer(ARP)
    return ICMPv6ND_NS in packet or (probe is not None and probe.op == 1 and probe.psrc == "0.0.0.0")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
