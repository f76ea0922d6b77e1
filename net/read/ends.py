"""Numbers ports and checks that links fit together, for all readers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from p4fabric.net.model import End, NetworkModel
from p4fabric.net.read.errors import Problem

HIGHEST_PORT = 510
LONGEST_INTERFACE = 15
"""Characters of an interface's name in Linux."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
INTERFACE = re.compile(r"[^\s/:]+")


def interface_name(node: str, port: int) -> str:
    """As Mininet has it."""
    return f"{node}-eth{port}"


def next_port(taken: Mapping[str, set[int]], node: str, first: int) -> int:
    """The lowest port number of a node that is free."""
    numbers = taken.get(node, set())
    port = first
    while port in numbers:
        port += 1
    return port


def check_network(model: NetworkModel) -> list[Problem]:
    """What is wrong between parts that are each right."""
    problems = [*_names(model), *_interfaces(model)]
    addresses: dict[object, str] = {}
    macs: dict[str, str] = {}
    for _, end in model.interfaces():
        for address in end.addresses:
            if (other := addresses.setdefault(address.ip, end.interface)) != end.interface:
                problems.append(Problem(end.node, f"{address.ip} is the address of {other} already"))
        if end.mac and (other := macs.setdefault(end.mac, end.interface)) != end.interface:
            problems.append(Problem(end.node, f"{end.mac} is the MAC address of {other} already"))
    ids: dict[int, str] = {}
    listening: dict[str, str] = {}
    for switch in model.switches.values():
        if (other := ids.setdefault(switch.device_id, switch.name)) != switch.name:
            problems.append(
                Problem(f"switches.{switch.name}", f"device id {switch.device_id} is that of {other} already")
            )
        if switch.grpc and (other := listening.setdefault(switch.grpc, switch.name)) != switch.name:
            problems.append(
                Problem(f"switches.{switch.name}", f"{switch.grpc} is the address of {other} already")
            )
    for host in model.hosts.values():
        if not model.ends(host.name):
            problems.append(Problem(f"hosts.{host.name}", "has no link"))
    return problems


def _names(model: NetworkModel) -> list[Problem]:
    problems = []
    for kind, names in (("hosts", model.hosts), ("switches", model.switches)):
        for name in names:
            if not NAME.fullmatch(name):
                problems.append(Problem(f"{kind}.{name}", "a name is a letter, then letters and digits"))
    for name in sorted(set(model.hosts) & set(model.switches)):
        problems.append(Problem(f"switches.{name}", "there is a host of that name"))
    return problems


def _interfaces(model: NetworkModel) -> list[Problem]:
    problems: list[Problem] = []
    ports: dict[tuple[str, int], End] = {}
    names: dict[tuple[str, str], End] = {}
    for number, (link, end) in enumerate(model.interfaces()):
        place = f"links[{number // 2}]"
        if end.node not in model.hosts and end.node not in model.switches:
            problems.append(Problem(place, f"{end.node} is neither a host nor a switch"))
            continue
        if link.ends[0].node == link.ends[1].node:
            problems.append(Problem(place, f"joins {end.node} with itself"))
        switch = model.switches.get(end.node)
        if switch and not 1 <= end.port <= HIGHEST_PORT:
            problems.append(Problem(place, f"port {end.port} of {end.node} is not in 1..{HIGHEST_PORT}"))
        if switch and end.port == switch.cpu_port:
            problems.append(Problem(place, f"port {end.port} of {end.node} is its CPU port"))
        if ports.setdefault((end.node, end.port), end) is not end:
            problems.append(Problem(place, f"port {end.port} of {end.node} has a link already"))
        elif names.setdefault((end.node, end.interface), end) is not end:
            problems.append(Problem(place, f"{end.node} has an interface {end.interface} already"))
        if not INTERFACE.fullmatch(end.interface) or end.interface in (".", "..", "lo", "all", "default"):
            problems.append(Problem(place, f"{end.interface!r} cannot be an interface's name"))
        if end.mac and int(end.mac[:2], 16) & 1:
            problems.append(Problem(place, f"{end.mac} is a group's MAC address, and no interface's"))
        if len(end.interface) > LONGEST_INTERFACE:
            problems.append(
                Problem(
                    place, f"{end.interface}: an interface's name has at most {LONGEST_INTERFACE} characters"
                )
            )
    return problems
