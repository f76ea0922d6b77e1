"""Our own form of a topology file, YAML or JSON: see docs/reference/topology.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface
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
    Replica,
    Switch,
    Task,
)
from p4fabric.net.read.document import Collected, Value, whole_number
from p4fabric.net.read.ends import interface_name, next_port
from p4fabric.net.read.errors import Wrong
from p4fabric.net.read.files import Folders, folders_around
from p4fabric.net.read.units import parse_rate, parse_share, parse_time
from p4fabric.softswitch.server.listen import UNIX, ListenAddress
from p4fabric.softswitch.server.ports import BadOption

TOP = ("defaults", "hosts", "switches", "links", "pcap", "logs", "scripts")
_DEFAULTS = ("switch", "link")
_HOST = ("address", "addresses", "mac", "gateway", "arp", "commands", "tasks", "interface")
_SWITCH_SETTINGS = ("program", "p4info", "entries", "cpu_port", "log_packets", "cores")
_SWITCH = (*_SWITCH_SETTINGS, "device_id", "grpc", "multicast_groups", "clone_sessions", "tasks")
_LINK_SETTINGS = ("rate", "delay", "loss", "queue")
_LINK = ("between", *_LINK_SETTINGS)
_TASK = ("run", "start", "end")
MOST_DEPTH = 1_000_000

_FirstEnd = tuple[str | None, str | None, tuple[IPv4Interface | IPv6Interface, ...]]
"""What a host's description says of its first interface: name, MAC address, IP addresses."""


def read_own(path: Path, content: Any) -> NetworkModel:
    """The network that a file in our form describes.

    Raises:
        TopologyError: lists what is wrong with it.
    """
    return _Reader(path).network(Value(content))


class _Reader:
    def __init__(self, path: Path) -> None:
        self._folder = path.absolute().parent
        self._files: Folders = folders_around(path)
        self._collected = Collected(str(path))
        self._first_ends: dict[str, _FirstEnd] = {}
        self._taken: dict[str, set[int]] = {}

    def network(self, document: Value) -> NetworkModel:
        """All of it."""
        attempt = self._collected.attempt
        top = attempt(document.fields, TOP, ("switches",))
        self._collected.check()
        assert top is not None
        defaults = self._defaults(top.get("defaults"))
        hosts = self._named(top.get("hosts"), self._host)
        ids = self._device_ids(top["switches"])
        switches = self._named(top["switches"], lambda name, value: self._switch(name, value, ids, defaults))
        links = [
            link
            for value in (attempt(top["links"].items) or [] if "links" in top else [])
            if (link := attempt(self._link, value, hosts, switches, defaults["link"]))
        ]
        model = NetworkModel(
            hosts=hosts,
            switches=switches,
            links=tuple(links),
            folder=self._folder,
            pcap_folder=attempt(self._folder_of, top["pcap"], "pcap") if "pcap" in top else None,
            log_folder=attempt(self._folder_of, top["logs"], "logs") if "logs" in top else None,
            scripts=tuple(attempt(self._texts, top["scripts"]) or ()) if "scripts" in top else (),
        )
        self._collected.check()
        return model

    def _named(self, value: Value | None, read: Any) -> dict[str, Any]:
        if value is None:
            return {}
        found: dict[str, Any] = {}
        for name, one in self._collected.attempt(lambda: list(value.entries())) or []:
            if (read_one := self._collected.attempt(read, name, _or_empty(one))) is not None:
                found[name] = read_one
        return found

    def _defaults(self, value: Value | None) -> dict[str, dict[str, Value]]:
        found: dict[str, dict[str, Value]] = {"switch": {}, "link": {}}
        if value is None:
            return found
        parts = self._collected.attempt(value.fields, _DEFAULTS) or {}
        for kind, settings in (("switch", _SWITCH_SETTINGS), ("link", _LINK_SETTINGS)):
            if kind in parts:
                found[kind] = self._collected.attempt(parts[kind].fields, settings) or {}
        return found

    def _host(self, name: str, value: Value) -> Host:
        fields = value.fields(_HOST)
        addresses = [fields["address"].interface_address()] if "address" in fields else []
        if "addresses" in fields:
            addresses += [one.interface_address() for one in fields["addresses"].items()]
        gateways = [one.address() for one in fields["gateway"].one_or_more()] if "gateway" in fields else []
        if len({gateway.version for gateway in gateways}) < len(gateways):
            raise fields["gateway"].wrong("at most one gateway of IPv4 and one of IPv6")
        for gateway in gateways:
            if not any(gateway in address.network for address in addresses):
                raise fields["gateway"].wrong(f"{gateway} is in none of the host's networks")
        neighbours = {}
        for ip, mac in fields["arp"].entries() if "arp" in fields else ():
            neighbours[str(Value(ip, mac.place).address())] = mac.mac()
        interface = fields["interface"].text() if "interface" in fields else None
        mac_address = fields["mac"].mac() if "mac" in fields else None
        self._first_ends[name] = (interface, mac_address, tuple(addresses))
        return Host(
            name=name,
            gateways=tuple(gateways),
            neighbours=neighbours,
            commands=self._texts(fields["commands"]) if "commands" in fields else (),
            tasks=self._tasks(fields.get("tasks")),
        )

    def _device_ids(self, switches: Value) -> dict[str, int]:
        """Those that are given, and for the others the lowest from 1 that are free, in the file's order."""
        given: dict[str, int] = {}
        content = switches.content if isinstance(switches.content, dict) else {}
        for name, one in content.items():
            wanted = one.get("device_id") if isinstance(one, dict) else None
            if isinstance(wanted, int):
                given[str(name)] = wanted
        free = (number for number in range(1, 1 << 16) if number not in given.values())
        return {name: given[name] if name in given else next(free) for name in map(str, content)}

    def _switch(
        self, name: str, value: Value, ids: Mapping[str, int], defaults: Mapping[str, Mapping[str, Value]]
    ) -> Switch:
        fields = value.fields(_SWITCH)
        if "p4info" in fields and "program" not in fields:
            raise fields["p4info"].wrong("belongs to a program; there is none")
        inherited = dict(defaults["switch"])
        if "program" in fields:
            inherited.pop("p4info", None)
        fields = {**inherited, **fields}
        if "device_id" in fields:
            fields["device_id"].integer(0, (1 << 64) - 1)
        program = None
        if "program" in fields and fields["program"].content is not None:
            program = self._files.program(fields["program"], fields.get("p4info"))
        entries = self._entries(fields["entries"]) if "entries" in fields else ()
        if entries and program is None:
            raise Wrong(value.under("entries"), "need a program")
        return Switch(
            name=name,
            device_id=ids[name],
            program=program,
            entries=entries,
            grpc=self._grpc(fields["grpc"]) if "grpc" in fields else None,
            cpu_port=fields["cpu_port"].integer(1, 510) if "cpu_port" in fields else DEFAULT_CPU_PORT,
            log_packets=fields["log_packets"].flag() if "log_packets" in fields else False,
            cores=fields["cores"].integer(1, 16) if "cores" in fields else 1,
            multicast_groups={
                Value(_number(group), one.place).integer(1, 65535): self._replicas(one)
                for group, one in (
                    fields["multicast_groups"].entries() if "multicast_groups" in fields else ()
                )
            },
            clone_sessions={
                Value(_number(session), one.place).integer(1, 32767): self._clone(one)
                for session, one in (fields["clone_sessions"].entries() if "clone_sessions" in fields else ())
            },
            tasks=self._tasks(fields.get("tasks")),
        )

    def _grpc(self, value: Value) -> str:
        """An address that only this machine reaches; a Unix socket's path is relative to the file."""
        text = value.text()
        name = text.removeprefix(UNIX)
        if text.startswith(UNIX) and not name.startswith("//"):
            text = f"{UNIX}{self._folder / name}" if name else text
        try:
            address = ListenAddress.parse(text)
            address.check_open(tls=False, authority=False, insecure=False)
        except BadOption as error:
            raise Wrong(value.place, str(error)) from None
        return address.text

    def _entries(self, value: Value) -> tuple[Entries, ...]:
        found: list[Entries] = []
        for one in value.one_or_more():
            if isinstance(one.content, dict):
                found.append(Entries(one.place, inline=one.content))
            else:
                path = self._files.file(one)
                found.append(Entries(str(path), path))
        return tuple(found)

    def _replicas(self, value: Value) -> tuple[Replica, ...]:
        replicas: list[Replica] = []
        for one in value.items():
            if isinstance(one.content, dict):
                fields = one.fields(("port", "instance"), ("port",))
                instance = fields["instance"].integer(0, 65535) if "instance" in fields else 0
                replicas.append(Replica(fields["port"].integer(0, 511), instance))
            else:
                replicas.append(Replica(one.integer(0, 511)))
        return tuple(replicas)

    def _clone(self, value: Value) -> tuple[tuple[Replica, ...], int]:
        if not isinstance(value.content, dict):
            return self._replicas(value), 0
        fields = value.fields(("ports", "truncate"), ("ports",))
        truncate = fields["truncate"].integer(0, 65535) if "truncate" in fields else 0
        return self._replicas(fields["ports"]), truncate

    def _link(
        self,
        value: Value,
        hosts: Mapping[str, Host],
        switches: Mapping[str, Switch],
        defaults: Mapping[str, Value],
    ) -> Link:
        if isinstance(value.content, dict):
            fields = {**defaults, **value.fields(_LINK, ("between",))}
            between = fields["between"]
        else:
            fields, between = dict(defaults), value
        if isinstance(between.content, str):
            names = [Value(name, between.place) for name in between.content.split()]
        else:
            names = between.items()
        if len(names) != 2:
            raise between.wrong("two ends are needed, such as [h1, s1:1] or h1 s1:1")
        first, second = (self._end(name, hosts, switches) for name in names)
        return Link(
            ends=(first, second),
            rate_bps=fields["rate"].parsed(parse_rate) if "rate" in fields else None,
            delay_s=fields["delay"].parsed(parse_time) if "delay" in fields else 0.0,
            loss=fields["loss"].parsed(parse_share) if "loss" in fields else 0.0,
            queue_depth=(
                fields["queue"].integer(1, MOST_DEPTH) if "queue" in fields else DEFAULT_QUEUE_DEPTH
            ),
        )

    def _end(self, value: Value, hosts: Mapping[str, Host], switches: Mapping[str, Switch]) -> End:
        name, colon, number = value.text().partition(":")
        if name not in hosts and name not in switches:
            raise value.wrong(f"{name} is neither a host nor a switch")
        first = 0 if name in hosts else 1
        given = whole_number(number) if colon else None
        if colon and given is None:
            raise value.wrong("NAME or NAME:PORT is needed, such as s1:2")
        port = next_port(self._taken, name, first) if given is None else given
        self._taken.setdefault(name, set()).add(port)
        end = End(name, port, interface_name(name, port))
        if name in self._first_ends:
            interface, mac, addresses = self._first_ends.pop(name)
            end = replace(end, interface=interface or end.interface, mac=mac, addresses=addresses)
        return end

    def _tasks(self, value: Value | None) -> tuple[Task, ...]:
        found: list[Task] = []
        for one in value.items() if value is not None else ():
            if isinstance(one.content, str):
                found.append(Task(one.text()))
                continue
            fields = one.fields(_TASK, ("run",))
            start = fields["start"].seconds() if "start" in fields else 0.0
            end = fields["end"].seconds() if "end" in fields else None
            if end is not None and end <= start:
                raise fields["end"].wrong(f"a task ends after it has started, at {start:g} s")
            found.append(Task(fields["run"].text(), start, end))
        return tuple(found)

    def _texts(self, value: Value) -> tuple[str, ...]:
        return tuple(one.text() for one in value.one_or_more())

    def _folder_of(self, value: Value, default: str) -> Path | None:
        if isinstance(value.content, bool):
            return self._folder / default if value.content else None
        return self._folder / value.text()


def _or_empty(value: Value) -> Value:
    """`h1:` with nothing after it is a host without settings."""
    return Value({}, value.place) if value.content is None else value


def _number(text: str) -> int | str:
    number = whole_number(text)
    return text if number is None else number
