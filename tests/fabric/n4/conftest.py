"""A controller in this process, a switch without interfaces, an SMF and two gNBs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from p4fabric import AsyncSoftSwitch
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.fabric import Fabric, running_fabric
from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from tests.fabric.n4.smf import PATIENCE, Smf
from tests.unit.compiler.world import intent

N3 = "10.0.3.2"
SERVER, OTHER_SERVER = "10.0.4.10", "10.0.4.11"
"""Two addresses of one machine."""
MACS = {"10.0.3.10": "02:00:00:00:03:10", "10.0.3.11": "02:00:00:00:03:11", SERVER: "02:00:00:00:04:10"}
PORTS = {"10.0.3.10": 1, SERVER: 2, "10.0.3.11": 3}
POOLS = ["10.45.0.0/16", "10.60.0.0/16", "10.250.0.0/16"]
EVERYTHING = ["bitRates", "uplinkQfi", "buffering", "usageReports"]
"""Of which nothing is done, though all is accepted."""


def network(name: str, number: int, *hosts: str) -> dict[str, Any]:
    attachments: list[Any] = [
        {"switch": "leaf1", "port": PORTS[host], "mac": MACS[host], "addresses": [host]} for host in hosts
    ]
    if SERVER in hosts:
        attachments[-1]["addresses"].append(OTHER_SERVER)
    spec: dict[str, Any] = {
        "subnets": [f"10.0.{number}.0/24"],
        "gateways": [f"10.0.{number}.1"],
        "attachments": attachments,
    }
    return intent("Network", name, **spec)


NETWORKS = (network("access", 3, "10.0.3.10", "10.0.3.11"), network("data", 4, SERVER))


def upf(**spec: Any) -> dict[str, Any]:
    usual = {
        "smfs": ["127.0.0.1"],
        "accessNetwork": "access",
        "n3Address": N3,
        "dataNetworks": [{"dnn": "internet", "network": "data", "uePools": POOLS}],
        "withoutEffect": EVERYTHING,
    }
    return intent("Upf", "edge", **{**usual, **spec})


@dataclass
class Bed:
    """What is running."""

    switch: AsyncSoftSwitch
    fabric: Fabric
    smf: Smf

    async def apply(self, *documents: dict[str, Any]) -> None:
        await self.fabric.intents.apply(documents)
        assert self.fabric.n4 is not None
        await self.fabric.n4.settled()
        await self.until_in_sync()

    async def until_in_sync(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not all(switch.in_sync for switch in self.fabric.switches):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def send(self, sender: str, packet: Packet) -> list[tuple[int, Packet]]:
        """What leaves because of a packet from a host's port to the router."""
        frame = Ether(src=MACS[sender], dst=str(ROUTER_MAC)) / packet
        assert self.switch.inject(PORTS[sender], bytes(frame))
        return [(port, Ether(content)) for port, content in await self.switch.collect()]

    async def end_marker(self) -> tuple[str, int]:
        """The gNB and TEID of the next End Marker that leaves."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for port, content in await self.switch.collect(PATIENCE, 1):
                    one = Ether(content)
                    if GTP_U_Header in one and one[GTP_U_Header].gtp_type == 254:
                        assert (one.src, one.dst) == (str(ROUTER_MAC), MACS[one[IP].dst])
                        assert one[IP].src == N3 and port == PORTS[one[IP].dst]
                        told, one[IP].chksum = one[IP].chksum, None
                        assert Ether(bytes(one))[IP].chksum == told
                        return one[IP].dst, one[GTP_U_Header].teid

    async def goes_up(
        self,
        gnb: str,
        teid: int,
        ue: str,
        *,
        qfi: int = 1,
        to: str = SERVER,
        inner: Packet = UDP(sport=1000, dport=2000) / b"up",  # noqa: B008
    ) -> bool:
        """Whether what a UE sends through a gNB comes to the server."""
        header = GTP_U_Header(teid=teid, gtp_type=255, E=1, next_ex=0x85)
        tunnel = IP(src=gnb, dst=N3) / UDP(sport=2152, dport=2152) / header
        container = GTPPDUSessionContainer(type=1, QFI=qfi)
        out = await self.send(gnb, tunnel / container / IP(src=ue, dst=to) / inner)
        came = [one for port, one in out if port == PORTS[SERVER] and IP in one and one[IP].src == ue]
        assert len(came) <= 1 and all(GTP_U_Header not in one and one[IP].dst == to for one in came)
        return bool(came)

    async def goes_down(
        self,
        ue: str,
        *,
        source: str = SERVER,
        inner: Packet = UDP(sport=2000, dport=1000) / b"down",  # noqa: B008
    ) -> tuple[str, int, int] | None:
        """The gNB, TEID and QFI of a packet from the server to a UE."""
        out = await self.send(SERVER, IP(src=source, dst=ue) / inner)
        came = [(port, one) for port, one in out if GTP_U_Header in one and one[GTP_U_Header].gtp_type == 255]
        if not came:
            return None
        ((port, one),) = came
        assert one[IP].src == N3 and port == PORTS[one[IP].dst] and one[GTP_U_Header][IP].dst == ue
        return one[IP].dst, one[GTP_U_Header].teid, one[GTPPDUSessionContainer].QFI


@asynccontextmanager
async def controlled(
    folder: Path,
    switch: AsyncSoftSwitch,
    smf: Smf,
    *,
    address: str | None = None,
    heartbeat: float = 60.0,
    gtpu_port: int | None = None,
) -> AsyncIterator[Bed]:
    """A controller, whose store is in a folder, while the body runs.

    Args:
        folder: its store's.
        switch: that it controls.
        smf: told where the controller listens.
        address: where it finds the switch, if not at the switch's own.
        heartbeat: seconds between those to SMFs.
        gtpu_port: for packets of UEs to and from SMFs; None: there are none.
    """
    leaf = {"name": "leaf1", "deviceId": 1, "address": address or switch.address, "role": "leaf"}
    section = {"listen": "127.0.0.1:0", "smfPort": smf.own_port, "heartbeat": heartbeat}
    # An SMF's own port is not to be had.
    section["gtpuPort"] = gtpu_port or smf.own_port
    config = FabricConfig.read({"switches": [leaf], "n4": section}, folder / "fabric.yaml")
    async with running_fabric(config) as fabric:
        assert fabric.n4 is not None
        smf.port = await fabric.n4.port()
        bed = Bed(switch, fabric, smf)
        await bed.until_in_sync()
        yield bed


@asynccontextmanager
async def bed(
    folder: Path, *documents: dict[str, Any], heartbeat: float = 60.0, gtpu_port: int | None = None
) -> AsyncIterator[Bed]:
    """All of it, with networks and some more intents."""
    ports = dict.fromkeys(PORTS.values())
    async with AsyncSoftSwitch(device_id=1, interfaces=ports) as switch:
        smf = await Smf.open()
        try:
            async with controlled(folder, switch, smf, heartbeat=heartbeat, gtpu_port=gtpu_port) as made:
                await made.apply(*NETWORKS, *documents)
                yield made
        finally:
            smf.close()
