"""What Kubernetes' policies cost to compile: 1,000 of them with 10,000 pods, and one change of each kind.

    .venv/bin/python -m benchmarks.policies [--namespaces 50] [--rounds 20] [--figures FILE]

A namespace has 200 dual-stack pods of 20 applications and 20 policies: deny all; DNS; its own pods; 13
applications that three others may reach on two ports; two for whatever namespaces have a label; two for the
internet without private networks. Times are the thread's own: other work of the machine is not in them.

Entries stand beside what the same objects come to elsewhere, by the formulas of how it is done there: Cilium
has a map of each pod, with an entry for each identity and block of ports that it may meet; Antrea adds up the
addresses and ports of each rule, and one flow for each (conjunctive match).
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.figures import Figure, add_option, print_table, save
from p4fabric.controller.blocks import aligned_blocks
from p4fabric.controller.policy import ObjectKey, PolicyCompiler
from p4fabric.controller.policy.rules import Rule

APPLICATIONS, REPLICAS = 20, 10
PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
DNS = ObjectKey("Namespace", "", "kube-system")

Objects = dict[ObjectKey, Mapping[str, Any] | None]


def app(number: int) -> dict[str, Any]:
    """A selector of an application's pods."""
    return {"matchLabels": {"app": f"app{number % APPLICATIONS}"}}


def pod(space: int, number: int, application: int, **labels: str) -> dict[str, Any]:
    """A running pod."""
    ips = [f"10.{64 + space // 256}.{space % 256}.{number + 1}", f"fd00:{space:x}::{number + 1:x}"]
    return {
        "metadata": {
            "labels": {"app": f"app{application}", "pod-template-hash": f"h{application}", **labels}
        },
        "spec": {
            "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}],
            "nodeName": f"n{number % 30}",
        },
        "status": {"phase": "Running", "podIPs": [{"ip": ip} for ip in ips]},
    }


def pods(space: int) -> Iterator[tuple[ObjectKey, dict[str, Any]]]:
    """Of a namespace."""
    for number in range(APPLICATIONS * REPLICAS):
        yield ObjectKey("Pod", f"ns{space}", f"pod{number}"), pod(space, number, number // REPLICAS)


def policies(space: int) -> Iterator[dict[str, Any]]:
    """Specs of a namespace."""
    yield {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    yield {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [
            {"to": [dns], "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
        ],
    }
    own: list[dict[str, Any]] = [{"podSelector": {}}]
    yield {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": own}]}
    for number in range(13):
        ports = [
            {"port": "http"} if number % 4 == 0 else {"port": 8000 + number},
            {"port": 9000, "endPort": 9099},
        ]
        peers = [{"podSelector": app(number + far)} for far in (1, 5, 9)]
        yield {"podSelector": app(number), "ingress": [{"from": peers, "ports": ports}]}
    for number in range(2):
        team = {"namespaceSelector": {"matchLabels": {"team": f"t{(space + number) % 10}"}}}
        yield {"podSelector": app(number), "ingress": [{"from": [team], "ports": [{"port": 443}]}]}
    for number in range(2):
        block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": PRIVATE}}
        partner = {"ipBlock": {"cidr": f"198.51.{space}.{number * 16}/28"}}
        yield {
            "podSelector": app(number),
            "policyTypes": ["Egress"],
            "egress": [{"to": [block], "ports": [{"port": 443}]}, {"to": [partner]}],
        }


def cluster(namespaces: int) -> Objects:
    """All objects."""
    found: Objects = {DNS: {"metadata": {"labels": {}}}}
    for number in range(2):
        found[ObjectKey("Pod", "kube-system", f"dns{number}")] = pod(255, number, 0, dns="yes")
    for space in range(namespaces):
        found[ObjectKey("Namespace", "", f"ns{space}")] = {"metadata": {"labels": {"team": f"t{space % 10}"}}}
        found.update(pods(space))
        for number, spec in enumerate(policies(space)):
            found[ObjectKey("NetworkPolicy", f"ns{space}", f"p{number}")] = {"spec": spec}
    return found


def timed(what: Callable[[], object]) -> float:
    """Seconds of this thread."""
    gc.collect()
    begun = time.thread_time()
    what()
    return time.thread_time() - begun


def elsewhere(compiler: PolicyCompiler, objects: Objects) -> tuple[int, int]:
    """Entries of Cilium's maps, and Antrea's flows, for the same rules on one node that has all pods."""
    cilium = antrea = 0
    classes = compiler.sets.pods
    for key in objects:
        for placed in compiler.policies.rules(key):
            rule = placed.rule
            if rule.id.place < 0:
                antrea += _pods(compiler, rule) * 2
                continue
            subjects = _pods(compiler, rule)
            peers = [found for term in rule.peers.pods for found in classes.of(term)] if rule.peers else []
            addresses = 2 * sum(len(found.members) for found in peers) + len(placed.networks)
            ports = 1 if rule.ports is None else len(rule.ports.ranges) + len(rule.ports.names)
            blocks = 1 if rule.ports is None else _blocks(rule)
            cilium += subjects * max(1, len(peers) + len(placed.networks)) * blocks
            antrea += 2 * subjects + addresses + ports + 1
    return cilium, antrea


def _pods(compiler: PolicyCompiler, rule: Rule) -> int:
    return sum(len(found.members) for found in compiler.sets.pods.of(rule.subjects))


def _blocks(rule: Rule) -> int:
    """Blocks of aligned ports, as Cilium's map has them since it knows ranges."""
    assert rule.ports is not None
    found = len(rule.ports.names)
    for ports in rule.ports.ranges:
        found += sum(1 for _ in aligned_blocks(ports.first, ports.last + 1, 16))
    return found


def measure(namespaces: int, rounds: int) -> list[Figure]:
    """All figures."""
    objects = cluster(namespaces)
    compiler = PolicyCompiler()
    whole = timed(lambda: compiler.change(objects))
    compiler.acknowledged()
    later = PolicyCompiler()
    later.change({key: body for key, body in objects.items() if "Policy" not in key.kind})
    policies_later = timed(lambda: later.change(objects))
    assert len(later.entries) == len(compiler.entries)
    count = len(compiler.policies)
    addresses = sum(2 for key in objects if key.kind == "Pod")
    # A class of dual-stack pods is in both universes of addresses, and is one all the same.
    identities = sum(map(len, compiler.sets.addresses.values())) - len(compiler.sets.pods)
    entries = len(compiler.entries) + len(compiler.addresses) + len(compiler.ports)
    share = entries / (count + identities + addresses)
    cilium, antrea = elsewhere(compiler, objects)
    print(
        f"{count} policies, {addresses // 2} pods in {len(compiler.sets.pods)} classes, {addresses} addresses"
    )
    sizes = len(compiler.entries), len(compiler.addresses), len(compiler.ports)
    print("entries: {} of tiers, {} of addresses, {} of ports".format(*sizes))
    print(f"the same objects: Cilium {cilium} entries of maps, Antrea {antrea} flows, by formula")
    named = f"{count} policies and {addresses // 2} pods"
    found = [
        Figure("policies.compile", f"{named}, at once", "s", [whole], True, 0.5, 3.0),
        Figure(
            "policies.later",
            "the same policies, for pods that are there",
            "s",
            [policies_later],
            True,
            0.5,
            3.0,
        ),
        Figure(
            "policies.share",
            "entries for each policy, identity and address",
            "ratio",
            [share],
            True,
            0.1,
            5.0,
        ),
        Figure("policies.entries", "entries of the six tiers", "entries", [len(compiler.entries)], True, 0.1),
        Figure(
            "policies.beside_cilium", "entries of Cilium's maps for each of ours", "ratio", [cilium / entries]
        ),
        Figure("policies.beside_antrea", "Antrea's flows for each of ours", "ratio", [antrea / entries]),
    ]
    for name, title, make in _changes():
        took: list[float] = []
        writes = 0
        for number in range(rounds):
            objects_now = make(number)
            begun = time.thread_time()
            transition = compiler.change(objects_now)
            took.append((time.thread_time() - begun) * 1000)
            writes += sum(len(phase.writes) for phase in transition.phases)
            compiler.acknowledged()
        print(f"{title}: {writes / rounds:.1f} writes")
        found.append(Figure(f"policies.{name}", title, "ms", took, True, 0.5))
    return found


def _changes() -> Iterator[tuple[str, str, Callable[[int], Objects]]]:
    key = ObjectKey("Pod", "ns1", "pod3")
    yield "relabel", "a pod's label that policies look at", lambda n: {key: pod(1, 3, (n + 1) % APPLICATIONS)}
    other = ObjectKey("Pod", "ns1", "pod5")
    yield "ignored", "a pod's label that none looks at", lambda n: {other: pod(1, 5, 0, version=f"v{n}")}
    new = ObjectKey("Pod", "ns2", "new")
    yield "pod", "a pod comes or goes", lambda n: {new: None if n % 2 else pod(2, 250, 3)}
    policy = ObjectKey("NetworkPolicy", "ns3", "new")
    spec = {
        "podSelector": app(15),
        "ingress": [{"from": [{"podSelector": app(16)}], "ports": [{"port": 7777}]}],
    }
    yield "policy", "a policy comes or goes", lambda n: {policy: None if n % 2 else {"spec": spec}}
    space = ObjectKey("Namespace", "", "ns4")
    yield (
        "namespace",
        "a namespace's label",
        lambda n: {space: {"metadata": {"labels": {"team": f"t{n % 10}"}}}},
    )


def main() -> None:
    """Measure, and print what is to be reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--namespaces", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    add_option(parser)
    options = parser.parse_args()
    figures = measure(options.namespaces, options.rounds)
    print_table(figures)
    save(options.figures, figures)


if __name__ == "__main__":
    main()
