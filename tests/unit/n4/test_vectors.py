"""What SMFs send is understood, and written again with the same octets."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from p4fabric.controller.n4.pfcp import Message, decode_body, decode_header, encode
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import (
    ApplyAction,
    DestinationInterface,
    ModificationFlags,
    SourceInterface,
)
from p4fabric.controller.n4.pfcp.values import (
    BitRate,
    FSeid,
    FTeid,
    FTeidChoice,
    OuterHeaderCreation,
    OuterHeaderRemoval,
    RemovedHeader,
    SdfFilter,
    SNssai,
    UeIpAddress,
    Volume,
)
from tests.unit.n4.vectors import REQUESTS, normal, octets


def read(name: str) -> Message:
    datagram = octets(name)
    return decode_body(decode_header(datagram), datagram)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_that_is_written_again_has_the_same_octets(name: str) -> None:
    datagram = octets(name)
    header = decode_header(datagram)
    again = encode(decode_body(header, datagram), header.sequence, header.seid, header.priority)

    assert normal(again) == normal(datagram)


@pytest.mark.parametrize("name", ["open5gs_idle", "open5gs_deletion"])
def test_in_the_order_of_the_specification_octets_are_the_same_without_ado(name: str) -> None:
    datagram = octets(name)
    header = decode_header(datagram)

    assert encode(decode_body(header, datagram), header.sequence, header.seid) == datagram


@pytest.mark.parametrize("name", REQUESTS)
def test_everything_that_smfs_send_is_known(name: str) -> None:
    def unknown(value: object) -> list[object]:
        if isinstance(value, tuple):
            return [one for part in value for one in unknown(part)]
        if not hasattr(value, "SCHEMA"):
            return []
        found = list(value.others)  # type: ignore[attr-defined]
        for field in value.SCHEMA.fields:
            found += unknown(getattr(value, field.name))
        return found

    assert unknown(read(name)) == []


def test_a_session_of_open5gs() -> None:
    request = read("open5gs_establishment")

    assert isinstance(request, m.SessionEstablishmentRequest)
    assert request.node_id == IPv4Address("10.0.0.4")
    assert request.cp_f_seid == FSeid(0xD3, IPv4Address("10.0.0.4"))
    assert request.s_nssai == SNssai(1, 0xFFFFFF)
    assert request.apn_dnn == b"\x08internet"
    downlink, uplink, control, solicitations = request.create_pdrs
    assert downlink.pdi.source_interface is SourceInterface.CORE
    assert downlink.pdi.ue_ip_addresses == (UeIpAddress(IPv4Address("10.45.0.2"), is_destination=True),)
    assert downlink.precedence == 65535
    assert uplink.pdi.f_teid == FTeidChoice(True, True, 5)
    assert uplink.pdi.qfis == (1,)
    assert uplink.outer_header_removal == OuterHeaderRemoval(RemovedHeader.GTPU_UDP_IP)
    assert control.pdi.source_interface is SourceInterface.CP_FUNCTION
    assert control.pdi.f_teid == FTeidChoice(True, True)
    assert solicitations.pdi.sdf_filters == (SdfFilter("permit out 58 from ff02::2/128 to assigned"),)
    assert request.create_fars[0].apply_action == ApplyAction.BUFF | ApplyAction.NOCP
    assert request.create_fars[0].bar_id == request.create_bars[0].bar_id == 1
    assert request.create_urrs[0].volume_threshold == Volume(total=100 * 1024 * 1024)
    assert request.create_qers[0].mbr == BitRate(1_000_000, 1_000_000)


def test_a_handover_of_open5gs() -> None:
    request = read("open5gs_handover")

    assert isinstance(request, m.SessionModificationRequest)
    (far,) = request.update_fars
    assert far.apply_action == ApplyAction.FORW
    assert far.forwarding is not None
    assert far.forwarding.destination_interface is DestinationInterface.ACCESS
    assert far.forwarding.outer_header_creation == OuterHeaderCreation(0x301, IPv4Address("10.0.3.11"))
    assert far.forwarding.flags == ModificationFlags.SNDEM


def test_a_session_of_free5gc_has_the_smfs_teids() -> None:
    request = read("free5gc_establishment")

    assert isinstance(request, m.SessionEstablishmentRequest)
    assert request.create_pdrs[0].pdi.f_teid == FTeid(1, IPv4Address("10.0.3.2"))
    assert request.create_pdrs[0].pdi.network_instance == b"internet"
    assert request.create_pdrs[0].qer_ids == (2, 1)
    assert request.create_qers[1].mbr is None


def test_sd_core_puts_whole_forwarding_parameters_into_an_update() -> None:
    request = read("sdcore_activate")

    assert isinstance(request, m.SessionModificationRequest)
    assert decode_header(octets("sdcore_activate")).priority == 12
    (far,) = request.update_fars
    assert far.forwarding is None
    assert far.whole_forwarding is not None
    assert far.whole_forwarding.outer_header_creation == OuterHeaderCreation(0x201, IPv4Address("10.0.3.10"))
