"""The directory after any sequence of events is what a plain model of the rules says.

The model keeps lists, looks at everything each time, and shares no code with the directory. Claims are
settled before the next event; which hosts answer is part of the event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.controller.hosts import AgeingSettings, Endpoint, HostClaim, Limits
from p4fabric.controller.hosts.claims import IpAddress
from p4fabric.controller.intents import IntentDocument, parse_intent
from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from p4fabric.controller.names import IntentKey
from p4fabric.controller.topology.model import Host, HostKey
from p4fabric.pipelines.values import MacAddress, VlanId
from tests.unit.hosts.world import ACME, LEAF, NET, World, at, endpoint, network

PORTS, MACS = (1, 2, 3), (7, 8, 9, int(ROUTER_MAC))
ADDRESSES = ("10.0.1.7", "10.0.1.8", "10.0.1.9", "10.0.2.9")
FLAT = IntentKey("Network", ACME, "flat")
VLANS = {NET: VlanId(100), FLAT: VlanId(101)}


@dataclass(frozen=True)
class Net:
    """What the model knows of a network: ports, each for one MAC address or for any; and more."""

    ports: dict[int, int | None]
    addresses: dict[int, tuple[str, ...]] = field(default_factory=dict)
    gateway: str | None = None

    def document(self, key: IntentKey) -> Any:
        attachments = []
        for port, mac in self.ports.items():
            stated = self.addresses.get(port, ())
            attachment: dict[str, Any] = {"switch": LEAF, "port": port, "addresses": list(stated)}
            if key == FLAT:
                attachment["vlan"] = 40
            if mac is not None:
                attachment["mac"] = str(MacAddress(mac))
            attachments.append(attachment)
        subnets = [] if key == FLAT else ["10.0.1.0/24"]
        gateways = [self.gateway] if self.gateway else []
        return network(key.name, subnets=subnets, gateways=gateways, attachments=attachments)


CLIENTS = (
    Net({1: None, 2: None, 3: None}),
    Net({1: None, 2: None}),
    Net({1: 7, 2: None, 3: None}),
    Net({1: 7, 2: None, 3: 8}, {1: ("10.0.1.7", "10.0.1.8")}),
    Net({1: None, 2: None, 3: None}, gateway="10.0.1.9"),
    None,
)
FLATS = (Net({1: None, 3: None}), Net({3: 8}), None)


class Model:
    """Says what the hosts are, by the rules as the documentation has them."""

    def __init__(self) -> None:
        self.networks: dict[IntentKey, Net] = {}
        self.stated: list[Endpoint] = []
        self.virtual: set[IpAddress] = set()
        self.learned: dict[HostKey, Host] = {}

    def statements(self) -> list[Endpoint]:
        by_intents = [
            endpoint(key, port, mac, *net.addresses.get(port, ()), net=key)
            for key, net in self.networks.items()
            for port, mac in net.ports.items()
            if mac is not None
        ]
        by_others = sorted(self.stated, key=lambda one: (str(one.owner), one.key))
        return sorted(by_intents, key=lambda one: (str(one.owner), one.key)) + by_others

    def may_be(self, key: HostKey, port: int, address: IpAddress | None) -> bool:
        """Whether there may be such a host, whatever others state."""
        net = self.networks.get(key[0])
        if net is None or port not in net.ports or key[1] == ROUTER_MAC:
            return False
        if net.ports[port] not in (None, int(key[1])):
            return False
        if address is None:
            return True
        gateways = {ip_address(other.gateway) for other in self.networks.values() if other.gateway}
        if address in self.virtual | gateways:
            return False
        return key[0] == FLAT or address in ip_network("10.0.1.0/24")

    def may_be_heard(self, key: HostKey, port: int, address: IpAddress | None) -> bool:
        first = next((one for one in self.statements() if one.key == key), None)
        if first is not None and first.port != at(port):
            return False
        if first is not None and first.addresses and address is not None and address not in first.addresses:
            return False
        holder = next((one for one in self.statements() if address in one.addresses), None)
        if holder is not None and holder.key != key:
            return False
        return self.may_be(key, port, address)

    def hear(self, key: HostKey, port: int, address: IpAddress, answering: set[int]) -> None:
        if not self.may_be_heard(key, port, address):
            return
        stated = next((one for one in self.statements() if one.key == key), None)
        if stated is not None and address in stated.addresses:
            return
        known = self.learned.get(key)
        if known is not None and known.attachment != at(port) and key[1] in answering:
            return
        addresses = known.addresses if known is not None else frozenset()
        others = [h for h in self.learned.values() if h.network == key[0] and address in h.addresses]
        holder = next((other for other in others if other.key != key), None)
        if holder is not None and holder.mac in answering:
            if known is not None:
                self.learned[key] = Host(key[1], key[0], at(port), addresses)
            return
        if holder is not None:
            left = holder.addresses - {address}
            self.learned[holder.key] = Host(holder.mac, holder.network, holder.attachment, left)
        self.learned[key] = Host(key[1], key[0], at(port), addresses | {address})

    def judge_all(self) -> None:
        for key, known in list(self.learned.items()):
            port = int(known.attachment.port)
            stated = next((one for one in self.statements() if one.key == key), None)
            own = stated.addresses if stated is not None else frozenset()
            left = {a for a in known.addresses - own if self.may_be_heard(key, port, a)}
            if not self.may_be_heard(key, port, None) or (stated is not None and not left):
                del self.learned[key]
            else:
                self.learned[key] = Host(known.mac, known.network, known.attachment, frozenset(left))

    def age(self, answering: set[int]) -> None:
        stated = {one.key for one in self.statements()}
        self.learned = {k: h for k, h in self.learned.items() if k in stated or k[1] in answering}

    def hosts(self) -> dict[HostKey, Host]:
        found = dict(self.learned)
        statements = self.statements()
        for key in {one.key for one in statements}:
            first = next(one for one in statements if one.key == key)
            port = int(first.port.port)
            if not self.may_be(key, port, None):
                continue
            mine = {
                address
                for address in first.addresses
                if next(one for one in statements if address in one.addresses) == first
                and self.may_be(key, port, address)
            }
            learned = self.learned[key].addresses if key in self.learned else frozenset()
            found[key] = Host(first.mac, first.network, first.port, frozenset(mine) | learned)
        return found


def settle(world: World, seconds: float, answering: set[int]) -> None:
    end = world.now + seconds
    while (due := world.directory.due) is not None and due <= end:
        world.now = max(world.now, due)
        for question in world.directory.tick():
            key, port, mac = question.host, int(question.place.port), int(question.host[1])
            known = next((host for host in world.directory.learned if host.key == key), None)
            if known is None or mac not in answering:
                continue
            # A host answers for what it has; one of which no address is known has some that is not learned.
            if question.address in known.addresses:
                world.seen_of(key[0], port, mac, question.address)
            elif not known.addresses:
                world.seen_of(key[0], port, mac, IPv4Address("169.254.0.7"))
        world.ask_switches()
    world.now = end


HEARD = st.tuples(
    st.just("hear"),
    st.sampled_from([NET, NET, NET, FLAT]),
    st.sampled_from(MACS[:3] * 4 + MACS),
    st.sampled_from(PORTS),
    st.sampled_from([*ADDRESSES[:3] * 3, *ADDRESSES]),
)
STATED = st.tuples(
    st.just("state"),
    st.sampled_from(["cni/a", "cni/b"]),
    st.sampled_from(MACS),
    st.sampled_from(PORTS),
    st.sets(st.sampled_from(ADDRESSES), max_size=2),
)
RARER = (
    st.tuples(st.just("withdraw"), st.sampled_from(["cni/a", "cni/b"])),
    st.tuples(st.just("clients"), st.sampled_from([0, 0, 0, *range(len(CLIENTS))])),
    st.tuples(st.just("flat"), st.integers(0, len(FLATS) - 1)),
    st.tuples(st.just("virtual"), st.sampled_from(ADDRESSES[:3]), st.sampled_from([True, False, False])),
    st.tuples(st.just("forget"), st.sampled_from(MACS)),
    st.tuples(st.just("wait")),
)
EVENTS = st.sampled_from([HEARD] * 20 + [STATED] * 3 + [*RARER]).flatmap(lambda events: events)
STEPS = st.tuples(EVENTS, st.sets(st.sampled_from(MACS[:3])))


def do(world: World, model: Model, event: tuple[Any, ...], answering: set[int]) -> None:
    match event:
        case ("hear", net, mac, port, address):
            world.seen_of(net, port, mac, IPv4Address(address))
            settle(world, 2, answering)
            model.hear((net, MacAddress(mac)), port, IPv4Address(address), answering)
        case ("state", owner, mac, port, addresses):
            stated = endpoint(owner, port, mac, *addresses)
            world.directory.state(stated)
            model.stated = [one for one in model.stated if (one.owner, one.key) != (owner, stated.key)]
            model.stated.append(stated)
        case ("withdraw", owner):
            world.directory.withdraw(owner)
            model.stated = [one for one in model.stated if one.owner != owner]
        case ("clients" | "flat" as name, number):
            key, net = (NET, CLIENTS[number]) if name == "clients" else (FLAT, FLATS[number])
            if net is None:
                world.delete(key)
                model.networks.pop(key, None)
            else:
                world.apply(net.document(key), VLANS[key])
                model.networks[key] = net
        case ("virtual", address, there):
            service = _service(address)
            world.claims.put(service.key, service if there else None)
            (model.virtual.add if there else model.virtual.discard)(ip_address(address))
            world.directory.claims_changed({(ACME, ip_address(address))})
        case ("forget", mac):
            world.directory.forget((NET, MacAddress(mac)), "a test")
            model.learned.pop((NET, MacAddress(mac)), None)
        case ("wait",):
            settle(world, 700, answering)
            model.age(answering)
    model.judge_all()


def _service(address: str) -> IntentDocument:
    pool = [{"address": "10.0.1.200", "port": 80}]
    spec = {"virtualIp": address, "protocol": "tcp", "port": 80, "pool": pool}
    name = "v" + address.replace(".", "-")
    return parse_intent({"kind": "Service", "name": name, "tenant": ACME, "spec": spec})


def new_world() -> World:
    many = Limits(changes_a_second=1e6, burst=1_000_000)
    world = World(limits=many, ageing=AgeingSettings(silence=300))
    world.delete(NET)
    return world


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, min_size=12, max_size=40))
def test_after_any_events_the_directory_is_what_the_model_says(
    steps: list[tuple[tuple[Any, ...], set[int]]],
) -> None:
    world, model = new_world(), Model()
    do(world, model, ("clients", 0), set())
    do(world, model, ("flat", 0), set())
    shown: dict[HostKey, Host] = {}
    for event, answering in steps:
        world.told.clear()
        do(world, model, event, answering)
        assert {host.key: host for host in world.directory.learned} == model.learned == world.kept
        assert world.hosts == model.hosts()
        for change in world.told:
            assert change.before == shown.get(change.key) and change.reason
            if change.after is None:
                del shown[change.key]
            else:
                shown[change.key] = change.after
        assert shown == world.hosts
        check_consistency(world)


def check_consistency(world: World) -> None:
    """What is known is what the rules allow, and every address leads to its host."""
    judge = world.directory.rules.judge
    for known in world.directory.learned:
        for address in (None, *known.addresses):
            assert judge(HostClaim(known.network, known.mac, known.attachment, address)) is None
    for known in world.directory.hosts:
        for address in (None, *known.addresses):
            claim = HostClaim(known.network, known.mac, known.attachment, address)
            assert judge(claim, stated=True) is None
    for text in ADDRESSES:
        address = ip_address(text)
        holders = [h for h in world.directory.hosts if h.network == NET and address in h.addresses]
        assert world.directory.owner(ACME, address) == (holders[0] if holders else None)
        assert len(holders) <= 1


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(6)), st.data())
def test_statements_and_networks_give_the_same_hosts_in_whatever_order_they_come(
    order: list[int], data: st.DataObject
) -> None:
    addresses = st.sets(st.sampled_from(ADDRESSES), max_size=2)
    drawn: list[tuple[Any, ...]] = [
        ("state", owner, mac, data.draw(st.sampled_from(PORTS)), data.draw(addresses))
        for owner in ("cni/a", "cni/b")
        for mac in MACS[:2]
    ]
    drawn += [("clients", data.draw(st.integers(0, 4))), ("flat", data.draw(st.integers(0, 1)))]
    one, other = new_world(), new_world()
    for index in range(6):
        do(one, Model(), drawn[index], set())
        do(other, Model(), drawn[order[index]], set())
    assert one.hosts == other.hosts
