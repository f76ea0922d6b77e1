"""The soak: a steady flow crosses the fabric while intents come and go, and a reference flow beside it.

    sudo /usr/bin/python3 mininet/soak.py --seconds 300          (or `make soak FOR=300`)

The flow under test (20 Mbit/s of UDP) goes from h1 to web1, routed over two leaves and a spine, while a
service, UPF sessions, firewall policies and a telemetry watch are deleted and applied in turn. The reference
flow has the same rate, over two leaves and a spine of its own, the same program and queues, with a controller
that changes nothing.

What finds a full queue or ring while the reference loses too, or while the machine kept a switch's thread
from running, is the machine's; all else is the product's. Exit status 0: the product lost nothing and every
change was made; 1: it did not hold; 2: it cannot run here, and why.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from machine import (
    CannotRun,
    check_machine,
    end_when_told,
    free_ports,
    only_lab,
    remove_interfaces,
    remove_leftovers,
)
from processes import INTENTS, Ended, dies_with_us, end, output_of

try:
    from mininet.log import setLogLevel
    from mininet.net import Mininet
except ImportError:
    sys.exit("soak: Mininet is not there for this Python; `apt-get install mininet` and /usr/bin/python3")

from control import Controller, in_sync
from lateness import Lateness
from p4runtime_switch import SWITCHES, P4RuntimeSwitch, SwitchFailed
from plan import EDGE_DATA_CENTRE, REFERENCE
from scene import Scene
from topology import BESIDE, BesideReference
from verdict import FLOWS, MOMENT_S, report

QUEUE_DEPTH = 64
FIRST_API_PORT, FIRST_GRPC_PORT = 8080, 9559
UDP_PORT = 7000
KINDS = ("Service", "UpfSession", "FirewallPolicy", "TelemetryWatch")
"""What comes and goes."""
REPOSITORY = Path(__file__).resolve().parent.parent
SETTLED_S = 30.0
"""Until a change must be on all switches."""


class Soak:
    """Two fabrics, two flows, and what became of them."""

    def __init__(self, options: argparse.Namespace, stack: contextlib.ExitStack) -> None:
        """Make all of it.

        Args:
            options: of the command line.
            stack: clears away what was made.
        """
        self._options, self._stack = options, stack
        self._folder: Path = options.run.absolute()
        shutil.rmtree(self._folder, ignore_errors=True)
        (self._folder / "reference").mkdir(parents=True)
        self.net = self._network()
        self._lab, self._reference = self._controllers()
        self._scene = Scene(self.net, self._lab, EDGE_DATA_CENTRE, self._folder)
        self.changes: list[tuple[float, float, str]] = []

    def _network(self) -> Any:
        topology = BesideReference(
            first_grpc_port=free_ports(FIRST_GRPC_PORT, 8),
            queue_depth=QUEUE_DEPTH,
            log_folder=str(self._folder),
        )
        interfaces = [
            f"{name}-eth{port}"
            for _, _, link in topology.links(withInfo=True)
            for name, port in ((link["node1"], link["port1"]), (link["node2"], link["port2"]))
            if topology.isSwitch(name)
        ]
        remove_leftovers(interfaces)
        # Mininet would change limits of the whole machine, for networks larger than this one.
        Mininet.inited = True
        net = Mininet(topo=topology, switch=SWITCHES["softswitch"], controller=None, build=False)
        self._stack.callback(remove_interfaces, interfaces)
        self._stack.callback(net.stop)
        net.build()
        net.start()
        return net

    def _controllers(self) -> tuple[Controller, Controller]:
        api_port = free_ports(FIRST_API_PORT, 2)
        parts: dict[bool, list[P4RuntimeSwitch]] = {False: [], True: []}
        for switch in self.net.switches:
            parts[switch.name in BESIDE].append(switch)
        lab = Controller(self._folder, api_port, "softswitch", parts[False])
        reference = Controller(self._folder / "reference", api_port + 1, "softswitch", parts[True])
        for controller, links in ((lab, 12), (reference, 4)):
            self._stack.callback(controller.stop)
            controller.start()
            controller.wait_until("/api/v1/links", lambda found, links=links: len(found["items"]) == links)
            controller.wait_until("/api/v1/switches", in_sync)
        lab.command("apply", "-f", str(INTENTS))
        change(reference, "POST", "/api/v1/intents", reference_networks())
        for controller in (lab, reference):
            settle(controller)
        return lab, reference

    def run(self) -> dict[str, Any]:
        """Let the flows go while intents change; gives all that was seen."""
        for sender, receiver in FLOWS.items():
            address = self.net[receiver].IP()
            # Gateways answer ARP: with asking them, a host makes itself known.
            for name in (sender, receiver):
                self._scene.ask(name, "ping", self.net[name].IP().rpartition(".")[0] + ".1", "--seconds", 1)
            if self._scene.ask(sender, "ping", address, "--seconds", 10)[address] is None:
                raise Ended(f"{sender} does not reach {receiver}")
        discards = self._follow_discards()
        receivers = {
            name: self._flow(name, "receive", UDP_PORT, stdin=subprocess.PIPE) for name in FLOWS.values()
        }
        for process in receivers.values():
            Scene.wait_for(process, "ready")
        lateness = Lateness({switch.name: switch.process_id for switch in self.net.switches})
        rates = ("--rate", self._options.rate, "--seconds", self._options.seconds)
        started = time.monotonic()
        with self._lab.events("LinkDown", "SwitchDisconnected", "CongestionOnset") as events:
            senders = {
                name: self._flow(name, "send", self.net[to].IP(), UDP_PORT, *rates)
                for name, to in FLOWS.items()
            }
            self._change_until(started + self._options.seconds - 2)
            flows = {
                name: json.loads(output_of(process, self._options.seconds + 30))
                for name, process in senders.items()
            }
            # What is still on its way comes, and the switches' figures do.
            time.sleep(2 * MOMENT_S)
            seen_events = Counter(event["type"] for event in events.all)
        for sender, receiver in FLOWS.items():
            out, _ = receivers[receiver].communicate(b"", timeout=10)
            flows[sender] |= json.loads(out.splitlines()[-1])
        end(discards)
        return {
            "switches": [switch.name for switch in self.net.switches if switch.name not in BESIDE],
            "flows": flows,
            "started": started,
            "changes": self.changes,
            "events": seen_events,
            "late": lateness.close(),
            "discards": [json.loads(line) for line in self._discards_path.read_text().splitlines()],
        }

    def _flow(self, host: str, *words: object, **options: Any) -> subprocess.Popen[bytes]:
        program = str(Path(__file__).with_name("flow.py"))
        return self._scene.popen(host, sys.executable, "-I", program, *map(str, words), **options)

    @property
    def _discards_path(self) -> Path:
        return self._folder / "discards.jsonl"

    def _follow_discards(self) -> subprocess.Popen[bytes]:
        words = [f"{switch.name}={switch.address}" for switch in self.net.switches]
        python = REPOSITORY / ".venv" / "bin" / "python"
        with self._discards_path.open("wb") as file:
            process = subprocess.Popen(
                (str(python), "-m", "benchmarks.discards", *words),
                stdin=subprocess.PIPE,
                stdout=file,
                cwd=REPOSITORY,
                preexec_fn=dies_with_us,
            )
        self._stack.callback(end, process)
        return process

    def _change_until(self, deadline: float) -> None:
        intents = self._lab.get("/api/v1/intents")["items"]
        documents = [
            {field: intent[field] for field in ("kind", "name", "tenant", "spec")} for intent in intents
        ]
        for kind in itertools.cycle(KINDS):
            mine = [document for document in documents if document["kind"] == kind]
            for what, act in (
                (f"delete {kind}", lambda mine=mine: self._delete(mine)),
                (f"apply {kind}", lambda mine=mine: change(self._lab, "POST", "/api/v1/intents", mine)),
            ):
                begin = time.monotonic()
                if begin > deadline and what.startswith("delete"):
                    return
                act()
                settle(self._lab)
                self.changes.append((begin, time.monotonic(), what))
                time.sleep(self._options.pause)

    def _delete(self, documents: list[dict[str, Any]]) -> None:
        for document in documents:
            change(self._lab, "DELETE", "/api/v1/intents/{kind}/{tenant}/{name}".format_map(document))


def change(controller: Controller, method: str, path: str, body: object = None) -> None:
    """Change intents.

    Raises:
        Ended: it was refused.
    """
    token = controller.token_file.read_text().strip()
    request = urllib.request.Request(
        controller.url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SETTLED_S):
            return
    except (OSError, urllib.error.HTTPError) as error:
        raise Ended(f"{method} {path}: {error}") from None


def settle(controller: Controller) -> None:
    """Wait until a change is on all switches.

    Raises:
        Ended: it does not come there.
    """
    if not in_sync(controller.wait_until("/api/v1/switches", in_sync, SETTLED_S)):
        raise Ended(f"not all switches hold what is desired after {SETTLED_S:.0f} s")


def reference_networks() -> list[dict[str, Any]]:
    """Two networks that are routed to each other, one on each of the reference's leaves."""
    return [
        {
            "kind": "Network",
            "name": f"reference-{host.name}",
            "tenant": "reference",
            "spec": {
                "subnets": [str(host.ipv4.network)],
                "gateways": [host.gateways[0]],
                "attachments": [
                    {
                        "switch": f"leaf{host.leaf}",
                        "port": host.port,
                        "mac": host.mac,
                        "addresses": [str(host.ipv4.ip)],
                    }
                ],
            },
        }
        for host in REFERENCE
    ]


def main() -> int:
    """Make, soak, judge, clear; returns the exit status."""
    parser = argparse.ArgumentParser(prog="soak", description="Nothing is lost while intents come and go.")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--rate", type=float, default=1700, help="datagrams of 1,458 bytes a second")
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between changes")
    parser.add_argument("--run", type=Path, default=Path("run/soak"), help="folder for logs")
    parser.add_argument("--report", type=Path, help="write all that was seen as JSON")
    options = parser.parse_args()
    setLogLevel("error")
    end_when_told("soak")
    try:
        check_machine("softswitch")
        with only_lab(), contextlib.ExitStack() as stack:
            found = Soak(options, stack).run()
            if options.report:
                options.report.write_text(json.dumps(found) + "\n")
            return 0 if report(found) else 1
    except CannotRun as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    except (Ended, SwitchFailed, RuntimeError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
