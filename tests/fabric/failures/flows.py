"""Numbered datagrams between the hosts of a `FabricBed`: flows that are permitted, and some that never are.

A permitted datagram that does not arrive was lost; one of the others that does arrive has passed what should
have stopped it.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from tests.veth import open_wire

__all__ = ["DENIED", "INTENTS", "PERMITTED", "Flow", "Flows"]

ROUTER = "02:00:5e:00:00:01"
_MARK = b"p4fabric flow "
_NUMBER = struct.Struct("!BI")
_DRAIN_S = 1.0


@dataclass(frozen=True)
class Host:
    """At which wire, and who."""

    wire: str
    mac: str
    address: str


CLIENT = Host("l1h1", "02:00:00:00:01:01", "10.0.1.11")
PEER = Host("l2h1", "02:00:00:00:01:02", "10.0.1.12")
SERVER = Host("l2h2", "02:00:00:00:02:01", "10.0.2.11")
STRANGER = Host("l1h2", "02:00:00:00:03:01", "10.0.1.13")
"""Another tenant's, in the same subnet as the client's."""


def _network(tenant: str, name: str, subnet: int, *attachments: tuple[str, int, Host]) -> dict[str, Any]:
    spec = {
        "subnets": [f"10.0.{subnet}.0/24"],
        "gateways": [f"10.0.{subnet}.1"],
        "attachments": [
            {"switch": switch, "port": port, "mac": host.mac, "addresses": [host.address]}
            for switch, port, host in attachments
        ],
    }
    return {"kind": "Network", "tenant": tenant, "name": name, "spec": spec}


INTENTS: tuple[dict[str, Any], ...] = (
    _network("acme", "clients", 1, ("leaf1", 1, CLIENT), ("leaf2", 1, PEER)),
    _network("acme", "servers", 2, ("leaf2", 2, SERVER)),
    _network("stranger", "clients", 1, ("leaf1", 2, STRANGER)),
    {
        "kind": "FirewallPolicy",
        "tenant": "acme",
        "name": "closed",
        "spec": {
            "priority": 9000,
            "rules": [{"name": "closed", "action": "deny", "protocol": "udp", "ports": [9000]}],
        },
    },
)
"""What permits the permitted flows, and denies the others."""


@dataclass(frozen=True)
class Flow:
    """Datagrams from one host to another."""

    name: str
    source: Host
    destination: Host
    port: int = 7000
    mac: str | None = None
    """Where it is sent; by default the destination's, or the router's in another subnet."""
    claimed: str | None = None
    """Source address, if it is not the source's own."""
    source_port: int = 6000
    """Of equal ways, it decides which one is taken."""

    def head(self) -> bytes:
        """All headers of its frames."""
        same = self.source.address.rpartition(".")[0] == self.destination.address.rpartition(".")[0]
        mac = self.mac or (self.destination.mac if same else ROUTER)
        ip = IP(src=self.claimed or self.source.address, dst=self.destination.address)
        payload = bytes(len(_MARK) + _NUMBER.size)
        frame = (
            Ether(src=self.source.mac, dst=mac) / ip / UDP(sport=self.source_port, dport=self.port, chksum=0)
        )
        return bytes(frame / payload)[: -len(payload)]


PERMITTED = (
    Flow("bridged", CLIENT, PEER),
    Flow("bridged back", PEER, CLIENT),
    Flow("routed", CLIENT, SERVER),
    Flow("routed back", SERVER, CLIENT),
)
DENIED = (
    Flow("denied by a rule", CLIENT, SERVER, port=9000),
    Flow("denied by a rule, back", SERVER, CLIENT, port=9000),
    Flow("with another's address", CLIENT, SERVER, claimed=PEER.address),
    Flow("bridged from another tenant", STRANGER, PEER),
    Flow("routed from another tenant", STRANGER, SERVER),
)
_HOSTS = (CLIENT, PEER, SERVER, STRANGER)


class Flows:
    """All flows, each at a rate, while the body of `with` runs; the counts are there afterwards."""

    def __init__(self, rate: float = 50.0, permitted: Sequence[Flow] = PERMITTED) -> None:
        """Plan it.

        Args:
            rate: datagrams a second of each flow.
            permitted: flows that the intents let through.
        """
        self._interval = 1 / rate
        self._permitted = permitted
        self._all = (*permitted, *DENIED)
        self._heads = [flow.head() for flow in self._all]
        self._cleanup = ExitStack()
        self._wires: dict[str, socket.socket] = {}
        self._sending, self._receiving = threading.Event(), threading.Event()
        self._sent = [0] * len(self._all)
        self._seen: list[set[int]] = [set() for _ in self._all]
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]

    def __enter__(self) -> Self:
        for host in _HOSTS:
            self._wires[host.wire] = self._cleanup.enter_context(open_wire(host.wire))
        self._sending.set()
        self._receiving.set()
        for thread in reversed(self._threads):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sending.clear()
        self._threads[0].join()
        time.sleep(_DRAIN_S)
        self._receiving.clear()
        self._threads[1].join()
        self._cleanup.close()

    @property
    def sent(self) -> int:
        """Datagrams of the permitted flows."""
        return sum(self._sent[: len(self._permitted)])

    @property
    def probes(self) -> int:
        """Datagrams of the flows that are not permitted."""
        return sum(self._sent[len(self._permitted) :])

    def arrived(self, flow: Flow) -> int:
        """How many of a flow's datagrams have arrived so far."""
        return len(self._seen[self._all.index(flow)])

    def lost(self) -> dict[str, int]:
        """Datagrams of permitted flows that have not arrived, by flow, where there are any."""
        missing = {
            flow.name: self._sent[number] - len(self._seen[number])
            for number, flow in enumerate(self._permitted)
        }
        return {name: count for name, count in missing.items() if count}

    def passed(self) -> dict[str, int]:
        """Datagrams that arrived and must not, by flow, where there are any."""
        counts = {flow.name: self.arrived(flow) for flow in DENIED}
        return {name: count for name, count in counts.items() if count}

    def _send(self) -> None:
        due = time.monotonic()
        while self._sending.is_set():
            for number, flow in enumerate(self._all):
                content = _MARK + _NUMBER.pack(number, self._sent[number])
                self._sent[number] += 1
                self._wires[flow.source.wire].send(self._heads[number] + content)
            # What the machine made late is not made up for: it would be a burst.
            due = max(due + self._interval, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def _receive(self) -> None:
        with selectors.DefaultSelector() as selector:
            for name, wire in self._wires.items():
                wire.setblocking(False)
                selector.register(wire, selectors.EVENT_READ, name)
            while self._receiving.is_set():
                for key, _ in selector.select(0.1):
                    self._take(key.data, self._wires[key.data])

    def _take(self, name: str, wire: socket.socket) -> None:
        while True:
            try:
                frame = wire.recv(2048)
            except BlockingIOError:
                return
            _, mark, rest = frame.partition(_MARK)
            if mark:
                number, serial = _NUMBER.unpack_from(rest)
                flow = self._all[number]
                # What is not permitted must come out nowhere.
                if number >= len(self._permitted) or flow.destination.wire == name:
                    self._seen[number].add(serial)
