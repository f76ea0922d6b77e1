"""TCP between two hosts through the embedded switch, in Mbit/s: with the offloads that Linux gives to their
interfaces, and in the same run, in turns, without (`ethtool -K host tso off gso off`). Needs root and iperf3.

    .venv/bin/python -m benchmarks.tcp [--seconds 3] [--rounds 3] [--mtu 1500] [--xdp]
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from pyroute2 import IPRoute, netns

from benchmarks.figures import Figure, add_option, save
from p4fabric.softswitch.engine import LoadedConfig, NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import ActionCall, Change, Exact, Status, WriteEntry

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "examples" / "first-program" / "patch_panel.json"
SERVER = {"IPv4": "10.9.0.2", "IPv6": "fd09::2"}


class Host:
    """A network namespace with one interface, `name`, whose other end is the switch's."""

    def __init__(self, number: int, mtu: int) -> None:
        self.name, self.port = f"ebh{number}", f"ebp{number}"
        self._process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        while Path(self._namespace).readlink() == Path("/proc/self/ns/net").readlink():
            time.sleep(0.01)
        with IPRoute() as ip:
            ip.link("add", ifname=self.port, kind="veth", peer=self.name, mtu=mtu)
            ip.link("set", index=ip.link_lookup(ifname=self.name)[0], net_ns_pid=self._process.pid)
            Path(f"/proc/sys/net/ipv6/conf/{self.port}/disable_ipv6").write_text("1")
            ip.link("set", index=ip.link_lookup(ifname=self.port)[0], mtu=mtu, state="up")
        for command in (
            f"ip link set {self.name} mtu {mtu} up",
            f"ip address add 10.9.0.{number}/24 dev {self.name}",
            f"ip address add fd09::{number}/64 dev {self.name} nodad",
        ):
            self.run(*command.split())

    @property
    def _namespace(self) -> str:
        return f"/proc/{self._process.pid}/ns/net"

    def socket(self, family: int, kind: int) -> socket.socket:
        """A socket of this host's."""

        def make() -> socket.socket:
            netns.setns(self._namespace)  # of this thread only
            return socket.socket(family, kind)

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(make).result()

    def run(self, *command: str) -> str:
        """What a command says that runs on this host."""
        return subprocess.run(self._inside(command), check=True, capture_output=True, text=True).stdout

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """A command that keeps running."""
        return subprocess.Popen(self._inside(command), stdout=subprocess.DEVNULL)

    def _inside(self, command: tuple[str, ...]) -> list[str]:
        return ["nsenter", "--net", "-t", str(self._process.pid), *command]

    def close(self) -> None:
        """At once; the kernel would take its time to end what a namespace has."""
        with IPRoute() as ip:
            for index in ip.link_lookup(ifname=self.port):
                ip.link("del", index=index)
        self._process.kill()
        self._process.wait()


@contextmanager
def hosts(mtu: int) -> Iterator[tuple[Host, Host]]:
    """Both of them."""
    made: list[Host] = []
    try:
        made += [Host(1, mtu)]
        made += [Host(2, mtu)]
        yield made[0], made[1]
    finally:
        for one in made:
            one.close()


@contextmanager
def serving(host: Host) -> Iterator[None]:
    """iperf3's server."""
    server = host.start("iperf3", "--server")
    try:
        yield
    finally:
        server.kill()
        server.wait()


def config() -> LoadedConfig:
    """A program that joins ports."""
    return load_config(PROGRAM.read_bytes())


def patch(engine: NativeEngine) -> None:
    """What comes in at one port leaves by the other."""
    for port, out in ((1, 2), (2, 1)):
        call = ActionCall("PanelIngress.join", (out,))
        (outcome,) = engine.apply([WriteEntry(Change.INSERT, "PanelIngress.cables", (Exact(port),), call)])
        assert outcome.status is Status.OK, outcome


def offloads(pair: tuple[Host, Host], state: str) -> None:
    """Segmentation by the card, or by the kernel in its place."""
    for host in pair:
        host.run("ethtool", "-K", host.name, "tso", state, "gso", state, "tx-udp-segmentation", state)


def rate(client: Host, family: str, seconds: float) -> float:
    """Mbit/s that the server has received."""
    said = client.run("iperf3", "--json", "--client", SERVER[family], "--time", str(seconds))
    return float(json.loads(said)["end"]["sum_received"]["bits_per_second"]) / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mtu", type=int, default=1500)
    parser.add_argument("--xdp", action="store_true", help="the switch's ports by AF_XDP")
    add_option(parser)
    options = parser.parse_args()
    with hosts(options.mtu) as pair, serving(pair[1]), open_engine(config()) as engine:
        patch(engine)
        for number, host in enumerate(pair, 1):
            engine.add_port(number, host.port, xdp=options.xdp)
        engine.start()
        figures = []
        for family in SERVER:
            measured: dict[str, list[float]] = {"on": [], "off": []}
            for _ in range(options.rounds):
                for state, rates in measured.items():
                    offloads(pair, state)
                    rates.append(rate(pair[0], family, options.seconds))
            on, off = (statistics.median(rates) for rates in measured.values())
            shown = "; ".join(
                f"offloads {state}: " + ", ".join(f"{one:,.0f}" for one in rates) + " Mbit/s"
                for state, rates in measured.items()
            )
            print(f"{family}: {shown}; ratio of the medians {on / off:.2f}", flush=True)
            name = f"tcp.{family.lower()}"
            turns = [with_it / without for with_it, without in zip(*measured.values(), strict=True)]
            figures += [
                Figure(name, f"{family}, the hosts' offloads on", "Mbit/s", measured["on"]),
                Figure(f"{name}_off", f"{family}, the hosts' offloads off", "Mbit/s", measured["off"]),
                Figure(f"{name}_ratio", f"{family}, on beside off", "ratio", turns, threshold=0.3),
            ]
        dropped = {reason: count for reason, count in engine.stats().drops.items() if count}
        print(f"dropped: {dropped or 'nothing'}")
    save(options.figures, figures)


if __name__ == "__main__":
    main()
