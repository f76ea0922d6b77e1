"""Whole TCP sessions with a real kernel: nobody gets through to a denied port, by whatever headers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
from pyroute2 import IPRoute
from scapy.layers.inet import IP, TCP, IPOption_NOP
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.attacks.bed import ROUTER, Bed
from tests.attacks.listener import GREETING
from tests.attacks.packets import (
    HOP_BY_HOP,
    Extension,
    fragment,
    ipv6,
    options,
)
from tests.attacks.tenants import ALICE, LISTENER
from tests.veth import receive

DENIED, OPEN = 23, 2323
CHAINS: dict[str, Sequence[Extension]] = {
    "nothing": [],
    "Destination Options": [options()],
    "Hop-by-Hop": [options(HOP_BY_HOP)],
    "an atomic fragment": [fragment()],
    "all of them": [options(HOP_BY_HOP), options(), fragment(), options()],
}
_source_ports = count(40000)


@pytest.fixture(scope="module")
def server(bed: Bed) -> Iterator[Bed]:
    """A kernel behind the leaf that listens at both ports."""
    command = ["unshare", "-n", sys.executable, "-m", "tests.attacks.listener"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        try:
            assert process.stdout.readline() == "ready\n"
            with IPRoute() as ip:
                (index,) = ip.link_lookup(ifname=bed.listener())
                ip.link("set", index=index, net_ns_pid=process.pid)
            addresses = [(LISTENER.ip, 24), (LISTENER.ip6, 64)]
            plan = {"interface": bed.listener(), "mac": LISTENER.mac, "addresses": addresses,
                    "gateways": ["10.0.2.1", "2001:db8:2::1"], "ports": [DENIED, OPEN]}  # fmt: skip
            print(json.dumps(plan), file=process.stdin, flush=True)
            assert process.stdout.readline() == "listening\n"
            yield bed
        finally:
            process.kill()


@dataclass
class Client:
    """Alice, who speaks TCP by herself: her packets have whatever headers she likes."""

    bed: Bed
    chain: Sequence[Extension] | None
    """Extension headers of IPv6; None: IPv4 with options."""
    port: int
    source: int = field(default_factory=lambda: next(_source_ports))
    said: int = 1000
    heard: int = 0

    def send(self, flags: str) -> None:
        """One segment without data."""
        tcp = TCP(sport=self.source, dport=self.port, flags=flags, seq=self.said, ack=self.heard)
        self.bed.send(ALICE.port, bytes(Ether(src=ALICE.mac, dst=ROUTER) / self._packet(tcp)))
        self.said += "S" in flags

    def _packet(self, tcp: Packet) -> Packet:
        if self.chain is None:
            return IP(src=ALICE.ip, dst=LISTENER.ip, options=[IPOption_NOP()] * 4) / tcp
        ends = IPv6(src=ALICE.ip6, dst=LISTENER.ip6)
        tcp.chksum = 0
        tcp.chksum = in6_chksum(6, ends, bytes(tcp))  # type: ignore[no-untyped-call]
        return ipv6(ALICE.ip6, LISTENER.ip6, self.chain, tcp)

    def next_segment(self, *others: Client) -> tuple[Client, Packet]:
        """The next segment that comes for this client or one of the others."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            tcp = Ether(receive(self.bed.wire(ALICE.port))).getlayer(TCP)
            for client in (self, *others):
                if tcp is not None and (tcp.sport, tcp.dport) == (client.port, client.source):
                    return client, tcp
        raise AssertionError("no segment came for these clients")

    def talk(self) -> bytes:
        """Connect and return what the server says first."""
        self.send("S")
        _, answer = self.next_segment()
        assert answer.flags == "SA", answer.flags
        self.heard = answer.seq + 1
        self.send("A")
        while True:
            _, answer = self.next_segment()
            if answer.payload:
                return bytes(answer.payload)[: len(GREETING)]


@pytest.mark.parametrize("chain", [*CHAINS.values(), None], ids=[*CHAINS, "IPv4 with options"])
def test_a_session_with_a_denied_port_does_not_begin_and_with_another_port_it_does(
    server: Bed, chain: Sequence[Extension] | None
) -> None:
    assert Client(server, chain, OPEN).talk() == GREETING

    attacker, later = Client(server, chain, DENIED), Client(server, chain, OPEN)
    before = server.drops(ALICE.port).get("FIREWALL", 0)
    for flags in ("S", "S"):
        attacker.send(flags)
    later.send("S")
    who, answer = attacker.next_segment(later)
    assert who is later and answer.flags == "SA", (
        f"the server answered at port {answer.sport}: {answer.flags}"
    )
    assert server.drops(ALICE.port)["FIREWALL"] - before == 2
