"""A switch with four veth ports, driven over P4Runtime and judged by the packets that come out.

The embedded switch by default; `P4FABRIC_TEST_SWITCH=bmv2` runs the same behaviour on bmv2's
`simple_switch_grpc`, the reference for v1model.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

import grpc
from finsy.proto import p4r, p4r_grpc
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from p4fabric.controller.targets import target_named
from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import CloneSession, DigestConfig, Entity, Replica, TableEntry
from p4fabric.pipelines.fabric import bindings
from p4fabric.pipelines.values import L4Port, MacAddress, Port
from tests.veth import make_pair, open_wire, receive, remove

PORTS = (1, 2, 3, 4)
TARGET = os.environ.get("P4FABRIC_TEST_SWITCH", "softswitch")
REPORT_PRIORITY = fabric.REPORT_PRIORITY if target_named(TARGET).has_clone_priorities else 0
NODE = 77
"""The switch's number in its reports."""
REPORT_TO = bindings.ReportTo(
    NODE, MacAddress(1), MacAddress(2), IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"), L4Port(32766)
)
SLOW_PORT = 4
"""Leaves at 100 packets a second from a queue of 64, on every target."""


def free_tcp_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_udp_port() -> int:
    """One that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Wires:
    """The veth pairs: `fpN` at the switch, `fpNt` at the test."""

    def __init__(self) -> None:
        self.sockets: dict[int, socket.socket] = {}
        for port in PORTS:
            make_pair(f"fp{port}", f"fp{port}t", mtu=1600)
            self.sockets[port] = open_wire(f"fp{port}t")

    def receive(self, port: int, timeout: float) -> bytes | None:
        """The next frame out of a port, VLAN tag put back."""
        wire = self.sockets[port]
        wire.settimeout(timeout)
        try:
            return receive(wire)
        except TimeoutError:
            return None

    def close(self) -> None:
        """Remove the interfaces."""
        for wire in self.sockets.values():
            wire.close()
        for port in PORTS:
            remove(f"fp{port}")


def switch_command(grpc_port: int, thrift_port: int) -> list[str]:
    """How to start the switch under test."""
    interfaces = [word for port in PORTS for word in ("-i", f"{port}@fp{port}")]
    if TARGET == "bmv2":
        binary = shutil.which("simple_switch_grpc")
        assert binary, "P4FABRIC_TEST_SWITCH=bmv2 needs simple_switch_grpc on PATH"
        return [
            binary, "--no-p4", "--device-id", "1", *interfaces, "--thrift-port", str(thrift_port),
            "--", "--grpc-server-addr", f"127.0.0.1:{grpc_port}", "--cpu-port", "510",
            "--priority-queues", "8",
        ]  # fmt: skip
    return [
        sys.executable, "-m", "p4fabric.softswitch", "run", "--device-id", "1",
        "--grpc", f"127.0.0.1:{grpc_port}", *interfaces, "--queue", f"{SLOW_PORT}:rate=100pps,depth=64",
    ]  # fmt: skip


class PipelineUnderTest:
    """The running switch with fabric.p4, and a P4Runtime client that is its primary."""

    def __init__(self) -> None:
        self._cleanup = ExitStack()
        self._requests: queue.Queue[p4r.StreamMessageRequest | None] = queue.Queue()
        self.messages: queue.Queue[p4r.StreamMessageResponse] = queue.Queue()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.push(self._cleanup)
            self._start()
            undo.pop_all()
        return self

    def _start(self) -> None:
        self.wires = Wires()
        self._cleanup.callback(self.wires.close)
        grpc_port, thrift_port = free_tcp_port(), free_tcp_port()
        process = subprocess.Popen(switch_command(grpc_port, thrift_port), stdout=sys.stderr)
        self._cleanup.callback(self._stop, process)
        channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}")
        self._cleanup.callback(channel.close)
        grpc.channel_ready_future(channel).result(timeout=60)
        self._stub = p4r_grpc.P4RuntimeStub(channel)
        self._open_stream()
        self._push()
        if TARGET == "bmv2":
            command = f"set_queue_depth 64 {SLOW_PORT}\nset_queue_rate 100 {SLOW_PORT}\n"
            cli = ["simple_switch_CLI", "--thrift-port", str(thrift_port)]
            subprocess.run(cli, input=command, text=True, check=True, stdout=subprocess.DEVNULL)
        self.insert(
            CloneSession(fabric.REPORT_CLONE_SESSION, (Replica(fabric.CPU_PORT),), REPORT_PRIORITY),
            bindings.ReportDestinations(Port(fabric.CPU_PORT), REPORT_TO),
            DigestConfig(bindings.HostSeen.DIGEST_ID, 0, 1, 1_000_000),
            DigestConfig(bindings.UnknownTunnel.DIGEST_ID, 0, 1, 1_000_000),
        )

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._requests.put(None)
        self._cleanup.close()

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("the switch did not end within 5 s of SIGTERM") from None

    def _open_stream(self) -> None:
        arbitration = p4r.StreamMessageRequest()
        arbitration.arbitration.device_id = 1
        arbitration.arbitration.election_id.low = 1
        self._requests.put(arbitration)
        responses = self._stub.StreamChannel(iter(self._requests.get, None))
        first = next(responses)
        assert first.arbitration.status.code == 0, first
        threading.Thread(target=self._read_stream, args=(responses,), daemon=True).start()

    def _read_stream(self, responses: Iterator[p4r.StreamMessageResponse]) -> None:
        try:
            for response in responses:
                if response.HasField("digest"):
                    ack = p4r.StreamMessageRequest()
                    ack.digest_ack.digest_id = response.digest.digest_id
                    ack.digest_ack.list_id = response.digest.list_id
                    self._requests.put(ack)
                self.messages.put(response)
        except grpc.RpcError:
            pass  # the channel closes with the test

    def _push(self) -> None:
        request = p4r.SetForwardingPipelineConfigRequest(
            device_id=1, action=p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT
        )
        request.election_id.low = 1
        request.config.p4info.CopyFrom(fabric.p4info())
        request.config.p4_device_config = fabric.device_config()
        self._stub.SetForwardingPipelineConfig(request)

    def _write(self, kind: int, entities: tuple[Entity, ...]) -> None:
        request = p4r.WriteRequest(device_id=1)
        request.election_id.low = 1
        for entity in entities:
            request.updates.add(type=kind, entity=entity.encode())
        self._stub.Write(request)

    def insert(self, *entities: Entity) -> None:
        """Insert all, or fail."""
        self._write(p4r.Update.INSERT, entities)

    def modify(self, *entities: Entity) -> None:
        """Modify all, or fail."""
        self._write(p4r.Update.MODIFY, entities)

    def read(self, entity: p4r.Entity) -> list[p4r.Entity]:
        """All entities that match."""
        request = p4r.ReadRequest(device_id=1, entities=[entity])
        return [found for response in self._stub.Read(request) for found in response.entities]

    def packets_counted(self, entry: TableEntry) -> int:
        """The packet count of the entry's direct counter."""
        asked = p4r.Entity()
        asked.direct_counter_entry.table_entry.CopyFrom(entry.encode_key())
        (found,) = self.read(asked)
        return int(found.direct_counter_entry.data.packet_count)

    def next_report(self, timeout: float = 3.0) -> Packet:
        """The next report, as a frame."""
        message = self.next_message("packet", timeout).packet
        assert bindings.PacketInMetadata.decode(list(message.metadata)).ingress_port == fabric.CPU_PORT
        return Ether(message.payload)

    def packet_out(self, port: int, frame: bytes) -> None:
        """Send a frame out of a port as the controller does."""
        request = p4r.StreamMessageRequest()
        request.packet.payload = frame
        request.packet.metadata.extend(bindings.PacketOutMetadata(Port(port)).encode())
        self._requests.put(request)

    def next_message(self, kind: str, timeout: float = 60.0) -> p4r.StreamMessageResponse:
        """The next stream message of one kind; others are dropped."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.messages.get(timeout=max(0.0, deadline - time.monotonic()))
            if message.WhichOneof("update") == kind:
                return message

    def send(self, port: int, packet: Packet) -> None:
        """Put a frame on a port's wire."""
        frame = bytes(packet)
        self.wires.sockets[port].send(frame.ljust(60, b"\0"))

    def receive(self, port: int, timeout: float = 2.0) -> Packet | None:
        """The next frame that came out of a port, or None."""
        frame = self.wires.receive(port, timeout)
        return Ether(frame) if frame is not None else None

    def expect_silence(self, *ports: int) -> None:
        """Nothing comes out of these ports for a while."""
        time.sleep(0.2)
        for port in ports:
            packet = self.receive(port, timeout=0.001)
            assert packet is None, f"port {port}: {packet!r}"

    def drain(self) -> None:
        """Forget what came out so far."""
        for port in PORTS:
            while self.wires.receive(port, 0.001) is not None:
                pass
