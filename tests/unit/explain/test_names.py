"""Hosts are asked about by the names that their networks give them."""

from __future__ import annotations

from typing import Any

import pytest

from p4fabric.controller.explain.question import QuestionError
from p4fabric.controller.explain.result import End
from p4fabric.controller.names import TenantName
from tests.unit.compiler.world import ACCESS, DATA, HOSTS, POLICY, UE, WEB, host, network
from tests.unit.explain.rig import Rig, at

SUBNET_6: dict[str, Any] = {"subnets": ["10.0.2.0/24", "2001:db8:2::/64"]}


def attached(name: str | None, switch: str, port: int, **more: Any) -> dict[str, Any]:
    return {"switch": switch, "port": port, **({"host": name} if name else {}), **more}


CLIENTS = network("clients", 1, attachments=[attached("h1", "leaf1", 1), attached("h4", "leaf3", 3)])
STATED = {"mac": "02:00:0a:00:02:14", "addresses": ["10.0.2.20"]}
SERVERS = network(
    "servers",
    2,
    attachments=[
        attached("web1", "leaf2", 1),
        attached("h4", "leaf2", 2),
        attached("db", "leaf2", 3, **STATED),
    ],
)
DOCUMENTS = [CLIENTS, SERVERS, ACCESS, DATA, WEB, UE, POLICY]
ACME = TenantName("acme")


def refusal(rig: Rig, source: str, destination: str, **fields: Any) -> tuple[str, str]:
    """The field that is wrong, and what is said of it."""
    with pytest.raises(QuestionError) as refused:
        rig.explain(source, destination, **fields)
    (error,) = refused.value.errors
    return error.field, error.message


def test_hosts_that_were_heard_and_hosts_that_are_stated_are_found_by_name() -> None:
    rig = Rig(DOCUMENTS)
    heard = rig.explain("h1", "web1", protocol="tcp", destination_port=80)
    assert (heard.forward.end, heard.forward.place) == (End.DELIVERED, at("leaf2", 1))
    assert (str(heard.forward.packet.src), str(heard.target.address)) == ("10.0.1.11", "10.0.2.11")
    stated = rig.explain("db", "h1")
    assert (str(stated.forward.packet.src), str(stated.target.address)) == ("10.0.2.20", "10.0.1.11")
    assert rig.explain("h1", "web").target.transport.destination_port == 80


def test_of_a_name_that_several_have_the_full_names_are_listed_and_stand_for_one() -> None:
    rig = Rig(DOCUMENTS, [*HOSTS, host("clients", "leaf3", 3, "10.0.1.14")])
    assert refusal(rig, "h4", "db") == ("from", "stands for several; name one of clients/h4, servers/h4")
    assert str(rig.explain("clients/h4", "db").forward.packet.src) == "10.0.1.14"
    assert str(rig.explain("db", "servers/h4").target.address) == "10.0.2.12"
    named_alike = {**WEB, "name": "web1"}
    both = Rig([named_alike if document is WEB else document for document in DOCUMENTS])
    assert refusal(both, "h1", "web1") == ("to", "stands for several; name one of servers/web1, Service/web1")
    assert str(both.explain("h1", "Service/web1").target.address) == "10.0.100.80"
    # A Service sends nothing, so that it is not meant.
    assert str(both.explain("web1", "h1").forward.packet.src) == "10.0.2.11"


def test_of_a_name_that_nobody_has_those_that_begin_alike_are_listed_first() -> None:
    rig = Rig(DOCUMENTS)
    field, message = refusal(rig, "h1", "webb", tenant=ACME)
    assert (field, message) == (
        "to",
        "is not an address or a MAC address, nor the name of a host, a Service or a UpfSession "
        "of tenant acme; known are web, web1, db, h1, h4, ue1",
    )
    assert refusal(rig, "db1", "h1", tenant=ACME)[1].endswith("; known are db, h1, h4, ue1, web1")
    assert refusal(rig, "clients/web1", "h1", tenant=ACME)[1].endswith("known are web1, db, h1, h4, ue1")
    many = network(
        "many", 9, attachments=[attached(f"n{number}", "leaf1", number) for number in range(30, 50)]
    )
    assert refusal(Rig([many]), "n3", "10.0.9.1", tenant=ACME)[1].endswith(
        "; known are n30, n31, n32, n33, n34, n35, n36, n37, n38, n39 and 10 more"
    )


def test_a_name_that_several_tenants_have_needs_the_tenant() -> None:
    theirs = network("clients", 1, attachments=[attached("h1", "leaf1", 20)], tenant="blue")
    rig = Rig([*DOCUMENTS, theirs], [*HOSTS, host("clients", "leaf1", 20, "10.0.1.50", tenant="blue")])
    assert refusal(rig, "h1", "db") == ("tenant", "is required: h1 is of several tenants (acme, blue)")
    assert str(rig.explain("h1", "db", tenant=ACME).forward.packet.src) == "10.0.1.11"
    blue = rig.explain("h1", "10.0.1.11", tenant=TenantName("blue"))
    assert str(blue.forward.packet.src) == "10.0.1.50" and blue.forward.end is not End.DELIVERED
    assert refusal(rig, "h9", "h8")[1].endswith(
        "of any tenant; known are h1 of acme, h1 of blue, h4 of acme, db of acme, ue1 of acme, web of acme, "
        "web1 of acme"
    )


def test_a_name_of_a_port_where_nobody_or_several_were_heard_says_so() -> None:
    rig = Rig(DOCUMENTS)
    assert refusal(rig, "clients/h4", "db") == (
        "from",
        "is at leaf3:3, which has nobody as known hosts; name one by its address, or give sourceAddress",
    )
    assert refusal(rig, "db", "clients/h4") == (
        "to",
        "is at leaf3:3, where there is no host with a known address",
    )
    two = [host("clients", "leaf3", 3, "10.0.1.14"), host("clients", "leaf3", 3, "10.0.1.15")]
    shared = Rig(DOCUMENTS, [*HOSTS, *two])
    macs = "02:00:0a:00:01:0e, 02:00:0a:00:01:0f"
    assert refusal(shared, "clients/h4", "db")[1].startswith(
        f"is at leaf3:3, which has {macs} as known hosts"
    )
    assert (
        refusal(shared, "db", "clients/h4")[1] == f"is at leaf3:3, where there are {macs}; name one of them"
    )


def test_the_address_that_is_asked_for_is_of_the_senders_ip_version() -> None:
    dual = {"mac": STATED["mac"], "addresses": ["2001:db8:2::20", "10.0.2.20"]}
    own = {"mac": "02:00:0a:00:02:15", "addresses": ["2001:db8:2::21"]}
    attachments = [attached("db", "leaf2", 3, **dual), attached("six", "leaf2", 4, **own)]
    rig = Rig([network("servers", 2, **SUBNET_6, attachments=attachments)], [])
    assert str(rig.explain("2001:db8:2::21", "db").target.address) == "2001:db8:2::20"
    assert str(rig.explain("10.0.2.20", "db").target.address) == "10.0.2.20"
    assert refusal(rig, "10.0.2.20", "six") == (
        "to",
        "is at leaf2:4, where there is no host with a known address of IPv4",
    )
