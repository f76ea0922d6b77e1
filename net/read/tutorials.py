"""topology.json as p4lang/tutorials' exercises have it, read as it is.

A host's interface is eth0, and its commands set routes and ARP entries. Switches are numbered from 0 and
serve P4Runtime at 127.0.0.1:50051 and so on, in the order of their names. Names of files are relative to
the exercise's folder, which may be the topology file's parent: `make run` is started there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from p4fabric.net.model import DEFAULT_CPU_PORT, End, Entries, Host, Link, NetworkModel, Program, Switch
from p4fabric.net.read.document import Collected, Value, read_document, whole_number
from p4fabric.net.read.ends import interface_name
from p4fabric.net.read.errors import TopologyError, Wrong
from p4fabric.net.read.files import Folders, folders_around
from p4fabric.net.read.natural import natural
from p4fabric.net.read.units import MBIT, MILLISECONDS, parse_time

FIRST_GRPC_PORT = 50051


def read_tutorials(path: Path, content: Any) -> NetworkModel:
    """The network that an exercise's topology.json describes.

    Raises:
        TopologyError: lists what is wrong with it.
    """
    return _Reader(path).network(Value(content))


class _Reader:
    def __init__(self, path: Path) -> None:
        self._collected = Collected(str(path))
        folder = path.absolute().parent
        # `pod-topo/topology.json` names `pod-topo/s1-runtime.json`: as seen from the exercise's folder.
        self._exercise = folder.parent if folder.name.endswith("topo") else folder
        self._files: Folders = folders_around(path, [self._exercise, Path.cwd()])

    def network(self, document: Value) -> NetworkModel:
        """All of it."""
        attempt = self._collected.attempt
        top = attempt(document.fields, ("hosts", "switches", "links"), ("hosts", "switches", "links"))
        self._collected.check()
        assert top is not None
        self._ends: dict[str, dict[str, Any]] = {}
        hosts = {
            name: host
            for name, value in attempt(lambda: list(top["hosts"].entries())) or []
            if (host := attempt(self._host, name, value))
        }
        listed = attempt(lambda: sorted(top["switches"].entries(), key=lambda one: natural(one[0]))) or []
        switches = {
            name: switch
            for number, (name, value) in enumerate(listed)
            if (switch := attempt(self._switch, number, name, value))
        }
        links = [
            link
            for value in attempt(top["links"].items) or []
            if (link := attempt(self._link, value, hosts, switches))
        ]
        self._collected.check()
        return NetworkModel(hosts, switches, tuple(links), folder=self._exercise)

    def _host(self, name: str, value: Value) -> Host:
        fields = value.fields(("ip", "mac", "commands"), ("ip",))
        commands = fields["commands"].items() if "commands" in fields else []
        self._ends[name] = {
            "addresses": (fields["ip"].interface_address(),),
            "mac": fields["mac"].mac() if "mac" in fields else None,
        }
        return Host(name, commands=tuple(command.text() for command in commands))

    def _switch(self, number: int, name: str, value: Value) -> Switch:
        fields = value.fields(("runtime_json", "program", "cpu_port", "priority_queues", "cli_input"))
        program, entries = None, []
        if "program" in fields:
            program = self._files.program(fields["program"])
        if "runtime_json" in fields:
            runtime = self._files.file(fields["runtime_json"])
            entries.append(Entries(str(runtime), runtime))
            # The controller of the exercises pushes this program, whatever `program` says.
            program = self._program_of(runtime)
        if "cli_input" in fields:
            commands = self._files.file(fields["cli_input"])
            entries.append(Entries(str(commands), commands))
            if program is None:
                raise fields["cli_input"].wrong("needs a program: commands alone do not name one")
        cpu_port = DEFAULT_CPU_PORT
        if "cpu_port" in fields:
            content = fields["cpu_port"].content
            if isinstance(content, str) and (port := whole_number(content)) is not None:
                content = port
            cpu_port = Value(content, fields["cpu_port"].place).integer(1, 510)
        return Switch(
            name,
            device_id=number,
            program=program,
            entries=tuple(entries),
            grpc=f"127.0.0.1:{FIRST_GRPC_PORT + number}",
            cpu_port=cpu_port,
        )

    def _program_of(self, runtime: Path) -> Program:
        try:
            content = read_document(runtime)
        except TopologyError as error:
            raise Wrong(str(runtime), error.problems[0].message) from None
        if not isinstance(content, dict):
            raise Wrong(str(runtime), "a mapping is needed")
        found = {key: Value(content.get(key), f"{runtime}: {key}") for key in ("bmv2_json", "p4info")}
        if "bmv2_json" not in content:
            raise Wrong(f"{runtime}: bmv2_json", "is missing")
        name = found["p4info"].content
        named = isinstance(name, str) and self._files.find(name) is not None
        return self._files.program(found["bmv2_json"], found["p4info"] if named else None)

    def _link(self, value: Value, hosts: Mapping[str, Host], switches: Mapping[str, Switch]) -> Link:
        parts = value.items()
        if not 2 <= len(parts) <= 4:
            raise value.wrong('a link is ["h1", "s1-p1"], and then its latency and its bandwidth in Mbit/s')
        first, second = (self._end(part, hosts, switches) for part in parts[:2])
        rate = None
        if len(parts) > 3 and parts[3].content is not None:
            content = parts[3].content
            number = whole_number(content) if isinstance(content, str) else content
            bandwidth = Value(content if number is None else number, parts[3].place)
            rate = round(bandwidth.number(*MBIT, "a bandwidth in Mbit/s is needed, such as 0.5") * 1e6)
        return Link((first, second), rate_bps=rate, delay_s=self._delay(parts[2]) if len(parts) > 2 else 0.0)

    @staticmethod
    def _delay(value: Value) -> float:
        """A number is milliseconds, and so is a text without a unit, of which the tutorials have `"0"`."""
        content = value.content
        number = whole_number(content) if isinstance(content, str) else content
        if isinstance(number, int | float) and not isinstance(number, bool):
            return (
                Value(number, value.place).number(*MILLISECONDS, "a delay in milliseconds is needed") * 1e-3
            )
        return value.parsed(parse_time)

    def _end(self, value: Value, hosts: Mapping[str, Host], switches: Mapping[str, Switch]) -> End:
        name = value.text()
        if name in hosts:
            return End(name, 0, "eth0", **self._ends[name])
        switch, dash, number = name.rpartition("-p")
        port = whole_number(number)
        if not dash or port is None or switch not in switches:
            raise value.wrong("a host's name, or SWITCH-pPORT such as s1-p1, is needed")
        return End(switch, port, interface_name(switch, port))
