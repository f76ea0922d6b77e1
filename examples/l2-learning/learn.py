"""The learning switch's controller: it writes down which host is behind which port, and forgets idle ones.

python learn.py [ADDRESS] [--idle SECONDS]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from pathlib import Path

import finsy as fy

HERE = Path(__file__).parent
FLOOD_GROUP = 1
PORTS_WITHOUT_GNMI = range(1, 9)
"""Of a switch that does not say which ports it has, such as bmv2."""
PORT_NUMBERS = fy.GNMIPath("interfaces/interface[name=*]/state/id")

log = logging.getLogger("learn")


class LearningSwitch:
    """One switch, and where its hosts are."""

    def __init__(self, switch: fy.Switch, idle_seconds: float) -> None:
        self.switch = switch
        self.idle_ns = int(idle_seconds * 1e9)
        self.ports: dict[fy.MACAddress, int] = {}

    async def run(self) -> None:
        """Learn until the switch is gone."""
        await self.switch.delete_all()
        await self.switch.write(
            [
                +fy.P4MulticastGroupEntry(FLOOD_GROUP, replicas=await self.port_numbers()),
                # At most 100 addresses in a message, and no later than 10 ms after the first of them.
                +fy.P4DigestEntry(
                    "learned_t", max_list_size=100, max_timeout_ns=10_000_000, ack_timeout_ns=1_000_000_000
                ),
            ]
        )
        log.info("%s: learning", self.switch.name)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.learn())
            tasks.create_task(self.forget_idle())

    async def port_numbers(self) -> list[int]:
        """The switch's ports."""
        if self.switch.gnmi_client is None:
            return list(PORTS_WITHOUT_GNMI)
        return [update.value for update in await self.switch.gnmi_client.get(PORT_NUMBERS)]

    async def learn(self) -> None:
        """Write down what the switch has seen."""
        async for digest in self.switch.read_digests("learned_t"):
            for seen in digest:
                await self.learned(fy.MACAddress(seen["address"]), seen["port"])
            await self.switch.write([digest.ack()])

    async def learned(self, address: fy.MACAddress, port: int) -> None:
        """A host is behind a port; it may have been behind another before."""
        before = self.ports.get(address)
        if before == port:
            return
        destination = destination_entry(address, port)
        if before is None:
            await self.switch.write([+destination, +source_entry(address, port, self.idle_ns)])
        else:
            await self.switch.write(
                [~destination, -source_entry(address, before), +source_entry(address, port, self.idle_ns)]
            )
        self.ports[address] = port
        log.info("%s: %s is at port %d", self.switch.name, address, port)

    async def forget_idle(self) -> None:
        """Take away hosts that have not sent anything for the idle timeout."""
        async for idle in self.switch.read_idle_timeouts():
            for entry in idle:
                assert entry.match is not None
                address, port = fy.MACAddress(entry.match["address"]), int(entry.match["port"])
                if self.ports.get(address) == port:
                    del self.ports[address]
                    await self.switch.write([-source_entry(address, port), -destination_entry(address, port)])
                    log.info("%s: %s is forgotten", self.switch.name, address)


def source_entry(address: fy.MACAddress, port: int, idle_ns: int = 0) -> fy.P4TableEntry:
    """A host behind a port."""
    match = fy.Match(address=address, port=port)
    return fy.P4TableEntry("sources", match=match, action=fy.Action("known"), idle_timeout_ns=idle_ns)


def destination_entry(address: fy.MACAddress, port: int) -> fy.P4TableEntry:
    """The way to a host."""
    return fy.P4TableEntry(
        "destinations", match=fy.Match(address=address), action=fy.Action("forward", port=port)
    )


async def main() -> None:
    """Control the switches that the command line names."""
    parser = argparse.ArgumentParser(description="Learn which host is behind which port.")
    parser.add_argument("addresses", metavar="ADDRESS", nargs="*", default=["127.0.0.1:9559"])
    parser.add_argument("--idle", type=float, default=60, help="seconds until a silent host is forgotten")
    arguments = parser.parse_args()

    async def ready(switch: fy.Switch) -> None:
        await LearningSwitch(switch, arguments.idle).run()

    options = fy.SwitchOptions(
        p4info=HERE / "learning_switch.p4info.txtpb",
        p4blob=HERE / "learning_switch.json",
        ready_handler=ready,
    )
    switches = [fy.Switch(address, address, options) for address in arguments.addresses]
    await fy.Controller(switches).run()


if __name__ == "__main__":
    fy.run(main())
