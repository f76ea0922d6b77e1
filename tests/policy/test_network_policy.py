"""NetworkPolicy, case by case, each with the truth table of all pods, by TCP, UDP, SCTP and both families."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from p4fabric.controller.policy import ObjectKey, PolicyCompiler

from .bed import (
    EVERY_PAIR,
    EVERY_PORT,
    Case,
    Opens,
    Rules,
    Step,
    TruthTable,
    Who,
    always,
    gone,
    in_x,
    merged,
    namespace,
    pod,
    policy,
    within,
)
from .worlds import Change

Meets = Callable[[Who, Who, str, int], bool]
"""From subject, peer, protocol and port to whether a rule lets them meet."""
SIDES = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}
A_IN_X: Mapping[str, Any] = {"matchLabels": {"pod": "a"}}
NEW = Who("x", "d")
NEWER = (Who("y-2", "a"), Who("y-2", "b"))


def ns(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"ns": name}}}


def one(name: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"pod": name}}}


def labels(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {
        "matchExpressions": [{"key": key, "operator": operator, **({"values": [*values]} if values else {})}]
    }


def is_a(who: Who) -> bool:
    return who == ("x", "a")


def sided(
    name: str,
    rules: Callable[[str], Rules],
    meets: Meets,
    subjects: Mapping[str, Any] = A_IN_X,
    selects: Callable[[Who], bool] = is_a,
    *,
    is_about_ports: bool = False,
) -> Iterator[Case]:
    """One policy in x, once about ingress and once about egress."""
    for kind, (side, peers) in SIDES.items():
        spec = {"podSelector": subjects, "policyTypes": [kind], side: rules(peers)}

        def opens(source: Who, destination: Who, protocol: str, port: int, kind: str = kind) -> bool:
            subject, peer = (destination, source) if kind == "Ingress" else (source, destination)
            return not selects(subject) or meets(subject, peer, protocol, port)

        both = policy("x", "p", spec)
        yield Case(f"{name} ({kind})", [Step(both, opens), Step(gone(both), always)], is_about_ports)


def from_peers(name: str, peers: list[Any], meets: Callable[[Who], bool]) -> Iterator[Case]:
    yield from sided(name, lambda side: [{side: peers}], lambda _s, peer, _p, _n: meets(peer))


def by_ports(name: str, ports: list[Any], meets: Callable[[str, int], bool]) -> Iterator[Case]:
    yield from sided(
        name,
        lambda _: [{"ports": ports}],
        lambda _s, _peer, protocol, port: meets(protocol, port),
        is_about_ports=True,
    )


def by_names(name: str, ports: list[Any], meets: Callable[[str, int], bool]) -> Iterator[Case]:
    """Of pods: nobody else has names for ports."""
    yield from sided(
        name,
        lambda side: [{side: [{"namespaceSelector": {}}], "ports": ports}],
        lambda _s, peer, protocol, port: bool(peer.ns) and meets(protocol, port),
        is_about_ports=True,
    )


def closed(*_: object) -> bool:
    return False


def opened(*_: object) -> bool:
    return True


def sided_cases() -> Iterator[Case]:
    yield from sided("N1 N2 all pods of a namespace, no rules", lambda _: [], closed, {}, in_x)
    yield from sided("N2 one pod by label", lambda _: [], closed)
    some = labels("pod", "In", "a", "b")
    yield from sided("N2 pods a and b", lambda _: [], closed, some, lambda w: in_x(w) and w.pod in "ab")
    yield from sided("N3 no rules", lambda _: [], closed)
    yield from sided("N4 an empty rule", lambda _: [{}], opened)
    yield from sided("N6 an empty list of peers", lambda side: [{side: []}], opened)
    peers: dict[str, tuple[list[Any], Callable[[Who], bool]]] = {
        "N7 all pods of the own namespace": ([{"podSelector": {}}], in_x),
        "N8 c of the own namespace": ([one("c")], lambda w: w == ("x", "c")),
        "N9 all namespaces": ([{"namespaceSelector": {}}], lambda w: bool(w.ns)),
        "N10 all pods of all namespaces": (
            [{"namespaceSelector": {}, "podSelector": {}}],
            lambda w: bool(w.ns),
        ),
        "N11 c of each namespace": ([{"namespaceSelector": {}, **one("c")}], lambda w: w.pod == "c"),
        "N12 namespace y": ([ns("y")], lambda w: w.ns == "y"),
        "N13 all pods of namespace y": ([{**ns("y"), "podSelector": {}}], lambda w: w.ns == "y"),
        "N14 c of y": ([{**ns("y"), **one("c")}], lambda w: w == ("y", "c")),
        "N15 all of y, or c of the own": ([ns("y"), one("c")], lambda w: w.ns == "y" or w == ("x", "c")),
        "N16 In": ([{"namespaceSelector": labels("ns", "In", "x", "y")}], lambda w: w.ns in ("x", "y")),
        "N16 NotIn": ([{"namespaceSelector": labels("ns", "NotIn", "x")}], lambda w: w.ns in ("y", "z")),
        "N16 NotIn of a key that nobody has": (
            [{"podSelector": labels("none", "NotIn", "x"), "namespaceSelector": {}}],
            lambda w: bool(w.ns),
        ),
        "N16 Exists": ([{"namespaceSelector": labels("ns", "Exists")}], lambda w: bool(w.ns)),
        "N16 DoesNotExist": ([{"podSelector": labels("pod", "DoesNotExist")}], closed),
        "N17 a block round one pod": (
            [{"ipBlock": {"cidr": "10.0.1.2/24"}}, {"ipBlock": {"cidr": "fd00::1:0/112"}}],
            lambda w: w.ns == "y",
        ),
        "N18 a block without one pod": (
            [
                {"ipBlock": {"cidr": "10.0.1.0/24", "except": ["10.0.1.2/31"]}},
                {"ipBlock": {"cidr": "fd00::1:0/112", "except": ["fd00::1:2/127"]}},
            ],
            lambda w: w == ("y", "a"),
        ),
        "N19 several kinds of peers": (
            [one("b"), ns("z"), {"ipBlock": {"cidr": "10.0.1.1/32"}}, {"ipBlock": {"cidr": "fd00::1:1/128"}}],
            lambda w: w == ("x", "b") or w.ns == "z" or w == ("y", "a"),
        ),
        "N34 a block that holds nobody": ([{"ipBlock": {"cidr": "0.0.0.0/31"}}], closed),
        "N34 a label that nobody has": ([{"podSelector": {"matchLabels": {"no": "body"}}}], closed),
        "N35 a namespace by its name": (
            [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "y"}}}],
            lambda w: w.ns == "y",
        ),
        "N40 not in x, or b of the own": (
            [{"namespaceSelector": labels("ns", "NotIn", "x")}, one("b")],
            lambda w: w.ns in ("y", "z") or w == ("x", "b"),
        ),
        "N41 not in x and b": (
            [{"namespaceSelector": labels("ns", "NotIn", "x"), **one("b")}],
            lambda w: w.ns in ("y", "z") and w.pod == "b",
        ),
        "an except of one block, and another block with it": (
            [
                {"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.1.0/24"]}},
                {"ipBlock": {"cidr": "10.0.1.1/32"}},
                {"ipBlock": {"cidr": "fd00::/64", "except": ["fd00::1:0/112"]}},
                {"ipBlock": {"cidr": "fd00::1:1/128"}},
            ],
            lambda w: w.ns in ("x", "z") or w == ("y", "a"),
        ),
    }
    for name, (listed, meets) in peers.items():
        yield from from_peers(name, listed, meets)
    yield from by_ports("N20 an empty list of ports", [], opened)
    for protocol in (None, "TCP", "UDP", "SCTP"):
        for port in (None, 80, 81):
            item = {**({"protocol": protocol} if protocol else {}), **({"port": port} if port else {})}
            is_met = within(protocol or "TCP", port or 0, port or 65535)
            yield from by_ports(f"N21 N22 protocol {protocol}, port {port}", [item], is_met)
    for protocol in ("TCP", "UDP", "SCTP"):
        named = {"protocol": protocol, "port": f"serve-81-{protocol.lower()}"}
        yield from by_names(f"N23 a port by name, {protocol}", [named], within(protocol, 81, 81))
        for first, last in ((53, 80), (53, 84)):
            ranged = {"protocol": protocol, "port": first, "endPort": last}
            is_met = within(protocol, first, last)
            yield from by_ports(f"N24 ports {first} to {last}, {protocol}", [ranged], is_met)
        yield from by_ports(f"N48 N49 only {protocol}", [{"protocol": protocol}], within(protocol))
    yield from by_ports(
        "N23 a name of another protocol", [{"protocol": "UDP", "port": "serve-80-tcp"}], closed
    )
    yield from by_ports("N23 a name that nobody has", [{"port": "nobody"}, {"port": 9}], closed)
    mixed = [{"port": "serve-80-tcp"}, {"protocol": "UDP", "port": 81}]
    yield from by_names("N25 several ports", mixed, lambda p, n: (p, n) in (("TCP", 80), ("UDP", 81)))


def to(destination: Callable[[Who], bool], meets: Meets) -> Opens:
    return lambda s, d, p, n: not destination(d) or meets(d, s, p, n)


def other_cases() -> Iterator[Case]:
    deny = policy("x", "deny", {"podSelector": {}, "policyTypes": ["Ingress"]})
    allow = policy("x", "allow", {"podSelector": {}, "ingress": [{}]})
    yield Case(
        "N5 no types and no rules: ingress only",
        [
            Step(policy("x", "p", {"podSelector": {}}), to(in_x, closed)),
        ],
    )
    yield Case(
        "N5 no types, rules for egress: both",
        [
            Step(
                policy("x", "p", {"podSelector": {}, "egress": [{"to": [ns("y")]}]}),
                lambda s, d, _p, _n: not in_x(d) and (not in_x(s) or d.ns == "y"),
            ),
        ],
    )
    yield Case(
        "N27 other ports in place",
        [
            Step(
                policy("x", "p", {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}),
                to(in_x, lambda _d, _s, p, n: (p, n) == ("TCP", 80)),
            ),
            Step(
                policy(
                    "x", "p", {"podSelector": {}, "ingress": [{"ports": [{"protocol": "UDP", "port": 81}]}]}
                ),
                to(in_x, lambda _d, _s, p, n: (p, n) == ("UDP", 81)),
            ),
        ],
        is_about_ports=True,
    )
    like_y = policy("x", "p", {"podSelector": A_IN_X, "ingress": [{"from": [ns("y")]}]})
    from_y = to(is_a, lambda _d, s, _p, _n: s.ns == "y")
    from_both = to(is_a, lambda _d, s, _p, _n: s.ns in ("y", "y-2"))
    second = [pod(who) for who in NEWER]
    yield Case(
        "N28 a namespace with the same labels, later",
        [
            Step(like_y, from_y),
            Step(merged(namespace("y-2", ns="y")), from_y),
            Step(second[0], lambda s, d, p, n: (from_both if s == NEWER[0] else from_y)(s, d, p, n)),
            Step(second[1], from_both),
            Step(gone(second[1]), lambda s, d, p, n: (from_both if s == NEWER[0] else from_y)(s, d, p, n)),
        ],
    )
    friends = policy(
        "x",
        "p",
        {
            "podSelector": A_IN_X,
            "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"friend": "yes"}}}]}],
        },
    )
    yield Case(
        "N29 a namespace's label comes and goes",
        [
            Step(friends, to(is_a, closed)),
            Step(namespace("y", friend="yes"), from_y),
            Step(namespace("y"), to(is_a, closed)),
        ],
    )
    like_b = policy("x", "p", {"podSelector": A_IN_X, "ingress": [{"from": [one("d")]}]})
    from_d = to(is_a, lambda _d, s, _p, _n: s == NEW)
    yield Case(
        "N30 a pod comes and goes",
        [
            Step(like_b, to(is_a, closed)),
            Step(pod(NEW), from_d),
            Step(gone(pod(NEW)), to(is_a, closed)),
        ],
    )
    yield Case(
        "N31 N43 a pod's label, of the client, then of the server",
        [
            Step(like_b, to(is_a, closed)),
            Step(pod(Who("x", "b"), pod="d"), to(is_a, lambda _d, s, _p, _n: s == ("x", "b"))),
            Step(pod(Who("x", "a"), pod="e"), always),
            Step(pod(Who("x", "a")), to(is_a, lambda _d, s, _p, _n: s == ("x", "b"))),
            Step(pod(Who("x", "b")), to(is_a, closed)),
        ],
    )
    no_egress = policy("y", "p", {"podSelector": {}, "policyTypes": ["Egress"]})
    yield Case(
        "N32 N45 the source may not, whatever the target says",
        [
            Step(allow, always),
            Step(no_egress, lambda s, _d, _p, _n: s.ns != "y"),
        ],
    )
    all_egress = policy("y", "p", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]})
    yield Case(
        "N32 the target will not, whatever the source says",
        [
            Step(all_egress, always),
            Step(deny, to(in_x, closed)),
        ],
    )
    yield Case(
        "N33 N39 deny all and allow all",
        [
            Step(deny, to(in_x, closed)),
            Step(allow, always),
            Step(gone(allow), to(in_x, closed)),
            Step(gone(deny), always),
        ],
    )
    yield Case("N36 nothing comes into x, all goes out", [Step(deny, to(in_x, closed))])
    yield Case(
        "N37 deny all both ways, but for DNS",
        [
            Step(
                policy(
                    "x",
                    "p",
                    {
                        "podSelector": {},
                        "policyTypes": ["Ingress", "Egress"],
                        "egress": [{"to": [ns("y")], "ports": [{"protocol": "UDP", "port": 81}]}],
                    },
                ),
                lambda s, d, p, n: not in_x(d) and (not in_x(s) or (d.ns == "y" and (p, n) == ("UDP", 81))),
            ),
        ],
        is_about_ports=True,
    )
    for_80 = policy("x", "p80", {"podSelector": A_IN_X, "ingress": [{"ports": [{"port": 80}]}]})
    for_81 = policy("x", "p81", {"podSelector": A_IN_X, "ingress": [{"ports": [{"port": 81}]}]})
    yield Case(
        "N38 two policies for one pod",
        [
            Step(for_80, to(is_a, lambda _d, _s, p, n: (p, n) == ("TCP", 80))),
            Step(for_81, to(is_a, lambda _d, _s, p, _n: p == "TCP")),
        ],
        is_about_ports=True,
    )
    yield Case(
        "N42 allow becomes deny, in place",
        [
            Step(policy("x", "p", {"podSelector": {}, "ingress": [{}]}), always),
            Step(policy("x", "p", {"podSelector": {}, "ingress": []}), to(in_x, closed)),
        ],
    )
    yield Case(
        "N44 ingress and egress in one object",
        [
            Step(
                policy(
                    "x",
                    "p",
                    {
                        "podSelector": A_IN_X,
                        "policyTypes": ["Ingress", "Egress"],
                        "ingress": [{"ports": [{"port": 80}]}],
                        "egress": [{"ports": [{"port": 81}]}],
                    },
                ),
                lambda s, d, p, n: (
                    (not is_a(d) or (p, n) == ("TCP", 80)) and (not is_a(s) or (p, n) == ("TCP", 81))
                ),
            ),
        ],
        is_about_ports=True,
    )

    def cidr_a_or_b(source: Who, destination: Who, _protocol: str, _port: int) -> bool:
        return not is_a(source) or destination.address(4).startswith("10.0.1.")

    four = {"podSelector": A_IN_X, "policyTypes": ["Egress"]}
    blocks = [
        {"cidr": "10.0.1.0/24", "except": ["10.0.1.2/32"]},
        {"cidr": "fd00::1:0/112", "except": ["fd00::1:2/128"]},
    ]
    others = [{"cidr": "10.0.1.2/31"}, {"cidr": "fd00::1:2/127"}]
    yield Case(
        "N46 excepted by one policy, allowed by another",
        [
            Step(
                policy("x", "p", {**four, "egress": [{"to": [{"ipBlock": one} for one in blocks]}]}),
                lambda s, d, p, n: cidr_a_or_b(s, d, p, n) and not (is_a(s) and d == ("y", "b")),
            ),
            Step(
                policy("x", "q", {**four, "egress": [{"to": [{"ipBlock": one} for one in others]}]}),
                cidr_a_or_b,
            ),
        ],
    )
    egress_only = policy("x", "q", {"podSelector": A_IN_X, "policyTypes": ["Egress"]})
    yield Case(
        "N47 one policy about a pod's ingress, another about its egress",
        [
            Step(for_80, to(is_a, lambda _d, _s, p, n: (p, n) == ("TCP", 80))),
            Step(egress_only, lambda s, d, p, n: not is_a(s) and (not is_a(d) or (p, n) == ("TCP", 80))),
        ],
        is_about_ports=True,
    )


COMERS = TruthTable(more=(NEW, *NEWER))
CASES = [*sided_cases(), *other_cases()]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case) -> None:
    if case.is_about_ports:
        EVERY_PORT.run(case)
    elif len(case.steps) > 2:
        COMERS.run(case)
    else:
        EVERY_PAIR.run(case)


def test_a_named_port_is_each_pods_own() -> None:
    def serving(who: Who, number: int) -> Change:
        (body,) = pod(who).values()
        assert body is not None
        port = {"name": "http", "containerPort": number}
        return {ObjectKey("Pod", *who): {**body, "spec": {"containers": [{"ports": [port]}]}}}

    by_name = policy("x", "p", {"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]})
    numbers = {"a": 80, "b": 81}
    table = to(lambda w: w.ns == "x", lambda d, _s, p, n: p == "TCP" and numbers.get(d.pod) == n)
    steps = merged(serving(Who("x", "a"), 80), serving(Who("x", "b"), 81), by_name)
    swapped = merged(serving(Who("x", "a"), 81))
    EVERY_PORT.run(
        Case(
            "",
            [
                Step(steps, table),
                Step(
                    swapped,
                    to(lambda w: w.ns == "x", lambda d, _s, p, n: p == "TCP" and n == 81 and d.pod in "ab"),
                ),
            ],
        )
    )


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an end without a port": ({"ingress": [{"ports": [{"endPort": 81}]}]}, "spec.ingress[0].ports[0]"),
    "an end with a name": (
        {"ingress": [{"ports": [{"port": "a", "endPort": 81}]}]},
        "spec.ingress[0].ports[0]",
    ),
    "an end below the port": (
        {"ingress": [{"ports": [{"port": 81, "endPort": 80}]}]},
        "spec.ingress[0].ports[0]",
    ),
    "a protocol that is unknown": (
        {"ingress": [{"ports": [{"protocol": "QUIC"}]}]},
        "spec.ingress[0].ports[0]",
    ),
    "a peer of no kind": ({"ingress": [{"from": [{}]}]}, "spec.ingress[0].from[0]"),
    "a peer of an unknown kind": ({"ingress": [{"from": [{"fqdn": "a.b"}]}]}, "spec.ingress[0].from[0]"),
    "a block with a selector": (
        {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}]},
        "spec.ingress[0].from[0]",
    ),
    "a block that is none": (
        {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0"}}]}]},
        "spec.ingress[0].from[0]",
    ),
    "an except outside of its block": (
        {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}}]}]},
        "spec.ingress[0].from[0]",
    ),
    "a part of a rule that is unknown": ({"ingress": [{"action": "Deny"}]}, "spec.ingress[0]"),
    "a direction that is unknown": ({"policyTypes": ["Ingres"]}, "spec.policyTypes"),
    "peers that are no list": ({"ingress": [{"from": {"podSelector": {}}}]}, "spec.ingress[0].from"),
    "an operator that is unknown": (
        {"podSelector": labels("pod", "Gt", "1"), "ingress": [{}]},
        "spec.podSelector",
    ),
}


@pytest.mark.parametrize(("spec", "where"), BAD.values(), ids=BAD)
def test_what_is_not_understood_allows_nothing_and_is_told(spec: dict[str, Any], where: str) -> None:
    judge = PolicyCompiler()
    key = ObjectKey("NetworkPolicy", "x", "p")
    found = judge.change({key: {"spec": {"podSelector": {}, "policyTypes": ["Ingress"], **spec}}})
    assert [where in problem for problem in found.problems[key]] == [True]
    rules = [one.rule for one in judge.policies.rules(key)]
    assert any(rule.id.place == -1 and not rule.subjects.pods.requirements for rule in rules)
    for rule in rules:
        closes = rule.peers is not None and not (rule.peers.pods or rule.peers.networks)
        closes = closes or (rule.ports is not None and not (rule.ports.ranges or rule.ports.names))
        assert rule.id.place == -1 or closes


@pytest.mark.parametrize(
    "body", [{}, {"spec": None}, {"spec": []}, {"spec": {"podSelector": 1}}, {"spec": {"ingress": 5}}]
)
def test_nothing_that_is_odd_raises(body: dict[str, Any]) -> None:
    for kind in ("NetworkPolicy", "ClusterNetworkPolicy", "Namespace", "Pod", "Node", "Gateway"):
        PolicyCompiler().change({ObjectKey(kind, "x", "p"): body})
