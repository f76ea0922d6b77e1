from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

from controller.names import IntentKey, PortRef, SwitchName, TenantName
from controller.topology.hosts import HostLearning, Limits
from controller.topology.model import Host, HostKey
from pipelines.fabric.bindings import HostSeen
from pipelines.values import MacAddress, Port, VlanId

NET = IntentKey("Network", TenantName("acme"), "clients")
SUBNET = ip_network("10.0.1.0/24")
NOWHERE = IPv6Address(0)
LEAF = SwitchName("leaf1")


class Learned:
    def __init__(self, limits: Limits | None = None) -> None:
        self.now = 0.0
        self.calls: list[Host] = []
        self.gone: list[HostKey] = []
        self.learning = HostLearning(
            lambda port, vlan: NET if vlan == 5 else None,
            self.refuse,
            self.calls.append,
            on_gone=self.gone.append,
            limits=limits,
            clock=lambda: self.now,
        )

    @staticmethod
    def refuse(
        network: IntentKey, port: PortRef, mac: MacAddress, address: IPv4Address | IPv6Address | None
    ) -> str | None:
        return None if address is None or address in SUBNET else f"{address} is outside {SUBNET}"

    def seen(self, port: int, mac: int, ip: str = "0.0.0.0", ipv6: str = "::", vlan: int = 5) -> str | None:
        message = HostSeen(Port(port), VlanId(vlan), MacAddress(mac), IPv4Address(ip), IPv6Address(ipv6))
        return self.learning.seen(LEAF, message)


def host(port: int, mac: int, *addresses: str) -> Host:
    at = PortRef(LEAF, Port(port))
    return Host(MacAddress(mac), NET, at, frozenset(IPv4Address(address) for address in addresses))


def test_a_host_is_learned_once_gains_addresses_and_moves() -> None:
    learned = Learned()
    assert learned.seen(1, 7, "10.0.1.9") is None
    assert learned.seen(1, 7, "10.0.1.9") is None
    assert learned.seen(1, 7, "10.0.1.10") is None
    assert learned.seen(2, 7, "10.0.1.10") is None
    both = ("10.0.1.9", "10.0.1.10")
    assert learned.calls == [host(1, 7, "10.0.1.9"), host(1, 7, *both), host(2, 7, *both)]


def test_an_address_goes_to_the_host_that_has_it_now() -> None:
    learned = Learned()
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(2, 8, "10.0.1.9")
    assert learned.calls[1:] == [host(1, 7), host(2, 8, "10.0.1.9")]


def test_a_link_local_address_shows_the_host_and_is_not_learned() -> None:
    learned = Learned()
    assert learned.seen(1, 7, ipv6="fe80::7") is None
    assert learned.calls == [host(1, 7)]


def test_what_cannot_be_a_host_of_the_network_is_refused_and_nobody_is_told() -> None:
    learned = Learned()
    assert "no host's MAC" in str(learned.seen(1, 0x01005E000001, "10.0.1.9"))
    assert "no host's MAC" in str(learned.seen(1, 0xFFFFFFFFFFFF, "10.0.1.9"))
    assert "no host's MAC" in str(learned.seen(1, 0, "10.0.1.9"))
    assert learned.seen(1, 7, "10.0.2.9") == "10.0.2.9 is outside 10.0.1.0/24"
    assert learned.seen(1, 7, "10.0.1.9", vlan=6) == "the port is not open for VLAN 6"
    assert learned.calls == []


def test_one_port_can_neither_fill_the_fabric_nor_keep_it_busy() -> None:
    learned = Learned(Limits(changes_a_second=10, burst=5, hosts=6, addresses=2))
    refused = [learned.seen(1, mac, f"10.0.1.{mac}") for mac in range(1, 9)]
    assert [reason is None for reason in refused] == [True] * 5 + [False] * 3
    assert learned.seen(2, 50, "10.0.1.50") is None
    learned.now = 1.0
    assert learned.seen(1, 6, "10.0.1.6") is None
    assert learned.seen(1, 7, "10.0.1.7") == "the port has 6 hosts already"
    assert learned.seen(1, 6, "10.0.1.100") is None
    assert learned.seen(1, 6, "10.0.1.101") == "the host has 2 addresses already"


def test_a_full_port_forgets_who_was_silent_for_long() -> None:
    learned = Learned(Limits(hosts=2, silence=60))
    learned.seen(1, 7, "10.0.1.7")
    learned.seen(1, 8, "10.0.1.8")
    learned.now = 59
    learned.seen(1, 7, "10.0.1.7")
    assert learned.seen(1, 9, "10.0.1.9") == "the port has 2 hosts already"
    learned.now = 61
    assert learned.seen(1, 9, "10.0.1.9") is None
    assert learned.gone == [(NET, MacAddress(8))]


def test_restored_hosts_are_not_reported_again_and_forgotten_ones_are() -> None:
    learned = Learned()
    learned.learning.restore([host(1, 7, "10.0.1.9")])
    learned.seen(1, 7, "10.0.1.9")
    assert learned.calls == []
    learned.learning.forget((NET, MacAddress(7)))
    learned.seen(1, 7, "10.0.1.9")
    assert learned.calls == [host(1, 7, "10.0.1.9")]
