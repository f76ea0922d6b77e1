"""The lab: a leaf-spine fabric and its controller on real packets, the example intents, and proof.

    sudo /usr/bin/python3 mininet/lab.py            (or `make lab`, which installs what is missing first)
    sudo /usr/bin/python3 mininet/lab.py --keep     (or `make lab KEEP=1`: Mininet's prompt afterwards)

Exit status 0: everything holds; 1: something does not; 2: the lab cannot run here, and why.

It runs under the system's Python, where Debian's Mininet is, with the standard library alone; what is
p4fabric's own (switches, controller, command line) it starts as a user would, from p4fabric's environment.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from machine import (
    CannotRun,
    check_machine,
    end_when_told,
    free_ports,
    only_lab,
    remove_interfaces,
    remove_leftovers,
)
from processes import INTENTS, P4FABRIC, Ended, end

try:
    from mininet.cli import CLI
    from mininet.log import setLogLevel
    from mininet.net import Mininet
except ImportError:
    sys.exit("lab: Mininet is not there for this Python; `apt-get install mininet` and /usr/bin/python3")

import checks_of_intents as entries
import checks_of_reach as reach
import checks_of_trouble as trouble
from control import Controller, in_sync
from p4runtime_switch import SWITCHES, P4RuntimeSwitch, SwitchFailed
from plan import EDGE_DATA_CENTRE, Plan
from report import Check, Report
from scene import Scene
from topology import EdgeDataCentre, LeafSpine

QUEUE_DEPTH = 64
FIRST_API_PORT, FIRST_GRPC_PORT = 8080, 9559
WHICH = (
    "which to run: softswitch at Unix sockets that only this user can open; bmv2, which has none, at TCP "
    "ports of 127.0.0.1, where every process of this machine may write"
)
DIRECTED_LINKS = 12
"""3 leaves, each with 2 spines, both directions."""


@dataclass(frozen=True)
class Made:
    """What a lab is made of."""

    topology: type[LeafSpine]
    plan: Plan
    sections: Mapping[str, Any] = field(default_factory=dict)
    """Of the controller's configuration, beside those that each lab has."""


EDGE = Made(EdgeDataCentre, EDGE_DATA_CENTRE)


class Lab:
    """Makes the scene, runs the checks, and clears everything away."""

    def __init__(self, options: argparse.Namespace, report: Report, made: Made = EDGE) -> None:
        """Take what the command line says; nothing is made yet."""
        self._options = options
        self._made = made
        self._report = report
        self._folder: Path = options.run.absolute()
        self._gnb: subprocess.Popen[bytes] | None = None
        self._gnb_log: IO[bytes] | None = None
        self._scene: Scene | None = None
        self._interfaces: list[str] = []

    def make(self) -> Scene:
        """Start switches, hosts and controller."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        grpc_port, api_port = free_ports(FIRST_GRPC_PORT, 5), free_ports(FIRST_API_PORT, 1)
        target = SWITCHES[self._options.switch]
        plan = self._made.plan.with_bandwidths(target.bandwidth_share)
        topology = self._made.topology(
            plan=plan,
            first_grpc_port=grpc_port,
            queue_depth=QUEUE_DEPTH,
            log_folder=str(self._folder),
        )
        self._interfaces = [
            f"{name}-eth{port}"
            for one, other, link in topology.links(withInfo=True)
            for name, port in ((link["node1"], link["port1"]), (link["node2"], link["port2"]))
            if topology.isSwitch(name) and {one, other}
        ]
        remove_leftovers(self._interfaces)
        # Mininet would change limits of the whole machine, for networks larger than this one.
        Mininet.inited = True
        net = Mininet(topo=topology, switch=target, controller=None, build=False)
        scene = Scene(net, None, plan, self._folder)  # type: ignore[arg-type]
        self._scene = scene
        with self._timed("hosts, links and switches"):
            net.build()
            net.start()
        with self._timed("controller"):
            switches: list[P4RuntimeSwitch] = net.switches
            scene.controller = Controller(
                self._folder, api_port, self._options.switch, switches, self._made.sections
            )
            scene.controller.start()
        self._report.facts = {
            "switch": self._options.switch,
            "api": scene.controller.url,
            "tokenFile": str(scene.controller.token_file),
            "switches": {
                switch.name: {"address": switch.address, "deviceId": switch.device_id}
                for switch in net.switches
            },
        }
        return scene

    def check(self, scene: Scene) -> None:
        """Everything, in an order in which each finds what it needs."""
        self._run("pipelines_and_links", lambda: fabric_found(scene))
        self._run("intents", lambda: self._apply(scene))
        for version in (4, 6):
            self._run(
                f"reachability_ipv{version}", lambda version=version: reach.reachability(scene, version)
            )
        self._run("isolation", lambda: reach.isolation(scene))
        self._run("firewall", lambda: reach.firewall(scene))
        with contextlib.ExitStack() as stack:
            for server in reach.POOL:
                scene.serve(stack, server, reach.POOL_PORT)
            self._run("service", lambda: reach.service(scene))
            self._run("ue_sessions", lambda: self._with_gnb(scene))
            self._run("ue_to_service", lambda: reach.ue_to_service(scene))
        self._run("congestion", lambda: trouble.congestion(scene, QUEUE_DEPTH))
        self._run("controller_restart", lambda: trouble.controller_restart(scene))
        self._run("link_failure", lambda: trouble.link_failure(scene))

    def _run(self, name: str, act: Callable[[], Check]) -> None:
        started = time.monotonic()
        try:
            check = act()
        except (Ended, OSError, ValueError, LookupError, TypeError, subprocess.SubprocessError) as error:
            seen = f"{type(error).__name__}: {error}"
            check = Check(name, name, False, "could not be checked", {}, "the check can be made", seen)
        check.seconds = round(time.monotonic() - started, 2)
        self._report.add(check)

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._report.note(what, time.monotonic() - started)

    def _apply(self, scene: Scene) -> Check:
        """`p4fabric apply`, as a user does; whether all get active shows when hosts are known."""
        scene.controller.command("apply", "-f", str(self._options.intents))
        settled = scene.controller.wait_until(
            "/api/v1/switches", lambda found: entries.settled(found["items"])
        )
        return entries.accepted(scene.controller.get("/api/v1/intents")["items"], settled["items"])

    def _with_gnb(self, scene: Scene) -> Check:
        """Switch the gNB on, then try its UEs."""
        self.start_gnb(scene)
        return reach.ue_sessions(scene)

    def start_gnb(self, scene: Scene) -> None:
        """Run the gNB; its UEs get their TUN devices."""
        gnb = scene.plan.gnb
        assert gnb is not None
        words = [sys.executable, str(Path(__file__).with_name("gnb.py"))]
        words += ["--address", str(scene.plan[gnb.host].ipv4.ip)]
        for session in sessions(scene):
            words += ["--session", session]
        words += [word for ue in gnb.ues for word in ("--ue", f"{ue.address}={scene.net[ue.name].pid}")]
        log = self._folder / "gnb.log"
        self._gnb_log = log.open("wb")
        self._gnb = scene.popen(gnb.host, *words, stdout=self._gnb_log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 10
        while b"ready" not in log.read_bytes():
            if self._gnb.poll() is not None or time.monotonic() > deadline:
                raise Ended(f"the gNB did not start: {log.read_text(errors='replace')[-500:]}")
            time.sleep(0.02)

    def clear(self) -> None:
        """End all that was started and remove all that was made; never more than that."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if self._gnb is not None:
            end(self._gnb)
        if self._gnb_log is not None:
            self._gnb_log.close()
        if self._scene is not None:
            if self._scene.controller is not None:
                self._scene.controller.stop()
            self._scene.net.stop()
        remove_interfaces(self._interfaces)

    def prompt(self, scene: Scene) -> None:
        """Leave it running, with Mininet's prompt."""
        url, token, command = scene.controller.url, scene.controller.token_file, P4FABRIC
        leaf = scene.net["leaf1"]
        print(
            f"""  The lab runs on. In another terminal:

    export P4FABRIC_API={url} P4FABRIC_TOKEN_FILE={token}
    {command} get                      # intents and how far they are
    {command} describe fw telnet       # one intent: its document, owners, events and counters
    {command} events                   # what happens; try `link leaf1 spine1 down` at the prompt
    {command} top                      # switches, congestion and counters
    {url}/docs           # the REST API

  A shell on a switch (pip install p4runtime-shell, in an environment of its own):

    python3 -m p4runtime_sh --grpc-addr {leaf.address} --device-id {leaf.device_id} --election-id 0,1

  At the prompt:

    h1 ping web1              ue1 ping dn              h2 curl -s http://{reach.VIRTUAL_IP}
    dn iperf3 -s -D           h1 iperf3 -u -b 40M -c dn      # overload leaf3 port 2, with `events` open
    h1 tcpdump -ni h1-eth0    exit

  Logs: {self._folder}
""",
            flush=True,
        )
        with contextlib.ExitStack() as stack:
            for server in reach.POOL:
                scene.serve(stack, server, reach.POOL_PORT)
            setLogLevel("output")
            CLI(scene.net)


def fabric_found(scene: Scene) -> Check:
    """All switches run the pipeline, all links between them are found."""
    links = scene.controller.wait_until("/api/v1/links", lambda found: len(found["items"]) == DIRECTED_LINKS)[
        "items"
    ]
    switches = scene.controller.wait_until("/api/v1/switches", in_sync)["items"]
    ready = [switch["name"] for switch in switches if switch["connected"] and switch["inSync"]]
    return Check(
        "pipelines_and_links",
        "Pipelines are pushed, links are found",
        passed=len(ready) == len(scene.net.switches) and len(links) == DIRECTED_LINKS,
        shown=f"{len(ready)} of {len(scene.net.switches)} switches, "
        f"{len(links)} of {DIRECTED_LINKS} directed links",
        figures={"switches": ready, "links": len(links)},
        expected=f"all switches connected and in sync, {DIRECTED_LINKS} directed links",
        seen=f"{[(s['name'], s['state'], s['failures']) for s in switches if s['name'] not in ready]}, "
        f"{len(links)} links",
    )


def sessions(scene: Scene) -> list[str]:
    """The PDU sessions that the fabric serves, as gnb.py takes them."""
    fields = ("ueAddress", "n3Address", "uplinkTeid", "downlinkTeid", "qfi")
    intents = scene.controller.get("/api/v1/intents?kind=UpfSession")["items"]
    return [",".join(str(intent["spec"][field]) for field in fields) for intent in intents]


def main() -> int:
    """Run the lab; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="p4fabric lab", description="Run the fabric on real packets, and check that it works."
    )
    parser.add_argument("--switch", choices=sorted(SWITCHES), default="softswitch", help=WHICH)
    parser.add_argument("--keep", action="store_true", help="leave it running, with Mininet's prompt")
    parser.add_argument("--intents", type=Path, default=INTENTS, help="intents to apply")
    parser.add_argument("--run", type=Path, default=Path("run/lab"), help="folder for logs")
    parser.add_argument("--report", type=Path, help="write the results as JSON")
    options = parser.parse_args()
    setLogLevel("error")
    end_when_told("lab")
    try:
        check_machine(options.switch)
        with only_lab():
            return run(options)
    except CannotRun as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    """Make, check, keep, clear."""
    started = time.monotonic()
    report = Report(f"p4fabric lab: 2 spines, 3 leaves ({options.switch}), 9 hosts, a gNB with 2 UEs")
    lab = Lab(options, report)
    try:
        scene = lab.make()
        lab.check(scene)
        report.end(time.monotonic() - started)
        if options.report:
            report.write(options.report)
        if options.keep:
            lab.prompt(scene)
    except (Ended, SwitchFailed, RuntimeError) as error:
        print(f"\nlab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nlab: interrupted; clearing up", file=sys.stderr)
        return 130
    finally:
        lab.clear()
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
