"""`p4fabric switch ports`: ports over gNMI."""

from __future__ import annotations

from typing import Annotated

import typer

from p4fabric.softswitch.cli.client.commands.nouns import listing, noun
from p4fabric.softswitch.cli.client.options import reads
from p4fabric.softswitch.cli.client.show import print_json, print_table
from p4fabric.softswitch.client.gnmi import Gnmi
from p4fabric.softswitch.client.session import Switch
from p4fabric.softswitch.client.target import Target

ports = noun("ports", "Ports: status and counters, over gNMI.")

Name = Annotated[str, typer.Argument(help="The port's name or number.")]


def _list(target: Target, as_json: bool) -> None:
    with Switch(target) as switch:
        found = Gnmi(switch).ports()
    if as_json:
        print_json(found)
        return
    rows = [
        (
            port.get("id", port.get("ifindex", "")),
            port["name"],
            port.get("oper_status", "?") if port.get("admin_status") != "DOWN" else "DISABLED",
            *(port["counters"].get(name, "") for name in ("in-pkts", "in-octets", "out-pkts", "out-octets")),
            _drops(port["counters"]),
        )
        for port in found
    ]
    print_table(("#PORT", "NAME", "STATUS", "#IN PKTS", "#BYTES", "#OUT PKTS", "#BYTES", "#LOST"), rows)


listing(ports, "list", "Show ports, whether they are up, and what they counted.", _list)


@ports.command()
@reads
def enable(target: Target, name: Name) -> None:
    """Switch a port on."""
    with Switch(target) as switch:
        Gnmi(switch).set_enabled(name, True)


@ports.command()
@reads
def disable(target: Target, name: Name) -> None:
    """Switch a port off: it receives and sends nothing."""
    with Switch(target) as switch:
        Gnmi(switch).set_enabled(name, False)


def _drops(counters: dict[str, int]) -> int | str:
    lost = [value for name, value in counters.items() if name.endswith(("discards", "errors"))]
    return sum(lost) if lost else ""
