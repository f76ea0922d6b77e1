"""What the closed loop decides, case by case, and that it keeps within its bounds whatever traffic does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.controller.compiler.remedy import Action
from p4fabric.controller.intents import IntentError
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.response import Ended, Verdict
from p4fabric.pipelines.values import Port
from tests.unit.response.world import (
    DOWNLINK,
    EDGE,
    LEAF,
    OTHER_UPLINK,
    RATE,
    UPLINK,
    World,
    culprit,
    flow,
    response,
)

WEB = IntentKey("Service", TenantName("batch"), "web")
POLICE = {"rateKilobits": 1000}


def uplink(world: World, *culprits: Any, **more: Any) -> None:
    world.congest(UPLINK, *(culprits or (culprit(),)), **more)


def only(world: World) -> tuple[Verdict, str]:
    (found,) = world.decide().findings
    return found.verdict, found.reason


def test_a_culprit_at_an_uplink_gets_the_other_path() -> None:
    world = World()
    uplink(world)
    (grant,) = world.decide().grants
    assert grant.remedy.action is Action.REROUTE
    assert (grant.remedy.target.leaf, grant.remedy.target.port) == (LEAF, Port(10))
    assert grant.remedy.expires == world.now + 60


def test_a_culprit_behind_a_spine_gets_the_path_around_that_spine() -> None:
    world = World()
    world.congest(DOWNLINK, culprit())
    (grant,) = world.decide().grants
    assert grant.remedy.target.port == Port(10)


def test_by_default_it_is_only_said_what_would_be_done() -> None:
    world = World([response(mode=None)])
    uplink(world)
    verdict, reason = only(world)
    assert verdict is Verdict.RECOMMENDS
    assert reason == "10.0.1.1 to 10.0.1.2 takes port 10 at leaf1 would be done"
    assert not world.remedies


def _incast(world: World) -> None:
    world.congest(EDGE, culprit(1), culprit(2))


def _full(world: World) -> None:
    world.loads[1] = 0.4 * RATE
    uplink(world)


def _unknown_load(world: World) -> None:
    world.loads[1] = None
    uplink(world)


def _congested_too(world: World) -> None:
    world.congested = (True, True)
    uplink(world)


def _one_path(world: World) -> None:
    world.loads = [RATE]
    uplink(world)


def _short(world: World) -> None:
    uplink(world, lasting=0.1)


def _over(world: World) -> None:
    uplink(world)
    world.now += 1


def _quick(world: World) -> None:
    world.waits[UPLINK] = 1_000_000
    uplink(world)


def _no_bins(world: World) -> None:
    world.waits[UPLINK] = None
    uplink(world)


def _lost(world: World) -> None:
    world.doubts[LEAF] = "5.0% of the reports of leaf1 were lost"
    uplink(world)


def _protected_service(world: World) -> None:
    world.responses = [response(police=POLICE, protect=[{"tenant": "batch", "service": "web"}])]
    uplink(world, culprit(intents=(WEB,)))


def _protected_tenant(world: World) -> None:
    world.responses = [response(police=POLICE, protect=[{"tenant": "batch"}])]
    uplink(world)


def _others_flow(world: World) -> None:
    world.responses = [response(tenant="acme", allTenants=None, police=POLICE)]
    uplink(world, culprit(tenant="acme", share=0.1), culprit(2, share=0.9))


def _victim(world: World) -> None:
    uplink(world, victims=frozenset({flow(1)}))


def _nowhere(world: World) -> None:
    uplink(world, replace(culprit(), place="nobody knows where it comes from"))


@pytest.mark.parametrize(
    ("say", "reason"),
    [
        (_incast, "no other path leads to the hosts at this port: their senders are too fast"),
        (_full, "no other path from leaf1 to leaf2 is known to have room"),
        (_unknown_load, "no other path from leaf1 to leaf2 is known to have room"),
        (_congested_too, "no other path from leaf1 to leaf2 is known to have room"),
        (_one_path, "there is one path only from leaf1 to leaf2"),
        (_short, "congested for less than 200 ms"),
        (_over, "not congested now"),
        (_quick, "packets wait 1.0 ms only"),
        (_no_bins, "nobody knows how long packets wait"),
        (_lost, "5.0% of the reports of leaf1 were lost"),
        (_protected_service, "service web of batch is protected"),
        (_protected_tenant, "tenant batch is protected"),
        (_others_flow, "holds 10% of the queue only"),
        (_victim, "suffers itself"),
        (_nowhere, "nobody knows where it comes from"),
    ],
)
def test_it_refrains_and_says_why(say: Callable[[World], None], reason: str) -> None:
    world = World()
    say(world)
    verdict, said = only(world)
    assert (verdict, world.remedies) == (Verdict.REFRAINS, {})
    assert reason in said


def test_where_there_is_no_other_path_the_flow_is_policed() -> None:
    world = World([response(police=POLICE)], loads=[RATE])
    uplink(world)
    (grant,) = world.decide().grants
    assert (grant.remedy.action, grant.remedy.target.rate) == (Action.POLICE, 125_000)


def test_a_remedy_that_helps_stays_until_its_lease_is_over() -> None:
    world = World()
    uplink(world)
    world.decide()
    world.queues, world.waits[UPLINK] = [], 1_000_000
    for _ in range(59):
        world.later(1)
        assert not world.decide().ends
    assert [world.responder.helped(key) for key in world.remedies] == [True]
    world.later(1)
    assert [ended for _, ended, _ in world.decide().ends] == [Ended.EXPIRED]


@pytest.mark.parametrize(("wait", "seconds"), [(1_000_000, 0.3), (None, 10)])
def test_what_has_helped_is_granted_anew_as_soon_as_congestion_is_back(
    wait: int | None, seconds: float
) -> None:
    """Of what nobody knows to have helped, the flow is left alone first."""
    world = World()
    uplink(world)
    world.decide()
    world.queues, world.waits[UPLINK] = [], wait
    for _ in range(60):
        world.later(1)
        world.decide()
    assert not world.remedies
    expired = world.now
    world.waits[UPLINK] = 40_000_000
    while not world.remedies:
        world.later(0.1)
        uplink(world, lasting=min(1.0, world.now - expired))
        world.decide()
    assert seconds - 0.15 < world.now - expired < seconds + 0.15


def test_a_remedy_that_does_not_help_is_undone_and_the_flow_left_alone_ever_longer() -> None:
    world = World([response(maxActions=128)])
    uplink(world)
    for _ in range(36_000):
        world.decide()
        world.later(0.1)
    gaps = [second - first for first, second in pairwise(world.granted)]
    assert len(world.granted) <= 9
    assert all(later > 1.5 * earlier for earlier, later in pairwise(gaps))


def test_a_remedy_that_congests_the_other_path_is_undone() -> None:
    world = World()
    uplink(world)
    world.decide()
    world.later(1)
    world.congest(OTHER_UPLINK, lasting=0.5)
    ((_, ended, reason),) = world.decide().ends
    assert ended is Ended.NO_HELP
    assert "the other path is congested" in reason


@pytest.mark.parametrize(
    "after",
    [[], [response(mode=None)], [response(reroute=None, police=POLICE)], [response(allTenants=None)]],
)
def test_a_remedy_ends_when_nobody_asks_for_it_any_more(after: list[Any]) -> None:
    world = World()
    uplink(world)
    world.decide()
    world.responses = after
    assert [ended for _, ended, _ in world.decide().ends] == [Ended.WITHDRAWN]
    assert not world.remedies


def test_two_elephants_on_one_of_two_paths_part_and_stay_so() -> None:
    world = World()
    uplink(world, culprit(1, 0.45), culprit(2, 0.45))
    for step in range(600):
        world.decide()
        if world.granted:
            world.queues, world.waits[UPLINK] = [], 0
        world.later(0.1)
        assert len(world.granted) == 1, step


def test_a_new_controller_does_nothing_at_first_but_end_what_is_over() -> None:
    world = World()
    uplink(world)
    world.decide()
    world.__post_init__()
    world.responder = type(world.responder)(world.now + 60)
    world.later(60)
    found = world.decide()
    assert [ended for _, ended, _ in found.ends] == [Ended.EXPIRED]
    assert found.findings[0].reason == "the controller has just started"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"reroute": None}, "spec"),
        ({"mark": {}, "allTenants": None}, "spec.mark"),
        ({"when": {"forMilliseconds": 100}}, "spec.when.forMilliseconds"),
    ],
)
def test_a_response_that_makes_no_sense_is_refused(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(IntentError) as caught:
        response(**spec)
    assert caught.value.errors[0].field == field


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    budget=st.integers(1, 4),
    hold=st.integers(1, 5),
    lease=st.integers(5, 20),
)
def test_whatever_traffic_does_remedies_stay_within_the_budget(
    seed: int, budget: int, hold: int, lease: int
) -> None:
    random = Random(seed)
    spec: dict[str, Any] = {
        "maxActions": budget,
        "holdSeconds": hold,
        "leaseSeconds": lease,
        "police": POLICE,
    }
    world = World([response(protect=[{"tenant": "acme"}], **spec)])
    for _ in range(300):
        world.queues = []
        for queue in (UPLINK, OTHER_UPLINK, DOWNLINK, EDGE):
            world.waits[queue] = random.choice([None, 0, 4_000_000, 80_000_000])
            if random.random() < 0.6:
                tenants = [random.choice(["batch", "acme"]) for _ in range(3)]
                flows = [culprit(random.randrange(20), random.random(), tenant) for tenant in tenants]
                world.congest(queue, *flows, lasting=random.choice([0.1, 0.5]))
        world.loads = [random.choice([None, 0.0, RATE]), random.choice([None, 0.0, RATE])]
        world.doubts = {LEAF: "lost"} if random.random() < 0.1 else {}
        made = world.decide()
        assert not (made.grants and world.doubts and made.grants[0].remedy.queue.switch == LEAF)
        assert all(grant.remedy.queue != EDGE.port for grant in made.grants)
        assert len(world.remedies) <= budget
        assert all(remedy.expires > world.now for remedy in world.remedies.values())
        flows_touched = [remedy.flow for remedy in world.remedies.values()]
        assert len(set(flows_touched)) == len(flows_touched)
        world.now += 0.25
    window = [[one for one in world.granted if at - lease < one <= at] for at in world.granted]
    assert max(map(len, window), default=0) <= budget
    world.queues = []
    world.now += lease
    world.decide()
    assert not world.remedies


PLACEBO: dict[str, Any] = {
    "tenant": "batch",
    "allTenants": None,
    "reroute": None,
    "police": {"rateKilobits": 100_000_000},
}


@pytest.mark.parametrize("seconds", [1.0, 3.5])
def test_no_remedy_of_a_tenants_response_shields_its_flow_from_one_for_all(seconds: float) -> None:
    placebo, whole = response("placebo", holdSeconds=3600, **PLACEBO), response()
    world = World([placebo])
    uplink(world)
    world.decide()
    world.responses = [placebo, whole]
    world.later(0.5)
    assert not world.decide().grants, "it may help yet"
    world.later(seconds - 0.5)
    found = world.decide()
    assert [grant.response for grant in found.grants] == [whole.key]
    # In its first seconds it is replaced; then it has not helped, and its own response leaves the flow alone.
    assert [ended for _, ended, _ in found.ends] == [Ended.WITHDRAWN if seconds < 3 else Ended.NO_HELP]
    assert [key.response for key in world.remedies] == [whole.key]
    world.later(1)
    assert not world.decide().grants, "nor is it taken back"


def test_what_a_tenants_response_does_for_a_queue_holds_none_for_all_back() -> None:
    placebo, whole = response("placebo", holdSeconds=1, **PLACEBO), response()
    world = World([placebo])
    uplink(world)
    world.decide()
    world.responses = [placebo, whole]
    world.later(0.1)
    uplink(world, culprit(1), culprit(2, tenant="acme"))
    assert [grant.response for grant in world.decide().grants] == [whole.key]


def test_responses_for_all_tenants_go_first() -> None:
    world = World([response("placebo", **PLACEBO), response()])
    uplink(world)
    assert [grant.response.tenant for grant in world.decide().grants] == ["operator"]


def test_waits_are_asked_for_only_where_something_may_be_done() -> None:
    def asked(*span: Any) -> int:
        raise AssertionError("it takes long")

    world = World()
    world.congest(EDGE, culprit())
    found = world.responder.decide(replace(world.evidence(), wait=asked))
    assert [one.verdict for one in found.findings] == [Verdict.REFRAINS]


def test_a_finding_without_a_flow_is_the_tenants_whose_flows_it_is_about() -> None:
    world = World([response(), response("own", "batch", allTenants=None)])
    world.congest(EDGE, culprit())
    assert [one.tenant for one in world.decide().findings] == [None, "batch"]
