"""Packets/s and table writes/s of the embedded switch and of bmv2's simple_switch_grpc, with fabric.p4 and
with a plain router: the same JSON, the same entries written over P4Runtime, the same veth pairs, one core
each, in turns. Needs root, and bmv2 on PATH.

    .venv/bin/python -m benchmarks.beside_bmv2 [--seconds 3] [--rounds 3]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from finsy import Action, Match, P4Schema, P4TableEntry
from finsy.proto import p4r

from benchmarks.figures import Figure, add_option, save
from benchmarks.forwarding import SWITCH_CORE, Wires, build_tool, received_rate, the_frame
from benchmarks.p4runtime import Primary, batches, primary
from benchmarks.programs import pipeline_config
from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import Entity, Lpm, Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IpProtocol, MacAddress, Port, VlanId, VrfId

GRPC, THRIFT = "127.0.0.1:9591", "9592"
NETWORK, VRF = VlanId(100), VrfId(1)
ROUTER, HOST = MacAddress(0x02005E000001), MacAddress(0x02000000000B)
PORTS = ("-i", "1@ebs1", "-i", "2@ebs2")
BACKGROUND = 10_000  # entries beside those that the frame meets


@dataclass(frozen=True, slots=True)
class Case:
    """A program, what is written to it first, and the frame that then goes from port 1 to port 2."""

    name: str
    config: p4r.ForwardingPipelineConfig
    entities: Sequence[p4r.Entity]
    frame: bytes


def fabric_case(background: int) -> Case:
    """fabric.p4."""
    config = p4r.ForwardingPipelineConfig(p4info=fabric.p4info(), p4_device_config=fabric.device_config())
    return Case("fabric.p4", config, [one.encode() for one in fabric_entities(background)], the_frame())


def router_case(background: int) -> Case:
    """The plain router."""
    config = pipeline_config("l3")
    schema = P4Schema(config.p4info)
    prefixes = ["10.0.2.0/24", *(f"{IPv4Address(0x0B000000 + number)}/32" for number in range(background))]
    call = Action("next_hop", source=int(ROUTER), destination=int(HOST), port=2)
    entries = [
        P4TableEntry("routes", match=Match({"hdr.ipv4.destination": prefix}), action=call).encode(schema)
        for prefix in prefixes
    ]
    return Case("plain L3", config, entries, the_frame())


def fabric_entities(background: int) -> list[Entity]:
    """One network of two edge ports, a route, a firewall rule, and tables full of others' entries."""
    found: list[Entity] = [
        b.Networks(
            NETWORK,
            b.SetNetwork(VRF, ROUTER, 1000, IPv4Address("10.0.1.0"), IPv6Address(0), False, 0, False),
        ),
        b.SourceIpv4(NETWORK, Lpm(IPv4Address("10.0.0.0"), 16), b.SourceOfSubnet()),
        b.Gateways(NETWORK, ROUTER, b.Route()),
        b.Bridging(NETWORK, HOST, b.ToPort(Port(2))),
        b.RoutingIpv4(VRF, Lpm(IPv4Address("10.0.2.0"), 24), b.RouteTo(NETWORK, ROUTER, HOST)),
        b.FirewallIpv4(
            VRF, None, Ternary(IPv4Address("10.0.2.0"), 0xFFFFFF00), Ternary(IpProtocol(17), 0xFF),
            None, None, None, None, 10, b.AllowIpv4(),
        ),
    ]  # fmt: skip
    for port in (Port(1), Port(2)):
        found.append(b.PortVlan(port, False, None, 1, b.PermitEdge(NETWORK, False, False)))
        found.append(b.EgressVlan(port, Ternary.exact(NETWORK, 12), 1, b.EdgeUntagged()))
    for number in range(background):
        mac = MacAddress(0x020100000000 + number)
        found.append(b.Bridging(NETWORK, mac, b.ToPort(Port(2))))
        route = Lpm(IPv4Address(0x0B000000 + number), 32)
        found.append(b.RoutingIpv4(VRF, route, b.RouteTo(NETWORK, ROUTER, mac)))
    return found


@contextmanager
def running(command: Sequence[str], config: p4r.ForwardingPipelineConfig) -> Iterator[Primary]:
    """A switch on one core, with the pipeline."""
    pinned = ["taskset", "-c", str(SWITCH_CORE), *command]
    process = subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with primary(GRPC) as switch:
            switch.push(config)
            yield switch
    finally:
        process.terminate()
        process.wait()


def write_rate(switch: Primary, made: Sequence[bytes], entries: int) -> float:
    """Write all batches; entries/s."""
    begin = time.monotonic()
    switch.write(made)
    return entries / (time.monotonic() - begin)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    add_option(parser)
    options = parser.parse_args()
    bmv2 = shutil.which("simple_switch_grpc")
    if bmv2 is None:
        sys.exit("simple_switch_grpc (bmv2) is not on PATH: there is nothing to compare with")
    ours = [sys.executable, "-m", "p4fabric.softswitch", "run", "--device-id", "1", "--grpc", GRPC, *PORTS]
    theirs = [bmv2, "--no-p4", "--device-id", "1", *PORTS, "--thrift-port", THRIFT, "--log-level", "off"]
    theirs += ["--", "--grpc-server-addr", GRPC, "--cpu-port", "510", "--priority-queues", "8"]
    with tempfile.TemporaryDirectory() as scratch, Wires():
        tool = build_tool(scratch)
        figures: list[Figure] = []
        for case in (fabric_case(BACKGROUND), router_case(BACKGROUND)):
            figures += compare(case, (ours, theirs), tool, options)
    save(options.figures, figures)


def compare(
    case: Case, switches: tuple[Sequence[str], Sequence[str]], tool: str, options: argparse.Namespace
) -> list[Figure]:
    """Ours and theirs, in turns; prints both, prints and gives the ratios."""
    forwarded, written = [], []
    made = batches(case.entities)
    for number in range(options.rounds):
        rates, writes = [], []
        for command in switches:
            with running(command, case.config) as switch:
                writes.append(write_rate(switch, made, len(case.entities)))
                rates.append(received_rate(tool, case.frame, options.seconds)[0])
        forwarded.append(rates[0] / rates[1])
        written.append(writes[0] / writes[1])
        print(
            f"{case.name}, round {number + 1}: softswitch {rates[0]:,.0f} packets/s, bmv2 {rates[1]:,.0f}, "
            f"ratio {forwarded[-1]:.1f}; writes {writes[0]:,.0f} and {writes[1]:,.0f} entries/s, "
            f"ratio {written[-1]:.2f}"
        )
    packets, entries = statistics.median(forwarded), statistics.median(written)
    print(f"{case.name}, median ratios to bmv2: {packets:.1f} in packets, {entries:.2f} in table entries")
    return [
        Figure(f"bmv2.{case.name}.packets", f"{case.name}: packets", "ratio", forwarded, threshold=0.3),
        Figure(f"bmv2.{case.name}.writes", f"{case.name}: table entries", "ratio", written, threshold=0.3),
    ]


if __name__ == "__main__":
    main()
