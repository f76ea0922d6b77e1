"""The frames that ask a host for an address, read by another implementation."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from p4fabric.controller.hosts.question import link_local, question
from p4fabric.pipelines.values import MacAddress, VlanId

HOST, ASKER = MacAddress.parse("02:00:00:00:00:07"), MacAddress.parse("02:00:5e:00:00:01")


@pytest.mark.parametrize("tag", [None, VlanId(40)])
def test_an_ipv4_address_is_asked_for_by_an_arp_probe_to_the_host_alone(tag: VlanId | None) -> None:
    frame = Ether(question(HOST, IPv4Address("10.0.1.7"), ASKER, tag))
    assert (frame.dst, frame.src) == (str(HOST), str(ASKER))
    assert (frame[Dot1Q].vlan if Dot1Q in frame else None) == tag
    probe = frame[ARP]
    assert (probe.op, probe.hwsrc, probe.psrc) == (1, str(ASKER), "0.0.0.0")
    assert (probe.hwdst, probe.pdst) == ("00:00:00:00:00:00", "10.0.1.7")
    assert len(bytes(frame)) >= 60


@pytest.mark.parametrize("tag", [None, VlanId(40)])
def test_an_ipv6_address_is_asked_for_in_the_routers_name_and_of_the_host_alone(
    tag: VlanId | None,
) -> None:
    octets = question(HOST, IPv6Address("2001:db8:1::abcd:7"), ASKER, tag)
    frame = Ether(octets)
    assert (frame.dst, frame.src) == (str(HOST), str(ASKER))
    assert (frame[Dot1Q].vlan if Dot1Q in frame else None) == tag
    router = str(link_local(ASKER))
    assert (frame[IPv6].src, frame[IPv6].dst, frame[IPv6].hlim) == (router, "ff02::1:ffcd:7", 255)
    assert frame[ICMPv6ND_NS].tgt == "2001:db8:1::abcd:7" and frame[IPv6].plen == 32
    assert frame[ICMPv6NDOptSrcLLAddr].lladdr == str(ASKER)
    sent = frame[ICMPv6ND_NS].cksum
    del frame[ICMPv6ND_NS].cksum
    assert Ether(bytes(frame))[ICMPv6ND_NS].cksum == sent


def test_a_host_that_shows_no_address_may_have_one_made_of_its_mac_address() -> None:
    # The example of RFC 4291, appendix A, read backwards.
    assert link_local(MacAddress.parse("34:56:78:9a:bc:de")) == IPv6Address("fe80::3656:78ff:fe9a:bcde")
