"""Packets/s through the embedded switch and through bmv2's simple_switch_grpc: the same JSON, the same
entries written over P4Runtime, the same veth pairs, one core each, in turns. Needs root, and bmv2 on PATH.

    .venv/bin/python -m benchmarks.beside_bmv2 [--seconds 3] [--rounds 3]
"""

from __future__ import annotations

import argparse
import queue
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address

import grpc
from finsy.proto import p4r, p4r_grpc

from benchmarks.forwarding import SWITCH_CORE, Wires, build_tool, received_rate, the_frame
from pipelines import fabric
from pipelines.entities import Entity, Lpm, Ternary
from pipelines.fabric import bindings as b
from pipelines.values import IpProtocol, MacAddress, Port, VlanId, VrfId

GRPC, THRIFT = "127.0.0.1:9591", "9592"
NETWORK, VRF = VlanId(100), VrfId(1)
ROUTER, HOST = MacAddress(0x02005E000001), MacAddress(0x02000000000B)
PORTS = ("-i", "1@ebs1", "-i", "2@ebs2")


def entities(background: int) -> list[Entity]:
    """One network of two edge ports, a route, a firewall rule, and tables full of others' entries."""
    found: list[Entity] = [
        b.Networks(NETWORK, b.SetVrf(VRF)),
        b.Gateways(NETWORK, ROUTER, b.Route()),
        b.Bridging(NETWORK, HOST, b.ToPort(Port(2))),
        b.RoutingIpv4(VRF, Lpm(IPv4Address("10.0.2.0"), 24), b.RouteTo(NETWORK, ROUTER, HOST)),
        b.FirewallIpv4(
            VRF, None, Ternary(IPv4Address("10.0.2.0"), 0xFFFFFF00), Ternary(IpProtocol(17), 0xFF),
            None, None, None, 10, b.AllowIpv4(),
        ),
    ]  # fmt: skip
    for port in (Port(1), Port(2)):
        found.append(b.PortVlan(port, False, None, 1, b.PermitEdge(NETWORK)))
        found.append(b.EgressVlan(port, Ternary.exact(NETWORK, 12), 1, b.EdgeUntagged()))
    for number in range(background):
        mac = MacAddress(0x020100000000 + number)
        found.append(b.Bridging(NETWORK, mac, b.ToPort(Port(2))))
        route = Lpm(IPv4Address(0x0B000000 + number), 32)
        found.append(b.RoutingIpv4(VRF, route, b.RouteTo(NETWORK, ROUTER, mac)))
    return found


@contextmanager
def running(command: Sequence[str]) -> Iterator[p4r_grpc.P4RuntimeStub]:
    """A switch on one core, with the pipeline and all entries."""
    pinned = ["taskset", "-c", str(SWITCH_CORE), *command]
    process = subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    outgoing: queue.Queue[p4r.StreamMessageRequest | None] = queue.Queue()
    try:
        with grpc.insecure_channel(GRPC) as channel:
            grpc.channel_ready_future(channel).result(timeout=20)
            stub = p4r_grpc.P4RuntimeStub(channel)
            answers = stub.StreamChannel(iter(outgoing.get, None))
            arbitration = p4r.MasterArbitrationUpdate(device_id=1, election_id=p4r.Uint128(low=1))
            outgoing.put(p4r.StreamMessageRequest(arbitration=arbitration))
            next(answers)
            yield stub
            outgoing.put(None)
    finally:
        process.terminate()
        process.wait()


def prepare(stub: p4r_grpc.P4RuntimeStub, wanted: Sequence[Entity]) -> float:
    """Push the pipeline and write all entries in batches of 500 that were built before; entries/s."""
    push = p4r.SetForwardingPipelineConfigRequest(device_id=1, election_id=p4r.Uint128(low=1))
    push.action = p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT
    push.config.p4info.CopyFrom(fabric.p4info())
    push.config.p4_device_config = fabric.device_config()
    stub.SetForwardingPipelineConfig(push)
    batches = []
    for at in range(0, len(wanted), 500):
        batch = p4r.WriteRequest(device_id=1, election_id=p4r.Uint128(low=1))
        for entity in wanted[at : at + 500]:
            batch.updates.add(type=p4r.Update.INSERT, entity=entity.encode())
        batches.append(batch)
    begin = time.monotonic()
    for batch in batches:
        stub.Write(batch)
    return len(wanted) / (time.monotonic() - begin)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    bmv2 = shutil.which("simple_switch_grpc")
    if bmv2 is None:
        sys.exit("simple_switch_grpc (bmv2) is not on PATH: there is nothing to compare with")
    ours = [sys.executable, "-m", "softswitch", "--device-id", "1", "--grpc", GRPC, *PORTS]
    theirs = [bmv2, "--no-p4", "--device-id", "1", *PORTS, "--thrift-port", THRIFT, "--log-level", "off"]
    theirs += ["--", "--grpc-server-addr", GRPC, "--cpu-port", "510"]
    wanted, frame, ratios = entities(10_000), the_frame(), []
    with tempfile.TemporaryDirectory() as scratch, Wires():
        tool = build_tool(scratch)
        for number in range(options.rounds):
            rates, writes = [], []
            for command in (ours, theirs):
                with running(command) as stub:
                    writes.append(prepare(stub, wanted))
                    rates.append(received_rate(tool, frame, options.seconds)[0])
            ratios.append(rates[0] / rates[1])
            print(
                f"round {number + 1}: softswitch {rates[0]:,.0f} packets/s, bmv2 {rates[1]:,.0f}, "
                f"ratio {ratios[-1]:.1f}; writes {writes[0]:,.0f} and {writes[1]:,.0f} entries/s, "
                f"ratio {writes[0] / writes[1]:.2f}"
            )
    print(f"median ratio to bmv2: {statistics.median(ratios):.1f}")


if __name__ == "__main__":
    main()
