"""Error Indications of gNBs, as SMFs hear of them."""

from __future__ import annotations

import asyncio
import struct
from ipaddress import IPv4Address
from pathlib import Path

from scapy.contrib.gtp import GTP_U_Header, GTPErrorIndication
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from tests.fabric.n4.conftest import MACS, N3, PORTS, SERVER, Bed, bed, upf
from tests.fabric.n4.smf import CAUSE, F_TEID, PATIENCE, ie
from tests.fabric.n4.test_n4 import FIRST, SECOND, UE, attached

ERROR_INDICATION_REPORT, REPORT_TYPE = 99, 39


async def says_unknown(it: Bed, gnb: str, teid: int, peer: str | None = None) -> None:
    """A gNB says that it has no such tunnel."""
    elements = struct.pack(">BIBH", 16, teid, 133, 4) + IPv4Address(peer or gnb).packed
    gtpu = struct.pack(">BBHIHBB", 0x32, 26, 4 + len(elements), 0, 7, 0, 0) + elements
    await it.send(gnb, IP(src=gnb, dst=N3) / UDP(sport=2152, dport=2152) / gtpu)


async def test_an_smf_hears_that_a_gnb_has_no_tunnel_of_its_session(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        seid, _ = await attached(it)
        down = await it.goes_down(UE)
        assert down is not None
        gnb, teid, _ = down
        assert gnb == FIRST
        await says_unknown(it, FIRST, teid + 1)
        await says_unknown(it, SECOND, teid)
        await says_unknown(it, SECOND, teid, peer=FIRST)
        for _ in range(3):
            await says_unknown(it, FIRST, teid)
        told = await it.smf.requested(56)
        assert told.seid == 0xD3 and told.ies[REPORT_TYPE] == b"\x04"
        end = b"\x01" + struct.pack(">I", teid) + IPv4Address(FIRST).packed
        assert told.ies[ERROR_INDICATION_REPORT] == ie(F_TEID, end)
        it.smf.answer(told, ie(CAUSE, b"\x01"), seid=seid)

        # Nobody else's tunnel, and no other packet of the same, was told of: the next is of the next one.
        assert (await it.smf.say("open5gs_handover", seid)).cause == 1
        moved = await it.goes_down(UE)
        assert moved is not None and moved[0] == SECOND
        await says_unknown(it, FIRST, teid)
        async with asyncio.timeout(PATIENCE):
            while not any(one[1] == 56 and IPv4Address(SECOND).packed in one for one in it.smf.said):
                await says_unknown(it, SECOND, moved[1])
                await asyncio.sleep(0.1)
        told = await it.smf.requested(56)
        end = b"\x01" + struct.pack(">I", moved[1]) + IPv4Address(SECOND).packed
        assert told.ies[ERROR_INDICATION_REPORT] == ie(F_TEID, end)


def unknown(frames: list[tuple[int, Packet]]) -> list[tuple[str, int]]:
    """The gNBs and TEIDs of Error Indications to gNBs."""
    found = []
    for port, one in frames:
        if UDP in one and bytes(one[UDP].payload)[1] == 26:
            assert (one.src, one.dst, port) == (str(ROUTER_MAC), MACS[one[IP].dst], PORTS[one[IP].dst])
            assert (one[IP].src, one[UDP].sport, one[UDP].dport) == (N3, 2152, 2152)
            error = GTP_U_Header(bytes(one[UDP].payload)[: one[UDP].len - 8])[GTPErrorIndication]
            teid, peer = error.IE_list
            assert peer.ipv4_address == N3
            found.append((one[IP].dst, teid.TEIDI))
    return found


async def test_a_gnb_hears_of_a_tunnel_that_no_session_has_and_of_no_other(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        seid, teid = await attached(it)
        inner = IP(src=UE, dst=SERVER) / UDP(sport=1000, dport=2000) / b"up"

        async def sends(gnb: str, to: int, packet: Packet = inner) -> None:
            tunnel = IP(src=gnb, dst=N3) / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=to, gtp_type=255)
            await it.send(gnb, tunnel / packet)

        # What its session does not take: another gNB, another UE.
        await sends(SECOND, teid)
        await sends(FIRST, teid, IP(src="10.45.0.99", dst=SERVER) / UDP() / b"up")
        await sends(FIRST, teid + 5)
        heard: list[tuple[str, int]] = []
        async with asyncio.timeout(PATIENCE):
            while not heard:
                heard += unknown([(port, Ether(one)) for port, one in await it.switch.collect(PATIENCE, 1)])
        assert heard == [(FIRST, teid + 5)]

        assert (await it.smf.say("open5gs_deletion", seid)).cause == 1
        heard = []
        async with asyncio.timeout(PATIENCE):
            while not heard:
                await sends(FIRST, teid)
                heard += unknown([(port, Ether(one)) for port, one in await it.switch.collect(1.0, 1)])
        assert set(heard) == {(FIRST, teid)}
