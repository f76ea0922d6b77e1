"""GTP-U through the embedded switch beside plain routing: `python -m benchmarks.gtp [--rounds 7]`.

The same packet of a UE is routed as it is, taken out of a gNB's tunnel and routed, and put into one and
routed, in turns and from memory, on one core. The tables hold 10,000 other sessions, and all that
`benchmarks.forwarding` puts there. Every round's ratios are of neighbours in time.

    --flows: sessions have rules of their own, with a rate that is not reached, and usage that is counted
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from benchmarks.figures import Figure, add_option, print_table, save
from benchmarks.forwarding import ROOT, UNREAD, VRF, entry, pinned, populate
from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import Exact, Status, Ternary, TwoRates, WriteDirectMeter, WriteEntry

N3, GNB, UE, SERVER = "10.0.1.2", "10.0.1.10", "10.45.0.2", "10.0.2.11"
GNB_BEHIND = "10.0.2.10"
"""Where downlink packets go: in the subnet that plain packets are routed to."""
ROUTER_MAC, GNB_MAC = "02:00:5e:00:00:01", "02:00:00:00:00:0a"
TEID, QFI, PEER, OTHERS = 0x201, 1, 7, 10_000
LENGTHS = {"small": 26, "large": 1372}
"""Octets of a UE's payload: a datagram of 54 and one of 1,400."""
PACKETS = 1_000_000
UNREACHED = TwoRates(1 << 40, 1 << 40, 1 << 40, 1 << 40)
"""Octets a second, and at once."""
UPLINK, DOWNLINK = "FabricIngress.upf_uplink", "FabricIngress.upf_downlink"


def number(address: str) -> int:
    """An address as tables have it."""
    first, second, third, fourth = map(int, address.split("."))
    return first << 24 | second << 16 | third << 8 | fourth


def frames(payload: int) -> dict[str, bytes]:
    """One of each kind, by what becomes of it."""
    edge, data = Ether(dst=ROUTER_MAC, src=GNB_MAC), UDP(sport=1000, dport=2000, chksum=0) / bytes(payload)
    header = GTP_U_Header(teid=TEID, gtp_type=255, E=1, next_ex=0x85)
    tunnel = IP(src=GNB, dst=N3) / UDP(sport=2152, dport=2152, chksum=0) / header
    container = GTPPDUSessionContainer(type=1, QFI=QFI)
    return {
        "routed": bytes(edge / IP(src=GNB, dst=SERVER) / data),
        "decapsulated": bytes(edge / tunnel / container / IP(src=UE, dst=SERVER) / data),
        "encapsulated": bytes(edge / IP(src=GNB, dst=UE) / data),
    }


def sessions(*, flows: bool) -> list[WriteEntry]:
    """The UE's, and others'."""
    n3, ue = number(N3), number(UE)
    entries = [
        entry(f"{UPLINK}.upf_interfaces", (Exact(VRF), Exact(n3)), f"{UPLINK}.n3"),
        entry(
            f"{DOWNLINK}.upf_tunnel_peers",
            (Exact(PEER),),
            f"{DOWNLINK}.tunnel_to",
            *(VRF, n3, number(GNB_BEHIND)),
        ),
        entry(
            "FabricIngress.firewall.firewall_ipv4",
            (Exact(VRF), None, Ternary(ue & 0xFFFF0000, 0xFFFF0000), Ternary(17, 0xFF), *UNREAD),
            "FabricIngress.firewall.allow_ipv4",
            priority=10,
        ),
    ]
    for one in range(OTHERS):
        has_flows = flows and not one
        up = ("uplink_session", (VRF, 1, 0, 1, 0)) if has_flows else ("decapsulate", (VRF,))
        down = ("downlink_session", (1, 0, 2, 0)) if has_flows else ("encapsulate", (PEER, TEID + one, QFI))
        key = (Exact(n3), Exact(number(GNB)), Exact(TEID + one), Exact(ue + one))
        entries += [
            entry(f"{UPLINK}.upf_uplink_sessions", key, f"{UPLINK}.{up[0]}", *up[1]),
            entry(
                f"{DOWNLINK}.upf_downlink_sessions",
                (Exact(VRF), Exact(ue + one)),
                f"{DOWNLINK}.{down[0]}",
                *down[1],
            ),
        ]
    return entries


def rules() -> list[WriteEntry | WriteDirectMeter]:
    """What the packets of the UE meet with `--flows`: a rule, a rate and a count in each direction."""
    written: list[WriteEntry | WriteDirectMeter] = []
    for control, rule, action, arguments in (
        (f"{UPLINK}.uplink", 1, "forward", (1, 0)),
        (f"{DOWNLINK}.downlink", 2, "enter", (PEER, TEID, QFI, 1, 0)),
    ):
        limit = (Exact(1), Exact(1))
        written += [
            entry(f"{control}.session_meters", limit, f"{control}.limit_session"),
            WriteDirectMeter(f"{control}.session_meters", limit, 0, UNREACHED),
            entry(f"{control}.rules", (Exact(1), Exact(rule)), f"{control}.{action}", *arguments),
            entry(f"{control}.usage", (Exact(1), Exact(rule)), f"{control}.count_usage"),
        ]
    return written


def rates(engine: NativeEngine, ways: dict[str, bytes], rounds: int) -> dict[str, list[float]]:
    """Packets/s of each, in turns; each packet must have left."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, frame in ways.items():
            before = engine.port_stats()[2].tx_packets
            pinned(lambda name=name, frame=frame: found[name].append(engine.measure(1, [frame], PACKETS)))  # type: ignore[misc]
            left = engine.port_stats()[2].tx_packets - before
            if left != PACKETS:
                raise SystemExit(f"{name}: {left:,} of {PACKETS:,} packets left: {engine.stats()}")
    return found


def measure(program: Path, rounds: int, *, flows: bool) -> list[Figure]:
    """All figures."""
    config, figures = load_config(program.read_bytes()), []
    with open_engine(config) as engine:
        populate(engine)
        entries: Sequence[WriteEntry | WriteDirectMeter] = sessions(flows=flows)
        for batch in (entries, rules() if flows else ()):
            for at in range(0, len(batch), 500):
                for outcome in engine.apply(batch[at : at + 500]):
                    assert outcome.status is Status.OK, outcome
        engine.add_port(1, None)
        engine.add_port(2, None, discard=True)
        for size, payload in LENGTHS.items():
            found = rates(engine, frames(payload), rounds)
            for name, samples in found.items():
                title = f"a datagram of {payload + 28} octets {name}, from memory"
                figures.append(Figure(f"gtp.{size}.{name}", title, "packets/s", samples, threshold=0.3))
                if name != "routed":
                    ratios = [one / plain for one, plain in zip(samples, found["routed"], strict=True)]
                    figures.append(
                        Figure(
                            f"gtp.{size}.{name}.beside", f"{name}: beside routed", "ratio", ratios, limit=0.5
                        )
                    )
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="of each, in turns")
    parser.add_argument("--flows", action="store_true", help="rules, a rate and a count in each direction")
    parser.add_argument("--program", type=Path, default=ROOT / "pipelines" / "fabric" / "fabric.json")
    add_option(parser)
    options = parser.parse_args()
    figures = measure(options.program, options.rounds, flows=options.flows)
    print_table(figures)
    save(options.figures, figures)


if __name__ == "__main__":
    main()
