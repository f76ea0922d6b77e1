"""What is refused, by itself or beside others: errors name the field and what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from p4fabric.controller.core import IntentConflict
from p4fabric.controller.intents import IntentError, parse_intent
from tests.unit.compiler.world import (
    ACCESS,
    CLIENTS,
    DATA,
    EVERYTHING,
    POLICY,
    SERVERS,
    UE,
    WATCH,
    WEB,
    core_with,
    intent,
    key,
    network,
)


def changed(document: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A document with some of its spec replaced."""
    return {**document, "spec": {**document["spec"], **spec}}


def named(document: dict[str, Any], name: str, **spec: Any) -> dict[str, Any]:
    """The same under another name, with some of its spec replaced."""
    return {**changed(document, **spec), "name": name}


UPF = intent(
    "Upf", "edge", smfs=["10.0.9.4"], accessNetwork="access", n3Address="10.0.3.3",
    dataNetworks=[{"dnn": "internet", "network": "data", "uePools": ["10.46.0.0/16"]}],
)  # fmt: skip


def served(**changes: Any) -> dict[str, Any]:
    """A Upf whose data network is another one."""
    return changed(UPF, dataNetworks=[{**UPF["spec"]["dataNetworks"][0], **changes}])


def ports(*attachments: dict[str, Any]) -> dict[str, Any]:
    return network("other", 9, attachments=list(attachments))


BAD: list[tuple[Any, str, str]] = [
    ([], "document", "a mapping"),
    ({**CLIENTS, "kind": "Netwrok"}, "kind", "Network"),
    ({**CLIENTS, "colour": "red"}, "colour", "known here: kind, name"),
    (changed(CLIENTS, subnet="10.0.0.0/8"), "spec.subnet", "known here: subnets"),
    ({**CLIENTS, "name": "Clients"}, "name", "RFC 1123"),
    ({**CLIENTS, "tenant": "a!"}, "tenant", "RFC 1123"),
    (changed(CLIENTS, subnets=["10.0.1.7/24"]), "spec.subnets[0]", "did you mean 10.0.1.0/24"),
    (changed(CLIENTS, gateways=["10.0.2.1"]), "spec.gateways[0]", "outside"),
    (changed(CLIENTS, gateways=["10.0.1.255"]), "spec.gateways[0]", "broadcast"),
    (ports({"switch": "leaf1", "port": 510}), "spec.attachments[0].port", "509"),
    (ports({"switch": "leaf1", "port": "1"}), "spec.attachments[0].port", "whole number"),
    (ports({"switch": "leaf1", "port": 1, "vlan": 4095}), "spec.attachments[0].vlan", "4094"),
    (ports({"switch": "l", "port": 1, "mac": "01:00:5e:00:00:01"}), "spec.attachments[0].mac", "multicast"),
    (ports({"switch": "l", "port": 1, "addresses": ["10.0.9.7"]}), "spec.attachments[0].mac", "required"),
    (
        ports(*({"switch": "l", "port": port, "host": "h1"} for port in (1, 2))),
        "spec.attachments[1].host",
        "name of attachments[0] already",
    ),
    (ports({"switch": "l", "port": 1, "host": "H 1"}), "spec.attachments[0].host", "RFC 1123"),
    (changed(WEB, port=0), "spec.port", "1"),
    (changed(WEB, pool=[]), "spec.pool", "at least 1"),
    (changed(WEB, virtualIp="224.0.0.1"), "spec.virtualIp", "one host"),
    (
        changed(WEB, pool=[{"address": "10.0.2.11", "port": 1, "weight": w} for w in (1, 100)]),
        "spec.pool",
        "at most 64",
    ),
    (changed(WEB, healthCheck="ping"), "spec.healthCheck", "'none', 'arp' or 'tcp'"),
    (changed(WEB, protocol="udp", healthCheck="tcp"), "spec.healthCheck", "use arp"),
    (changed(WEB, unhealthyThreshold=3), "spec.unhealthyThreshold", "only for a healthCheck of arp or tcp"),
    (changed(WEB, healthCheck="arp", healthyThreshold=11), "spec.healthyThreshold", "10"),
    (
        changed(WEB, healthCheck="arp", healthCheckIntervalMilliseconds=499),
        "spec.healthCheckIntervalMilliseconds",
        "500",
    ),
    (changed(UE, uplinkTeid=0), "spec.uplinkTeid", "1"),
    (changed(UPF, smfs=[]), "spec.smfs", "at least 1"),
    (changed(UPF, smfs=["10.0.9.4", "10.0.9.4"]), "spec.smfs[1]", "already an SMF of a Upf"),
    (changed(UPF, withoutEffect=["meters"]), "spec.withoutEffect[0]", "bitRates"),
    (served(dnn="inter net"), "spec.dataNetworks[0].dnn", "a DNN such as internet"),
    (served(dnn="ims..example"), "spec.dataNetworks[0].dnn", "labels"),
    (served(dnn="i" * 64), "spec.dataNetworks[0].dnn", "at most 63 each"),
    (served(dnn=".".join(["i" * 50] * 2)), "spec.dataNetworks[0].dnn", "at most 100 in all"),
    (served(uePools=["2001:db8::/65"]), "spec.dataNetworks[0].uePools[0]", "64 bits or fewer"),
    (served(uePools=["10.46.0.0/16", "10.46.1.0/24"]), "spec.dataNetworks[0].uePools[1]", "overlaps"),
    (changed(UE, qfi=64), "spec.qfi", "63"),
    (changed(UE, gnbAddress="10.0.3.2"), "spec.gnbAddress", "N3 address"),
    (changed(UE, ueAddress=None), "spec.ueAddress", "no uePrefix"),
    (changed(UE, uePrefix="2001:db8:0:1::/80"), "spec.uePrefix", "64 bits, or of fewer"),
    (changed(UE, uePrefix="2001:db8:0:1::1/64"), "spec.uePrefix", "such as 2001:db8:45:1::/64"),
    (changed(UE, uePrefix="fe80::/64"), "spec.uePrefix", "global prefix"),
    (intent("FirewallPolicy", "p", rules=[]), "spec.rules", "at least 1"),
    (
        intent("FirewallPolicy", "p", rules=[{"name": "r", "action": "deny", "ports": [80]}]),
        "spec.rules[0].protocol",
        "tcp or udp",
    ),
    (
        intent("FirewallPolicy", "p", rules=[{"name": "r", "action": "drop"}]),
        "spec.rules[0].action",
        "allow",
    ),
    (changed(WATCH, queueDepth=0), "spec.queueDepth", "1"),
    (changed(WATCH, flows=[{"protocol": "tcp"}]), "spec.flows[0]", "from or to"),
    (changed(WATCH, flows=[{"from": "10.0.0.0/8", "to": "fd00::/8"}]), "spec.flows[0].to", "families"),
    (changed(WATCH, flows=[{"to": "10.0.0.1/32", "sourcePort": 7}]), "spec.flows[0].protocol", "tcp or udp"),
    (changed(CLIENTS, priority=6), "spec.priority", "5"),
    (changed(CLIENTS, trustDscp="ef"), "spec.trustDscp", "true or false"),
]


@pytest.mark.parametrize(
    ("document", "field", "said"), BAD, ids=[f"{n} {bad[1]}" for n, bad in enumerate(BAD)]
)
def test_a_document_that_is_wrong_by_itself(document: Any, field: str, said: str) -> None:
    with pytest.raises(IntentError) as refusal:
        parse_intent(document)
    found = {error.field: error.message for error in refusal.value.errors}
    assert field in found and said in found[field], found


CLASHES: list[tuple[str, dict[str, Any], str, str]] = [
    ("an overlapping virtual IP", named(WEB, "web2", pool=[{"address": "10.0.2.13", "port": 1}]),
     "spec.virtualIp", "Service/acme/web"),
    ("a virtual IP that is a gateway", named(WEB, "web2", virtualIp="10.0.1.1"),
     "spec.virtualIp", "a gateway"),
    ("a pool member of another service",
     named(WEB, "web2", virtualIp="10.0.100.81"), "spec.pool[0].address", "Service/acme/web"),
    ("a server that nobody knows", named(WEB, "web2", virtualIp="10.0.100.81",
     pool=[{"address": "10.77.0.1", "port": 1}]), "spec.pool[0].address", "in no network"),
    ("an uplink TEID in use", named(UE, "ue2", downlinkTeid=0x202, ueAddress="10.45.0.3"),
     "spec.uplinkTeid", "UpfSession/acme/ue1"),
    ("a downlink TEID in use", named(UE, "ue2", uplinkTeid=0x102, ueAddress="10.45.0.3"),
     "spec.downlinkTeid", "UpfSession/acme/ue1"),
    ("a UE address in use", named(UE, "ue2", uplinkTeid=0x102, downlinkTeid=0x202), "spec.ueAddress", "ue1"),
    ("a UE address among hosts", named(UE, "ue2", uplinkTeid=0x102, downlinkTeid=0x202,
     ueAddress="10.0.1.77"), "spec.ueAddress", "for hosts"),
    ("an access network that is not there", named(UE, "ue2", uplinkTeid=0x102, downlinkTeid=0x202,
     ueAddress="10.45.0.3", accessNetwork="nowhere"), "spec.accessNetwork", "not a network"),
    ("a prefix of UEs in a network without IPv6", named(UE, "ue2", uplinkTeid=0x102, downlinkTeid=0x202,
     ueAddress=None, uePrefix="2001:db8:45::/64"), "spec.dataNetwork", "no IPv6 gateway"),
    ("a pool in a network without IPv6", served(uePools=["10.46.0.0/16", "2001:db8:46::/48"]),
     "spec.dataNetworks[0].network", "no IPv6 gateway"),
    ("a Upf at the N3 address of a session", changed(UPF, n3Address="10.0.3.2"),
     "spec.n3Address", "UpfSession/acme/ue1"),
    ("a Upf that is not in its access network", changed(UPF, n3Address="10.0.4.2"),
     "spec.n3Address", "in no subnet of network access"),
    ("a Upf without a data network", served(network="nowhere"),
     "spec.dataNetworks[0].network", "not a network"),
    ("a pool among hosts", served(uePools=["10.0.0.0/16"]), "spec.dataNetworks[0].uePools[0]", "for hosts"),
    ("a port in use", network("more", 9, ("leaf1", 1)), "spec.attachments[0].port", "Network/acme/clients"),
    ("a port of another tenant", network("more", 9, ("leaf1", 1), tenant="other"),
     "spec.attachments[0].port", "Network/acme/clients"),
    ("an overlapping subnet", network("more", 1, gateways=[]), "spec.subnets[0]", "Network/acme/clients"),
    ("a route to a virtual IP", network("more", 9, routes=[{"prefix": "10.0.100.80/32", "via": "10.0.9.9"}]),
     "spec.routes[0].prefix", "Service/acme/web"),
    ("a route to a UE", network("more", 9, routes=[{"prefix": "10.45.0.2/32", "via": "10.0.9.9"}]),
     "spec.routes[0].prefix", "UpfSession/acme/ue1"),
    ("a rule for a network that is not there", intent("FirewallPolicy", "p",
     rules=[{"name": "r", "action": "deny", "from": {"network": "nowhere"}}]),
     "spec.rules[0].from.network", "not a network"),
    ("a second watch on a port", named(WATCH, "more"), "spec.switches", "TelemetryWatch/operations/queues"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "field", "said"), [c[1:] for c in CLASHES], ids=[c[0] for c in CLASHES])
def test_a_document_that_cannot_stand_beside_the_others(document: Any, field: str, said: str) -> None:
    with pytest.raises(IntentConflict) as refusal:
        core_with(*EVERYTHING).plan_apply([parse_intent(document)])
    found = {error.field: error.message for error in refusal.value.errors}
    assert field in found and said in found[field], found


POOLED: list[tuple[str, dict[str, Any], str]] = [
    ("a session", named(UE, "ue2", uplinkTeid=0x102, downlinkTeid=0x202, ueAddress="10.46.0.2"),
     "spec.ueAddress"),
    ("a virtual IP", named(WEB, "web2", virtualIp="10.46.0.2", pool=[{"address": "10.0.2.13", "port": 1}]),
     "spec.virtualIp"),
    ("another pool", {**changed(UPF, smfs=["10.0.9.5"], n3Address="10.0.3.4"), "name": "other"},
     "spec.dataNetworks[0].uePools[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "field"), [c[1:] for c in POOLED], ids=[c[0] for c in POOLED])
def test_nobody_else_has_addresses_of_a_pool_of_ues(document: Any, field: str) -> None:
    with pytest.raises(IntentConflict) as refusal:
        core_with(*EVERYTHING, UPF).plan_apply([parse_intent(document)])
    found = {error.field: error.message for error in refusal.value.errors}
    assert field in found and "Upf/acme/edge" in found[field], found


def test_one_smf_controls_one_upf() -> None:
    other = {**served(uePools=["10.47.0.0/16"]), "name": "other", "tenant": "other"}
    others = [{**document, "tenant": "other"} for document in (network("access", 3), network("data", 4))]
    with pytest.raises(IntentConflict, match=r"already an SMF of a Upf \(Upf/acme/edge\)"):
        core_with(*EVERYTHING, UPF, *others).plan_apply([parse_intent(other)])


@pytest.mark.parametrize(
    ("node_ids", "field"),
    [
        ([("10.0.9.9", "smf")], "spec.nodeIds[0].smf"),
        ([("10.0.9.4", "smf"), ("10.0.9.4", "core")], "spec.nodeIds[1].smf"),
        ([("10.0.9.4", "smf"), ("10.0.9.5", "smf")], "spec.nodeIds[1].nodeId"),
        ([("10.0.9.4", "no name")], "spec.nodeIds[0].nodeId"),
    ],
    ids=["no SMF of it", "two for one SMF", "one for two SMFs", "neither address nor name"],
)
def test_a_node_id_is_one_smfs(node_ids: list[tuple[str, str]], field: str) -> None:
    named = [{"smf": smf, "nodeId": name} for smf, name in node_ids]
    with pytest.raises(IntentError) as refusal:
        parse_intent({**UPF, "spec": {**UPF["spec"], "smfs": ["10.0.9.4", "10.0.9.5"], "nodeIds": named}})
    assert [error.field for error in refusal.value.errors] == [field]


def test_a_network_does_not_come_around_a_pool_of_ues() -> None:
    with pytest.raises(IntentConflict, match="would break Upf/acme/edge"):
        core_with(*EVERYTHING, UPF).plan_apply(
            [parse_intent(network("more", 9, subnets=["10.46.1.0/24"], gateways=[]))]
        )


@pytest.mark.parametrize(
    ("deleted", "needed_by"),
    [(SERVERS, "Service/acme/web"), (ACCESS, "UpfSession/acme/ue1"), (DATA, "UpfSession/acme/ue1")],
    ids=["servers", "access", "data"],
)
def test_what_others_need_is_not_deleted(deleted: dict[str, Any], needed_by: str) -> None:
    with pytest.raises(IntentConflict, match=needed_by):
        core_with(*EVERYTHING).plan_delete([key(deleted)])


def test_tenants_do_not_get_into_each_others_way() -> None:
    core = core_with(*EVERYTHING)
    theirs = [
        {**document, "tenant": "other"}
        for document in (network("clients", 1), network("servers", 2), WEB, POLICY)
    ]
    assert len(core.plan_apply([parse_intent(one) for one in theirs]).outcomes) == len(theirs)
