"""p4app.json as nsg-ethz/p4-utils has it, read as it is.

What it names by Python modules (custom nodes, compilers, clients) is not loaded: the embedded switch and
p4c take their place, and a note says so. Routers (FRR) are not made.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from p4fabric.net.model import (
    DEFAULT_CPU_PORT,
    DEFAULT_QUEUE_DEPTH,
    End,
    Entries,
    Host,
    Link,
    NetworkModel,
    Program,
    Switch,
    Task,
)
from p4fabric.net.read.assignment import STRATEGIES, Assignment, assign
from p4fabric.net.read.document import Collected, Value
from p4fabric.net.read.ends import interface_name, next_port
from p4fabric.net.read.errors import Wrong
from p4fabric.net.read.files import folders_around
from p4fabric.net.read.natural import natural
from p4fabric.net.read.p4utils_addresses import Addresses, static_arp
from p4fabric.net.read.units import MBIT, MILLISECONDS, parse_time

FIRST_GRPC_PORT = 9559
_MODULES = ("host_node", "switch_node", "router_node", "compiler_module", "client_module", "mininet_module")
_TOP = ("p4_src", "cli", "pcap_dump", "enable_log", "tasks_file", "exec_scripts", "topology", *_MODULES)
_SWITCH = (
    "p4_src", "cpu_port", "cli_input", "switch_node", "log_enabled", "log_dir", "pcap_dump", "pcap_dir",
    "sw_bin", "thrift_port", "grpc_port", "priority_queues_num", "device_id",
)  # fmt: skip
_HOST = (
    "scheduler",
    "socket_path",
    "defaultRoute",
    "dhcp",
    "log_enabled",
    "log_dir",
    "host_node",
    "commands",
)
_SETTINGS = ("weight", "bw", "delay", "loss", "max_queue_size")
_LINK = (
    *_SETTINGS, "port1", "port2", "intfName1", "intfName2", "addr1", "addr2", "params1", "params2",
    "sw_ip1", "sw_ip2", "key",
)  # fmt: skip
_NOT_USED = {
    "sw_bin": "the embedded switch runs",
    "thrift_port": "the switch speaks P4Runtime, not Thrift",
    "switch_node": "the embedded switch runs",
    "host_node": "hosts are plain namespaces",
    "dhcp": "no DHCP client is started",
}
TRAFFIC = ("send_udp_flow", "recv_udp_flow")
"""Functions of p4-utils' own task module; p4fabric.net.traffic has the same."""


def read_p4utils(path: Path, content: Any) -> NetworkModel:
    """The network that a p4app.json describes.

    Raises:
        TopologyError: lists what is wrong with it.
    """
    return _Reader(path).network(Value(content))


class _Reader:
    def __init__(self, path: Path) -> None:
        self._folder = path.absolute().parent
        self._files = folders_around(path)
        self._collected = Collected(str(path))
        self._notes: list[str] = []

    def network(self, document: Value) -> NetworkModel:
        """All of it."""
        attempt = self._collected.attempt
        top = attempt(document.fields, _TOP, ("topology",)) or {}
        self._collected.check()
        known = ("assignment_strategy", "default", "links", "hosts", "switches", "routers")
        topology = attempt(top["topology"].fields, known, ("links",)) or {}
        self._collected.check()
        self._notes += [f"{key}: is not used" for key in _MODULES if key in top]
        if topology.get("routers") and topology["routers"].content:
            attempt(_refuse_routers, topology["routers"])
        links = attempt(lambda: [self._link_fields(one, topology) for one in topology["links"].items()]) or []
        self._collected.check()
        values: dict[str, dict[str, Value]] = {}
        for kind in ("hosts", "switches"):
            found = attempt(lambda value: dict(value.entries()), topology[kind]) if kind in topology else {}
            values[kind] = found or {}
        host_values, switch_values = values["hosts"], values["switches"]
        self._collected.check()
        model = attempt(self._put_together, top, topology, host_values, switch_values, links)
        self._collected.check()
        assert model is not None
        return model

    def _put_together(
        self,
        top: Mapping[str, Value],
        topology: Mapping[str, Value],
        host_values: Mapping[str, Value],
        switch_values: Mapping[str, Value],
        links: list[tuple[str, str, dict[str, Value]]],
    ) -> NetworkModel:
        attempt = self._collected.attempt
        ids = self._device_ids(switch_values)
        strategy = topology["assignment_strategy"].text() if "assignment_strategy" in topology else "manual"
        if strategy not in STRATEGIES:
            raise topology["assignment_strategy"].wrong(f"one of {', '.join(STRATEGIES)} is needed")
        pairs = [(first, second) for first, second, _ in links]
        for first, second in pairs:
            for node in (first, second):
                if node not in host_values and node not in switch_values:
                    raise topology["links"].wrong(f"{node} is neither a host nor a switch")
        assignment = assign(strategy, pairs, list(host_values), ids)
        built, cpu_ports = self._links(links, host_values, switch_values, assignment)
        default = topology["default"].content if "default" in topology else {}
        with_arp = default.get("auto_arp_tables", True), default.get("auto_gw_arp", True)
        hosts = {
            name: host
            for name, value in host_values.items()
            if (host := attempt(self._host, name, value, assignment, built, with_arp))
        }
        switches = {
            name: switch
            for name, value in switch_values.items()
            if (switch := attempt(self._switch, name, value, top, ids, cpu_ports))
        }
        self._add_tasks(top.get("tasks_file"), hosts, switches)
        scripts = top["exec_scripts"].items() if "exec_scripts" in top else []
        return NetworkModel(
            hosts,
            switches,
            tuple(built),
            folder=self._folder,
            pcap_folder=self._folder / "pcap" if "pcap_dump" in top and top["pcap_dump"].flag() else None,
            log_folder=self._folder / "log" if "enable_log" in top and top["enable_log"].flag() else None,
            scripts=tuple(one.fields(("cmd", "reboot_run"), ("cmd",))["cmd"].text() for one in scripts),
            notes=tuple(dict.fromkeys(self._notes)),
        )

    @staticmethod
    def _device_ids(switches: Mapping[str, Value]) -> dict[str, int]:
        given = {
            name: Value(value.content["device_id"], value.under("device_id")).integer(0, 1 << 32)
            for name, value in switches.items()
            if isinstance(value.content, dict) and "device_id" in value.content
        }
        ids: dict[str, int] = {}
        for name in sorted(switches, key=natural):
            taken = {*given.values(), *ids.values()}
            ids[name] = given[name] if name in given else next(n for n in range(1, 1 << 16) if n not in taken)
        return ids

    def _link_fields(self, value: Value, topology: Mapping[str, Value]) -> tuple[str, str, dict[str, Value]]:
        parts = value.items()
        if not 2 <= len(parts) <= 3:
            raise value.wrong('a link is ["h1", "s1"] or ["h1", "s1", {"bw": 10}]')
        fields = {}
        if "default" in topology:
            known = (*_SETTINGS, "auto_arp_tables", "auto_gw_arp")
            fields = topology["default"].fields(known)
        if len(parts) == 3:
            fields = {**fields, **parts[2].fields(_LINK)}
        return parts[0].text(), parts[1].text(), fields

    def _links(
        self,
        links: list[tuple[str, str, dict[str, Value]]],
        hosts: Mapping[str, Value],
        switches: Mapping[str, Value],
        assignment: Assignment,
    ) -> tuple[list[Link], dict[str, int]]:
        """Links with their ports numbered as p4-utils does it: in the order of names, CPU ports included."""
        taken: dict[str, set[int]] = {}
        for first, second, fields in links:
            for node, key in ((first, "port1"), (second, "port2")):
                if key in fields:
                    taken.setdefault(node, set()).add(fields[key].integer(0, 510))
        addresses = Addresses(links, assignment)
        cpu: list[tuple[str, str, dict[str, Value]]] = [
            (name, "sw-cpu", {})
            for name, value in switches.items()
            if isinstance(value.content, dict) and value.content.get("cpu_port") is True
        ]
        built: dict[int, Link] = {}
        cpu_ports: dict[str, int] = {}
        everything = [*enumerate(links), *((-1, one) for one in cpu)]
        for index, (first, second, fields) in sorted(
            everything, key=lambda one: (natural(one[1][0]), natural(one[1][1]))
        ):
            ends = []
            for side, node, other in ((1, first, second), (2, second, first)):
                if node == "sw-cpu":
                    continue
                given = fields.get(f"port{side}")
                port = given.content if given else next_port(taken, node, 0 if node in hosts else 1)
                taken.setdefault(node, set()).add(port)
                if index < 0:
                    cpu_ports[node] = port
                    continue
                ends.append(self._end(node, other, port, side, fields, node in hosts, addresses))
            if index >= 0:
                built[index] = self._link((ends[0], ends[1]), fields)
        if cpu:
            self._notes.append("cpu_port: packets go to P4Runtime clients as packet-ins, to no interface")
        return [built[index] for index in sorted(built)], cpu_ports

    @staticmethod
    def _end(
        node: str,
        other: str,
        port: int,
        side: int,
        fields: Mapping[str, Value],
        is_host: bool,
        addresses: Addresses,
    ) -> End:
        name, mac = fields.get(f"intfName{side}"), fields.get(f"addr{side}")
        return End(
            node,
            port,
            name.text() if name else interface_name(node, port),
            mac.mac() if mac else addresses.assignment.end(node, other).mac,
            (addresses.of(node, other, side, fields),) if is_host else (),
        )

    def _link(self, ends: tuple[End, End], fields: Mapping[str, Value]) -> Link:
        rate = None
        if "bw" in fields and fields["bw"].content is not None:
            rate = round(fields["bw"].number(*MBIT, "a bandwidth in Mbit/s is needed") * 1e6)
        delay = fields.get("delay")
        if delay is None or delay.content is None:
            seconds = 0.0
        elif isinstance(delay.content, int | float):
            seconds = delay.number(*MILLISECONDS, "a delay in milliseconds is needed") * 1e-3
        else:
            seconds = delay.parsed(parse_time)
        loss = fields["loss"].number(0, 100, "a percentage is needed") if "loss" in fields else 0
        depth = fields.get("max_queue_size")
        return Link(
            ends,
            rate_bps=rate,
            delay_s=seconds,
            loss=loss / 100,
            queue_depth=depth.integer(1, 10**6) if depth and depth.content else DEFAULT_QUEUE_DEPTH,
        )

    def _host(
        self,
        name: str,
        value: Value,
        assignment: Assignment,
        links: list[Link],
        with_arp: tuple[bool, bool],
    ) -> Host:
        fields = value.fields(_HOST)
        self._note_unused(value.place, fields)
        gateway = assignment.gateways.get(name)
        if "defaultRoute" in fields:
            gateway = fields["defaultRoute"].text().split()[-1]
        try:
            gateways = (ip_address(gateway),) if gateway else ()
        except ValueError:
            raise fields["defaultRoute"].wrong("a route such as via 10.0.1.254 is needed") from None
        return Host(
            name,
            gateways=gateways,
            neighbours=static_arp(name, gateway, links, assignment, *with_arp),
            commands=tuple(one.text() for one in fields["commands"].items()) if "commands" in fields else (),
        )

    def _switch(
        self,
        name: str,
        value: Value,
        top: Mapping[str, Value],
        ids: Mapping[str, int],
        cpu_ports: Mapping[str, int],
    ) -> Switch:
        fields = value.fields(_SWITCH)
        self._note_unused(value.place, fields)
        source = fields.get("p4_src") or top.get("p4_src")
        program: Program | None = None
        if source is not None and source.content is not None:
            program = self._files.program(source)
        entries: list[Entries] = []
        if "cli_input" in fields:
            path = self._files.file(fields["cli_input"])
            entries.append(Entries(str(path), path))
            if program is None:
                raise fields["cli_input"].wrong("needs a program: p4_src is missing")
        port = (
            fields["grpc_port"].integer(1, 65535)
            if "grpc_port" in fields
            else FIRST_GRPC_PORT + ids[name] - 1
        )
        return Switch(
            name,
            device_id=ids[name],
            program=program,
            entries=tuple(entries),
            grpc=f"127.0.0.1:{port}",
            cpu_port=cpu_ports.get(name, DEFAULT_CPU_PORT),
        )

    def _note_unused(self, place: str, fields: Mapping[str, Value]) -> None:
        for key, reason in _NOT_USED.items():
            if key in fields and fields[key].content:
                self._notes.append(f"{place}.{key}: is not used; {reason}")

    def _add_tasks(self, value: Value | None, hosts: dict[str, Host], switches: dict[str, Switch]) -> None:
        if value is None:
            return
        path = self._files.file(value)
        tasks: dict[str, list[Task]] = {}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.strip() and not line.startswith(("#", "//")):
                node, task = _task(f"{path}: line {number}", line)
                if node not in hosts and node not in switches:
                    raise Wrong(f"{path}: line {number}", f"{node} is neither a host nor a switch")
                tasks.setdefault(node, []).append(task)
        for node, found in tasks.items():
            if node in hosts:
                host = hosts[node]
                hosts[node] = Host(host.name, host.gateways, host.neighbours, host.commands, tuple(found))
            else:
                self._notes.append(f"{path}: tasks of switches run where their interfaces are")
                old = switches[node]
                switches[node] = Switch(
                    old.name,
                    old.device_id,
                    old.program,
                    old.entries,
                    old.grpc,
                    old.cpu_port,
                    tasks=tuple(found),
                )


def _task(place: str, line: str) -> tuple[str, Task]:
    """`h1 START DURATION COMMAND...`; a duration of 0 is no limit."""
    try:
        words = shlex.split(line)
        node, start, duration = words[0], float(words[1]), float(words[2])
    except (ValueError, IndexError):
        raise Wrong(place, "a task is NODE START DURATION COMMAND") from None
    if len(words) < 4 or start < 0 or duration < 0:
        raise Wrong(place, "a task is NODE START DURATION COMMAND")
    if words[3] in TRAFFIC:
        command = shlex.join(["p4fabric-traffic", *words[3:]])
    else:
        command = words[3] if len(words) == 4 else shlex.join(words[3:])
    return node, Task(command, start, start + duration if duration else None)


def _refuse_routers(value: Value) -> None:
    raise Wrong(value.place, "routers (FRR) are not made; take them out, or put a host in each one's place")
