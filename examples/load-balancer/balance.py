"""The load balancer's controller: servers are in the group as long as their port is up.

    python balance.py [ADDRESS]

The switch says over gNMI when a port goes down or comes up; finsy keeps `switch.ports` accordingly.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import finsy as fy

HERE = Path(__file__).parent
PORT_NUMBERS = fy.GNMIPath("interfaces/interface[name=*]/state/id")
LOOK_EVERY = 0.1
"""Seconds between two looks at the ports."""

log = logging.getLogger("balance")


@dataclass(frozen=True)
class Server:
    """A member of the pool."""

    member_id: int
    port: int
    mac: str
    address: str
    weight: int = 1


VIRTUAL_ADDRESS, VIRTUAL_PORT = "10.0.0.100", 80
GROUP = 1
SERVERS = [
    Server(1, 2, "02:00:00:00:00:02", "10.0.0.2"),
    Server(2, 3, "02:00:00:00:00:03", "10.0.0.3"),
    Server(3, 4, "02:00:00:00:00:04", "10.0.0.4"),
]
CLIENTS = {"10.0.1.0/24": (1, "02:00:00:00:00:01")}
"""Networks of clients: the port that leads there, and the next hop's MAC address."""


def group(servers: list[Server]) -> fy.P4ActionProfileGroup:
    """The pool with these members."""
    members = [fy.P4Member(server.member_id, weight=server.weight) for server in servers]
    return fy.P4ActionProfileGroup("pool", group_id=GROUP, max_size=len(SERVERS), members=members)


def initial_entries(up: list[Server]) -> list[Any]:
    """All entries, in the order in which they depend on each other."""
    members = [
        fy.P4ActionProfileMember(
            "pool",
            member_id=server.member_id,
            action=fy.Action("to_server", port=server.port, mac=server.mac, address=server.address),
        )
        for server in SERVERS
    ]
    service = fy.P4TableEntry(
        "services",
        match=fy.Match(address=VIRTUAL_ADDRESS, port=VIRTUAL_PORT),
        action=fy.IndirectAction(group_id=GROUP),
    )
    replies = [
        fy.P4TableEntry(
            "servers",
            match=fy.Match(address=server.address, port=VIRTUAL_PORT),
            action=fy.Action("from_server", address=VIRTUAL_ADDRESS),
        )
        for server in SERVERS
    ]
    clients = [
        fy.P4TableEntry(
            "clients", match=fy.Match(address=network), action=fy.Action("to_client", port=port, mac=mac)
        )
        for network, (port, mac) in CLIENTS.items()
    ]
    return [+entity for entity in (*members, group(up), service, *replies, *clients)]


async def ports_by_number(switch: fy.Switch) -> dict[int, fy.SwitchPort]:
    """The switch's ports. finsy names them; the program knows their numbers."""
    if switch.gnmi_client is None:
        return {}
    found = await switch.gnmi_client.get(PORT_NUMBERS)
    return {update.value: switch.ports[update.path["name"]] for update in found}


async def balance(switch: fy.Switch) -> None:
    """Keep the group equal to the servers that can be reached."""
    ports = await ports_by_number(switch)

    def reachable() -> list[Server]:
        return [server for server in SERVERS if server.port not in ports or ports[server.port].up]

    members = reachable()
    await switch.delete_all()
    await switch.write(initial_entries(members))
    while True:
        log.info("%s: %s", VIRTUAL_ADDRESS, ", ".join(server.address for server in members) or "no server")
        while members == reachable():  # noqa: ASYNC110 - finsy 0.30 has no event of it
            await asyncio.sleep(LOOK_EVERY)
        members = reachable()
        await switch.modify([group(members)])


async def main() -> None:
    """Control the switch that the command line names."""
    parser = argparse.ArgumentParser(description="Keep a pool of servers.")
    parser.add_argument("address", metavar="ADDRESS", nargs="?", default="127.0.0.1:9559")
    arguments = parser.parse_args()
    options = fy.SwitchOptions(
        p4info=HERE / "load_balancer.p4info.txtpb", p4blob=HERE / "load_balancer.json", ready_handler=balance
    )
    await fy.Controller([fy.Switch("balancer", arguments.address, options)]).run()


if __name__ == "__main__":
    fy.run(main())
