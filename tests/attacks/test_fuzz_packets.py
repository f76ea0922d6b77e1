"""What the leaf lets in is what the rules of edge ports say, for random fabrics and random frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from p4fabric.pipelines.entities import Entity
from p4fabric.pipelines.fabric import bindings as b
from tests.attacks.fuzz_packets.runner import Result, run

SEED = 1000


KINDS = 3
"""Kinds of mismatches after which a run ends."""


def _everything(entity: Entity) -> bool:
    return True


def _short(seed: int, packets: int = 5000, keep: Callable[[Entity], bool] = _everything) -> Result:
    return run(packets, seed, a_world=1000, most=KINDS, keep=keep)


def _told(result: Result) -> str:
    return "\n".join((result.report(), *(f"{one}\n{one.trace}" for one in result.mismatches[:3])))


@pytest.mark.parametrize("seed", [SEED, SEED + 100, SEED + 200, SEED + 300])
def test_nothing_passes_that_may_not_and_nothing_is_dropped_that_may_pass(seed: int) -> None:
    result = _short(seed)
    assert not result.mismatches, _told(result)
    assert result.packets == 5000
    assert result.passed.total() > 1500
    assert result.dropped.total() > 1500


def _denies(entity: Entity) -> bool:
    return isinstance(getattr(entity, "action", None), b.DenyIpv4 | b.DenyIpv6)


@pytest.mark.parametrize(
    ("missing", "points"),
    [
        (_denies, ("18",)),
        (
            lambda entity: isinstance(entity, b.SourceIpv4 | b.SourceIpv6),
            ("1x", "15", "16", "bridged", "routed"),
        ),
        (lambda entity: isinstance(getattr(entity, "action", None), b.SourceBound), ("1x", "15", "16")),
        (lambda entity: isinstance(entity, b.VirtualIpReplies), ("20", "routed", "bridged", "from")),
        (lambda entity: isinstance(entity, b.RoutingIpv6), ("routed",)),
        (lambda entity: isinstance(entity, b.UpfUplinkSessions), ("uplink",)),
    ],
    ids=["deny rules", "sources", "bound addresses", "services' answers", "IPv6 routes", "sessions"],
)
def test_a_leaf_without_some_of_its_entries_is_found_out(
    missing: Callable[[Entity], bool], points: tuple[str, ...]
) -> None:
    result = _short(SEED, 2000, keep=lambda entity: not missing(entity))
    assert any(kind.startswith(points) for kind in result.kinds), _told(result)


def _without_one_rule(seed: int) -> Result:
    dropped: list[Entity] = []

    def keep(entity: Entity) -> bool:
        if _denies(entity) and not dropped:
            dropped.append(entity)
        return entity not in dropped

    return run(5000, seed, most=KINDS, keep=keep)


def test_one_firewall_rule_that_is_missing_is_found_out() -> None:
    # In some worlds another rule denies the same, or few packets meet it: about one world in three shows it.
    found: list[Counter[str]] = []
    for number in range(40):
        found.append(_without_one_rule(SEED + number).kinds)
        if "18 denied: should be dropped, came out" in found[-1]:
            return
    pytest.fail(f"no packet of {len(found)} worlds met a missing rule: {found}")


def test_a_mismatch_shows_the_frame_the_expectation_and_the_switchs_trace() -> None:
    result = _short(SEED, 1000, keep=lambda entity: not _denies(entity))
    shown = _told(result)
    assert "expected:\n    nothing" in shown
    assert "<Ether" in shown
    assert "received     at port" in shown
