from __future__ import annotations

import json
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.compiler.remedy import Action, Remedied, Remedy, RemedyKey, Target
from p4fabric.controller.compiler.served import SmfKey
from p4fabric.controller.intents.metadata import Description, Metadata
from p4fabric.controller.intents.owners import Owners
from p4fabric.controller.n4.node import Association
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.store.errors import StoreConflict
from p4fabric.controller.store.known import KnownRevisions
from p4fabric.controller.store.records import NotUnderstood, Stored, decode, encode, key_of, read
from p4fabric.controller.store.revisions import LONGEST_KEY, Listing, Record, Transaction
from p4fabric.controller.store.sqlite_store import SqliteStore
from p4fabric.controller.store.values import (
    AssociatedSmf,
    DrainedLink,
    DrainedSwitch,
    GivenNumber,
    GoneSwitch,
    GrantedRemedy,
    RestingNumber,
    RulePlaces,
    StoredHost,
    StoredIntent,
    UnsettledSwitch,
    UpfStart,
    Value,
)
from p4fabric.controller.topology.drain import Drain
from p4fabric.controller.topology.model import Cable, Host, Link
from p4fabric.pipelines.values import IpProtocol, L4Port, MacAddress, Port

NETWORK = IntentKey("Network", TenantName("acme"), "clients")
UPF = IntentKey("Upf", TenantName("acme"), "edge")
POLICY = IntentKey("FirewallPolicy", TenantName("acme"), "a/b")
HERE, THERE = PortRef(SwitchName("leaf1"), Port(9)), PortRef(SwitchName("spine1"), Port(1))
HOST = Host(MacAddress(2), NETWORK, HERE, frozenset({ip_address("10.0.0.2"), ip_address("2001:db8::2")}))
DOCUMENT = {
    "kind": "Network",
    "name": "clients",
    "tenant": "acme",
    "spec": {"subnets": ["é", "\ud800", None]},
}
SHARED = Owners.of({"ci": frozenset({"/spec/subnets"}), "me": frozenset({"/labels/app"})})
INTENT = StoredIntent(NETWORK, DOCUMENT, Metadata(3, 1.5, Description({"app": "web"}, {}, SHARED)))

REMEDY = Remedy(
    Action.REROUTE,
    Remedied(
        IntentKey("Network", TenantName("acme"), "blue"),
        IPv4Address("10.0.1.1"),
        IPv4Address("10.0.1.2"),
        IpProtocol(17),
        L4Port(1),
        L4Port(2),
    ),
    Target(SwitchName("leaf1"), SwitchName("leaf2"), Port(12)),
    PortRef(SwitchName("leaf1"), Port(11)),
    0,
    7,
    1000.5,
    1060.5,
    9,
)


@pytest.mark.parametrize(
    ("value", "key", "fields"),
    [
        (
            INTENT,
            "intents/Network/acme/clients",
            {
                "document": DOCUMENT,
                "generation": 3,
                "created": 1.5,
                "labels": {"app": "web"},
                "annotations": {},
                "owners": {"ci": ["/spec/subnets"], "me": ["/labels/app"]},
            },
        ),
        (GivenNumber("vlan", 100, "acme/clients"), "numbers/vlan/100", {"owner": "acme/clients"}),
        (RestingNumber("rank/acme%/9", 1, "a"), "resting/rank%2Facme%25%2F9/1", {"owner": "a"}),
        (
            StoredHost(HOST, 1700000000.5, stated=False),
            "hosts/Network/acme/clients/00:00:00:00:00:02",
            {
                "switch": "leaf1",
                "port": 9,
                "addresses": ["10.0.0.2", "2001:db8::2"],
                "seen": 1700000000.5,
                "stated": False,
            },
        ),
        (Link(HERE, THERE), "links/leaf1/9/spine1/1", {}),
        (Cable.of(THERE, HERE), "cables/leaf1/9/spine1/1", {}),
        (
            RulePlaces(POLICY, 5, 2, {"no-telnet": 4096, "a/b": 1024}),
            "places/FirewallPolicy/acme/a%2Fb",
            {"priority": 5, "order": 2, "places": {"no-telnet": 4096, "a/b": 1024}},
        ),
        (
            DrainedSwitch(SwitchName("spine1"), Drain(1700000000.0, wanted=True, avoided=True)),
            "drained-switches/spine1",
            {"since": 1700000000.0, "wanted": True, "avoided": True, "wasAvoided": False},
        ),
        (
            DrainedLink(Cable.of(THERE, HERE), Drain(1.0, wanted=False, avoided=True, was_avoided=True)),
            "drained-links/leaf1/9/spine1/1",
            {"since": 1.0, "wanted": False, "avoided": True, "wasAvoided": True},
        ),
        (GoneSwitch(SwitchName("leaf2"), 1700000000.0), "switches/gone/leaf2", {"declared": 1700000000.0}),
        (UnsettledSwitch(SwitchName("leaf2"), 40), "unsettled/leaf2", {"entries": 40}),
        (
            GrantedRemedy(RemedyKey(IntentKey("CongestionResponse", TenantName("ops"), "all"), 3), REMEDY),
            "remedies/CongestionResponse/ops/all/3",
            {
                "action": "reroute",
                "flow": {
                    "network": ["Network", "acme", "blue"],
                    "source": "10.0.1.1",
                    "destination": "10.0.1.2",
                    "protocol": 17,
                    "sourcePort": 1,
                    "destinationPort": 2,
                },
                "leaf": "leaf1",
                "towards": "leaf2",
                "port": 12,
                "rate": 0,
                "burst": 0,
                "queue": ["leaf1", 11, 0],
                "incident": 7,
                "granted": 1000.5,
                "expires": 1060.5,
                "waitNs": 9,
            },
        ),
        (UpfStart(UPF, 3_900_000_000), "upf-starts/Upf/acme/edge", {"started": 3_900_000_000}),
        (
            AssociatedSmf(SmfKey(UPF, IPv4Address("10.0.9.4")), Association("smf.example", 7, 1_700_000_000)),
            "upf-smfs/Upf/acme/edge/10.0.9.4",
            {
                "association": {
                    "Association": {"node_id": "smf.example", "recovery": 7, "since": 1_700_000_000}
                }
            },
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str | dict) else "",
)
def test_a_value_is_one_record_with_a_key_that_people_can_read(
    value: Value, key: str, fields: dict[str, object]
) -> None:
    assert key_of(value) == key
    assert json.loads(encode(value)) == fields
    assert decode(Record(key, encode(value), 5, 7)) == Stored(key, value, created=5, modified=7)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("meters/acme/gold", b"{}", "this version knows no such kind of record"),
        ("numbers", b"{}", "this version knows no such kind of record"),
        ("numbers/vlan/100/x", b'{"owner": "a"}', "its key has 3 parts after numbers/, not 2"),
        ("numbers/vlan/0100", b'{"owner": "a"}', "its key would be numbers/vlan/100"),
        ("numbers/vlan/one", b'{"owner": "a"}', "invalid literal for int() with base 10: 'one'"),
        ("numbers/vlan/100", b'{"owner": "a", "until": 7}', "until: Extra inputs are not permitted"),
        ("numbers/vlan/100", b"{}", "owner: Field required"),
        ("numbers/vlan/100", b'{"owner": 7}', "owner: Input should be a valid string"),
        (
            "numbers/vlan/100",
            b"\xff",
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        ("numbers/vlan/100", b"not JSON", "Expecting value: line 1 column 1 (char 0)"),
        ("numbers/vlan/100", b"[" * 100_000, "it is nested too deeply"),
        ("cables/spine1/1/leaf1/9", b"{}", "its key would be cables/leaf1/9/spine1/1"),
        ("links/leaf1/9/spine1/512", b"{}", "Port is 0 to 511, not 512"),
        (
            "hosts/Network/a/b/02",
            b'{"switch":"a","port":1,"addresses":[],"seen":1,"stated":true}',
            "a MAC address",
        ),
    ],
)
def test_what_this_version_does_not_understand_is_returned_with_the_reason(
    key: str, value: bytes, reason: str
) -> None:
    found = decode(Record(key, value, 1, 1))
    assert isinstance(found, NotUnderstood) and found.key == key and found.reason.startswith(reason)


@given(st.text(max_size=LONGEST_KEY // 4), st.binary(max_size=50))
def test_no_record_at_all_is_a_surprise(tail: str, value: bytes) -> None:
    for prefix in (
        "",
        "intents/",
        "numbers/a/",
        "hosts/a/b/c/",
        "links/a/1/b/",
        "places/a/b/",
        "switches/gone/",
    ):
        for content in (value, b"{}", b'{"owner":"a"}', b"null"):
            found = decode(Record(prefix + tail, content, 1, 1))
            assert found is None or found.key == prefix + tail
            read(Listing(1, (Record(prefix + tail, content, 1, 1),))).unreadable_numbers  # noqa: B018


async def test_what_is_not_understood_is_listed_and_never_overwritten(store: SqliteStore) -> None:
    future = {"numbers/vlan/100": b'{"owner": "a", "until": 7}', "meters/acme/gold": b"binary \xff"}
    understood: list[Value] = [
        INTENT,
        GivenNumber("vlan", 101, "b"),
        StoredHost(HOST, 1.0, stated=True),
        Link(HERE, THERE),
    ]
    await store.commit(Transaction(future))
    await store.commit(Transaction({key_of(value): encode(value) for value in understood}))
    await store.secret("probes")
    contents = read(await store.list())
    assert [(record.key, record.reason) for record in contents.not_understood] == [
        ("meters/acme/gold", "this version knows no such kind of record"),
        ("numbers/vlan/100", "until: Extra inputs are not permitted"),
    ]
    assert {stored.value for stored in contents.numbers} == {understood[1]}
    assert contents.unreadable_numbers == {("vlan", 100)}
    assert sorted(stored.key for stored in contents.understood()) == sorted(map(key_of, understood))
    known = KnownRevisions(contents)
    for change in (
        known.transaction(put=[GivenNumber("vlan", 100, "b")]),
        known.transaction(remove=[GivenNumber("vlan", 100, "a")]),
    ):
        with pytest.raises(StoreConflict, match="numbers/vlan/100"):
            await store.commit(change)
    for key, value in future.items():
        kept = await store.get(key)
        assert kept is not None and kept.value == value


async def test_a_number_goes_to_rest_in_the_transaction_that_takes_it_back(store: SqliteStore) -> None:
    known = KnownRevisions(read(await store.list()))
    given_, resting = GivenNumber("vlan", 100, "a"), RestingNumber("vlan", 100, "a")
    change = known.transaction(put=[given_])
    known.committed(change, await store.commit(change))
    change = known.transaction(put=[resting], remove=[given_])
    revision = await store.commit(change)
    known.committed(change, revision)
    contents = read(await store.list())
    assert not contents.numbers and contents.resting == (
        Stored("resting/vlan/100", resting, revision, revision),
    )
    change = known.transaction(put=[given_], remove=[resting], unchanged=[INTENT])
    known.committed(change, await store.commit(change))
    assert read(await store.list()).numbers[0].value == given_


async def test_what_was_only_read_must_not_have_changed_meanwhile(store: SqliteStore) -> None:
    known = KnownRevisions(read(await store.list()))
    await store.commit(Transaction({key_of(INTENT): encode(INTENT)}))
    with pytest.raises(StoreConflict, match="intents/Network/acme/clients"):
        await store.commit(known.transaction(put=[Link(HERE, THERE)], unchanged=[INTENT]))


def test_two_values_never_share_a_key() -> None:
    values: list[Value] = [
        GivenNumber("a/b", 1, "x"),
        GivenNumber("a%2Fb", 1, "x"),
        *(
            RulePlaces(IntentKey("FirewallPolicy", TenantName(tenant), name), 1, 1, {})
            for tenant, name in (("a", "b/c"), ("a/b", "c"), ("a%2Fb", "c"))
        ),
    ]
    assert len(set(map(key_of, values))) == len(values)
