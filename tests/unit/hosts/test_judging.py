"""Hosts of a big network are judged again by and by, and nobody sees one that was not. The clock is held."""

from __future__ import annotations

from ipaddress import IPv4Address

from p4fabric.controller.hosts import Limits
from p4fabric.pipelines.values import MacAddress
from tests.unit.hosts.world import ACME, NET, World, network

MANY = 2000
LAST = MANY
"""The host that is judged last: they are judged in the order of their MAC addresses."""


def address(number: int) -> str:
    return f"10.0.{number // 250}.{number % 250 + 1}"


def crowd(many: int = MANY) -> World:
    """A network whose hosts, with the MAC addresses from 1 on, were all heard at port 1."""
    limits = Limits(changes_a_second=1e6, burst=many, hosts=many)
    world = World(network(subnets=["10.0.0.0/16"]), limits=limits)
    for mac in range(1, many + 1):
        assert world.seen(1, mac, address(mac)) is None
    world.told.clear()
    return world


def narrow(world: World) -> None:
    """Take the subnet away that all of them are in."""
    world.apply(network(subnets=["10.1.0.0/16"]))


def test_a_change_judges_a_few_hosts_at_a_time_and_all_before_time_passes() -> None:
    world = crowd()
    narrow(world)
    assert len(world.told) <= MANY / 10
    before = world.now
    while (due := world.directory.due) is not None and due <= before:
        told = len(world.told)
        world.directory.tick()
        assert len(world.told) - told <= MANY / 10
    assert [int(change.key[1]) for change in world.told] == list(range(1, MANY + 1))
    assert all(change.after is not None and not change.after.addresses for change in world.told)


def test_nobody_sees_a_host_as_it_was_before_the_change() -> None:
    world = crowd()
    owned = IPv4Address(address(LAST))
    owner = world.directory.owner(ACME, owned)
    assert owner is not None and owner.mac == LAST
    narrow(world)
    assert world.directory.owner(ACME, owned) is None
    other = world.directory.get((NET, MacAddress(LAST - 1)))
    assert other is not None and not other.addresses
    world.wait(0)
    assert len(world.told) == MANY


def test_an_address_that_a_host_may_have_no_more_is_free_at_once() -> None:
    world = crowd()
    ports = [{"switch": "leaf1", "port": port} for port in (2, 3)]
    world.apply(network(subnets=["10.0.0.0/16"], attachments=ports))
    newcomer = MANY + 1
    assert world.seen(2, newcomer, address(LAST)) is None
    owner = world.directory.owner(ACME, IPv4Address(address(LAST)))
    assert owner is not None and owner.mac == newcomer
    world.wait(0)
    assert [host.mac for host in world.directory.hosts] == [newcomer]


def test_what_is_changed_back_meanwhile_leaves_the_others_as_they_were() -> None:
    world = crowd()
    narrow(world)
    world.directory.tick()
    judged = len(world.told)
    world.apply(network(subnets=["10.0.0.0/16"]))
    world.wait(0)
    with_addresses = [host for host in world.directory.hosts if host.addresses]
    assert len(world.told) <= 2 * judged and len(with_addresses) >= MANY - 2 * judged
