"""Which events are about whom."""

from __future__ import annotations

import pytest

from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.telemetry import events as e
from p4fabric.controller.telemetry.bus import Lost, Published
from p4fabric.controller.telemetry.event_filter import EventFilter
from p4fabric.controller.times import moment
from tests.unit.northbound.every_event import AWAY, EVERY_EVENT, NET, RESPONSE, UPF, example

OF_A_TENANT = {
    e.IntentStatusChanged, e.IntentsStatusChanged, e.IntentDeleted, e.HostLearned, e.HostMoved,
    e.AddressMoved, e.AddressClaimRefused, e.DuplicateAddress, e.HostForgotten,
    e.IncidentOnset, e.IncidentUpdate, e.IncidentCleared, e.FlowPathChanged, e.FlowPathSilent,
}  # fmt: skip
OF_REMEDIES = {e.RemedyGranted, e.RemedyEnded, e.RemedyRecommended}
OF_A_UPF = {e.SmfAssociated, e.SmfReleased}


def passing(wanted: EventFilter) -> set[type[e.Event]]:
    return {type(event) for event in EVERY_EVENT if wanted.passes(Published("1", 0.0, event))}


def test_events_are_found_by_tenant_intent_and_switch() -> None:
    assert passing(EventFilter()) == {type(event) for event in EVERY_EVENT}
    assert passing(EventFilter(intent=NET)) == OF_A_TENANT | {e.RemedyGranted, e.RemedyEnded}
    assert passing(EventFilter(intent=RESPONSE)) == OF_REMEDIES
    assert passing(EventFilter(intent=UPF)) == OF_A_UPF
    assert passing(EventFilter(tenant="acme")) == OF_A_TENANT | OF_A_UPF | OF_REMEDIES
    other = IntentKey("Network", TenantName("acme"), "other")
    assert passing(EventFilter(intent=other)) == set()
    assert passing(EventFilter(switch="leaf1")) == set(e.EVENT_TYPES.values()) - {e.IntentDeleted} - OF_A_UPF
    second = passing(EventFilter(switch="leaf2"))
    assert {e.LinkUp, e.LinkDown, e.HostMoved, e.AddressMoved, e.DuplicateAddress} <= second
    assert not second & {e.SwitchConnected, e.HostLearned, e.CongestionOnset, e.FabricStatusChanged}
    both = EventFilter(frozenset((e.LinkUp, e.HostMoved)), tenant="acme", switch="leaf2")
    assert passing(both) == {e.HostMoved}


def test_what_many_intents_came_to_is_kept_from_tenants_only_if_none_of_theirs_is_among_them() -> None:
    known = e.IntentsStatusChanged("degraded", 9, {"Network": 9}, (AWAY,), (), (NET,), {"acme": 5, "b": 4})
    of_whom_nobody_knows = e.IntentsStatusChanged("degraded", 9, {}, (AWAY,), (), ())

    def passes(event: e.Event, tenant: str) -> bool:
        return EventFilter(tenant=tenant).passes(Published("1", 0.0, event))

    assert passes(known, "acme") and passes(known, "b") and not passes(known, "c")
    assert passes(of_whom_nobody_knows, "c")


def test_losses_are_told_to_those_who_may_have_lost_something() -> None:
    links = EventFilter(frozenset((e.LinkUp,)), tenant="acme")
    assert links.passes(Lost(e.EventClass.LINKS, 1)) and links.passes(Lost(None, None))
    assert not links.passes(Lost(e.EventClass.HOSTS, 1))
    assert EventFilter(switch="leaf9").passes(Lost(e.EventClass.HOSTS, 1))
    assert example(e.LinkUp)


TIMES = {
    "10m": 400.0,
    "1h": 0.0,
    "1m30s": 910.0,
    "500ms": 999.5,
    "0s": 1000.0,
    "0.005d": 568.0,
    "999999999d": 0.0,
    "1970-01-01T00:10:00Z": 600.0,
    "1970-01-01T02:10:00.5+02:00": 600.5,
    "1970-01-01t00:00:00z": 0.0,
    "0001-01-01T00:00:00+14:00": 0.0,
    "9999-12-31T23:59:59-14:00": 9_223_372_035.0,  # as nanoseconds, less than 2 ** 63
}
NO_TIMES = ["", "10", "m", "-5m", "10 m", "1970-01-01T00:00:00", "1970-01-01", "yesterday", "9" * 400 + "d"]


@pytest.mark.parametrize(("text", "seconds"), TIMES.items())
def test_a_moment_is_a_time_or_how_long_ago(text: str, seconds: float) -> None:
    assert moment(text, 1000.0) == pytest.approx(seconds)


@pytest.mark.parametrize("text", [*NO_TIMES, "\u0663m"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 10m"):
        moment(text, 1000.0)
