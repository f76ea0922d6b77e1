"""What is stated counts before what is heard, and both give way to what intents say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest

from p4fabric.controller.intents import parse_intent
from p4fabric.pipelines.values import MacAddress
from tests.unit.hosts.world import ACME, LEAF, NET, World, endpoint, host, network

PINNED = "02:00:00:00:00:07"
MAC = int(MacAddress.parse(PINNED))


def pinned(port: int, *addresses: str) -> dict[str, object]:
    return {"switch": LEAF, "port": port, "mac": PINNED, "addresses": list(addresses)}


def opened(*ports: int) -> list[dict[str, object]]:
    return [{"switch": LEAF, "port": port} for port in ports]


def test_a_host_that_a_network_states_is_there_without_being_heard_and_goes_with_the_statement() -> None:
    world = World(network(attachments=[pinned(1, "10.0.1.7"), *opened(2)]))
    assert world.calls == [host(1, MAC, "10.0.1.7")] and world.kept == {}
    assert (
        world.directory.owner(ACME, host(1, 1, "10.0.1.7").addresses.__iter__().__next__()) == world.calls[0]
    )
    assert world.seen(1, MAC, "10.0.1.7") is None
    assert "all addresses" in str(world.seen(1, MAC, "10.0.1.8"))
    assert "belongs at leaf1:1" in str(world.seen(2, MAC, "10.0.1.9"))
    assert world.seen(1, MAC, ipv6="fe80::7") is None
    assert world.calls[1:] == [host(1, MAC, "10.0.1.7", "fe80::7")]
    world.apply(network(attachments=opened(1, 2)))
    assert world.calls[2:] == [host(1, MAC, "fe80::7")]


@pytest.mark.parametrize("port", [1, 2])
def test_a_statement_takes_place_and_addresses_from_hosts_that_were_heard(port: int) -> None:
    world = World()
    world.seen(1, 7, "10.0.1.7")
    world.seen(1, 8, "10.0.1.8")
    world.seen(1, 8, "10.0.1.9")
    assert world.directory.state(endpoint("cni/pod", port, 7, "10.0.1.7", "10.0.1.8")) is None
    assert world.hosts == {
        known.key: known for known in (host(port, 7, "10.0.1.7", "10.0.1.8"), host(1, 8, "10.0.1.9"))
    }
    assert world.kept == {host(1, 8).key: host(1, 8, "10.0.1.9")}
    assert "belongs to a known host (cni/pod)" in world.told[-1].reason or "cni/pod" in world.told[-2].reason
    # Once it is withdrawn nothing is left of it.
    world.directory.withdraw("cni/pod")
    assert world.hosts == world.kept


def test_a_statement_without_addresses_leaves_them_to_be_learned_at_its_port() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.7")
    world.directory.state(endpoint("cni/pod", 1, 7))
    assert world.hosts == world.kept == {host(1, 7).key: host(1, 7, "10.0.1.7")}
    world.seen(1, 7, "10.0.1.8")
    assert "belongs at leaf1:1" in str(world.seen(2, 7, "10.0.1.9"))
    assert world.hosts == {host(1, 7).key: host(1, 7, "10.0.1.7", "10.0.1.8")}


def test_a_statement_counts_as_soon_as_its_network_is_there_and_no_longer() -> None:
    world = World(network(attachments=opened(2)))
    stated = endpoint("cni/pod", 1, 7, "10.0.1.7")
    assert "is not open at leaf1:1" in str(world.directory.state(stated))
    assert world.hosts == {}
    world.apply(network())
    assert world.directory.refused(stated) is None
    assert list(world.hosts.values()) == [host(1, 7, "10.0.1.7")]
    world.delete(NET)
    assert world.hosts == {} and "does not exist" in world.gone[-1][1]
    world.apply(network(subnets=["10.0.2.0/24"]))
    assert "outside the subnets" in str(world.directory.refused(stated))
    assert list(world.hosts.values()) == [host(1, 7)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_several_statements_an_intents_counts_first_whatever_came_first(order: tuple[int, ...]) -> None:
    world = World()
    intent = network(attachments=[pinned(1, "10.0.1.7"), *opened(2, 3)])
    steps: list[Callable[[], object]] = [
        lambda: world.apply(intent),
        lambda: world.directory.state(endpoint("cni/a", 2, MAC, "10.0.1.7", "10.0.1.9")),
        lambda: world.directory.state(endpoint("cni/b", 3, 8, "10.0.1.7", "10.0.1.9")),
    ]
    for step in order:
        steps[step]()
    assert set(world.hosts.values()) == {host(1, MAC, "10.0.1.7"), host(3, 8)}
    world.apply(network(attachments=opened(1, 2, 3)))
    assert set(world.hosts.values()) == {host(2, MAC, "10.0.1.7", "10.0.1.9"), host(3, 8)}
    world.directory.withdraw("cni/a")
    assert set(world.hosts.values()) == {host(3, 8, "10.0.1.7", "10.0.1.9")}


def test_an_owner_may_change_and_withdraw_one_of_its_statements() -> None:
    world = World()
    world.directory.state(endpoint("cni/node", 1, 7, "10.0.1.7"))
    world.directory.state(endpoint("cni/node", 1, 8, "10.0.1.8"))
    world.directory.state(endpoint("cni/node", 2, 7, "10.0.1.70"))
    assert set(world.hosts.values()) == {host(2, 7, "10.0.1.70"), host(1, 8, "10.0.1.8")}
    world.directory.withdraw("cni/node", host(1, 7).key)
    assert set(world.hosts.values()) == {host(1, 8, "10.0.1.8")}
    with pytest.raises(ValueError, match="link-local"):
        endpoint("cni/node", 1, 7, "fe80::7")


def test_an_address_that_becomes_the_fabrics_own_is_withdrawn_with_the_reason() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.7")
    world.seen(1, 7, "10.0.1.100")
    pool = [{"address": "10.0.1.7", "port": 80}]
    spec = {"virtualIp": "10.0.1.100", "protocol": "tcp", "port": 80, "pool": pool}
    service = parse_intent({"kind": "Service", "name": "web", "tenant": ACME, "spec": spec})
    world.claims.put(service.key, service)
    world.directory.claims_changed({(ACME, each) for each in host(1, 1, "10.0.1.100").addresses})
    assert world.hosts == world.kept == {host(1, 7).key: host(1, 7, "10.0.1.7")}
    assert "10.0.1.100 is a virtual IP" in world.told[-1].reason
    world.apply(network(gateways=["10.0.1.7"]))
    assert list(world.hosts.values()) == [host(1, 7)] and "a gateway" in world.told[-1].reason


def test_hosts_go_when_their_port_is_closed_and_stay_when_the_network_changes_otherwise() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.7")
    world.seen(2, 8, "10.0.1.8")
    world.told.clear()
    world.apply(network(attachments=opened(2, 3), floodRate=7))
    assert world.gone == [(7, "Network/acme/clients is not open at leaf1:1")]
    assert world.kept == world.hosts == {host(2, 8).key: host(2, 8, "10.0.1.8")}
    world.apply(network(attachments=[pinned(2), *opened(3)]))
    assert world.gone[1:] == [(8, f"the port is for {PINNED}")]


def test_hosts_known_from_before_a_restart_are_judged_like_any_other() -> None:
    world = World(network(attachments=[pinned(1, "10.0.1.7"), *opened(2)]))
    refused = world.restore(
        host(2, 8, "10.0.1.8", "10.0.1.7", "10.9.9.9"), host(3, 9, "10.0.1.9"), host(1, MAC, "10.0.1.7")
    )
    assert [known for known, _ in refused] == [
        host(2, 8, "10.0.1.8", "10.0.1.7", "10.9.9.9"),
        host(3, 9, "10.0.1.9"),
        host(1, MAC, "10.0.1.7"),
    ]
    assert world.kept == {host(2, 8).key: host(2, 8, "10.0.1.8")}
    assert set(world.hosts.values()) == {host(2, 8, "10.0.1.8"), host(1, MAC, "10.0.1.7")}


def test_one_address_may_be_in_several_networks_without_subnets_but_reaches_no_host_there() -> None:
    one, other = (network(name, subnets=[], attachments=opened(port)) for name, port in (("a", 1), ("b", 2)))
    world = World(one, other)
    world.seen(1, 7, "192.0.2.1", vlan=100)
    world.seen(2, 8, "192.0.2.1", vlan=101)
    assert set(world.hosts.values()) == {
        host(1, 7, "192.0.2.1", net=one.key),
        host(2, 8, "192.0.2.1", net=other.key),
    }
    (address,) = host(1, 1, "192.0.2.1").addresses
    assert world.directory.owner(ACME, address) is None


def test_two_hosts_that_use_one_address_are_told_of_once_a_minute() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.7")
    for _ in range(10):
        world.seen(2, 8, "10.0.1.7")
        world.wait(1, 7)
    (conflict,) = world.conflicts
    assert str(conflict.address) == "10.0.1.7" and conflict.network == NET
    assert (conflict.holder.mac, conflict.holder.port.port) == (7, 1)
    assert (conflict.claimant.mac, conflict.claimant.port.port) == (8, 2)
    world.wait(60)
    world.seen(2, 8, "10.0.1.7")
    world.wait(1, 7)
    assert len(world.conflicts) == 2 and not world.refused
