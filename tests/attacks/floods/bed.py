"""The fabric of `plan.py`: embedded switches and a controller, each a process, on veth pairs in this
process's network namespace."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import httpx
from finsy.proto import p4r, p4r_grpc
from scapy.layers.l2 import ARP, Ether

from p4fabric.pipelines import fabric
from tests.attacks.floods import plan
from tests.fabric.api.conftest import switch_process
from tests.fabric.api.test_cli import controller_process
from tests.veth import make_pair, open_wire, remove

__all__ = ["Bed", "far", "running_bed"]

DROPS = Path(__file__).parents[3] / "p4src" / "include" / "drops.p4"
REASON_BITS = 5
"""Cells of `ingress_drops` are numbered by port and reason."""

Event = Mapping[str, Any]


def near(switch: str, port: int) -> str:
    """The switch's end of a wire."""
    return f"fl{list(plan.SWITCHES).index(switch)}p{port}"


def far(switch: str, port: int) -> str:
    """The other end, where that is no switch."""
    return near(switch, port) + "t"


@cache
def drop_reasons() -> dict[int, str]:
    """The numbers and names of drops.p4."""
    found = re.findall(r"drop_reason_t DROP_(\w+) += (\d+);", DROPS.read_text())
    return {int(number): name.lower() for name, number in found if int(number)}


class Bed:
    """The running fabric."""

    def __init__(self, addresses: Mapping[str, str], http: httpx.Client) -> None:
        self._addresses = addresses
        self._http = http
        self.events: list[Event] = []
        """All that the controller has told since it started."""
        self.flooded: set[int] = set()
        """Ports of leaf1 that were flooded."""

    def follow(self) -> None:
        """Collect events until the controller ends."""
        try:
            with self._http.stream("GET", "/api/v1/events", timeout=None) as response:
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        self.events.append(json.loads(line.removeprefix("data: ")))
        except httpx.HTTPError:
            pass  # the controller is gone

    def get(self, path: str) -> Any:
        """Ask the controller."""
        answer = self._http.get(path)
        answer.raise_for_status()
        return answer.json()

    def drops(self, switch: str, port: int) -> dict[str, int]:
        """Frames that came in at a port and were dropped, by reason."""
        (counter,) = [each for each in fabric.p4info().counters if each.preamble.alias == "ingress_drops"]
        request = p4r.ReadRequest(device_id=list(plan.SWITCHES).index(switch) + 1)
        for reason in drop_reasons():
            entry = request.entities.add().counter_entry
            entry.counter_id = counter.preamble.id
            entry.index.index = port << REASON_BITS | reason
        found = {}
        with grpc.insecure_channel(self._addresses[switch]) as channel:
            for response in p4r_grpc.P4RuntimeStub(channel).Read(request, timeout=10):
                for entity in response.entities:
                    cell = entity.counter_entry
                    reason = cell.index.index & (1 << REASON_BITS) - 1
                    found[drop_reasons()[reason]] = int(cell.data.packet_count)
        return found

    def set_up(self) -> None:
        """Apply the intents, have all hosts learned, and wait until nothing is left to do."""
        answer = self._http.post("/api/v1/intents", json=plan.INTENTS)
        assert answer.status_code == 200, answer.text
        until("all links are up", lambda: len(self.get("/api/v1/links")["items"]) == 2 * len(plan.LINKS))
        until("the switches have all entries", self._in_sync)
        until("all hosts are known", self._all_known)
        until("the intents are active", self._all_active)
        until("the switches have all entries", self._in_sync)
        # Who is flooded next is not to be blamed for what is told late of this.
        until("all of that is told", self._all_told)

    def _in_sync(self) -> bool:
        return all(switch["inSync"] for switch in self.get("/api/v1/switches")["items"])

    def _all_active(self) -> bool:
        return {each["status"]["state"] for each in self.get("/api/v1/intents")["items"]} == {"active"}

    def _all_told(self) -> bool:
        """Whether events have told of how the fabric and its intents are now."""
        findings: set[str] = set()
        states: dict[tuple[str, str, str], str] = {}
        for event in list(self.events):
            if event["type"] == "FabricStatusChanged":
                findings -= {finding["text"] for finding in event["over"]}
                findings |= {finding["text"] for finding in event["new"]}
            elif event["type"] == "IntentStatusChanged":
                states[event["kind"], event["tenant"], event["name"]] = event["state"]
        now = {finding["text"] for finding in self.get("/api/v1/status")["findings"]}
        return findings == now and set(states.values()) == {"active"} and len(states) == len(plan.INTENTS)

    def _all_known(self) -> bool:
        known = {host["mac"] for host in self.get("/api/v1/hosts")["items"]}
        missing = [host for host in plan.HOSTS if host.mac not in known]
        for host in missing:
            with open_wire(far(host.switch, host.port)) as wire:
                asked = ARP(hwsrc=host.mac, psrc=host.address, pdst=host.gateway)
                wire.send(bytes(Ether(src=host.mac, dst="ff:ff:ff:ff:ff:ff") / asked).ljust(60, b"\0"))
        return not missing


def until(what: str, wanted: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)


@contextmanager
def running_bed(folder: Path) -> Iterator[Bed]:
    """Start everything, and set it up; files go into a folder."""
    with ExitStack() as stack:
        for (one, port), (other, other_port) in plan.LINKS:
            _pair(stack, near(one, port), near(other, other_port))
        ports: dict[str, list[int]] = {name: [] for name in plan.SWITCHES}
        for name, port in [*((host.switch, host.port) for host in plan.HOSTS), *plan.SPARE_PORTS]:
            _pair(stack, near(name, port), far(name, port))
            ports[name].append(port)
        links = _link_ports()
        addresses = {}
        for number, name in enumerate(plan.SWITCHES, 1):
            interfaces = [f"{port}@{near(name, port)}" for port in sorted({*ports[name], *links[name]})]
            addresses[name] = stack.enter_context(switch_process(number, interfaces))
        (folder / "fabric.yaml").write_text(json.dumps(_configuration(addresses, links)))
        url = stack.enter_context(controller_process(folder)).url
        token = (folder / "p4fabric.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        http = stack.enter_context(httpx.Client(base_url=url, headers=headers, timeout=20))
        bed = Bed(addresses, http)
        Thread(target=bed.follow, daemon=True).start()
        bed.set_up()
        yield bed


def _pair(stack: ExitStack, one: str, other: str) -> None:
    make_pair(one, other)
    stack.callback(remove, one)


def _link_ports() -> dict[str, list[int]]:
    """Where links may be, by switch."""
    found: dict[str, list[int]] = {name: [] for name in plan.SWITCHES}
    for name, port in [end for link in plan.LINKS for end in link]:
        found[name].append(port)
    found["leaf1"].append(plan.UNUSED_LINK)
    return found


def _configuration(addresses: Mapping[str, str], links: Mapping[str, list[int]]) -> dict[str, Any]:
    switches = [
        {
            "name": name, "deviceId": number, "address": addresses[name], "target": "softswitch",
            "role": role, "ports": links[name],
        }
        for number, (name, role) in enumerate(plan.SWITCHES.items(), 1)
    ]  # fmt: skip
    return {"switches": switches, "api": {"listen": "127.0.0.1:0"}}
