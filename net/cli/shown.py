"""How a network is shown."""

from __future__ import annotations

from collections.abc import Sequence

from p4fabric.net.model import Link, NetworkModel, Program
from p4fabric.net.network import Network
from p4fabric.net.read.units import rate_text, time_text
from p4fabric.softswitch.cli.client.entry_table import entries_text as shown_entries
from p4fabric.softswitch.client.read_entries import read_table
from p4fabric.softswitch.client.session import Switch as Client


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns."""
    if not rows:
        return "none"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def nodes_text(model: NetworkModel) -> str:
    """Hosts with their interfaces, switches with their programs."""
    rows = []
    for host in model.hosts.values():
        for end in model.ends(host.name):
            addresses = ", ".join(map(str, end.addresses)) or "no address"
            gateways = "".join(f" via {gateway}" for gateway in host.gateways)
            rows.append((host.name, end.interface, end.mac or "any MAC", addresses + gateways))
    for switch in model.switches.values():
        number = f"device {switch.device_id}"
        ports = len(model.ends(switch.name))
        rows.append((switch.name, number, f"{ports} ports", program_text(switch.program)))
    return table(rows)


def program_text(program: Program | None) -> str:
    """A program's file."""
    if program is None:
        return "no program; whoever controls it pushes one"
    return str(program.source or program.device_config)


def links_text(model: NetworkModel) -> str:
    """Links with their limits."""
    return table([_link(link) for link in model.links])


def _link(link: Link) -> tuple[str, str]:
    names = " <-> ".join(
        end.interface if end.interface.startswith(end.node) else f"{end.node}:{end.interface}"
        for end in link.ends
    )
    limits = []
    if link.rate_bps:
        limits.append(f"{rate_text(link.rate_bps)}, queue {link.queue_depth}")
    if link.delay_s:
        limits.append(f"delay {time_text(link.delay_s)}")
    if link.loss:
        limits.append(f"loss {link.loss:.3g}")
    return names, ", ".join(limits)


def addresses_text(model: NetworkModel) -> str:
    """Where switches are to serve P4Runtime."""
    rows = [
        (switch.name, f"device {switch.device_id}", switch.grpc or "a Unix socket of the network's")
        for switch in model.switches.values()
    ]
    return table(rows)


def switches_text(network: Network) -> str:
    """Where switches serve P4Runtime, and whether they run."""
    rows = [
        (switch.name, f"device {switch.device_id}", switch.address, "runs" if switch.running else "has ended")
        for switch in network.switches.values()
    ]
    return table(rows)


def entries_text(client: Client, wanted: str | None = None, *, terminal: bool = False) -> str:
    """A switch's table entries, as `p4fabric switch read` shows them; `terminal` folds lines to its width.

    Raises:
        BadInput: it has no such table.
        SwitchFailed: it has no program, or has ended.
    """
    program = client.program()
    tables = [program.table(wanted)] if wanted is not None else program.tables()
    found = [(one, read_table(client, program, one)) for one in tables]
    return shown_entries(program, found, one=wanted is not None, terminal=terminal) or "no entries"
