"""UEs with IPv6: what SMFs, gNBs and UEs say to each other through a real switch."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptPrefixInfo,
    IPv6,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.fabric.n4.conftest import MACS, N3, PORTS, SERVER, Bed, bed, network, upf
from tests.fabric.n4.smf import PATIENCE, Smf, ie, walk
from tests.fabric.n4.test_errors import unknown
from tests.fabric.n4.test_n4 import FIRST, SECOND
from tests.unit.compiler.world import intent
from tests.unit.n4.vectors import octets

CREATE_PDR, PDI, CREATE_FAR, FORWARDING, F_SEID, OUTER_HEADER, UE_IP, FAR_ID, PDN_TYPE = (
    1, 2, 3, 4, 57, 84, 93, 108, 113,
)  # fmt: skip
UE, PREFIX = "10.45.0.2", "2001:db8:45:7::"
OWN, LINK_LOCAL, SERVER6 = "2001:db8:45:7::99", "fe80::99", "2001:db8:4::10"
SMF_U, SMF_TEID = "127.0.0.3", 0x77
"""Where the SMF has packets of UEs sent."""
POOLS6 = ["10.45.0.0/16", "2001:db8:45::/48"]


def dual_stack() -> dict[str, object]:
    found = network("data", 4, SERVER)
    spec = found["spec"]
    spec["subnets"].append("2001:db8:4::/64")
    spec["gateways"].append("2001:db8:4::1")
    spec["attachments"][0]["addresses"].append(SERVER6)
    return found


def node() -> dict[str, object]:
    networks = [{"dnn": "internet", "network": "data", "uePools": POOLS6}]
    return upf(smfs=["127.0.0.1", SMF_U], dataNetworks=networks)


def establishment(smf: Smf, ue: bytes, pdn_type: int) -> bytes:
    """As Open5GS builds it, for a UE with IPv6, whose solicitations go to `SMF_U`."""

    def pdr(value: bytes) -> bytes:
        return b"".join(ie(one, pdi(found) if one == PDI else found) for one, found in walk(value))

    def pdi(value: bytes) -> bytes:
        return b"".join(ie(one, ue if one == UE_IP else found) for one, found in walk(value))

    def far(value: bytes) -> bytes:
        if dict(walk(value))[FAR_ID] != b"\0\0\0\3":
            return value
        created = b"\x01\x00" + SMF_TEID.to_bytes(4, "big") + IPv4Address(SMF_U).packed
        forwarding = (
            ie(inner, created if inner == OUTER_HEADER else value)
            for inner, value in walk(dict(walk(value))[FORWARDING])
        )
        told = b"".join(forwarding)
        return b"".join(ie(one, told if one == FORWARDING else found) for one, found in walk(value))

    changes = {CREATE_PDR: pdr, CREATE_FAR: far, PDN_TYPE: lambda _: bytes((pdn_type,))}
    found = walk(octets("open5gs_establishment")[16:])
    return smf.message(50, *(ie(one, changes.get(one, bytes)(value)) for one, value in found), seid=0)


@contextmanager
def user_plane_of_smf(address: str = SMF_U) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind((address, 0))
        found.setblocking(False)
        yield found


def in_tunnel(gnb: str, teid: int, packet: Packet, n3: str = N3) -> Packet:
    header = GTP_U_Header(teid=teid, gtp_type=255, E=1, next_ex=0x85)
    tunnel = IP(src=gnb, dst=n3) / UDP(sport=2152, dport=2152) / header
    return tunnel / GTPPDUSessionContainer(type=1, QFI=1) / packet


async def answered(it: Bed, gnb: str) -> tuple[int, int, Packet]:
    """TEID, QFI and packet of the next G-PDU to a gNB."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for port, content in await it.switch.collect(PATIENCE, 1):
                one = Ether(content)
                if GTPPDUSessionContainer in one and one[IP].dst == gnb:
                    assert (one.dst, port, one[IP].src) == (MACS[gnb], PORTS[gnb], N3)
                    container = one[GTPPDUSessionContainer]
                    assert container.type == 0
                    inner = bytes(container.payload)[: one[IP].len - 44]
                    return one[GTP_U_Header].teid, container.QFI, IPv6(inner)


def summed(packet: Packet) -> Packet:
    """The packet, if its ICMPv6 checksum is right."""
    again = packet.copy()
    del again.payload.cksum
    assert bytes(again) == bytes(packet)
    return packet


async def carries(it: Bed, teid: int, back: int) -> None:
    """Packets of the UE's prefix come to the server, and back."""
    out = await it.send(
        FIRST, in_tunnel(FIRST, teid, IPv6(src=OWN, dst=SERVER6) / UDP(sport=1, dport=2) / b"up")
    )
    ((port, came),) = [(port, one) for port, one in out if IPv6 in one]
    assert port == PORTS[SERVER] and (came[IPv6].src, came[IPv6].dst) == (OWN, SERVER6)
    out = await it.send(SERVER, IPv6(src=SERVER6, dst=OWN) / UDP(sport=2, dport=1) / b"down")
    ((port, came),) = [(port, one) for port, one in out if GTP_U_Header in one]
    assert (came[IP].dst, came[GTP_U_Header].teid) == (FIRST, back) and port == PORTS[FIRST]
    assert came[GTPPDUSessionContainer][IPv6].dst == OWN


async def test_a_dual_stack_ue_gets_its_router_advertisement_from_its_smf(tmp_path: Path) -> None:
    with user_plane_of_smf() as smf_u:
        loop, gtpu_port = asyncio.get_running_loop(), smf_u.getsockname()[1]
        async with bed(tmp_path, dual_stack(), node(), gtpu_port=gtpu_port) as it:
            assert (await it.smf.associate()).cause == 1
            ue = b"\x07" + IPv4Address(UE).packed + IPv6Address(PREFIX + "5").packed
            established = await it.smf.ask(establishment(it.smf, ue, 3))
            assert established.cause == 1
            ends, seid = established.f_teids, established.up_seid
            assert ends[2][1] == ends[4][1] == IPv4Address(N3) and ends[3][1] == IPv4Address("127.0.0.1")
            teid = ends[2][0]
            assert (await it.smf.say("open5gs_activate", seid)).cause == 1
            await carries(it, teid, 0x201)
            assert await it.goes_up(FIRST, teid, UE) and await it.goes_down(UE) == (FIRST, 0x201, 1)

            solicits = IPv6(src=LINK_LOCAL, dst="ff02::2", hlim=255) / ICMPv6ND_RS()
            await it.send(SECOND, in_tunnel(SECOND, teid, solicits))  # not its gNB
            await it.send(FIRST, in_tunnel(FIRST, teid, solicits))
            async with asyncio.timeout(PATIENCE):
                heard = await loop.sock_recv(smf_u, 2000)
            # Open5GS takes no container.
            assert heard == struct.pack(">BBHI", 0x30, 255, len(solicits), SMF_TEID) + bytes(solicits)

            option = ICMPv6NDOptPrefixInfo(prefixlen=64, prefix=PREFIX)
            advertises = IPv6(src="fe80::1", dst=LINK_LOCAL, hlim=255) / ICMPv6ND_RA() / option
            another = IPv6(src="fe80::1", dst=LINK_LOCAL, hlim=255) / ICMPv6ND_RA(routerlifetime=7)
            with user_plane_of_smf("127.0.0.4") as stranger:
                for sender, packet, where in (
                    (stranger, another, ends[3][0]),
                    (smf_u, another, ends[2][0]),  # packets of gNBs come there
                    (smf_u, another, ends[3][0] + 1),
                    (smf_u, advertises, ends[3][0]),
                ):
                    message = struct.pack(">BBHI", 0x30, 255, len(packet), where) + bytes(packet)
                    sender.sendto(message, ("127.0.0.1", gtpu_port))
            back, qfi, told = await answered(it, FIRST)
            assert (back, qfi, bytes(told)) == (0x201, 1, bytes(advertises))

            asks = IPv6(src=LINK_LOCAL, dst="fe80::1", hlim=255) / ICMPv6ND_NS(tgt="fe80::1")
            free = IPv6(src="::", dst="ff02::1:ff00:99", hlim=255) / ICMPv6ND_NS(tgt=LINK_LOCAL)
            await it.send(FIRST, in_tunnel(FIRST, teid, free))
            await it.send(FIRST, in_tunnel(FIRST, teid, asks))
            back, qfi, told = await answered(it, FIRST)
            assert (back, qfi) == (0x201, 1) and summed(told)[ICMPv6ND_NA].tgt == "fe80::1"
            assert (told.src, told.dst, told.hlim) == ("fe80::1", LINK_LOCAL, 255)


async def test_a_ue_is_given_a_prefix_that_no_other_has(tmp_path: Path) -> None:
    async with bed(tmp_path, dual_stack(), node()) as it:
        assert (await it.smf.associate()).cause == 1
        given = []
        for number, wish in ((1, b"\x24"), (2, b"\x24"), (3, b"\x2c\x08")):
            request = establishment(it.smf, wish, 2)
            own = ie(F_SEID, b"\x02" + number.to_bytes(8, "big") + IPv4Address("10.0.0.4").packed)
            ies = (own if one == F_SEID else ie(one, value) for one, value in walk(request[16:]))
            answer = await it.smf.ask(it.smf.message(50, *ies, seid=0))
            assert answer.cause == 1
            told = next(
                dict(walk(value))[UE_IP]
                for one, value in walk(answer.datagram[16:])
                if one == 8 and UE_IP in dict(walk(value))
            )
            given.append((told[0], IPv6Address(told[1:17]), told[17:]))
        flags, addresses, delegated = zip(*given, strict=True)
        # V6 and S/D; the last delegates 8 bits (IPv6D).
        assert flags == (0x05, 0x05, 0x0D) and delegated == (b"", b"", b"\x08")
        prefixes = [int(one) >> 64 for one in addresses]
        assert prefixes[0] != prefixes[1] and prefixes[2] & 0xFF == 0
        assert all(one >> 8 != prefixes[2] >> 8 for one in prefixes[:2])

        # A UE with what another one has.
        taken = b"\x05" + addresses[0].packed
        refused = await it.smf.ask(establishment(it.smf, taken, 2))
        assert (refused.cause, refused.offending) == (73, UE_IP)
        outside = b"\x05" + IPv6Address("2001:db8:99::").packed
        refused = await it.smf.ask(establishment(it.smf, outside, 2))
        assert (refused.cause, refused.offending) == (73, UE_IP)


async def test_a_ue_of_an_intent_gets_its_router_advertisement_from_here(tmp_path: Path) -> None:
    session = intent(
        "UpfSession", "ue1", accessNetwork="access", dataNetwork="data", n3Address=N3, gnbAddress=FIRST,
        uplinkTeid=0x101, downlinkTeid=0x201, uePrefix=f"{PREFIX}/64", qfi=9,
    )  # fmt: skip
    async with bed(tmp_path, dual_stack(), session) as it:
        await carries(it, 0x101, 0x201)
        for source, to in ((LINK_LOCAL, LINK_LOCAL), ("::", "ff02::1")):
            solicits = IPv6(src=source, dst="ff02::2", hlim=255) / ICMPv6ND_RS()
            await it.send(FIRST, in_tunnel(FIRST, 0x101, solicits))
            teid, qfi, told = await answered(it, FIRST)
            assert (teid, qfi) == (0x201, 9)
            assert (told.src, told.dst, told.hlim) == ("fe80::5eff:fe00:1", to, 255)
            advertised, option = summed(told)[ICMPv6ND_RA], told[ICMPv6NDOptPrefixInfo]
            assert advertised.routerlifetime == 0xFFFF
            assert (option.prefix, option.prefixlen, option.A, option.L) == (PREFIX, 64, 1, 0)
            assert option.validlifetime == option.preferredlifetime == 0xFFFFFFFF

        inner = IPv6(src=OWN, dst=SERVER6) / UDP(sport=1, dport=2) / b"up"
        heard: list[tuple[str, int]] = []
        async with asyncio.timeout(PATIENCE):
            while not heard:
                await it.send(FIRST, in_tunnel(FIRST, 0x102, inner))
                heard += unknown([(port, Ether(one)) for port, one in await it.switch.collect(1.0, 1)])
        assert set(heard) == {(FIRST, 0x102)}
