from __future__ import annotations

from collections.abc import Iterator

import pytest

from p4fabric.controller.compiler.policy_entries import Side, Verdict
from p4fabric.pipelines.entities import Ternary

from .bed import ALICE, CAROL, DNS, WEB, Bed, bed, isolated, rule

PING = {4: Ternary(8 << 8, 0xFF00), 6: Ternary(128 << 8, 0xFF00)}


@pytest.fixture(scope="module")
def running() -> Iterator[Bed]:
    """Carol serves port 80 and DNS to Alice, who may ping her, and begins nothing herself."""
    entries = [
        isolated(Side.INGRESS, CAROL),
        isolated(Side.EGRESS, CAROL),
        *(rule(Side.INGRESS, Verdict.ALLOW, ALICE, CAROL, ports) for ports in (WEB, DNS)),
        *(rule(Side.INGRESS, Verdict.ALLOW, ALICE, CAROL, icmp=icmp) for icmp in PING.values()),
    ]
    with bed(*entries) as made:
        yield made


@pytest.fixture
def served(running: Bed) -> Bed:
    """With no connection known, and nothing on the link so far."""
    running.forget("leaf1")
    running.forget("leaf2")
    running.network.wire("leaf1:8").crossings.clear()
    return running
