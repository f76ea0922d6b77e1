"""What a tenant hears of each kind of event, and which reasons and errors it may read."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from p4fabric.controller.access import Principal, Role, Source, TenantView, errors_for
from p4fabric.controller.access.allotments import Allotments
from p4fabric.controller.access.errors import Forbidden
from p4fabric.controller.access_config import TenantConfig
from p4fabric.controller.api.event_documents import event_document
from p4fabric.controller.api.remedies import remedy_document
from p4fabric.controller.compiler.remedy import Action, RemedyKey
from p4fabric.controller.fabric import IntentConflict, IntentState, IntentStatus
from p4fabric.controller.fabric.response_service import RemedyView
from p4fabric.controller.intents import FieldError, IntentDocument, parse_intent
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.telemetry import events as e
from p4fabric.controller.telemetry.bus import Lost, Published
from p4fabric.controller.telemetry.event_filter import EventFilter
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.pipelines.values import Port
from tests.unit.northbound.every_event import (
    AWAY,
    EVERY_EVENT,
    FLOW,
    HERE,
    NET,
    REMEDY,
    RESPONSE,
    example,
)

ACME, GLOBEX = TenantName("acme"), TenantName("globex")
OF_FABRIC = {
    e.SwitchConnected,
    e.SwitchDisconnected,
    e.SwitchDrainChanged,
    e.LinkUp,
    e.LinkDown,
    e.LinkDrainChanged,
    e.FabricStatusChanged,
    e.SmfAssociated,
    e.SmfReleased,
}
OF_PORTS = {e.HostLimitReached, e.CongestionOnset, e.CongestionUpdate, e.CongestionCleared, e.TrafficDropped,
            e.TrafficDropsCleared}  # fmt: skip


def allotted(tenant: TenantName, *, vlans: list[Any] | None = None) -> TenantConfig:
    """The port of the example events."""
    place = {"switch": HERE.switch, "ports": [int(HERE.port)], "vlans": vlans}
    return TenantConfig.model_validate({"name": tenant, "attachments": [place]})


def tenant_view(
    tenant: TenantName | None, *tenants: TenantConfig, networks: tuple[IntentKey, ...] = (NET,)
) -> TenantView:
    """Of a fabric with networks at the port of the example events."""
    fabric: Any = SimpleNamespace(
        networks_at=lambda port: networks if port == HERE else (),
        networks_of=lambda name: networks if name == HERE.switch else (),
    )
    role = Role.OPERATOR if tenant is None else Role.TENANT
    return TenantView(fabric, Principal("somebody", role, tenant, Source.TOKEN), Allotments(tenants))


def test_a_principal_without_a_tenant_is_no_tenant() -> None:
    with pytest.raises(ValueError, match="exactly role tenant has a tenant"):
        Principal("x", Role.TENANT, None, Source.TOKEN)


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_an_event_is_told_to_whom_it_concerns_and_nobody_else(event: e.Event) -> None:
    assert tenant_view(None).event(event) is event
    # Of acme's things globex hears nothing, though it has part of the port and a network there.
    shared = tenant_view(GLOBEX, allotted(GLOBEX, vlans=[7]), networks=(NET, NET._replace(tenant=GLOBEX)))
    assert shared.event(event) is None
    told = tenant_view(ACME, allotted(ACME)).event(event)
    kind = type(event)
    # Of many intents, how many are whose was not counted in the example.
    assert (told is not None) is (kind not in OF_FABRIC | {e.IntentsStatusChanged}), kind
    unshared = tenant_view(ACME).event(event)
    assert (unshared is None) is (kind in OF_FABRIC | OF_PORTS | {e.IntentsStatusChanged}), kind


def test_of_many_intents_a_tenant_hears_how_many_are_its_own() -> None:
    tenants: dict[str, int] = {ACME: 2, GLOBEX: 41}
    event = e.IntentsStatusChanged(
        "degraded", 43, {"Network": 42, "Service": 1}, (AWAY,), (), (NET,), tenants
    )
    told = tenant_view(ACME).event(event)
    assert isinstance(told, e.IntentsStatusChanged)
    assert (told.count, told.kinds, told.intents, told.tenants) == (2, {}, (), {ACME: 2})
    assert tenant_view(TenantName("initech")).event(event) is None


def test_of_losses_a_tenant_hears_no_number() -> None:
    lost = Lost(e.EventClass.HOSTS, 17)
    assert tenant_view(ACME).published(lost) == Lost(None, None) and tenant_view(None).published(lost) is lost
    told = tenant_view(ACME).published(Published("1", 0.0, e.IntentDeleted(NET)))
    assert isinstance(told, Published) and told.event == e.IntentDeleted(NET)


def test_reasons_name_neither_entries_nor_switches_of_others() -> None:
    entry = "vlan 4000 of leaf1 is refused: RESOURCE_EXHAUSTED, beside 900 others"
    reasons = (
        Reason(Code.ENTRY_REFUSED, entry, switch="spine1", entry="l2[4000]"),
        Reason(Code.ENTRY_REFUSED, "another", switch="spine2"),
        AWAY,
        Reason(Code.SERVER_UNSEEN, "server 10.0.2.13 was not seen yet", address="10.0.2.13"),
    )
    status = IntentStatus(IntentState.DEGRADED, 1, reasons)
    told = tenant_view(ACME).status(status).reasons
    assert [str(reason) for reason in told] == [
        "A switch refuses an entry",
        "A switch is not connected: leaf1",
        "server 10.0.2.13 was not seen yet",
    ]
    assert told[0].as_dict().keys() == {"code", "message"}
    assert tenant_view(None).status(status) is status


def test_conflicts_name_nobody_elses_intents_nor_how_full_the_fabric_is() -> None:
    errors = [
        FieldError("spec.port", 1, "1 is already a port (Network/globex/x)", Code.ALREADY_CLAIMED,
                   IntentKey("Network", GLOBEX, "x")),
        FieldError("spec.mac", 2, "2 is already a host (Network/acme/clients)", Code.ALREADY_CLAIMED, NET),
        FieldError("spec", "n", "leaf1 has no room for 7 of the entries that l2 needs", Code.NO_ROOM),
        FieldError("spec", "n", "leaf2 has no room for 9 of the entries that l2 needs", Code.NO_ROOM),
        FieldError("spec", "n", "tenant acme may have 10 of the 100 entries of l2", Code.SHARE_USED),
    ]  # fmt: skip
    with pytest.raises(IntentConflict) as told, errors_for(ACME):
        raise IntentConflict(errors, code=Code.NO_ROOM)
    text = str(told.value)
    assert "globex" not in text and "leaf" not in text and "clients" in text and "may have 10" in text
    assert [error.code for error in told.value.errors] == [
        Code.ALREADY_CLAIMED, Code.ALREADY_CLAIMED, Code.NO_ROOM, Code.SHARE_USED,
    ]  # fmt: skip
    with pytest.raises(IntentConflict, match="globex"), errors_for(None):
        raise IntentConflict(errors)


def test_samples_are_of_the_tenant_or_of_a_port_that_is_all_its_own() -> None:
    seen = tenant_view(ACME, allotted(ACME)).sees_sample
    assert seen({"tenant": "acme", "kind": "Network"}) and not seen({"tenant": "globex"})
    assert seen({"switch": "leaf1", "port": "1", "queue": "0"})
    assert not seen({"switch": "leaf1", "port": "1", "tenant": "globex"})
    for other in (
        {},
        {"switch": "leaf1"},
        {"switch": "leaf1", "port": "2"},
        {"switch": "leaf2", "port": "1"},
    ):
        assert not seen(other)
    assert not tenant_view(ACME, allotted(ACME, vlans=[7])).sees_sample({"switch": "leaf1", "port": "1"})
    assert tenant_view(None).sees_sample({})


def test_a_port_shows_a_tenant_its_own_networks_and_never_the_other_end() -> None:
    from p4fabric.controller.fabric import PortView

    other = PortRef(SwitchName("spine1"), Port(3))
    view = PortView(HERE, None, other, (NET, NET._replace(tenant=GLOBEX)))
    assert tenant_view(ACME).port(view) == replace(view, peer=None, networks=(NET,))
    assert tenant_view(None).port(view) is view


def test_of_remedies_a_tenant_sees_what_concerns_its_flows_and_not_where() -> None:
    view = RemedyView(RemedyKey(RESPONSE, 3), REMEDY, True, reason="packets wait at leaf1:1")
    acme, operator = tenant_view(ACME), tenant_view(None)
    assert acme.sees_remedy(ACME) and operator.sees_remedy(ACME) and operator.sees_remedy(None)
    assert not tenant_view(GLOBEX).sees_remedy(ACME) and not acme.sees_remedy(None)
    told, whole = remedy_document(view, acme), remedy_document(view, operator)
    assert told.flow == whole.flow and told.helped is True
    hidden = ("switch", "port", "priority", "leaf", "leaf_port", "reason")
    assert [getattr(told, name) for name in hidden] == [None] * len(hidden)
    assert [getattr(whole, name) for name in hidden] == [
        "leaf1",
        1,
        0,
        "leaf1",
        10,
        "packets wait at leaf1:1",
    ]


@pytest.mark.parametrize(
    "kind", [e.RemedyGranted, e.RemedyEnded, e.RemedyRecommended], ids=lambda kind: kind.__name__
)
def test_events_of_remedies_tell_a_tenant_of_its_flows_and_not_where(kind: type[e.Event]) -> None:
    whole = Published("1", 0.0, example(kind))
    told, elsewhere = tenant_view(ACME).published(whole), tenant_view(GLOBEX).published(whole)
    assert isinstance(told, Published) and elsewhere is None
    document = event_document(told)
    assert HERE.switch in str(event_document(whole)) and HERE.switch not in str(document)
    assert (document["flow"]["tenant"], document["incident"], document["port"]) == (ACME, 7, None)
    assert document.get("reason") is None
    # Nor does what a filter lets through say it.
    assert EventFilter(tenant=ACME).passes(told) and not EventFilter(switch=HERE.switch).passes(told)
    assert EventFilter(switch=HERE.switch).passes(whole)
    # Nobody's flow is the fabric's business.
    nobodys = e.RemedyRecommended(
        RESPONSE, 7, Queue(HERE, 0), Action.POLICE, FlowId(100, FLOW), None, "it holds 90%"
    )
    assert tenant_view(ACME).event(nobodys) is None


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"reroute": {}}, None),
        ({"reroute": {}, "allTenants": True}, "spec.allTenants"),
        ({"mark": {}, "allTenants": True}, "spec.allTenants"),
    ],
)
def test_a_tenant_may_have_responses_for_its_own_flows_only(spec: dict[str, Any], field: str | None) -> None:
    document = {"kind": "CongestionResponse", "tenant": ACME, "name": "mine", "spec": spec}
    guard = Allotments().of(ACME).guard
    if field is None:
        guard([parse_intent(document)], lambda key: None)
        return
    with pytest.raises(Forbidden) as caught:
        guard([parse_intent(document)], lambda key: None)
    assert caught.value.errors[0].field == field


def named_acme(**spec: Any) -> IntentDocument:
    """A response in acme's name."""
    document = {"kind": "CongestionResponse", "tenant": ACME, "name": "all"}
    return parse_intent({**document, "spec": {"reroute": {}, **spec}})


def with_standing(intent: IntentDocument) -> tuple[TenantView, Any]:
    """What acme sees of a fabric with one intent, and that intent as it is found."""
    resource: Any = SimpleNamespace(intent=intent)
    fabric: Any = SimpleNamespace(intents=SimpleNamespace(get=lambda key: SimpleNamespace(resource=resource)))
    return replace(tenant_view(ACME), fabric=fabric), resource


def test_a_tenant_takes_back_what_its_own_responses_do_to_its_own_flows() -> None:
    own = named_acme()
    view, resource = with_standing(own)
    Allotments().of(ACME).guard([own], lambda key: resource)
    view.may_delete(own.key)
    assert view.may_revoke(own.key, ACME) and tenant_view(None).may_revoke(RESPONSE, GLOBEX)
    assert not view.may_revoke(own.key, GLOBEX) and not view.may_revoke(RESPONSE, ACME)


@pytest.mark.parametrize("spec", [{"allTenants": True}, {"allTenants": True, "mark": {}}])
def test_a_response_for_all_tenants_is_the_operators_whoevers_name_it_has(spec: dict[str, Any]) -> None:
    whole = named_acme(**spec)
    view, resource = with_standing(whole)
    assert not view.may_revoke(whole.key, ACME)
    with pytest.raises(Forbidden):
        view.may_delete(whole.key)
    for wanted in (whole, named_acme()):
        with pytest.raises(Forbidden):
            Allotments().of(ACME).guard([wanted], lambda key: resource)
