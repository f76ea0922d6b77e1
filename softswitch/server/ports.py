"""The switch's ports as the operator names them: numbers, interfaces, egress limits.

Knows how to read them from the command line. Must not know P4Runtime or what becomes of them.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from p4fabric.softswitch.engine.api.queues import REPORT_DEPTH, REPORT_WAIT_US

HIGHEST_PORT = 511
ETH_P_ALL = 3
_RATE = re.compile(r"(\d+)(pps|k|m|g)?(bit)?", re.IGNORECASE)
_PLUGGED = re.compile(r"(\d{1,3})-(\d{1,3})@([A-Za-z][-_A-Za-z0-9]{0,11})")
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


class BadOption(ValueError):
    """What the operator asked for is wrong, or cannot be had on this machine."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """A port's egress limits; None leaves the engine's default."""

    rate_bps: int | None = None
    rate_pps: int | None = None
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class QueueWatch:
    """A port whose queues are kept in bins of a millisecond. Bins are reported around one in which
    `report_depth` packets wait (0: always), or one has waited `report_wait_us` microseconds, or one is
    dropped."""

    report_depth: int = REPORT_DEPTH
    report_wait_us: int = REPORT_WAIT_US


@dataclass(frozen=True, slots=True)
class Ports:
    """Interfaces by port number (None: a memory port), and limits. Ports in `xdp` use AF_XDP instead of
    AF_PACKET."""

    interfaces: Mapping[int, str | None] = field(default_factory=dict)
    queues: Mapping[int, QueueLimits] = field(default_factory=dict)
    xdp: frozenset[int] = frozenset()
    pcap: Path | None = None
    """The folder that gets a pcap file for what each port receives and one for what it sends: NAME_in.pcap
    and NAME_out.pcap, after the interface, or portN where there is none."""
    watches: Mapping[int, QueueWatch] = field(default_factory=dict)
    plugged: frozenset[int] = frozenset()
    """Ports whose interfaces come and go while the switch runs, such as containers': they may be absent."""

    def check(self, drop_port: int = 511) -> None:
        """`BadOption` when an interface is missing or given twice, or this process may not open it."""
        if self.pcap is not None and not (self.pcap.is_dir() and os.access(self.pcap, os.W_OK)):
            raise BadOption(f"pcap {self.pcap}: no folder that this user may write to")
        taken: dict[str, int] = {}
        for number, interface in self.interfaces.items():
            if number == drop_port:
                raise BadOption(f"port {number} is the drop port")
            if not 0 <= number <= HIGHEST_PORT:
                raise BadOption(f"port {number} is not in 0..{HIGHEST_PORT}")
            if interface is None:
                continue
            if not interface:
                raise BadOption(f"port {number}: the interface's name is empty; None makes a memory port")
            if interface in taken:
                raise BadOption(
                    f"port {number}: {interface} is the interface of port {taken[interface]} already"
                )
            taken[interface] = number
            if number not in self.plugged:
                _try_interface(number, interface)
        for number in self.queues:
            if number not in self.interfaces:
                raise BadOption(f"queue {number}: there is no port {number}")
        for number in self.watches:
            if number not in self.interfaces:
                raise BadOption(f"watched queues of port {number}: there is no port {number}")
        for number in self.xdp:
            if self.interfaces.get(number) is None:
                raise BadOption(f"xdp {number}: port {number} has no interface")
            if number in self.plugged:
                raise BadOption(f"xdp {number}: the interface of port {number} may be absent")


def _try_interface(number: int, interface: str) -> None:
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as probe:
            probe.bind((interface, 0))
    except PermissionError:
        raise BadOption(
            f"port {number} ({interface}): raw sockets are not allowed; run as root or with CAP_NET_RAW"
        ) from None
    except OSError as error:
        if error.errno in (errno.ENODEV, errno.ENXIO):
            raise BadOption(f"port {number}: there is no interface {interface!r}") from None
        raise BadOption(f"port {number} ({interface}): {error.strerror or error}") from None


def parse_interfaces(texts: list[str]) -> dict[int, str | None]:
    """`1@veth1`, as simple_switch_grpc has it; `BadOption` quotes the text that is wrong."""
    interfaces: dict[int, str | None] = {}
    for text in texts:
        number, at, interface = text.partition("@")
        if not at or not number.isascii() or not number.isdigit() or not interface:
            raise BadOption(f"interface {text!r}: PORT@NAME is needed, such as 1@veth1")
        if int(number) in interfaces:
            raise BadOption(f"interface {text!r}: port {int(number)} is given twice")
        if interface in interfaces.values():
            raise BadOption(f"interface {text!r}: {interface} is given twice")
        interfaces[int(number)] = interface
    return interfaces


def parse_plugged(texts: list[str]) -> dict[int, str]:
    """`16-271@pod`: ports 16 to 271 are the interfaces pod16 to pod271; `BadOption` quotes what is wrong."""
    interfaces: dict[int, str] = {}
    for text in texts:
        match = _PLUGGED.fullmatch(text)
        if match is None or int(match[1]) > int(match[2]):
            raise BadOption(f"plug {text!r}: FIRST-LAST@PREFIX is needed, such as 16-271@pod")
        for number in range(int(match[1]), min(int(match[2]), HIGHEST_PORT) + 1):
            if number in interfaces:
                raise BadOption(f"plug {text!r}: port {number} is given twice")
            interfaces[number] = f"{match[3]}{number}"
    return interfaces


def all_interfaces(fixed: Mapping[int, str | None], plugged: Mapping[int, str]) -> dict[int, str | None]:
    """Those that are always there, and those that come and go; `BadOption` names one that is given twice."""
    if twice := fixed.keys() & plugged.keys():
        raise BadOption(f"port {min(twice)} is given twice, by -i and by --plug")
    return {**fixed, **plugged}


def parse_queues(texts: list[str]) -> dict[int, QueueLimits]:
    """`1:rate=10mbit,depth=64` (a unit of bit/s, or `pps`: packets/s); `BadOption` quotes what is wrong."""
    queues: dict[int, QueueLimits] = {}
    for text in texts:
        number, _, settings = text.partition(":")
        if not number.isascii() or not number.isdigit() or not settings:
            raise BadOption(
                f"queue {text!r}: PORT:rate=RATE,depth=PACKETS is needed, such as 1:rate=10mbit,depth=64"
            )
        if int(number) in queues:
            raise BadOption(f"queue {text!r}: port {int(number)} is given twice")
        queues[int(number)] = _limits(text, settings)
    return queues


def _limits(text: str, settings: str) -> QueueLimits:
    found: dict[str, int] = {}
    for setting in settings.split(","):
        name, _, value = setting.partition("=")
        if name == "rate" and (match := _RATE.fullmatch(value)):
            if match[2] is None and match[3] is None:
                raise BadOption(
                    f"queue {text!r}: the rate {value} has no unit: {value}mbit, {value}kbit, {value}bit or "
                    f"{value}pps"
                )
            amount, unit = int(match[1]), (match[2] or "").lower()
            if unit == "pps":
                found["rate_pps"] = amount
            else:
                found["rate_bps"] = amount * _FACTORS[unit]
        elif name == "depth" and value.isascii() and value.isdigit():
            found["depth"] = int(value)
        else:
            raise BadOption(f"queue {text!r}: {setting!r} is none of rate=10mbit, rate=500pps and depth=64")
    if not 0 <= found.get("rate_bps", 0) <= 10**13 or found.get("depth", 1) not in range(1, 10**6 + 1):
        raise BadOption(f"queue {text!r}: at most 10^13 bit/s, and a depth of 1 to 1,000,000")
    return QueueLimits(**found)
