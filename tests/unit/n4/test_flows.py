"""Flow descriptions as SMFs write them, and which packets they mean."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p4fabric.controller.n4.flows import (
    MOST_RANGES,
    Endpoint,
    Flow,
    FlowError,
    FlowMatch,
    PortRange,
    parse_flow,
)

UE = Endpoint(is_assigned=True)
ANY = Endpoint()


def to(prefix: str, *ports: tuple[int, int]) -> Endpoint:
    return Endpoint(ip_network(prefix), ports=tuple(PortRange(*one) for one in ports))


@pytest.mark.parametrize(
    ("text", "flow"),
    [
        ("permit out ip from any to assigned", Flow(None, ANY, UE)),
        ("permit out 58 from ff02::2/128 to assigned", Flow(58, to("ff02::2/128"), UE)),
        ("permit out ip from 10.0.4.10/32 to assigned", Flow(None, to("10.0.4.10/32"), UE)),
        ("permit out 17 from 10.0.4.10 5060 to assigned", Flow(17, to("10.0.4.10/32", (5060, 5060)), UE)),
        (
            "permit out tcp from 10.0.4.0/24 80,443,8000-8080 to 10.45.0.2 1024-65535",
            Flow(6, to("10.0.4.0/24", (80, 80), (443, 443), (8000, 8080)), to("10.45.0.2/32", (1024, 65535))),
        ),
        ("permit out udp from 2001:db8::/32 53 to any", Flow(17, to("2001:db8::/32", (53, 53)), ANY)),
        ("permit out ip from 10.0.4.10/24 to any", Flow(None, to("10.0.4.0/24"), ANY)),
        ("PERMIT OUT TCP FROM ANY TO ASSIGNED", Flow(6, ANY, UE)),
        ("  permit   out ip from any to assigned ", Flow(None, ANY, UE)),
        (
            "permit out sctp from any 90,80-100,101 to assigned",
            Flow(132, Endpoint(ports=(PortRange(80, 101),)), UE),
        ),
    ],
)
def test_what_smfs_write_is_understood(text: str, flow: Flow) -> None:
    assert parse_flow(text) == flow


@pytest.mark.parametrize("text", ["", " "])
def test_no_description_means_all_traffic_of_the_ue(text: str) -> None:
    assert parse_flow(text) == Flow(None, ANY, UE)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("deny out ip from any to assigned", "'permit' is expected, not 'deny'"),
        ("permit in ip from any to assigned", "'out' is expected, not 'in'"),
        ("permit out", "ends where a protocol"),
        ("permit out 256 from any to assigned", "a protocol is 'ip', 0 to 255"),
        ("permit out foo from any to assigned", "not 'foo'"),
        ("permit out ip any to assigned", "'from' is expected, not 'any'"),
        ("permit out ip from", "ends where an address"),
        ("permit out ip from any", "ends where 'to'"),
        ("permit out ip from any to", "ends where an address"),
        ("permit out ip from !10.0.0.1 to assigned", "no address"),
        ("permit out ip from 10.0.0.1/33 to assigned", "no address"),
        ("permit out ip from 300.0.0.1 to assigned", "no address"),
        ("permit out ip from example.com to assigned", "no address"),
        ("permit out ip from fe80::1%eth0 to assigned", "no address"),
        ("permit out ip from 10.0.0.0/255.0.0.0 to assigned", "no address"),
        ("permit out tcp from any 80-70 to assigned", "'80-70' is no range"),
        ("permit out tcp from any 65536 to assigned", "'65536' is no range"),
        ("permit out tcp from any http to assigned", "ports are like 80"),
        ("permit out tcp from any 80- to assigned", "ports are like 80"),
        ("permit out tcp from any ,80 to assigned", "ports are like 80"),
        ("permit out tcp from any \u0663 to assigned", "ports are like 80"),
        ("permit out tcp from any 80 443 to assigned", "'to' is expected, not '443'"),
        ("permit out tcp from any to assigned established", "ports are like 80"),
        ("permit out ip from any to assigned 80 frag", "nothing may follow"),
        ("permit out ip from assigned to any", "stands behind 'to'"),
        ("permit out ip from 10.0.0.1 to 2001:db8::1", "both ends"),
        ("unknown action", "'permit' is expected"),
        ("permit out tcp from any " + "1," * MOST_RANGES + "1 to assigned", "ranges of ports at most"),
        ("permit out ip from any to assigned" + " " * 1000, "characters at most"),
    ],
)
def test_anything_else_is_an_error_and_never_all_traffic(text: str, problem: str) -> None:
    with pytest.raises(FlowError, match=problem):
        parse_flow(text)


def test_uplink_packets_match_with_source_and_destination_swapped() -> None:
    flow = parse_flow("permit out tcp from 10.0.4.10 80 to assigned 5000")

    server, phone = to("10.0.4.10/32", (80, 80)), Endpoint(is_assigned=True, ports=(PortRange(5000, 5000),))
    assert flow.downlink == FlowMatch(6, server, phone)
    assert flow.uplink == FlowMatch(6, phone, server)


def test_the_remote_port_may_be_written_behind_the_ue() -> None:
    text = "permit out tcp from 10.0.4.10 to assigned 80"

    assert parse_flow(text, remote_port_is_last=True) == parse_flow(
        "permit out tcp from 10.0.4.10 80 to assigned"
    )
    assert parse_flow(text).ue.ports == (PortRange(80, 80),)


def test_and_means_the_ue_where_both_ends_have_ports() -> None:
    text = "permit out tcp from 10.0.4.10 80 to assigned 5000"

    assert parse_flow(text, remote_port_is_last=True) == parse_flow(text)


@pytest.mark.parametrize(
    ("end", "address", "port", "is_of_it"),
    [
        (ANY, "10.9.9.9", None, True),
        (UE, "10.45.0.2", 1, True),
        (UE, "10.45.0.3", 1, False),
        (to("10.0.4.0/24"), "10.0.4.255", None, True),
        (to("10.0.4.0/24"), "10.0.5.0", None, False),
        (to("10.0.4.0/24"), "2001:db8::1", None, False),
        (to("10.0.4.0/24", (80, 90)), "10.0.4.1", 90, True),
        (to("10.0.4.0/24", (80, 90)), "10.0.4.1", 91, False),
        (to("10.0.4.0/24", (80, 90)), "10.0.4.1", None, False),
    ],
)
def test_an_end_has_packets(end: Endpoint, address: str, port: int | None, is_of_it: bool) -> None:
    assert end.has(ip_address(address), port, ip_address("10.45.0.2")) is is_of_it


PORTS = st.lists(
    st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(lambda both: f"{min(both)}-{max(both)}"),
    max_size=4,
).map(",".join)
ADDRESSES = st.just("any") | st.ip_addresses(v=4).map(str)
WORDS = st.sampled_from(
    [
        "permit",
        "out",
        "ip",
        "from",
        "any",
        "to",
        "assigned",
        "tcp",
        "80",
        "1-2",
        "10.0.0.1/8",
        "::/0",
        "in",
        "/",
        "-",
    ]
)


@given(st.sampled_from(["ip", "tcp", "17", "0"]), ADDRESSES, PORTS, PORTS)
def test_a_description_of_a_flow_means_the_flow(
    protocol: str, address: str, ports: str, ue_ports: str
) -> None:
    flow = parse_flow(f"permit out {protocol} from {address} {ports} to assigned {ue_ports}")

    assert parse_flow(str(flow)) == flow


@given(st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=60))
@example("permit out ip from \u0661 to assigned")
def test_no_text_does_anything_but_mean_a_flow_or_be_refused(text: str) -> None:
    try:
        flow = parse_flow(text)
    except FlowError:
        return
    assert parse_flow(str(flow)) == flow
