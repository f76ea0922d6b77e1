"""What a network is made of: hosts, switches, links. Values only; nothing here runs.

Units are in the names: bit/s, seconds, packets. Whoever reads a file makes a `NetworkModel` of it, and
whoever runs a network needs nothing else. Must not know file formats, namespaces or processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path
from typing import Any

DEFAULT_CPU_PORT = 510
DEFAULT_QUEUE_DEPTH = 64
"""Packets; bmv2's."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a link: an interface of a host, or a port of a switch."""

    node: str
    port: int
    """A switch's port number as its P4 program sees it; of a host, the number of the interface from 0."""
    interface: str
    """Such as h1-eth0 or s1-eth1."""
    mac: str | None = None
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()
    """Of hosts; a switch's ports have none."""


@dataclass(frozen=True, slots=True)
class Link:
    """A cable. What limits it holds in both directions; None is no limit."""

    ends: tuple[End, End]
    rate_bps: int | None = None
    delay_s: float = 0.0
    """One way."""
    loss: float = 0.0
    """The share of packets that is lost, 0 to 1."""
    queue_depth: int = DEFAULT_QUEUE_DEPTH
    """Packets that wait where they leave by a link with a rate; in each queue of a switch's port."""

    def end_at(self, node: str) -> End | None:
        """Its end at a node, or None."""
        return next((end for end in self.ends if end.node == node), None)

    def other(self, end: End) -> End:
        """The end that is not this one."""
        return self.ends[1] if self.ends[0] == end else self.ends[0]


@dataclass(frozen=True, slots=True)
class Task:
    """A command that a node runs for a while."""

    command: str
    """For a shell."""
    start_s: float = 0.0
    """After the network is up."""
    end_s: float | None = None
    """When it is ended, if it has not ended by itself; None: with the network."""


@dataclass(frozen=True, slots=True)
class Host:
    """A computer in a network namespace."""

    name: str
    gateways: tuple[IPv4Address | IPv6Address, ...] = ()
    """Default routes, at most one for each version of IP."""
    neighbours: Mapping[str, str] = field(default_factory=dict)
    """Static ARP and ND entries: MAC addresses by IP address."""
    commands: tuple[str, ...] = ()
    """What a shell runs once it is configured."""
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A P4 program, compiled or not. `source` is compiled when the network starts, if there is no
    `device_config`."""

    source: Path | None = None
    device_config: Path | None = None
    """bmv2's JSON."""
    p4info: Path | None = None


@dataclass(frozen=True, slots=True)
class Replica:
    """A copy of a packet."""

    port: int
    instance: int = 0


@dataclass(frozen=True, slots=True)
class Entries:
    """What is written to a switch when it starts: a file, or what stood in the topology file itself.

    The formats are found by what a file holds: P4Runtime's text format, the JSON of p4lang/tutorials
    (`inline` has the same form), the commands of simple_switch_CLI.
    """

    place: str
    """Where it stands, for errors: a file's name, or switches.s1.entries."""
    path: Path | None = None
    inline: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """A P4Runtime switch."""

    name: str
    device_id: int
    program: Program | None = None
    """None: whoever controls the switch pushes one."""
    entries: tuple[Entries, ...] = ()
    grpc: str | None = None
    """HOST:PORT or unix:PATH; None: a Unix socket in the network's run folder."""
    cpu_port: int = DEFAULT_CPU_PORT
    log_packets: bool = False
    """Log every packet with its tables, actions and drops; forwarding is slower then."""
    cores: int = 1
    multicast_groups: Mapping[int, tuple[Replica, ...]] = field(default_factory=dict)
    clone_sessions: Mapping[int, tuple[tuple[Replica, ...], int]] = field(default_factory=dict)
    """Replicas, and the bytes that a clone keeps (0: all)."""
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A network. What its reader found odd and could go on without stands in `notes`."""

    hosts: Mapping[str, Host]
    switches: Mapping[str, Switch]
    links: tuple[Link, ...]
    folder: Path
    """Where commands and scripts run, and relative names of folders begin."""
    pcap_folder: Path | None = None
    log_folder: Path | None = None
    scripts: tuple[str, ...] = ()
    """Commands that run beside the network, outside of hosts, such as controllers."""
    notes: tuple[str, ...] = ()

    def ends(self, node: str) -> list[End]:
        """A node's interfaces, by port."""
        found = [end for link in self.links for end in link.ends if end.node == node]
        return sorted(found, key=lambda end: end.port)

    def interfaces(self) -> Iterator[tuple[Link, End]]:
        """Every interface with its link."""
        for link in self.links:
            for end in link.ends:
                yield link, end

    def link_of(self, end: End) -> Link:
        """The link that it is an end of."""
        return next(link for link in self.links if end in link.ends)

    def address_of(self, host: str) -> IPv4Address | IPv6Address | None:
        """What a host is called by: its first IPv4 address, or else its first IPv6 address."""
        addresses = [address for end in self.ends(host) for address in end.addresses]
        addresses.sort(key=lambda address: address.version)
        return addresses[0].ip if addresses else None
