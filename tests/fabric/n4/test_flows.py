"""Flows of a UE are told apart by filters, QFIs and precedence, in the dialects of three SMFs."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

from scapy.layers.inet import ICMP, TCP, UDP

from p4fabric.controller.names import SwitchName
from p4fabric.pipelines.fabric import bindings as b
from tests.fabric.n4.conftest import OTHER_SERVER, Bed, bed, upf
from tests.fabric.n4.smf import Answer, Smf, ie
from tests.fabric.n4.test_n4 import (
    ACCEPTED,
    FAILED,
    FIRST,
    NOT_SUPPORTED,
    PDR,
    SDF_FILTER,
    SECOND,
    UE,
    attached,
    many,
    number,
)

WITHOUT = ["buffering", "usageReports", "guaranteedBitRates"]
NO_RESOURCES = 75
TO_GNB = b"\x01\x00"
NETWORK = ie(22, b"internet")


def sdf(text: str) -> bytes:
    """An SDF filter."""
    return ie(23, b"\x01\x00", number(len(text), 2), text.encode())


def flow(
    first: int,
    ue: str,
    teid: int,
    qfi: int,
    *filters: bytes,
    precedence: int = 10,
    urrs: tuple[int, ...] = (),
) -> list[bytes]:
    """How free5GC and SD-Core create a flow: PDRs FIRST (up) and FIRST + 1 (down) with a FAR each, and a QER.

    Both PDRs have the filters as they are written for the downlink, and the tunnel is that of the session.
    """
    address = IPv4Address(ue).packed
    end = ie(21, b"\x01", number(teid, 4), IPv4Address("10.0.3.2").packed)
    refers = [ie(109, number(first, 4)), *(ie(81, number(urr, 4)) for urr in urrs)]
    up = ie(2, ie(20, b"\x00"), end, NETWORK, ie(93, b"\x02", address), *filters)
    down = ie(2, ie(20, b"\x01"), NETWORK, ie(93, b"\x06", address), *filters)
    to_core = ie(4, ie(42, b"\x01"), NETWORK)
    created = ie(84, TO_GNB, number(0x201, 4), IPv4Address(FIRST).packed)
    to_access = ie(4, ie(42, b"\x00"), NETWORK, created)
    far = [number(first, 4), number(first + 1, 4)]
    order = ie(29, number(precedence, 4))
    return [
        ie(1, ie(56, number(first, 2)), order, up, ie(95, b"\x00"), ie(108, far[0]), *refers),
        ie(1, ie(56, number(first + 1, 2)), order, down, ie(108, far[1]), *refers),
        ie(3, ie(108, far[0]), ie(44, b"\x02"), to_core),
        ie(3, ie(108, far[1]), ie(44, b"\x02"), to_access),
        ie(7, refers[0], ie(25, b"\x00"), ie(124, number(qfi, 1))),
    ]


async def created(smf: Smf, seid: int, *ies: bytes) -> Answer:
    return await smf.ask(smf.message(52, *ies, seid=seid))


async def test_open5gs_adds_a_dedicated_flow_and_takes_it_away(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        seid, teid = await attached(it)
        assert await it.goes_up(FIRST, teid, UE) and not await it.goes_up(FIRST, teid, UE, qfi=2)
        assert await it.goes_down(UE) == await it.goes_down(UE, source=OTHER_SERVER) == (FIRST, 0x201, 1)

        # It tells neither the UE's address nor, uplink, the filter: only its number.
        assert (await it.smf.say("open5gs_dedicated_flow", seid)).cause == ACCEPTED
        assert await it.goes_down(UE) == (FIRST, 0x201, 2)
        assert await it.goes_down(UE, source=OTHER_SERVER) == (FIRST, 0x201, 1)
        assert await it.goes_up(FIRST, teid, UE, qfi=2)
        assert not await it.goes_up(FIRST, teid, UE, qfi=2, to=OTHER_SERVER), "of the flow, to another"
        assert await it.goes_up(FIRST, teid, UE, qfi=1, to=OTHER_SERVER)
        assert not await it.goes_up(FIRST, teid, UE, qfi=3)
        assert not await it.goes_up(SECOND, teid, UE, qfi=2), "another gNB sends for it"

        removed = [ie(15, ie(56, number(one, 2))) for one in (5, 6)]
        removed += [ie(16, ie(108, number(one, 4))) for one in (4, 5)]
        assert (await created(it.smf, seid, *removed, ie(18, ie(109, number(2, 4))))).cause == ACCEPTED
        assert await it.goes_down(UE) == (FIRST, 0x201, 1)
        assert not await it.goes_up(FIRST, teid, UE, qfi=2) and await it.goes_up(FIRST, teid, UE)
        assert (await it.smf.say("open5gs_deletion", seid)).cause == ACCEPTED
        assert await it.goes_down(UE) is None
        assert not [one for one in await rows(it) if isinstance(one, FLOWS)]


FLOWS = (b.UplinkFilters, b.DownlinkFilters, b.UplinkRules, b.DownlinkRules, b.UplinkSessionMeters)


async def rows(it: Bed) -> list[object]:
    """What the switch holds: all that it should."""
    await it.until_in_sync()
    return list(it.fabric._core.compiler.desired(SwitchName("leaf1")).values())


async def test_free5gc_adds_flows_on_the_tunnel_of_the_session(tmp_path: Path) -> None:
    ue = "10.60.0.1"
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        await it.smf.associate()
        seid = (await it.smf.say("free5gc_establishment")).up_seid
        assert (await to_the_gnb(it.smf, seid, 2)).cause == ACCEPTED
        assert await it.goes_down(ue) == (FIRST, 0x201, 1) and await it.goes_up(FIRST, 1, ue, qfi=9)
        voice = "permit out 17 from 10.0.4.0/28 5000-5010,6000 to assigned 7000-7001"
        web = "permit out 6 from any 80,443 to assigned"
        assert (await created(it.smf, seid, *flow(10, ue, 1, 5, sdf(voice)))).cause == ACCEPTED
        both = flow(20, ue, 1, 6, sdf(web), sdf("permit out 1 from 10.0.4.11 to any"), precedence=20)
        assert (await created(it.smf, seid, *both)).cause == ACCEPTED
        for packet, qfi in (
            (UDP(sport=5005, dport=7000), 5),
            (UDP(sport=6000, dport=7001), 5),
            (UDP(sport=5011, dport=7000), 1),
            (UDP(sport=5005, dport=7002), 1),
            (TCP(sport=443, dport=7000), 6),
            (TCP(sport=5005, dport=7000), 1),
            (ICMP(), 1),
        ):
            assert await it.goes_down(ue, inner=packet / b"down") == (FIRST, 0x201, qfi), packet
        assert await it.goes_down(ue, source=OTHER_SERVER, inner=ICMP()) == (FIRST, 0x201, 6)
        # Which packets are of a flow of which the gate closes, uplink: ports and addresses are swapped.
        gate = ie(14, ie(109, number(10, 4)), ie(25, b"\x04"))
        assert (await created(it.smf, seid, gate)).cause == ACCEPTED
        assert not await it.goes_up(FIRST, 1, ue, inner=UDP(sport=7000, dport=5005) / b"up")
        assert await it.goes_up(FIRST, 1, ue, inner=UDP(sport=5005, dport=7000) / b"up")
        assert await it.goes_down(ue, inner=UDP(sport=5005, dport=7000)) == (FIRST, 0x201, 5)
        # What comes first takes all: the order of precedence, not that of numbers.
        earlier = flow(30, ue, 1, 7, sdf("permit out ip from any to assigned"), precedence=5)
        assert (await created(it.smf, seid, *earlier)).cause == ACCEPTED
        assert await it.goes_down(ue, inner=UDP(sport=5005, dport=7000)) == (FIRST, 0x201, 7)
        assert await it.goes_up(FIRST, 1, ue, inner=UDP(sport=7000, dport=5005) / b"up")


async def to_the_gnb(smf: Smf, seid: int, far: int) -> Answer:
    created = ie(84, TO_GNB, number(0x201, 4), IPv4Address(FIRST).packed)
    forwarding = ie(11, ie(42, b"\x00"), NETWORK, created)
    return await smf.ask(
        smf.message(52, ie(10, ie(108, number(far, 4)), ie(44, b"\x02"), forwarding), seid=seid)
    )


async def test_sd_core_adds_a_flow(tmp_path: Path) -> None:
    ue = "10.250.0.1"
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        await it.smf.associate()
        seid = (await it.smf.say("sdcore_establishment")).up_seid
        assert (await it.smf.say("sdcore_activate", seid)).cause == ACCEPTED
        text = "permit out udp from 10.0.4.11/32 to assigned 53"
        assert (await created(it.smf, seid, *flow(10, ue, 1, 3, sdf(text)))).cause == ACCEPTED
        query = UDP(sport=9, dport=53) / b"down"
        assert await it.goes_down(ue, source=OTHER_SERVER, inner=query) == (FIRST, 0x201, 3)
        assert await it.goes_down(ue, inner=query) == (FIRST, 0x201, 9)
        assert await it.goes_up(FIRST, 1, ue)
        assert (await it.smf.say("open5gs_deletion", seid)).cause == ACCEPTED
        assert await it.goes_down(ue, source=OTHER_SERVER, inner=query) is None


async def test_sessions_that_tell_flows_apart_alike_share_the_filters(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        await it.smf.associate()
        found = await many(it.smf, "10.45.1.0", "10.0.0.4")
        held = await rows(it)
        assert sum(isinstance(one, b.UplinkFilters) for one in held) == 1
        assert sum(isinstance(one, b.UpfUplinkSessions) for one in held) == len(found)
        ue, teid = next(iter(found.items()))
        assert await it.goes_up(FIRST, teid, ue) and not await it.goes_up(FIRST, teid, ue, qfi=2)


async def test_a_flow_that_cannot_be_told_apart_is_refused_by_name(tmp_path: Path) -> None:
    ports = ",".join(str(one) for one in range(1, 127, 2))
    ue = "10.60.0.1"
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        await it.smf.associate()
        seid = (await it.smf.say("free5gc_establishment")).up_seid
        await to_the_gnb(it.smf, seid, 2)
        for text, cause in (
            ("permit out 132 from any 80 to assigned", NOT_SUPPORTED),
            ("permit in 17 from any to assigned", FAILED),
            (f"permit out 17 from any {ports} to assigned {ports}", NO_RESOURCES),
        ):
            refused = await created(it.smf, seid, *flow(10, ue, 1, 5, sdf(text)))
            assert (refused.cause, refused.offending, refused.failed_rule) == (cause, SDF_FILTER, (PDR, 10))
            assert await it.goes_down(ue) == (FIRST, 0x201, 1) and await it.goes_up(FIRST, 1, ue)


async def passing(it: Bed, ue: str) -> int:
    """Of twenty packets of 1,000 octets to a UE, sent at once."""
    packet = UDP(sport=1, dport=2) / bytes(972)
    return sum([await it.goes_down(ue, inner=packet) is not None for _ in range(20)])


async def test_a_slice_has_a_maximum_rate_that_its_sessions_share_and_others_do_not(tmp_path: Path) -> None:
    small = {"name": "small", "sst": 1, "maximumDownlinkKbps": 8}
    slices = [small, {"name": "other", "sst": 2, "maximumUplinkKbps": 8}]
    async with bed(tmp_path, upf(withoutEffect=[*WITHOUT, "bitRates"], slices=slices)) as it:
        await it.smf.associate()
        first, second = list(await many(it.smf, "10.45.1.0", "10.0.0.4"))[:2]
        sdcore = (await it.smf.say("sdcore_establishment")).up_seid
        assert (await it.smf.say("sdcore_activate", sdcore)).cause == ACCEPTED
        assert 4 <= await passing(it, first) < 12, "4,500 octets at once, and 1,000 a second"
        assert await passing(it, second) < 8, "of what the other one has left"
        assert await passing(it, "10.250.0.1") == 20
        # Without the slice its sessions are like others.
        await it.apply(upf(withoutEffect=[*WITHOUT, "bitRates"]))
        assert await passing(it, first) == 20


async def test_a_rate_that_the_smf_changes_applies_to_the_packets_that_follow(tmp_path: Path) -> None:
    async with bed(tmp_path, upf(withoutEffect=WITHOUT)) as it:
        seid, _ = await attached(it)
        assert await passing(it, UE) == 20
        for kbps, least, most in ((8, 4, 12), (0, 0, 0), (1_000_000, 20, 20)):
            rate = ie(26, number(1_000_000, 5), number(kbps, 5))
            qer = ie(14, ie(109, number(1, 4)), rate)
            assert (await created(it.smf, seid, qer)).cause == ACCEPTED
            assert least <= await passing(it, UE) <= most
