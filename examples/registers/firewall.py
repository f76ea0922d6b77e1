"""The stateful firewall's controller: it sets how long replies may come, and shows what the switch remembers.

    python firewall.py [ADDRESS] [--timeout SECONDS] [--every SECONDS] [--forget]

Registers hold what packets write. The controller reads and writes them like any other part of the switch.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from pathlib import Path

import finsy as fy

HERE = Path(__file__).parent
ARRAYS = ("last_seen_a", "last_seen_b")
VERDICTS = ("passed out", "passed in", "refused")
"""The cells of the counter `verdicts`."""

log = logging.getLogger("firewall")


async def set_timeout(switch: fy.Switch, seconds: float) -> None:
    """From outside a packet passes if its connection was used no longer ago than this."""
    await switch.write([~fy.P4RegisterEntry("timeout", index=0, data=int(seconds * 1e6))])


async def forget(switch: fy.Switch) -> None:
    """Close all connections: what comes from outside is refused until an inside host speaks again."""
    cells = [entry async for entry in switch.read(fy.P4RegisterEntry(name) for name in ARRAYS)]
    used = [entry for entry in cells if entry.data]
    await switch.write(~fy.P4RegisterEntry(entry.register_id, index=entry.index, data=0) for entry in used)


async def open_connections(switch: fy.Switch, seconds: float) -> int:
    """Connections whose replies would pass, as of the newest packet. Two that share a cell count as one."""
    seen = [entry.data async for entry in switch.read(fy.P4RegisterEntry(ARRAYS[0]))]
    times = [time for time in seen if isinstance(time, int) and time]
    return sum(max(times) - time < seconds * 1e6 for time in times) if times else 0


async def verdicts(switch: fy.Switch) -> dict[str, int]:
    """Packets by what became of them."""
    cells = [entry async for entry in switch.read(fy.P4CounterEntry("verdicts"))]
    return {name: cell.packet_count for name, cell in zip(VERDICTS, cells, strict=True)}


async def main() -> None:
    """Control the switch that the command line names."""
    parser = argparse.ArgumentParser(description="Watch over a stateful firewall.")
    parser.add_argument("address", metavar="ADDRESS", nargs="?", default="127.0.0.1:9559")
    parser.add_argument("--timeout", type=float, default=30, help="seconds for which replies may come")
    parser.add_argument("--every", type=float, default=5, help="seconds between two looks at the switch")
    parser.add_argument("--forget", action="store_true", help="close all connections at the start")
    arguments = parser.parse_args()

    async def ready(switch: fy.Switch) -> None:
        if arguments.forget:
            await forget(switch)
        await set_timeout(switch, arguments.timeout)
        while True:
            connections = await open_connections(switch, arguments.timeout)
            counted = ", ".join(f"{count} {name}" for name, count in (await verdicts(switch)).items())
            log.info("%d connections open; packets: %s", connections, counted)
            await asyncio.sleep(arguments.every)

    options = fy.SwitchOptions(
        p4info=HERE / "stateful_firewall.p4info.txtpb",
        p4blob=HERE / "stateful_firewall.json",
        ready_handler=ready,
    )
    await fy.Controller([fy.Switch("firewall", arguments.address, options)]).run()


if __name__ == "__main__":
    fy.run(main())
