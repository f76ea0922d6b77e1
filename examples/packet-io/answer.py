"""A controller that answers ARP requests and pings for one address, by packet-in and packet-out.

    python answer.py [ADDRESS] [--ip 10.0.0.254]

Needs scapy (`pip install 'p4fabric[lab]'`).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from pathlib import Path

import finsy as fy
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

HERE = Path(__file__).parent
MAC = "02:00:00:00:00:fe"
ETHERTYPES = (0x0800, 0x0806)
"""What the controller wants to see: IPv4 and ARP."""

log = logging.getLogger("answer")


def answer(frame: Packet, ip: str) -> Packet | None:
    """What a host with this address says to a frame, if anything."""
    reply: Packet
    if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == ip:
        asked = frame[ARP]
        reply = ARP(op=2, hwsrc=MAC, psrc=ip, hwdst=asked.hwsrc, pdst=asked.psrc)
    elif ICMP in frame and frame[ICMP].type == 8 and frame[IP].dst == ip:
        asked = frame[ICMP]
        reply = IP(src=ip, dst=frame[IP].src) / ICMP(type=0, id=asked.id, seq=asked.seq) / asked.payload
    else:
        return None
    return Ether(src=MAC, dst=frame.src) / reply


async def ask_for_packets(switch: fy.Switch) -> None:
    """Have the switch send what the controller wants to see."""
    await switch.delete_all()
    await switch.insert(
        [
            fy.P4TableEntry(
                "punted", match=fy.Match(ether_type=ether_type), action=fy.Action("to_controller")
            )
            for ether_type in ETHERTYPES
        ]
    )


async def answer_all(switch: fy.Switch, ip: str) -> None:
    """Answer whoever asks, at whatever port."""
    async for packet in switch.read_packets():
        frame, port = Ether(packet.payload), packet["ingress_port"]
        log.info("%s: port %s: %s", switch.name, port, frame.summary())
        if (reply := answer(frame, ip)) is not None:
            await switch.write([fy.P4PacketOut(bytes(reply), egress_port=port)])


async def main() -> None:
    """Control the switches that the command line names."""
    parser = argparse.ArgumentParser(description="Answer ARP requests and pings.")
    parser.add_argument("addresses", metavar="ADDRESS", nargs="*", default=["127.0.0.1:9559"])
    parser.add_argument("--ip", default="10.0.0.254", help="the address to answer for")
    arguments = parser.parse_args()

    async def ready(switch: fy.Switch) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(answer_all(switch, arguments.ip))  # first, so that no packet is missed
            await ask_for_packets(switch)

    options = fy.SwitchOptions(
        p4info=HERE / "punt.p4info.txtpb", p4blob=HERE / "punt.json", ready_handler=ready
    )
    switches = [fy.Switch(address, address, options) for address in arguments.addresses]
    await fy.Controller(switches).run()


if __name__ == "__main__":
    fy.run(main())
