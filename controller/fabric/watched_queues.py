"""Which switches keep bins of which queues, and where they send them: what watches ask for, and where reports
are taken.

This module knows the table of watched ports. It does not know how a switch is told.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from p4fabric.controller.config_section import host_and_port
from p4fabric.controller.fabric.figures import watches_of
from p4fabric.controller.fabric.switch import FabricSwitch
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.queue_bins import BinsWanted, ReportFrom
from p4fabric.pipelines.fabric.bindings import CongestionWatch

__all__ = ["WatchedQueues", "collector_for"]

_DEPTH, _WAIT_US = 8, 1000
"""Bins from there on are worth being sent, or those from half of a watch's thresholds on: whichever is less,
so that the end of congestion is seen as well."""
_DISCARD = 9


class WatchedQueues:
    """Of all switches of one fabric."""

    def __init__(
        self,
        switches: Mapping[SwitchName, FabricSwitch],
        collector: str | None,
        listening_at: Callable[[], tuple[str, int] | None],
    ) -> None:
        """Take who is told, and where reports go.

        Args:
            switches: by name.
            collector: `address:port` that the configuration says reports are sent to; None: nothing.
            listening_at: where reports are taken; None: nowhere, for now.
        """
        self._switches, self._collector, self._listening_at = switches, collector, listening_at

    def changed(self, name: SwitchName, tables: Iterable[object]) -> None:
        """Entries of some tables of a switch are others."""
        if CongestionWatch.TABLE_ID in tables:
            self.look(name)

    def look_at_all(self) -> None:
        """Reports are taken somewhere else, or the fabric begins."""
        for name in self._switches:
            self.look(name)

    def problem(self, name: SwitchName) -> str | None:
        """Why a switch does not keep or send what it should; None: it does, or there is nothing."""
        switch = self._switches[name]
        if not switch.connected:
            return None
        if not switch.bins.possible:
            return f"no bins of queues on {switch.config.target}" if switch.bins.wanted.ports else None
        return switch.bins.problem

    def look(self, name: SwitchName) -> None:
        """Say what a switch is to keep."""
        switch = self._switches[name]
        ports = {
            int(watch.egress_port): ReportFrom(
                max(1, min(_DEPTH, watch.action.depth // 2)), max(1, min(_WAIT_US, watch.action.delay // 2))
            )
            for watch in watches_of(switch)
        }
        collector, reason = "", "telemetry.reports.listen is not set"
        if ports and (at := self._listening_at()) is not None:
            collector, reason = collector_for(*at, switch.config.address)
        if ports and not collector and self._collector is not None:
            collector = self._collector
        switch.bins.want(BinsWanted(ports, collector, "" if collector else reason))


def collector_for(host: str, port: int, switch: str) -> tuple[str, str]:
    """Where a switch can send what is taken at an address.

    Args:
        host: that is listened at, which may stand for all addresses.
        port: of UDP.
        switch: the switch's address, as gRPC takes it.

    Returns:
        `ADDRESS:PORT`; or nothing, and why.
    """
    here, there = _address(host), _host_of(switch)
    is_local = there is None or (not isinstance(there, str) and there.is_loopback) or there == "localhost"
    if here is None:
        return "", f"telemetry.reports.collector must say where {host} is: an address"
    if here.is_unspecified:
        if is_local:
            here = ip_address("127.0.0.1" if here.version == 4 else "::1")
        elif isinstance(there, str) or (here.version == 4 and there is not None and there.version == 6):
            return "", f"telemetry.reports.collector must say which address of ours {switch} reaches"
        elif there is None or (found := _towards(there)) is None:
            return "", f"there is no route to {switch}"
        else:
            here = found
    if here.is_loopback and not is_local:
        return "", f"telemetry.reports.listen is {host}, which {switch} cannot reach"
    return (f"{here}:{port}" if here.version == 4 else f"[{here}]:{port}"), ""


def _address(host: str) -> IPv4Address | IPv6Address | None:
    if host == "localhost":
        return ip_address("127.0.0.1")
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _host_of(switch: str) -> IPv4Address | IPv6Address | str | None:
    """The switch's host, or its name; None: it is on this machine."""
    if switch.startswith("unix:"):
        return None
    host, _ = host_and_port(switch, lowest=1)
    return _address(host) or host


def _towards(there: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address | None:
    """Our address on the way to another one; nothing is sent."""
    family = socket.AF_INET if there.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(there), _DISCARD))
            return ip_address(probe.getsockname()[0])
        except OSError:
            return None
