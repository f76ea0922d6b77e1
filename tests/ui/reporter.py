"""A switch as far as its telemetry reports go: what leaf1 would send of a burst, when a test says so."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping

import grpc
from finsy.proto import gnmi, gnmi_grpc
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from p4fabric.controller.telemetry.reports import (
    Bin,
    BinsReport,
    FlowReport,
    FlowWords,
    Inner,
    InnerType,
    Origin,
    Report,
    ReportGroup,
    Role,
    Window,
    encode,
)

__all__ = ["REPORTER", "Reporter", "limit"]

REPORTER = "127.0.0.2"
"""Its own address: what the switch itself sends by UDP is not taken, as it has numbers of its own."""
_MS = 1_000_000
_AT_ONCE = 20


class Reporter:
    """Sends reports as leaf1, whose device id is 1."""

    def __init__(self, port: int, egress: int, addresses: Mapping[int, str]) -> None:
        """Take the UDP port of the collector, the port of leaf1 whose queue it is, and the addresses of
        switches by device id: it goes by their clocks."""
        self._port, self._egress = port, egress
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((REPORTER, 0))
        self._sequences: dict[tuple[int, int], int] = {}
        self._started = {node: time.time_ns() - clock(address) for node, address in addresses.items()}

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def burst(self, depths: list[int], lose: int = 0, egress: int | None = None) -> None:
        """What a queue did in the last milliseconds, who filled it, and who waited.

        Args:
            depths: in packets, by millisecond; each packet is a millisecond of wait.
            lose: so many datagrams before it do not come.
            egress: the queue's port, if it is another one.
        """
        egress = self._egress if egress is None else egress
        now = time.time_ns() - self._started[1]
        self._send(
            Origin.EGRESS,
            self._packet(egress, Role.CULPRIT, 11, 70, now),
            self._packet(egress, Role.VICTIM, 12, 1, now),
            lose=lose,
        )
        start = now // _MS * _MS - len(depths) * _MS
        bins = [
            Bin(start + i * _MS, depth, 0, depth * _MS, 5, 7000, 3 if depth > 60 else 0)
            for i, depth in enumerate(depths)
        ]
        for first in range(0, len(bins), _AT_ONCE):
            some = tuple(bins[first : first + _AT_ONCE])
            self._send(Origin.QUEUES, BinsReport(egress, 0, some, some[-1].start_ns + _MS))

    def path(self, *hops: tuple[int, int, int], us: int = 100) -> None:
        """Postcards of a packet from 10.0.1.10, in order: device id, ports of arrival and departure."""
        inside = bytes(IP(src="10.0.1.10", dst="10.0.1.11") / UDP(sport=40000, dport=7000) / b"x")
        for node, came, went in hops:
            at = time.time_ns() - self._started[node]
            words, inner = FlowWords(Role.NONE, 0, 0, 0), Inner(InnerType.IPV4, inside)
            card = FlowReport(came, went, us, 0, 0, None, at, words, None, 0, inner, tracked=True)
            self._send(Origin.POSTCARDS, card, node=node)

    def _packet(self, egress: int, role: Role, host: int, share: int, now: int) -> FlowReport:
        frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        inside = bytes(frame / IP(src=f"10.0.1.{host}", dst="10.0.1.9") / UDP(sport=40000, dport=5001))
        words = FlowWords(role, 0, share, 100)
        return FlowReport(
            1,
            egress,
            64_000,
            0,
            64,
            None,
            now,
            words,
            Window(1, 10),
            0,
            Inner(3, inside),
            congested=True,
        )

    def _send(self, origin: Origin, *reports: Report, lose: int = 0, node: int = 1) -> None:
        sequence = self._sequences.get((node, origin), 0) + lose
        self._sequences[node, origin] = sequence + 1
        self._socket.sendto(encode(ReportGroup(node, origin, sequence, reports)), ("127.0.0.1", self._port))


def clock(address: str) -> int:
    """A switch's time."""
    request = gnmi.GetRequest(encoding=gnmi.Encoding.PROTO)
    request.path.add().elem.extend(gnmi.PathElem(name=name) for name in ("queues", "state", "clock"))
    with grpc.insecure_channel(address) as channel:
        response = gnmi_grpc.gNMIStub(channel).Get(request)
    return int(response.notification[0].update[0].val.uint_val)


def limit(address: str, interface: str, bits: int) -> None:
    """Set the rate of a switch's port, as an operator does by gNMI."""
    names = [("qos", {}), ("interfaces", {}), ("interface", {"interface-id": interface}), ("output", {})]
    names += [("queues", {}), ("queue", {"name": "egress"}), ("config", {}), ("rate-bps", {})]
    update = gnmi.Update(val=gnmi.TypedValue(uint_val=bits))
    update.path.elem.extend(gnmi.PathElem(name=name, key=key) for name, key in names)
    with grpc.insecure_channel(address) as channel:
        gnmi_grpc.gNMIStub(channel).Set(gnmi.SetRequest(update=[update]))
