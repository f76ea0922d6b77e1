"""What policies cost: entries grow with objects, a change costs what it touches, numbers come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.policies import REPLICAS, cluster, pod
from p4fabric.controller.policy import ObjectKey, PolicyCompiler, Transition
from p4fabric.controller.policy.atoms import AtomSet, Universe
from p4fabric.controller.policy.rules import Action
from p4fabric.controller.policy.writes import PutAddress

from .oracle import Connection
from .switch import Switch
from .worlds import Change


def compiled(namespaces: int) -> PolicyCompiler:
    compiler = PolicyCompiler()
    compiler.change(cluster(namespaces))
    compiler.acknowledged()
    return compiler


def writes(transition: Transition) -> int:
    return sum(len(phase.writes) for phase in transition.phases)


def test_entries_grow_with_policies_and_a_change_does_not_cost_what_there_is() -> None:
    small, large = compiled(2), compiled(6)
    assert 2 < len(large.entries) / len(small.entries) < 3.3
    bound = len(large.policies) + sum(map(len, large.sets.addresses.values())) + len(large.addresses)
    assert len(large.entries) + len(large.addresses) + len(large.ports) < 5 * bound
    moved = {ObjectKey("Pod", "ns1", "pod3"): pod(1, 3, 7)}
    assert [writes(compiler.change(moved)) for compiler in (small, large)] == [2, 2]
    same = {ObjectKey("Pod", "ns1", "pod3"): pod(1, 3, 7, version="2")}
    assert writes(large.change(same)) == 0
    denying: Mapping[str, Any] = {"spec": {"podSelector": {"matchLabels": {"app": "app15"}}}}
    now = {ObjectKey("NetworkPolicy", "ns1", "more"): denying}
    before = [(compiler.entries.counts.total(), writes(compiler.change(now))) for compiler in (small, large)]
    # An application that no selector has named becomes a class of its own: its pods' addresses are written.
    assert before[0][1] == before[1][1] < 4 * REPLICAS


def test_policies_whose_ports_have_no_room_allow_nothing_and_those_that_stood_stand() -> None:
    def naming(ports: int) -> Mapping[str, Any]:
        found = [{"port": 2 * number + 1} for number in range(ports)]
        return {"spec": {"podSelector": {}, "ingress": [{"ports": found}]}}

    one, other = (ObjectKey("NetworkPolicy", "x", name) for name in ("one", "other"))
    compiler = PolicyCompiler()
    # 8,192 classes of TCP: a port of these takes two, and the other policy's ports are partly the same.
    problems = compiler.change({one: naming(3000), other: naming(4500)}).problems
    assert not problems[one] and "nothing that names ports is allowed" in problems[other][0]
    assert [(rule.rule.action, rule.rule.ports) for rule in compiler.policies.rules(other)] == [
        (Action.DENY, None)
    ]
    stood = compiler.policies.get(one)
    assert "what stood before stands" in compiler.change({one: naming(4500)}).problems[one][0]
    assert compiler.policies.get(one) == stood
    assert not compiler.change({one: naming(2999), other: naming(3000)}).problems[one]
    assert Action.ACCEPT in {rule.rule.action for rule in compiler.policies.rules(other)}


def test_a_number_is_given_again_only_when_switches_have_let_go_of_it() -> None:
    namespace: Change = {ObjectKey("Namespace", "", "x"): {"metadata": {"labels": {}}}}
    compiler = PolicyCompiler()
    compiler.change(namespace)

    def identity(name: str) -> int:
        transition = compiler.change({ObjectKey("Pod", "x", name): pod(0, 0, 0)})
        puts = [w for phase in transition.phases for w in phase.writes if isinstance(w, PutAddress)]
        (found,) = {put.identity for put in puts if put.prefix.version == 4}
        compiler.change({ObjectKey("Pod", "x", name): None})
        return found

    first = identity("a")
    assert identity("b") != first
    compiler.acknowledged()
    assert identity("c") == first


def test_a_switch_that_holds_nothing_is_given_all() -> None:
    compiler, one, other = PolicyCompiler(), Switch(), Switch()
    gone = {ObjectKey("NetworkPolicy", "ns0", "p3"): None}
    for transition in (compiler.start, compiler.change(cluster(1)), compiler.change(gone)):
        for phase in transition.phases:
            for write in phase.writes:
                one.write(write)
    for phase in compiler.whole().phases:
        for write in phase.writes:
            other.write(write)
    assert vars(one) == vars(other)


def test_a_sender_that_no_entry_knows_is_in_no_block_of_addresses() -> None:
    everybody = [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]
    objects: Change = {
        ObjectKey("Namespace", "", "x"): {"metadata": {"labels": {}}},
        ObjectKey("Pod", "x", "a"): pod(0, 0, 0),
        ObjectKey("NetworkPolicy", "x", "p"): {"spec": {"podSelector": {}, "ingress": [{"from": everybody}]}},
    }
    compiler, switch = PolicyCompiler(), Switch()
    for transition in (compiler.start, compiler.change(objects)):
        for phase in transition.phases:
            for write in phase.writes:
                switch.write(write)
    found = switch.see(Connection("192.0.2.1", "10.64.0.1", "TCP", 80))
    assert switch.accepts(found) and not switch.accepts(found._replace(source=0))


def test_blocks_hold_their_members_and_no_live_stranger() -> None:
    universe = Universe(8)
    live = [*range(3, 90, 3), *range(128, 160)]
    for number in live:
        universe.add(number)
    for members in ([3], live, [n for n in live if n >= 128], live[1:], live[::2], []):
        one = AtomSet(universe)
        for number in members:
            one.add(number)
        universe.settle()
        assert [n for n in live if any(block.matches(n) for block in one.blocks)] == sorted(members)
        if members in (live, live[-32:]):
            assert len(one.blocks) == 1
