"""The controller of a chain of switches that run telemetry.p4: port 1 leads back, port 2 leads on.

python chain.py ADDRESS...      in the order of the chain, with the device ids 1, 2, 3, ...
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import finsy as fy

HERE = Path(__file__).parent

log = logging.getLogger("chain")


def cable(port: int, to: int) -> fy.P4TableEntry:
    """What comes in at a port leaves by another."""
    return fy.P4TableEntry("cables", match=fy.Match(port=port), action=fy.Action("join", port=to))


async def ready(switch: fy.Switch) -> None:
    """Join the two ports, and tell the switch who it is."""
    await switch.delete_all()
    name = fy.Action("record", switch_id=switch.stash["switch_id"])
    await switch.write(
        [
            +cable(1, 2),
            +cable(2, 1),
            ~fy.P4TableEntry("this_switch", is_default_action=True, action=name),
        ]
    )
    log.info("%s is joined", switch.name)


async def main() -> None:
    """Control the switches that the command line names."""
    parser = argparse.ArgumentParser(description="Join switches to a chain that records what probes meet.")
    parser.add_argument("addresses", metavar="ADDRESS", nargs="+")
    arguments = parser.parse_args()
    options = fy.SwitchOptions(
        p4info=HERE / "telemetry.p4info.txtpb", p4blob=HERE / "telemetry.json", ready_handler=ready
    )
    switches = [
        fy.Switch(f"s{number}", address, options(device_id=number), stash={"switch_id": number})
        for number, address in enumerate(arguments.addresses, 1)
    ]
    await fy.Controller(switches).run()


if __name__ == "__main__":
    fy.run(main())
