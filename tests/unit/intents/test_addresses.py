"""Which addresses hosts, subnets, routes and rules can have: the table, and that every field asks it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from p4fabric.controller.intents import KINDS
from p4fabric.controller.intents.addresses import edge_of, not_a_host, not_a_route, not_a_rule, not_a_subnet
from tests.attacks.test_addresses import FIELDS

HOSTS = [
    "10.0.1.11", "192.168.0.1", "100.64.0.1", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1",
    "1.0.0.0", "223.255.255.254", "128.0.0.1", "172.16.0.1",
    "2001:db8::1", "fd00::1", "fec0::1", "2000::1", "64:ff9b:1::1", "2002:a00:1::1",
]  # fmt: skip
NO_HOSTS = [
    ("0.0.0.0", "this network"), ("0.0.0.1", "this network"), ("0.255.255.255", "this network"),
    ("127.0.0.1", "loopback"), ("127.255.255.255", "loopback"), ("169.254.0.1", "link-local"),
    ("224.0.0.1", "multicast"), ("239.255.255.255", "multicast"), ("240.0.0.1", "reserved"),
    ("255.255.255.254", "reserved"), ("255.255.255.255", "broadcast"),
    ("::", "unspecified"), ("::1", "loopback"), ("::10.0.1.1", "IPv4-compatible"),
    ("::ffff:10.0.1.1", "IPv4-mapped"), ("::ffff:0:10.0.1.1", "IPv4-translated"),
    ("64:ff9b::a00:1", "NAT64"), ("fe80::1", "link-local"), ("febf::1", "link-local"),
    ("ff02::1", "multicast"), ("ffff::1", "multicast"),
]  # fmt: skip


@pytest.mark.parametrize("address", HOSTS)
def test_one_host_can_have(address: str) -> None:
    assert not_a_host(ip_address(address)) is None


@pytest.mark.parametrize(("address", "why"), NO_HOSTS)
def test_no_host_can_have(address: str, why: str) -> None:
    said = not_a_host(ip_address(address))
    assert said is not None and said.startswith(f"{ip_address(address)} is ") and why in said


@pytest.mark.parametrize(
    ("prefix", "subnet", "route", "rule"),
    [
        ("10.0.1.0/24", "", "", ""),
        ("100.64.0.0/10", "", "", ""),
        ("192.0.2.0/24", "", "", ""),
        ("10.0.1.1/32", "", "", ""),
        ("2001:db8::/64", "", "", ""),
        ("fec0::/64", "", "", ""),
        ("fd00::/8", "", "", ""),
        ("0.0.0.0/0", "contains 0.0.0.0/8", "", ""),
        ("128.0.0.0/1", "contains 169.254.0.0/16", "", ""),
        ("::/0", "contains ::/128", "", ""),
        ("fe00::/7", "contains fe80::/10", "", ""),
        ("0.0.0.0/8", "this network", "this network", ""),
        ("0.1.0.0/16", "this network", "this network", ""),
        ("127.0.0.0/24", "loopback", "loopback", ""),
        ("169.254.7.0/24", "link-local", "link-local", ""),
        ("224.0.0.0/4", "multicast", "multicast", ""),
        ("240.0.0.0/4", "contains 255.255.255.255/32", "reserved", ""),
        ("250.0.0.0/8", "reserved", "reserved", ""),
        ("255.255.255.255/32", "broadcast", "broadcast", ""),
        ("fe80::/64", "link-local", "link-local", ""),
        ("ff00::/8", "multicast", "multicast", ""),
        ("::1/128", "loopback", "loopback", ""),
        ("::ffff:0:0/96", "IPv4-mapped", "IPv4-mapped", "matched by 0.0.0.0/0"),
        ("::ffff:10.0.1.0/120", "IPv4-mapped", "IPv4-mapped", "matched by 10.0.1.0/24"),
        ("::10.0.1.0/120", "IPv4-compatible", "IPv4-compatible", "matched by 10.0.1.0/24"),
        ("64:ff9b::/96", "NAT64", "", ""),
    ],
)
def test_prefixes(prefix: str, subnet: str, route: str, rule: str) -> None:
    for judge, expected in ((not_a_subnet, subnet), (not_a_route, route), (not_a_rule, rule)):
        said = judge(ip_network(prefix))
        assert (said is None) == (not expected) and expected in (said or ""), (judge.__name__, said)


@pytest.mark.parametrize(
    ("address", "subnet", "why"),
    [
        ("10.0.1.0", "10.0.1.0/24", "network address"),
        ("10.0.1.255", "10.0.1.0/24", "broadcast address"),
        ("10.0.1.1", "10.0.1.0/24", None),
        ("10.0.1.0", "10.0.1.0/31", None),
        ("10.0.1.1", "10.0.1.1/32", None),
        ("2001:db8::", "2001:db8::/64", None),
    ],
)
def test_the_edges_of_a_subnet(address: str, subnet: str, why: str | None) -> None:
    said = edge_of(ip_address(address), ip_network(subnet))
    assert said is None if why is None else why in str(said)


def test_every_field_that_holds_an_address_or_a_prefix_is_tried() -> None:
    """A new field fails here until it is in the table of the attack."""
    found = {(kind, path) for kind, model in KINDS.items() for path in _paths(model)}
    assert found == {(kind, path) for kind, path, *_ in FIELDS}


def _paths(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        path = f"{before}{info.alias or name}"
        for kind in _kinds(info.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _paths(kind, f"{path}.")
            elif kind in (IPv4Address, IPv6Address, IPv4Network, IPv6Network):
                yield path


def _kinds(annotation: Any) -> set[Any]:
    if get_origin(annotation) in (tuple, Union, types.UnionType):
        return set().union(*(_kinds(part) for part in get_args(annotation)))
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    return {annotation}
