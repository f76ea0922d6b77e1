"""The soak: a steady flow crosses the fabric while intents come and go, and a reference flow beside it.

    sudo /usr/bin/python3 mininet/soak.py --seconds 300          (or `make soak SECONDS=300`)

The flow under test goes from h1 to web1, routed over leaf1, a spine and leaf2, while a service, UPF sessions,
firewall policies and a telemetry watch are deleted and applied in turn. The reference flow has the same rate,
over two leaves and a spine of its own, of the same program and with the same queues, with a controller that
changes nothing.  What both lose is the machine's; what only the first loses is the product's.

Exit status 0: the product lost nothing; 1: it did, or something failed; 2: it cannot run here, and why.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from pathlib import Path
from types import FrameType
from typing import Any

from machine import CannotRun, check_machine, free_ports, only_lab, remove_interfaces, remove_leftovers
from processes import P4FABRIC, REPOSITORY, Ended, dies_with_us, end, output_of

try:
    from mininet.log import setLogLevel
    from mininet.net import Mininet
except ImportError:
    sys.exit("soak: Mininet is not there for this Python; `apt-get install mininet` and /usr/bin/python3")

from control import Controller
from hosts import FabricHost, FabricLink
from p4runtime_switch import SWITCHES, SwitchFailed
from plan import EDGE_DATA_CENTRE, FIRST_UPLINK, HostPlan, Plan, _host
from scene import Scene
from topology import EdgeDataCentre

QUEUE_DEPTH = 64
FIRST_API_PORT, FIRST_GRPC_PORT = 8080, 9559
REFERENCE = Plan(hosts=(_host("r1", 11, 1, 8, 11), _host("r2", 12, 1, 9, 11)))
REFERENCE_SWITCHES = {"leaf11": 11, "leaf12": 12, "spine11": 111}
PORT = 7000
KINDS = ("Service", "UpfSession", "FirewallPolicy", "TelemetryWatch")


class SoakTopology(EdgeDataCentre):
    """The lab's, and two leaves with a spine beside it that are no part of it."""

    def build(self, **options: Any) -> None:
        """Plug both together."""
        super().build(**options)
        for index, (name, device_id) in enumerate(REFERENCE_SWITCHES.items()):
            self.addSwitch(
                name,
                dpid=f"{device_id:x}",
                device_id=device_id,
                grpc_port=options["first_grpc_port"] + 5 + index,
                queue_depth=options["queue_depth"],
                log_folder=options["log_folder"],
            )
        for number, leaf in enumerate(("leaf11", "leaf12"), 1):
            self.addLink(leaf, "spine11", port1=FIRST_UPLINK, port2=number, cls=FabricLink, bw=200)
        self._plug_in(REFERENCE, 100)


def reference_networks() -> list[dict[str, Any]]:
    """Two networks that route to each other."""
    return [
        {
            "kind": "Network",
            "name": f"r{number}",
            "tenant": "reference",
            "spec": {
                "subnets": [str(host.ipv4.network)],
                "gateways": [host.gateways[0]],
                "attachments": [{"switch": f"leaf{host.leaf}", "port": host.port}],
            },
        }
        for number, host in enumerate(REFERENCE, 1)
    ]


class Api:
    """A controller's API, to change intents."""

    def __init__(self, controller: Controller) -> None:
        self._url, self._token = controller.url, controller.token_file.read_text().strip()

    def call(self, method: str, path: str, body: Any = None) -> None:
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30):
            pass


class Delays:
    """How long each switch's packet thread could have run but was not let: by the kernel's schedstat."""

    def __init__(self, switches: list[Any], every: float = 0.1) -> None:
        self._paths: dict[str, Path] = {}
        for switch in switches:
            for task in Path(f"/proc/{switch.process_id}/task").iterdir():
                name = (task / "comm").read_text().strip()
                if name == "p4fabric" or name.startswith("p4fabric-w") or name.startswith("engine"):
                    self._paths[switch.name] = task / "schedstat"
        self._every = every
        self.samples: list[tuple[float, dict[str, float]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        before: dict[str, int] = {}
        while not self._stop.wait(self._every):
            now: dict[str, int] = {}
            with contextlib.suppress(OSError):
                for name, path in self._paths.items():
                    now[name] = int(path.read_text().split()[1])
            delays = {name: (value - before[name]) / 1e6 for name, value in now.items() if name in before}
            self.samples.append((time.monotonic(), delays))
            before = now

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def near(self, start: float, stop: float) -> dict[str, float]:
        worst: dict[str, float] = defaultdict(float)
        for at, delays in self.samples:
            if start - 0.15 <= at <= stop + 0.25:
                for name, delay in delays.items():
                    worst[name] = max(worst[name], delay)
        return {name: round(value, 1) for name, value in worst.items() if value > 5}


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1700)
    parser.add_argument("--run", type=Path, default=REPOSITORY / "run" / "soak")
    parser.add_argument("--still", action="store_true", help="change nothing")
    parser.add_argument("--pause", type=float, default=0.3)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    setLogLevel("error")

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit("soak: stopped; clearing up")

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    check_machine("softswitch")
    with only_lab(), contextlib.ExitStack() as stack:
        return run(options, stack)


def run(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    folder = options.run.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "reference").mkdir(parents=True)
    grpc_port, api_port = free_ports(FIRST_GRPC_PORT, 8), free_ports(FIRST_API_PORT, 2)
    topology = SoakTopology(first_grpc_port=grpc_port, queue_depth=QUEUE_DEPTH, log_folder=str(folder))
    interfaces = [
        f"{name}-eth{port}"
        for _, _, link in topology.links(withInfo=True)
        for name, port in ((link["node1"], link["port1"]), (link["node2"], link["port2"]))
        if topology.isSwitch(name)
    ]
    remove_leftovers(interfaces)
    Mininet.inited = True
    net = Mininet(topo=topology, switch=SWITCHES["softswitch"], controller=None, build=False)
    stack.callback(remove_interfaces, interfaces)
    stack.callback(net.stop)
    net.build()
    net.start()
    tested = [switch for switch in net.switches if switch.name not in REFERENCE_SWITCHES]
    beside = [switch for switch in net.switches if switch.name in REFERENCE_SWITCHES]
    lab = Controller(folder, api_port, "softswitch", tested)
    reference = Controller(folder / "reference", api_port + 1, "softswitch", beside)
    for controller in (lab, reference):
        stack.callback(controller.stop)
        controller.start()
    for controller, links in ((lab, 12), (reference, 4)):
        controller.wait_until(
            "/api/v1/topology",
            lambda found, links=links: len(found["links"]) == links
            and all(switch["inSync"] for switch in found["switches"]),
        )
    lab.command("apply", "-f", str(REPOSITORY / "examples"))
    Api(reference).call("POST", "/api/v1/intents", reference_networks())
    scene = Scene(net, lab, EDGE_DATA_CENTRE, folder)
    print("made", flush=True)
    time.sleep(1)
    for host, gateway in (("h1", "10.0.1.1"), ("web1", "10.0.2.1"), ("r1", "10.0.8.1"), ("r2", "10.0.9.1")):
        print(host, scene.ask(host, "ping", gateway))
    time.sleep(1)
    print(scene.ask("h1", "ping", "10.0.2.11"), scene.ask("r1", "ping", "10.0.9.11"), flush=True)
    return soak(options, scene, net, lab, reference, stack)


def soak(options, scene, net, lab, reference, stack) -> int:
    flow = str(Path(__file__).with_name("flow.py"))
    python = (sys.executable, "-I", flow)
    receivers = {
        name: scene.popen(name, *python, "receive", str(PORT), stdin=subprocess.PIPE) for name in ("web1", "r2")
    }
    for process in receivers.values():
        Scene.wait_for(process, "ready")
    words = [f"{switch.name}={switch.address}" for switch in net.switches]
    discards_file = scene.folder / "discards.jsonl"
    discards = subprocess.Popen(
        [str(REPOSITORY / ".venv/bin/python"), "-m", "benchmarks.discards", *words],
        stdin=subprocess.PIPE,
        stdout=discards_file.open("wb"),
        cwd=REPOSITORY,
        preexec_fn=dies_with_us,
    )
    stack.callback(end, discards)
    delays = Delays(net.switches)
    print("threads", {k: str(v) for k, v in delays._paths.items()})
    time.sleep(2)
    api = Api(lab)
    documents = lab.get("/api/v1/intents")["intents"]
    by_kind = {
        kind: [{k: one[k] for k in ("kind", "name", "tenant", "spec")} for one in documents if one["kind"] == kind]
        for kind in KINDS
    }
    log: list[tuple[float, float, str]] = []
    with lab.events() as events, reference.events() as other_events:
        senders = {
            name: scene.popen(
                name, *python, "send", to, str(PORT), "--rate", str(options.rate), "--seconds", str(options.seconds)
            )
            for name, to in (("h1", "10.0.2.11"), ("r1", "10.0.9.11"))
        }
        started = time.monotonic()
        cycles = 0
        for kind in itertools.cycle(KINDS):
            if time.monotonic() - started > options.seconds - 3:
                break
            if options.still:
                time.sleep(1)
                continue
            for verb in ("delete", "apply"):
                t0 = time.monotonic()
                if verb == "delete":
                    for one in by_kind[kind]:
                        api.call("DELETE", f"/api/v1/{kind}/{one['tenant']}/{one['name']}")
                else:
                    api.call("POST", "/api/v1/intents", by_kind[kind])
                lab.wait_until("/api/v1/switches", lambda found: all(s["inSync"] for s in found["switches"]), 10)
                log.append((t0, time.monotonic(), f"{verb} {kind}"))
                time.sleep(options.pause)
            cycles += 1
        sent = {name: json.loads(output_of(process, 30)) for name, process in senders.items()}
        time.sleep(1)
        got = {}
        for name, process in receivers.items():
            out, err = process.communicate(b"", timeout=10)
            got[name] = json.loads(out.decode().strip().splitlines()[-1])
        delays.close()
        seen_events = {"lab": events.all, "reference": other_events.all}
    end(discards)
    found = [json.loads(line) for line in discards_file.read_text().splitlines()]
    print("cycles", cycles, "load", Path("/proc/loadavg").read_text().strip())
    for name, other in (("h1", "web1"), ("r1", "r2")):
        s, g = sent[name], got[other]
        lost = s["sent"] - g["received"]
        print(f"{name}->{other}: sent {s} received {g['received']} lost {lost} = {lost / s['sent']:.3%} "
              f"not taken {g['not_taken']} out of order {g['out_of_order']} gaps {len(g['gaps'])}")
    totals: Counter[str] = Counter()
    for one in found:
        totals[f"{one['interface']} {one['counter']}"] += one["more"]
    print("discards", dict(totals))
    for who, them in seen_events.items():
        print(who, Counter(e["type"] for e in them))
    for other in ("web1", "r2"):
        for gap in got[other]["gaps"][:60]:
            during = [what for a, b, what in log if a - 0.05 <= gap["to"] and b + 0.05 >= gap["from"]]
            near = [f"{d['interface']}:{d['counter']}+{d['more']}" for d in found if gap["from"] - 0.1 <= d["at"] <= gap["arrived"] + 0.45]
            print(f"{other} t={gap['from'] - started:8.2f} lost {gap['lost']:4} silent {(gap['to'] - gap['from']) * 1e3:6.1f} ms late {(gap['arrived'] - gap['to']) * 1e3:6.1f} ms {during} {near} {delays.near(gap['from'], gap['arrived'])}")
    if options.report:
        options.report.write_text(json.dumps({"sent": sent, "got": got, "discards": found, "log": log, "events": seen_events, "delays": delays.samples, "started": started}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
