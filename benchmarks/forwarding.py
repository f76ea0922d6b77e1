"""Packets/s through the embedded switch with fabric.p4: between two veth interfaces, beside a bare AF_PACKET
forwarder in the same run, by AF_XDP, with more cores, and from memory. Needs root.

Each of the switch's threads has a core of its own, the sender of the packets one behind those; with fewer
cores they share the last one, and the figure says so.

    .venv/bin/python -m benchmarks.forwarding [--seconds 3] [--rounds 3] [--program x.json] [--cores 2 4]
        [--length 60] [--mtu 1500]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pyroute2 import IPRoute
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from benchmarks.figures import Figure, add_option, save
from p4fabric.softswitch.engine import LoadedConfig, NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Change,
    EngineOptions,
    EntryAction,
    Exact,
    FieldMatch,
    Lpm,
    Status,
    Ternary,
    WriteEntry,
)
from p4fabric.softswitch.offline import build_times

ROOT = Path(__file__).parent.parent
SWITCH_CORE = min(os.sched_getaffinity(0))
MOST_XDP_MTU = 3822
SENDERS = "p4fabric-sender"
"""What the threads are called that send for the worker (runtime/sender.c)."""
ROUTER, HOST = 0x02005E000001, 0x02000000000B
NETWORK, VRF = 100, 1
UNREAD = (None, None, None, None)  # ports, flags, fragments: of no matter
BACKGROUND = 10_000  # entries beside those that the packet meets, in each large table

Match = tuple[FieldMatch, ...]


def entry(table: str, match: Match, action: str, *arguments: int, priority: int = 0) -> WriteEntry:
    """An insertion into a table of fabric.p4."""
    call: EntryAction = ActionCall(action, arguments)
    return WriteEntry(Change.INSERT, table, match, call, priority)


def fabric_entries(background: int = BACKGROUND) -> list[WriteEntry]:
    """One network of two edge ports, a route, firewall rules, and tables full of others' entries."""
    ingress, egress = "FabricIngress", "FabricEgress"
    entries = [
        entry(
            f"{ingress}.port_filter.networks",
            (Exact(NETWORK),),
            f"{ingress}.port_filter.set_network",
            *(VRF, ROUTER, 1000, 0x0A000100, 0, 0, 0, 0),
        ),
        entry(
            f"{ingress}.source_guard.source_ipv4",
            (Exact(NETWORK), Lpm(0x0A000100, 24)),
            f"{ingress}.source_guard.source_of_subnet",
        ),
        entry(f"{ingress}.gateway.gateways", (Exact(NETWORK), Exact(ROUTER)), f"{ingress}.gateway.route"),
        entry(
            f"{ingress}.bridging.bridging", (Exact(NETWORK), Exact(HOST)), f"{ingress}.bridging.to_port", 2
        ),
        entry(
            f"{ingress}.routing.routing_ipv4",
            (Exact(VRF), Lpm(0x0A000200, 24)),
            f"{ingress}.routing.route_to",
            NETWORK,
            ROUTER,
            HOST,
        ),
        entry(
            f"{ingress}.firewall.firewall_ipv4",
            (Exact(VRF), None, Ternary(0x0A000200, 0xFFFFFF00), Ternary(17, 0xFF), *UNREAD),
            f"{ingress}.firewall.allow_ipv4",
            priority=10,
        ),
    ]
    for port in (1, 2):
        entries += [
            entry(
                f"{ingress}.port_filter.port_vlan",
                (Exact(port), Exact(0), None),
                f"{ingress}.port_filter.permit_edge",
                *(NETWORK, 0, 0),
                priority=1,
            ),
            entry(
                f"{egress}.egress_vlan.egress_vlan",
                (Exact(port), Ternary(NETWORK, 0xFFF)),
                f"{egress}.egress_vlan.edge_untagged",
                priority=1,
            ),
        ]
    for number in range(background):
        mac = 0x020100000000 + number
        entries += [
            entry(
                f"{ingress}.bridging.bridging", (Exact(NETWORK), Exact(mac)), f"{ingress}.bridging.to_port", 2
            ),
            entry(
                f"{ingress}.routing.routing_ipv4",
                (Exact(VRF), Lpm(0x0B000000 + number, 32)),
                f"{ingress}.routing.route_to",
                NETWORK,
                ROUTER,
                mac,
            ),
            entry(
                f"{ingress}.source_guard.source_ipv4",
                (Exact(NETWORK), Lpm(0x0B000000 + number, 32)),
                f"{ingress}.source_guard.source_bound",
                *(2, mac),
            ),
        ]
        if number < 1000:
            source = Ternary(0x0C000000 + (number << 8), 0xFFFFFF00)
            service = Ternary(number, 0xFFFF)
            entries.append(
                entry(
                    f"{ingress}.firewall.firewall_ipv4",
                    (Exact(VRF), source, None, Ternary(6, 0xFF), None, service, None, Ternary(0, 1)),
                    f"{ingress}.firewall.deny_ipv4",
                    priority=20,
                )
            )
    return entries


def the_frame(length: int = 60) -> bytes:
    """A frame that is routed: by default one of 64 bytes with the checksum that the wire would add."""
    frame = bytes(
        Ether(dst="02:00:5e:00:00:01", src="02:00:00:00:00:0a")
        / IP(src="10.0.1.10", dst="10.0.2.11")
        / UDP(sport=1000, dport=2000, chksum=0)
    )
    return frame.ljust(length, b"\0")


def core(number: int) -> int:
    """The core for the n-th thread that needs one; the last one for all that there are no more cores for."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[min(number, len(cores) - 1)]


class Wires:
    """Two veth pairs: ebs0-ebs1 towards the switch, ebs2-ebs3 away from it."""

    def __init__(self, mtu: int = 1500) -> None:
        self._mtu = mtu

    def __enter__(self) -> Wires:
        with IPRoute() as ip:
            for near, far in (("ebs0", "ebs1"), ("ebs2", "ebs3")):
                ip.link("add", ifname=near, kind="veth", peer=far)
                for name in (near, far):
                    Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
                    ip.link("set", index=ip.link_lookup(ifname=name)[0], state="up", mtu=self._mtu)
        return self

    def __exit__(self, *_: object) -> None:
        with IPRoute() as ip:
            for name in ("ebs0", "ebs2"):
                for index in ip.link_lookup(ifname=name):
                    ip.link("del", index=index)


def build_tool(directory: str) -> str:
    """The sender, the counter and the bare forwarder."""
    tool = f"{directory}/forwarding"
    source = str(ROOT / "benchmarks" / "forwarding.c")
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", tool, source], check=True)
    return tool


def received_rate(tool: str, frame: bytes, seconds: float, *, busy: int = 1) -> tuple[float, float]:
    """Packets/s that reach the far end and packets/s sent, while one sender sends all it can, from the first
    core behind the `busy` ones."""
    on = ["taskset", "-c", str(core(busy)), tool]
    sender = subprocess.Popen([*on, "send", "ebs0", frame.hex(), str(seconds + 1)], stdout=subprocess.PIPE)
    time.sleep(0.5)
    sink = subprocess.run([tool, "sink", "ebs3", str(seconds)], check=True, capture_output=True)
    sent, _ = sender.communicate(timeout=seconds + 10)
    return float(sink.stdout), float(sent)


def through_switch(
    config: LoadedConfig, tool: str, frame: bytes, seconds: float, *, xdp: bool = False, cores: int = 1
) -> tuple[float, float]:
    """veth to veth through the engine, each of whose threads is kept on a core of its own."""
    with open_engine(config, EngineOptions(cores=cores)) as engine:
        populate(engine)
        engine.add_port(1, "ebs1", xdp=xdp)
        engine.add_port(2, "ebs2", xdp=xdp)
        pinned(engine.start)
        for number, thread in enumerate(threads_called(SENDERS), 1):
            os.sched_setaffinity(thread, {core(number)})
        return received_rate(tool, frame, seconds, busy=cores)


def through_forwarder(tool: str, frame: bytes, seconds: float) -> tuple[float, float]:
    """The same without a pipeline."""
    command = ["taskset", "-c", str(SWITCH_CORE), tool, "forward", "ebs1", "ebs2", str(seconds + 2)]
    with subprocess.Popen(command) as forwarder:
        result = received_rate(tool, frame, seconds)
        forwarder.wait(timeout=seconds + 10)
        return result


def threads_called(name: str) -> list[int]:
    """This process's threads of that name, in the order in which they began."""
    tasks = sorted(Path("/proc/self/task").iterdir(), key=lambda task: int(task.name))
    return [int(task.name) for task in tasks if (task / "comm").read_text().strip() == name]


def pinned(start: Callable[[], None]) -> None:
    """Threads that begin meanwhile stay on the switch's core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SWITCH_CORE})
    try:
        start()
    finally:
        os.sched_setaffinity(0, before)


def populate(engine: NativeEngine) -> float:
    """Write all entries in batches of 500; entries/s."""
    entries = fabric_entries()
    begin = time.monotonic()
    for at in range(0, len(entries), 500):
        for outcome in engine.apply(entries[at : at + 500]):
            assert outcome.status is Status.OK, outcome
    return len(entries) / (time.monotonic() - begin)


def from_memory(config: LoadedConfig, frame: bytes, packets: int) -> float:
    """Packets/s without any socket."""
    with open_engine(config) as engine:
        populate(engine)
        engine.add_port(1, None)
        engine.add_port(2, None, discard=True)
        rates: list[float] = []
        pinned(lambda: rates.append(max(engine.measure(1, [frame], packets) for _ in range(3))))
        assert engine.port_stats()[2].tx_packets == 3 * packets, engine.stats()
        return rates[0]


def usual_cores() -> list[int]:
    """Two, and four where there are as many."""
    return [2, 4] if len(os.sched_getaffinity(0)) >= 4 else [2]


def shared(cores: int) -> str:
    """Says so where the machine has no core left for the sender of the packets."""
    return "" if cores < len(os.sched_getaffinity(0)) else " (one shared with the packets' sender)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--program", type=Path, default=ROOT / "pipelines" / "fabric" / "fabric.json")
    parser.add_argument("--cores", type=int, nargs="*", default=usual_cores(), help="how many, beside one")
    parser.add_argument("--length", type=int, default=60, help="bytes of a frame")
    parser.add_argument("--mtu", type=int, default=1500)
    add_option(parser)
    options = parser.parse_args()
    text, frame = options.program.read_bytes(), the_frame(options.length)
    config = load_config(text)
    cold, warm = build_times(text)
    print(f"push: {cold:.2f} s cold, {warm:.3f} s warm")
    with open_engine(config) as engine:
        writes = populate(engine)
    print(f"writes: {writes:,.0f} entries/s (through Python, batches of 500)")
    memory = from_memory(config, frame, 1_000_000)
    print(f"from memory: {memory:,.0f} packets/s")
    rates, beside_bare, by_xdp = [], [], []
    by_cores: dict[int, list[float]] = {cores: [] for cores in options.cores}
    with tempfile.TemporaryDirectory() as scratch, Wires(options.mtu):
        tool = build_tool(scratch)
        for number in range(options.rounds):
            bare, bare_sent = through_forwarder(tool, frame, options.seconds)
            ours, sent = through_switch(config, tool, frame, options.seconds)
            rates.append(ours)
            beside_bare.append(ours / bare)
            said = (
                f"round {number + 1}: veth to veth {ours:,.0f} of {sent:,.0f} packets/s, "
                f"bare forwarder {bare:,.0f} of {bare_sent:,.0f}, ratio {ours / bare:.2f}"
            )
            if options.mtu <= MOST_XDP_MTU:
                rate, _ = through_switch(config, tool, frame, options.seconds, xdp=True)
                by_xdp.append(rate / ours)
                said += f"; by AF_XDP {rate:,.0f}, ratio to AF_PACKET {rate / ours:.2f}"
            for cores, ratios in by_cores.items():
                rate, _ = through_switch(config, tool, frame, options.seconds, cores=cores)
                ratios.append(rate / ours)
                said += f"; with {cores} cores{shared(cores)} {rate:,.0f}, ratio to one {rate / ours:.2f}"
            print(said, flush=True)
    print(f"median ratio to the bare forwarder: {statistics.median(beside_bare):.2f}")
    figures = [
        Figure("forwarding.cold_push", "pushed for the first time", "s", [cold], less_is_better=True),
        Figure("forwarding.warm_push", "pushed again", "s", [warm], less_is_better=True),
        Figure("forwarding.memory", "from memory, one core", "packets/s", [memory]),
        Figure("forwarding.veth", "veth to veth, one core", "packets/s", rates),
        Figure(
            "forwarding.beside_bare",
            "beside a bare AF_PACKET forwarder",
            "ratio",
            beside_bare,
            threshold=0.25,
        ),
    ]
    if by_xdp:
        figures.append(Figure("forwarding.xdp", "AF_XDP beside AF_PACKET", "ratio", by_xdp))
    for cores, ratios in by_cores.items():
        title = f"{cores} cores{shared(cores)} beside one"
        figures.append(Figure(f"forwarding.cores{cores}", title, "ratio", ratios))
    save(options.figures, figures)


if __name__ == "__main__":
    main()
