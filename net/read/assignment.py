"""The addresses that p4-utils gives by its strategies l2, mixed and l3, and by none.

See "Automated Assignment Strategies" in its documentation. A host called h7 gets its number into its
address; others get the lowest that is free, in the order of their links.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from p4fabric.net.read.errors import Wrong

STRATEGIES = ("l2", "mixed", "l3", "manual")
HIGHEST_NUMBER = 253


@dataclass(slots=True)
class Assigned:
    """What an interface is given; of a switch's port the address is only what hosts take for theirs."""

    address: str | None = None
    """With its prefix length."""
    mac: str | None = None


@dataclass(slots=True)
class Assignment:
    """Of all interfaces, by node and the node on the other side; and hosts' gateways."""

    ends: dict[tuple[str, str], Assigned] = field(default_factory=dict)
    gateways: dict[str, str] = field(default_factory=dict)

    def end(self, node: str, other: str) -> Assigned:
        """Of one interface."""
        return self.ends.setdefault((node, other), Assigned())


def host_number(name: str) -> int | None:
    """7 for h7."""
    digits = name[1:]
    return int(digits) if name.startswith("h") and digits.isascii() and digits.isdigit() else None


def mac_of(address: str, side: int) -> str:
    """A MAC address that shows the IP address; `side` is 0 for the host, 1 for the switch's port."""
    return ":".join(f"{byte:02x}" for byte in (0, side, *IPv4Address(address).packed))


def in_order(links: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Links in the order in which p4-utils goes through them: by the nodes as they first appear."""
    neighbours: dict[str, dict[str, None]] = {}
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    for first, second in links:
        neighbours.setdefault(first, {}).setdefault(second)
        neighbours.setdefault(second, {}).setdefault(first)
        pairs[frozenset((first, second))] = (first, second)
    return [
        pairs[frozenset((one, other))]
        for one, others in neighbours.items()
        for other in others
        if one <= other
    ]


def assign(
    strategy: str, links: Sequence[tuple[str, str]], hosts: Sequence[str], switch_ids: dict[str, int]
) -> Assignment:
    """Give addresses.

    Args:
        strategy: l2, mixed, l3; manual gives none.
        links: by the nodes that they join.
        hosts: their names.
        switch_ids: switches' device ids.

    Raises:
        Wrong: the strategy does not suit the network.
    """
    assignment = Assignment()
    if strategy == "manual":
        return assignment
    if len({frozenset(link) for link in links}) < len(links):
        raise Wrong("topology.assignment_strategy", f"{strategy} allows one link between two nodes")
    ordered = in_order(links)
    edges = []
    for one, other in ordered:
        host, switch = (one, other) if one in hosts else (other, one)
        if host in hosts:
            if switch not in switch_ids:
                raise Wrong(
                    "topology.links", f"{strategy}: {host} must be linked with a switch, not {switch}"
                )
            edges.append((host, switch))
    if len({host for host, _ in edges}) < len(edges):
        raise Wrong("topology.assignment_strategy", f"{strategy} allows one link for each host")
    give = {"l2": _l2, "mixed": _mixed, "l3": _l3}[strategy]
    give(assignment, edges, switch_ids)
    if strategy != "l2":
        for one, other in ordered:
            if one in switch_ids and other in switch_ids:
                network = f"20.{switch_ids[one]}.{switch_ids[other]}"
                assignment.end(one, other).address = f"{network}.1/24"
                assignment.end(other, one).address = f"{network}.2/24"
    return assignment


def _free(network: str, reserved: set[str]) -> Iterator[str]:
    return (str(one) for one in IPv4Network(network).hosts() if str(one) not in reserved)


def _give(assignment: Assignment, host: str, switch: str, address: str, length: int) -> None:
    assignment.end(host, switch).address = f"{address}/{length}"
    assignment.end(host, switch).mac = mac_of(address, 0)
    assignment.end(switch, host).mac = mac_of(address, 1)


def _l2(assignment: Assignment, edges: list[tuple[str, str]], _ids: dict[str, int]) -> None:
    numbered = {
        host: f"10.0.{number >> 8 & 255}.{number & 255}"
        for host, _ in edges
        if (number := host_number(host)) is not None
    }
    free = _free("10.0.0.0/16", set(numbered.values()))
    for host, switch in edges:
        _give(assignment, host, switch, numbered.get(host) or next(free), 16)


def _mixed(assignment: Assignment, edges: list[tuple[str, str]], ids: dict[str, int]) -> None:
    def network(switch: str) -> str:
        return f"10.{ids[switch] >> 8 & 255}.{ids[switch] & 255}"

    numbered = {
        host: f"{network(switch)}.{_small(host)}" for host, switch in edges if host_number(host) is not None
    }
    free = {switch: _free(f"{network(switch)}.0/24", set(numbered.values())) for _, switch in edges}
    for host, switch in edges:
        _give(assignment, host, switch, numbered.get(host) or next(free[switch]), 24)
        assignment.end(switch, host).address = f"{network(switch)}.254/24"
        assignment.gateways[host] = f"{network(switch)}.254"


def _l3(assignment: Assignment, edges: list[tuple[str, str]], ids: dict[str, int]) -> None:
    taken: dict[str, set[int]] = {}
    for host, switch in edges:
        if host_number(host) is not None:
            taken.setdefault(switch, set()).add(_small(host))
    for host, switch in edges:
        number = host_number(host)
        if number is None:
            numbers = taken.setdefault(switch, set())
            number = next(one for one in range(1, 256) if one not in numbers)
            numbers.add(number)
        network = f"10.{ids[switch]}.{number}"
        _give(assignment, host, switch, f"{network}.2", 24)
        assignment.end(switch, host).address = f"{network}.1/24"
        assignment.gateways[host] = f"{network}.1"


def _small(host: str) -> int:
    number = host_number(host)
    assert number is not None
    if number > HIGHEST_NUMBER:
        raise Wrong(f"topology.hosts.{host}", f"this strategy takes hosts up to h{HIGHEST_NUMBER}")
    return number
