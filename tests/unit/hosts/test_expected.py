"""Which hosts intents rely on."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from p4fabric.controller.hosts.expected import ExpectedAddresses
from p4fabric.controller.intents import IntentDocument, parse_intent
from p4fabric.controller.names import TenantName
from tests.unit.hosts.world import ACME, network

A, B, C = (ip_address(f"10.0.1.{number}") for number in (7, 8, 9))


def service(name: str, *addresses: Any, tenant: str = ACME) -> IntentDocument:
    pool = [{"address": str(address), "port": 80} for address in addresses]
    spec = {"virtualIp": "10.0.1.100", "protocol": "tcp", "port": 80, "pool": pool}
    return parse_intent({"kind": "Service", "name": name, "tenant": tenant, "spec": spec})


def test_servers_routers_and_gnbs_are_expected_as_long_as_an_intent_names_them() -> None:
    expected = ExpectedAddresses()
    routes = [{"prefix": "10.9.0.0/16", "via": "10.0.1.9"}]
    upf = {
        "accessNetwork": "a", "dataNetwork": "b", "n3Address": "10.0.1.1", "gnbAddress": "10.0.1.10",
        "uplinkTeid": 1, "downlinkTeid": 1, "ueAddress": "10.45.0.2", "qfi": 9,
    }  # fmt: skip
    session = parse_intent({"kind": "UpfSession", "name": "u", "tenant": ACME, "spec": upf})
    for intent in (
        service("one", A, B),
        service("two", B),
        network(routes=routes, gateways=["10.0.1.1"]),
        session,
    ):
        expected.put(intent)
    assert all(expected.has(ACME, address) for address in (A, B, C, ip_address("10.0.1.10")))
    assert not expected.has(ACME, ip_address("10.0.1.1")) and not expected.has(TenantName("other"), A)
    expected.put(service("one", A))
    assert expected.has(ACME, B)
    expected.remove(service("two", B).key)
    expected.remove(service("two", B).key)
    assert expected.has(ACME, A) and not expected.has(ACME, B)
    expected.put(network())
    assert not expected.has(ACME, C)
