"""ClusterNetworkPolicy, case by case: each tier, each direction, by TCP, UDP, SCTP and both families."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from p4fabric.controller.policy import ObjectKey, PolicyCompiler
from p4fabric.controller.policy.rules import Action, Direction

from .bed import (
    EVERY_PAIR,
    EVERY_PORT,
    NODES,
    Case,
    Opens,
    Step,
    Who,
    always,
    cluster_policy,
    gone,
    merged,
    namespace,
    node,
    policy,
    within,
)

ALL: Mapping[str, Any] = {"namespaces": {}}
X: Mapping[str, Any] = {"namespaces": {"matchLabels": {"ns": "x"}}}
Y: Mapping[str, Any] = {"namespaces": {"matchLabels": {"ns": "y"}}}
C_OF_Y: Mapping[str, Any] = {
    "pods": {"namespaceSelector": {"matchLabels": {"ns": "y"}}, "podSelector": {"matchLabels": {"pod": "c"}}}
}
TIERS = ("Admin", "Baseline")
SIDES = {"ingress": "from", "egress": "to"}
Meets = Callable[[Who, str, int], bool]
"""From peer, protocol and port."""


def rule(action: str, side: str, *peers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"action": action, SIDES[side]: [*peers], **more}


def port(protocol: str, number: int) -> dict[str, Any]:
    return {protocol.lower(): {"destinationPort": {"number": number}}}


def about_x(side: str, meets: Meets) -> Opens:
    def opens(source: Who, destination: Who, protocol: str, number: int) -> bool:
        subject, peer = (destination, source) if side == "ingress" else (source, destination)
        return subject.ns != "x" or meets(peer, protocol, number)

    return opens


def from_y(is_met: Callable[[str, int], bool]) -> Meets:
    """All but y's pods, and these by some protocols and ports."""

    def meets(peer: Who, protocol: str, number: int) -> bool:
        return peer.ns != "y" or is_met(protocol, number)

    return meets


def unless(is_met: Callable[[str, int], bool]) -> Callable[[str, int], bool]:
    return lambda protocol, number: not is_met(protocol, number)


def each_way() -> Iterator[Case]:
    for tier in TIERS:
        for side in SIDES:
            yield from _cases(tier, side, f"({tier}, {side})")


def _cases(tier: str, side: str, where: str) -> Iterator[Case]:
    allow, deny, passed = (rule(action, side, Y) for action in ("Accept", "Deny", "Pass"))
    not_y = about_x(side, lambda peer, _p, _n: peer.ns != "y")
    yield Case(
        f"C1 the first rule decides {where}",
        [
            Step(cluster_policy("p", tier, 5, X, **{side: [allow, deny]}), always),
            Step(cluster_policy("p", tier, 5, X, **{side: [deny, allow]}), not_y),
            Step(cluster_policy("p", tier, 5, X, **{side: [passed, deny]}), always),
        ],
    )
    for protocol in ("TCP", "UDP", "SCTP"):
        one = rule("Accept", side, Y, protocols=[port(protocol, 80)])
        no = rule("Deny", side, Y, protocols=[port(protocol, 80)])
        is_it = within(protocol, 80, 80)
        yield Case(
            f"C2 one port of {protocol}, then nothing {where}",
            [
                Step(
                    cluster_policy("p", tier, 5, X, **{side: [one, deny]}),
                    about_x(side, from_y(is_it)),
                ),
            ],
            is_about_ports=True,
        )
        yield Case(
            f"C3 all but one port of {protocol} {where}",
            [
                Step(
                    cluster_policy("p", tier, 5, X, **{side: [no]}),
                    about_x(side, from_y(unless(is_it))),
                ),
            ],
            is_about_ports=True,
        )
    ranged = rule(
        "Deny", side, Y, protocols=[{"tcp": {"destinationPort": {"range": {"start": 79, "end": 80}}}}]
    )
    yield Case(
        f"a range of ports {where}",
        [
            Step(
                cluster_policy("p", tier, 5, X, **{side: [ranged]}),
                about_x(side, lambda peer, p, n: peer.ns != "y" or p != "TCP" or n > 80),
            ),
        ],
        is_about_ports=True,
    )
    yield Case(
        f"C5 the policy of the lower number decides; numbers change {where}",
        [
            Step(cluster_policy("q", tier, 50, X, **{side: [deny]}), not_y),
            Step(cluster_policy("p", tier, 60, X, **{side: [passed]}), not_y),
            Step(cluster_policy("p", tier, 40, X, **{side: [passed]}), always),
            Step(gone(cluster_policy("q", tier, 50, X)), always),
        ],
    )
    named = rule("Accept", side, Y, protocols=[{"destinationNamedPort": "serve-80-tcp"}])
    yield Case(
        f"C9 a port by name {where}",
        [
            Step(
                cluster_policy("p", tier, 5, X, **{side: [named, deny]}),
                about_x(side, lambda peer, p, n: peer.ns != "y" or (p, n) == ("TCP", 80)),
            ),
        ],
        is_about_ports=True,
    )
    yield Case(
        f"C11 pods of the host's network are neither subjects nor peers {where}",
        [
            Step(
                cluster_policy("p", tier, 5, ALL, **{side: [rule("Deny", side, ALL)]}),
                lambda s, d, _p, _n: not (s.ns and d.ns),
            ),
        ],
    )
    yield Case(
        f"some pods of a namespace {where}",
        [
            Step(
                cluster_policy("p", tier, 5, X, **{side: [rule("Deny", side, C_OF_Y)]}),
                about_x(side, lambda peer, _p, _n: peer != ("y", "c")),
            ),
        ],
    )
    unknown = {"workloads": {"kind": "Deployment"}}
    yield Case(
        f"C14 a peer of an unknown kind {where}",
        [
            Step(cluster_policy("p", tier, 5, X, **{side: [rule("Accept", side, Y, unknown), deny]}), not_y),
            Step(
                cluster_policy("p", tier, 5, X, **{side: [rule("Deny", side, unknown)]}),
                about_x(side, lambda *_: False),
            ),
            Step(
                cluster_policy("p", tier, 5, X, **{side: [rule("Pass", side, unknown)]}),
                about_x(side, lambda *_: False),
            ),
        ],
    )


def others() -> Iterator[Case]:
    both = {"ingress": [rule("Deny", "ingress", Y)], "egress": [rule("Deny", "egress", C_OF_Y)]}
    yield Case(
        "C4 both directions in one object",
        [
            Step(
                cluster_policy("p", "Admin", 5, X, **both),
                lambda s, d, _p, _n: (
                    not (d.ns == "x" and s.ns == "y") and not (s.ns == "x" and d == ("y", "c"))
                ),
            ),
        ],
    )
    deny_y = {"ingress": [rule("Deny", "ingress", Y)]}
    not_y = about_x("ingress", lambda peer, _p, _n: peer.ns != "y")
    allowed = policy("x", "np", {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]})
    from_pods = about_x("ingress", lambda peer, _p, _n: bool(peer.ns))
    admin = cluster_policy("p", "Admin", 5, X, **deny_y)
    passing = cluster_policy("p", "Admin", 5, X, ingress=[rule("Pass", "ingress", Y)])
    baseline = cluster_policy("b", "Baseline", 5, X, **deny_y)
    yield Case(
        "C6 Admin before NetworkPolicy before Baseline",
        [
            Step(baseline, not_y),
            Step(allowed, from_pods),
            Step(admin, about_x("ingress", lambda peer, _p, _n: peer.ns in ("x", "z"))),
            Step(passing, from_pods),
            Step(gone(allowed), not_y),
            Step(gone(baseline), always),
            Step(gone(passing), always),
        ],
    )
    world = [rule("Accept", "egress", Y), rule("Deny", "egress", {"networks": ["0.0.0.0/0", "::/0"]})]
    only_y = about_x("egress", lambda peer, _p, _n: peer.ns == "y")
    some = {"networks": ["10.0.2.1/32", "fd00::2:1/128", "10.0.2.2/32", "fd00::2:2/128"]}
    yield Case(
        "C7 C8 namespaces before networks; a label comes and goes; two addresses more",
        [
            Step(cluster_policy("p", "Admin", 5, X, egress=world), only_y),
            Step(merged(namespace("y", ns="other")), about_x("egress", lambda *_: False)),
            Step(namespace("y"), only_y),
            Step(
                cluster_policy("p", "Admin", 5, X, egress=[rule("Accept", "egress", some), *world]),
                about_x(
                    "egress", lambda peer, _p, _n: peer.ns == "y" or (peer.ns == "z" and peer.pod in "ab")
                ),
            ),
        ],
    )
    nodes: Mapping[str, Any] = {"nodes": {}}
    tcp, udp = [port("TCP", 80)], [port("UDP", 80)]
    rules = [
        rule("Accept", "egress", nodes, protocols=tcp),
        rule("Pass", "egress", nodes, protocols=udp),
        rule("Deny", "egress", nodes),
    ]
    ports = {("TCP", 80), ("UDP", 80)}
    yield Case(
        "C10 nodes, port by port; a node loses its label",
        [
            Step(
                cluster_policy("p", "Admin", 5, X, egress=rules),
                about_x("egress", lambda peer, p, n: peer not in NODES or (p, n) in ports),
            ),
            Step(
                cluster_policy(
                    "p",
                    "Admin",
                    5,
                    X,
                    egress=[rule("Deny", "egress", {"nodes": {"matchLabels": {"node": "w1"}}})],
                ),
                about_x("egress", lambda peer, _p, _n: peer != NODES[0]),
            ),
            Step(node_relabelled(), always),
        ],
        is_about_ports=True,
    )
    equal = cluster_policy("q", "Admin", 5, X, ingress=[rule("Deny", "ingress", Y)])
    yield Case(
        "of equal priorities, the policy whose name sorts first decides",
        [
            Step(equal, not_y),
            Step(cluster_policy("p", "Admin", 5, X, ingress=[rule("Accept", "ingress", Y)]), always),
            Step(
                cluster_policy("r", "Admin", 5, X, ingress=[rule("Deny", "ingress", ALL)]),
                about_x("ingress", lambda peer, _p, _n: peer.ns in ("", "y")),
            ),
        ],
    )
    yield Case(
        "everybody from everybody",
        [
            Step(
                cluster_policy("p", "Baseline", 5, ALL, ingress=[rule("Deny", "ingress", ALL)]),
                lambda s, d, _p, _n: not (s.ns and d.ns),
            ),
            Step(
                cluster_policy(
                    "q", "Admin", 5, ALL, egress=[rule("Deny", "egress", {"networks": ["0.0.0.0/0", "::/0"]})]
                ),
                lambda s, d, p, n: not s.ns,
            ),
        ],
    )


def node_relabelled() -> Mapping[ObjectKey, Any]:
    found = node(NODES[0], node="other")
    return {key: body for key, body in found.items() if key.kind == "Node"}


@pytest.mark.parametrize("case", [*each_way(), *others()], ids=str)
def test_case(case: Case) -> None:
    (EVERY_PORT if case.is_about_ports else EVERY_PAIR).run(case)


def spec(**parts: Any) -> dict[str, Any]:
    return {"spec": {"tier": "Admin", "priority": 5, "subject": X, **parts}}


def refused(side: str = "ingress", /, **parts: Any) -> list[dict[str, Any]]:
    return [{"action": action, SIDES[side]: [Y], **parts} for action in ("Accept", "Deny", "Pass")]


BAD: dict[str, dict[str, Any]] = {
    "C13 two fields in one peer": spec(ingress=refused(**{"from": [{**X, **C_OF_Y}]})),
    "C13 a name of a port with networks": spec(
        egress=refused("egress", to=[{"networks": ["10.0.0.0/8"]}], protocols=[{"destinationNamedPort": "a"}])
    ),
    "C13 more than 25 peers": spec(ingress=refused(**{"from": [Y] * 26})),
    "no peers": spec(ingress=refused(**{"from": []})),
    "networks that are none": spec(egress=refused("egress", to=[{"networks": ["10.0.0.0/33"]}])),
    "networks of ingress": spec(ingress=refused(**{"from": [{"networks": ["10.0.0.0/8"]}]})),
    "domain names": spec(egress=refused("egress", to=[{"domainNames": ["a.example"]}])),
    "a selector that is not understood": spec(
        ingress=refused(**{"from": [{"namespaces": {"matchExpressions": [{"key": "a", "operator": "Gt"}]}}]})
    ),
    "a protocol that is unknown": spec(ingress=refused(protocols=[{"icmp": {"type": 8}}])),
    "a part of a protocol that is unknown": spec(
        ingress=refused(protocols=[{"tcp": {"sourcePort": {"number": 1}}}])
    ),
    "a port that is none": spec(ingress=refused(protocols=[{"tcp": {"destinationPort": {"number": 0}}}])),
    "a part of a rule that is unknown": spec(ingress=refused(log=True)),
    "a tier that is unknown": {**spec(tier="Middle", ingress=refused())},
    "a priority out of range": spec(priority=1001, ingress=refused()),
    "a subject's selector that is not understood": spec(subject={"namespaces": 5}, ingress=refused()),
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_what_is_not_understood_accepts_nothing_and_denies_all_else(body: dict[str, Any]) -> None:
    compiler, key = PolicyCompiler(), ObjectKey("ClusterNetworkPolicy", "", "p")
    assert compiler.change({key: body}).problems[key]
    found = [placed.rule for placed in compiler.policies.rules(key)]
    assert [(rule.id.place, rule.action, rule.peers, rule.ports) for rule in found] == [
        (place, Action.DENY, None, None) for place in (1, 2)
    ]
    assert {rule.id.direction for rule in found} == {
        Direction[side.upper()] for side in SIDES if body["spec"].get(side)
    }


def test_an_action_that_is_unknown_denies_all() -> None:
    compiler, key = PolicyCompiler(), ObjectKey("ClusterNetworkPolicy", "", "p")
    compiler.change({key: spec(ingress=[{"action": "Log", "from": [Y]}])})
    assert [(r.rule.action, r.rule.peers) for r in compiler.policies.rules(key)] == [(Action.DENY, None)]


def test_more_than_25_rules_end_with_one_that_denies_all() -> None:
    compiler, key = PolicyCompiler(), ObjectKey("ClusterNetworkPolicy", "", "p")
    assert compiler.change({key: spec(ingress=[rule("Accept", "ingress", Y)] * 30)}).problems[key]
    found = [placed.rule for placed in compiler.policies.rules(key)]
    assert [(rule.action, rule.peers is None) for rule in found] == [(Action.ACCEPT, False)] * 25 + [
        (Action.DENY, True)
    ]


def test_a_subject_of_an_unknown_kind_is_no_pod() -> None:
    compiler, key = PolicyCompiler(), ObjectKey("ClusterNetworkPolicy", "", "p")
    found = compiler.change({key: spec(subject={"nodes": {}}, ingress=[rule("Deny", "ingress", Y)])})
    assert found.problems[key] and not list(compiler.policies.rules(key))
