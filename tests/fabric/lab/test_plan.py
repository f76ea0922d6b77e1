"""The lab's plan for switches that are slower than its bandwidths."""

from __future__ import annotations

from dataclasses import replace

from tests.fabric.lab.programs import module

PLAN = module("plan").EDGE_DATA_CENTRE


def test_a_slower_switch_gets_the_same_places_with_part_of_each_bandwidth() -> None:
    slower = PLAN.with_bandwidths(0.25)
    assert {host.name: host.bandwidth for host in slower if host.bandwidth} == {"dn": 5}
    assert [replace(host, bandwidth=None) for host in slower] == [
        replace(host, bandwidth=None) for host in PLAN
    ]
    assert slower.gnb == PLAN.gnb and PLAN.with_bandwidths(1) == PLAN
