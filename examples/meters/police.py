"""The policer's controller: a rate for each host, and what each host has sent and lost.

python police.py [--address ADDRESS] [--every SECONDS] MAC=BYTES_PER_SECOND...
python police.py 02:00:00:00:00:01=125000 02:00:00:00:00:02=1250000
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

import finsy as fy

HERE = Path(__file__).parent
BURST_SECONDS = 0.1
"""A host may send this long at any speed before its rate counts."""
SMALLEST_BURST = 3000
"""Bytes: two full frames, or else a slow host could never send one."""

log = logging.getLogger("police")


@dataclass(frozen=True)
class Limit:
    """What a host may send."""

    index: int
    """Its cell of the counter `dropped`."""
    address: str
    rate: int
    """Bytes a second."""

    @property
    def entry(self) -> fy.P4TableEntry:
        """The host's entry with its meter. Committed and peak rate are the same: there is no yellow."""
        burst = max(int(self.rate * BURST_SECONDS), SMALLEST_BURST)
        return fy.P4TableEntry(
            "hosts",
            match=fy.Match(address=self.address),
            action=fy.Action("police", index=self.index),
            meter_config=fy.P4MeterConfig(cir=self.rate, cburst=burst, pir=self.rate, pburst=burst),
        )


async def report(switch: fy.Switch, limit: Limit) -> None:
    """Log what a host has sent, and what of it was too much."""
    offered = fy.P4DirectCounterEntry(
        "offered", table_entry=fy.P4TableEntry("hosts", match=fy.Match(address=limit.address))
    )
    sent = [entry.packet_count async for entry in switch.read(offered)]
    lost = [
        entry.packet_count async for entry in switch.read(fy.P4CounterEntry("dropped", index=limit.index))
    ]
    log.info("%s: %d packets sent, %d dropped", limit.address, *sent, *lost)


def parse_limit(index: int, text: str) -> Limit:
    """A limit as it stands on the command line."""
    address, equals, rate = text.partition("=")
    if not equals or not rate.isdecimal() or not int(rate):
        raise SystemExit(f"{text}: MAC=BYTES_PER_SECOND is needed, such as 02:00:00:00:00:01=125000")
    return Limit(index, address, int(rate))


async def main() -> None:
    """Control the switch that the command line names."""
    parser = argparse.ArgumentParser(description="Police what hosts send.")
    parser.add_argument("--address", default="127.0.0.1:9559", help="the switch's")
    parser.add_argument("--every", type=float, default=2, help="seconds between two reports")
    parser.add_argument("limits", metavar="MAC=BYTES_PER_SECOND", nargs="+")
    arguments = parser.parse_args()
    limits = [parse_limit(index, text) for index, text in enumerate(arguments.limits)]

    async def ready(switch: fy.Switch) -> None:
        await switch.delete_all()
        await switch.insert(limit.entry for limit in limits)
        while True:
            for limit in limits:
                await report(switch, limit)
            await asyncio.sleep(arguments.every)

    options = fy.SwitchOptions(
        p4info=HERE / "policer.p4info.txtpb", p4blob=HERE / "policer.json", ready_handler=ready
    )
    await fy.Controller([fy.Switch("policer", arguments.address, options)]).run()


if __name__ == "__main__":
    fy.run(main())
