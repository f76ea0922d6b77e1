from __future__ import annotations

from ipaddress import IPv4Address

from p4fabric.controller.hosts.claims import RefusedClaim
from p4fabric.controller.hosts.notices import Limits, Notices
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.pipelines.values import MacAddress, Port

NET = IntentKey("Network", TenantName("acme"), "clients")


def claim(port: int, address: int = 1, mac: int = 7) -> RefusedClaim:
    at = PortRef(SwitchName("leaf1"), Port(port))
    return RefusedClaim(NET, MacAddress(mac), IPv4Address(address), at, None, "")


def test_a_port_is_told_of_once_a_minute_for_each_address() -> None:
    notices = Notices()
    assert notices.wanted(claim(1), 0) and not notices.wanted(claim(1, mac=8), 59)
    assert notices.wanted(claim(2), 1) and notices.wanted(claim(1, address=2), 1)
    assert notices.wanted(claim(1), 60) and not notices.wanted(claim(1), 61)


def test_a_port_that_shows_many_addresses_cannot_fill_the_log_nor_the_memory() -> None:
    notices = Notices(Limits(a_second=1, burst=3, remembered=4))
    assert [notices.wanted(claim(1, address), 0) for address in range(1, 6)] == [True] * 3 + [False] * 2
    assert notices.wanted(claim(2), 0) and notices.wanted(claim(1, 6), 1)
    assert notices.wanted(claim(1, 1), 2), "the oldest is forgotten"
