"""Error Indications of gNBs, as SMFs hear of them."""

from __future__ import annotations

import asyncio
import struct
from ipaddress import IPv4Address
from pathlib import Path

from scapy.layers.inet import IP, UDP

from tests.fabric.n4.conftest import N3, Bed, bed, upf
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
