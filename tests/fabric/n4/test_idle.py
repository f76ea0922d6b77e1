"""Packets to idle UEs wait at a real buffer, and go on in order. Needs root: a namespace is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from p4fabric import AsyncSoftSwitch
from p4fabric.controller.fabric.upf_views import SessionState
from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from tests.fabric.n4.buffer_host import ADDRESS, AT_SWITCH, MAC, BufferHost, buffer_host
from tests.fabric.n4.conftest import MACS, N3, NETWORKS, PORTS, SERVER, Bed, controlled, upf
from tests.fabric.n4.smf import CAUSE, PATIENCE, Answer, Smf, ie
from tests.fabric.n4.test_n4 import ACCEPTED, FIRST, UE, attached
from tests.unit.n4.test_tshark import complaints, dissected

BUFFER_PORT = 4
REPORT, DLDR, DOWNLINK_DATA_REPORT, PDR_ID, REPORT_TYPE = 56, b"\x01", 83, 56, 39
REJECTED = b"\x40"
DROBU = ie(50, b"\x01")
_TO_UE = IP(src=SERVER, dst=UE) / UDP(sport=2000, dport=1000, chksum=0) / bytes(4)
_DOWN = bytes(Ether(src=MACS[SERVER], dst=str(ROUTER_MAC)) / _TO_UE)


class IdleBed(Bed):
    """With a buffer at a port of its own."""

    host: BufferHost

    def down(self, first: int, last: int) -> None:
        """The server sends a UE packets with these numbers."""
        for number in range(first, last):
            assert self.switch.inject(PORTS[SERVER], _DOWN[:-4] + number.to_bytes(4, "big"))

    async def heard(self, count: int) -> list[tuple[int, str, int, int]]:
        """What comes to the gNB: the packets' numbers, who sent them, TEIDs and QFIs."""
        found: list[tuple[int, str, int, int]] = []
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                found += came(await self.switch.collect(PATIENCE, 1))
        return found

    async def figure(self, name: str, value: int) -> None:
        """Return when the buffer says so."""
        assert self.fabric.n4 is not None
        client = self.fabric.n4.idle.clients["one"]
        async with asyncio.timeout(PATIENCE):
            while client.figures.get(name, 0) != value or not client.is_connected:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def reported(self) -> Answer:
        """The next report, which is one of downlink data of PDR 1."""
        told = await self.smf.requested(REPORT)
        assert told.ies[REPORT_TYPE] == DLDR and told.ies[DOWNLINK_DATA_REPORT] == ie(PDR_ID, b"\x00\x01")
        return told

    @property
    def reports(self) -> int:
        """How many there were, without those that were sent again."""
        return len({one for one in self.smf.said if one[1] == REPORT})


def came(left: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, str, int, int]]:
    """Of what left the switch, G-PDUs to the gNB: the packets' numbers, who sent them, TEIDs and QFIs."""
    for port, content in left:
        one = Ether(content)
        if GTP_U_Header in one and port == PORTS[FIRST] and Raw in one:
            number, tunnel = int.from_bytes(one[Raw].load[:4], "big"), one[GTP_U_Header]
            yield number, one[IP].src, tunnel.teid, one[GTPPDUSessionContainer].QFI


Parts = tuple[AsyncSoftSwitch, Smf, BufferHost]


@asynccontextmanager
async def parts(folder: Path) -> AsyncIterator[Parts]:
    """All but the controller."""
    ports = {**dict.fromkeys(PORTS.values()), BUFFER_PORT: AT_SWITCH}
    with buffer_host(folder, {FIRST: MACS[FIRST]}) as host:
        async with AsyncSoftSwitch(device_id=1, interfaces=ports) as switch:
            smf = await Smf.open()
            try:
                await host.start()
                yield switch, smf, host
            finally:
                smf.close()
                await host.kill()


@asynccontextmanager
async def with_controller(folder: Path, of: Parts) -> AsyncIterator[IdleBed]:
    switch, smf, host = of
    buffers = [{"name": "one", "address": host.control}]
    async with controlled(folder, switch, smf, buffers=buffers, reportAgain=0.2) as made:
        it = IdleBed(made.switch, made.fabric, made.smf)
        it.host = host
        yield it


async def set_up(it: IdleBed, **buffer: Any) -> None:
    """Networks and a node with a buffer, which is connected."""
    access, data = NETWORKS
    attachments = [*access["spec"]["attachments"]]
    attachments.append({"switch": "leaf1", "port": BUFFER_PORT, "mac": MAC, "addresses": [ADDRESS]})
    access = {**access, "spec": {**access["spec"], "attachments": attachments}}
    node = upf(withoutEffect=["bitRates", "uplinkQfi"], buffer={"name": "one", "address": ADDRESS, **buffer})
    await it.apply(access, data, node)
    await it.figure("tunnels", 0)


@asynccontextmanager
async def idle_bed(folder: Path, **buffer: Any) -> AsyncIterator[IdleBed]:
    """All of it."""
    async with parts(folder) as of, with_controller(folder, of) as it:
        await set_up(it, **buffer)
        yield it


async def test_packets_to_an_idle_ue_wait_are_reported_once_and_go_on_in_order(tmp_path: Path) -> None:
    async with idle_bed(tmp_path) as it:
        seid, teid = await attached(it)
        direct = (N3, 0x201, 1)
        it.down(0, 2)
        assert await it.heard(2) == [(0, *direct), (1, *direct)]
        for period in range(2):
            assert (await it.smf.say("open5gs_idle", seid)).cause == ACCEPTED
            assert not await it.goes_up(FIRST, teid, UE)
            it.down(10, 30)
            await it.figure("packets", 20)
            told = await it.reported()
            assert told.seid == 0xD3
            it.smf.answer(told, ie(CAUSE, b"\x01"), seid=seid)
            it.down(30, 40)
            await it.figure("packets", 30)
            assert it.reports == period + 1
            (buffer,) = it.fabric.upfs.buffers()
            assert (buffer.sessions, buffer.figures["waiting"]) == (1, 1)
            assert (await it.fabric.upfs.session(seid)).state is SessionState.IDLE

            assert (await it.smf.say("open5gs_activate", seid)).cause == ACCEPTED
            assert await it.heard(30) == [(number, ADDRESS, 0x201, 1) for number in range(10, 40)]
            # What comes until switches send directly makes the detour; nothing is lost, nothing comes twice.
            it.down(40, 50)
            assert sorted(number for number, *_ in await it.heard(10)) == list(range(40, 50))
            assert await it.goes_up(FIRST, teid, UE)
            await it.figure("tunnels", 0)
            it.down(50, 52)
            assert await it.heard(2) == [(50, *direct), (51, *direct)]
        assert it.reports == 2
    said = dissected([one for one in it.smf.said if one[1] == REPORT], tmp_path)
    assert "Downlink Data Report" in said[0] and not any(complaints(one) for one in said)


async def test_a_report_that_is_not_taken_is_repeated_and_what_waits_is_bounded_and_dropped(
    tmp_path: Path,
) -> None:
    async with idle_bed(tmp_path, packets=5) as it:
        seid, _ = await attached(it)
        assert (await it.smf.say("open5gs_idle", seid)).cause == ACCEPTED
        it.down(0, 8)
        await it.figure("dropped.sessionFull", 3)
        for cause in (REJECTED, REJECTED, b"\x01"):
            it.smf.answer(await it.reported(), ie(CAUSE, cause), seid=seid)
        # The SMF wants no more of what waits; it is told no more, and packets wait again.
        dropped = it.smf.message(52, ie(49, b"\x01"), seid=seid)
        assert (await it.smf.ask(dropped)).cause == ACCEPTED
        await it.figure("dropped.onRequest", 5)
        it.down(10, 12)
        await it.figure("packets", 2)
        assert it.reports == 3
        # Armed again, by the same action once more.
        assert (await it.smf.say("open5gs_idle", seid)).cause == ACCEPTED
        it.smf.answer(await it.reported(), ie(CAUSE, b"\x01"), DROBU, seid=seid)
        await it.figure("dropped.onRequest", 7)
        it.down(20, 22)
        await it.figure("packets", 2)
        assert (await it.smf.say("open5gs_deletion", seid)).cause == ACCEPTED
        await it.figure("dropped.sessionEnded", 2)
        await it.figure("tunnels", 0)
        assert it.reports == 4


async def test_buffer_and_controller_may_be_restarted_while_packets_wait(tmp_path: Path) -> None:
    async with parts(tmp_path) as of:
        async with with_controller(tmp_path, of) as it:
            await set_up(it)
            seid, _ = await attached(it)
            assert (await it.smf.say("open5gs_idle", seid)).cause == ACCEPTED
            it.down(0, 3)
            it.smf.answer(await it.reported(), ie(CAUSE, b"\x01"), seid=seid)
            await it.host.kill()
            await it.host.start()
            await it.figure("tunnels", 1)
            it.down(10, 13)
            await it.figure("packets", 3)
            assert it.reports == 1, "it was told of in this idle period"
        async with with_controller(tmp_path, of) as it:
            # Nobody knows by now whether the SMF took the report.
            it.smf.answer(await it.reported(), ie(CAUSE, b"\x01"), seid=seid)
            assert (await it.smf.say("open5gs_activate", seid)).cause == ACCEPTED
            assert [number for number, *_ in await it.heard(3)] == [10, 11, 12]
            await it.figure("tunnels", 0)
            it.down(20, 21)
            assert await it.heard(1) == [(20, N3, 0x201, 1)]
