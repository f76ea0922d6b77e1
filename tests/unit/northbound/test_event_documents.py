"""Events as programs and people read them."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from p4fabric.controller.api.event_documents import event_document
from p4fabric.controller.cli.events import line
from p4fabric.controller.hosts import AddressConflict, RefusedClaim
from p4fabric.controller.hosts.claims import Location
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.telemetry.bus import Lost, Published
from p4fabric.controller.telemetry.events import (
    AddressClaimRefused,
    AddressMoved,
    DuplicateAddress,
    Event,
    EventClass,
    IntentsStatusChanged,
)
from p4fabric.controller.topology.model import Host
from p4fabric.pipelines.values import MacAddress, Port
from tests.unit.northbound.every_event import AWAY

NET = IntentKey("Network", TenantName("acme"), "clients")
ADDRESS = IPv4Address("10.0.1.9")
HERE, THERE = (PortRef(SwitchName(name), Port(1)) for name in ("leaf1", "leaf2"))


def written(event: Event) -> dict[str, Any]:
    document = event_document(Published("1", 0.0, event))
    assert (document.pop("type"), document.pop("time")) == (type(event).__name__, "1970-01-01T00:00:00.000Z")
    return document


def test_an_address_that_moved_says_where_it_is_and_whose_it_was() -> None:
    event = AddressMoved(ADDRESS, Host(MacAddress(8), NET, HERE, frozenset({ADDRESS})), MacAddress(7), THERE)
    assert written(event) == {
        "mac": "00:00:00:00:00:08", "tenant": "acme", "network": "clients", "switch": "leaf1", "port": 1,
        "addresses": ["10.0.1.9"], "address": "10.0.1.9",
        "before": {"mac": "00:00:00:00:00:07", "switch": "leaf2", "port": 1},
    }  # fmt: skip
    text = line(event_document(Published("1", 0.0, event)))
    assert text.endswith("10.0.1.9 to 00:00:00:00:00:08 at leaf1:1, before of 00:00:00:00:00:07 at leaf2:1")


def test_a_duplicate_address_says_who_has_it_and_who_claims_it() -> None:
    holder, claimant = Location(MacAddress(7), THERE), Location(MacAddress(8), HERE)
    event = DuplicateAddress(AddressConflict(NET, ADDRESS, holder, claimant))
    assert written(event) == {
        "tenant": "acme", "network": "clients", "address": "10.0.1.9",
        "holder": {"mac": "00:00:00:00:00:07", "switch": "leaf2", "port": 1},
        "claimant": {"mac": "00:00:00:00:00:08", "switch": "leaf1", "port": 1},
    }  # fmt: skip
    text = line(event_document(Published("1", 0.0, event)))
    assert text.endswith(
        "10.0.1.9 in acme/clients: 00:00:00:00:00:07 at leaf2:1 and 00:00:00:00:00:08 at leaf1:1"
    )


def test_a_refused_claim_says_which_port_it_came_from() -> None:
    claim = RefusedClaim(NET, MacAddress(8), ADDRESS, HERE, THERE, "it answers")
    assert written(AddressClaimRefused(claim)) == {
        "tenant": "acme", "network": "clients", "address": "10.0.1.9", "mac": "00:00:00:00:00:08",
        "claimedAt": {"switch": "leaf1", "port": 1}, "heldAt": {"switch": "leaf2", "port": 1},
        "reason": "it answers",
    }  # fmt: skip
    text = line(event_document(Published("1", 0.0, AddressClaimRefused(claim))))
    assert text.endswith("10.0.1.9 by 00:00:00:00:00:08 at leaf1:1 in acme/clients: it answers")
    of_the_fabric = written(AddressClaimRefused(RefusedClaim(NET, MacAddress(8), None, HERE, None, "no")))
    assert of_the_fabric["address"] is None and of_the_fabric["heldAt"] is None


def test_many_intents_are_one_line_that_names_the_cause() -> None:
    event = IntentsStatusChanged(
        "degraded", 12, {"UpfSession": 11, "Network": 1}, (AWAY,), (), (NET,), {"acme": 12}
    )
    assert written(event) == {
        "state": "degraded", "count": 12, "kinds": {"UpfSession": 11, "Network": 1}, "tenants": {"acme": 12},
        "reasons": [{"code": "switch-disconnected", "message": AWAY, "switch": "leaf1"}], "cleared": [],
        "intents": [{"kind": "Network", "tenant": "acme", "name": "clients"}],
    }  # fmt: skip
    text = line(event_document(Published("1", 0.0, event)))
    assert text.endswith(f"12 intents (11 UpfSession, 1 Network) degraded: {AWAY}")
    back = IntentsStatusChanged("active", 12, {"UpfSession": 12}, (), (AWAY,), (NET,))
    text = line(event_document(Published("1", 0.0, back)))
    assert text.endswith(f"12 intents (12 UpfSession) active, no longer: {AWAY}")
    part = IntentsStatusChanged("active", 2, {}, (), (), (), {"acme": 2})
    assert line(event_document(Published("1", 0.0, part))).endswith("2 intents active")


def test_losses_say_of_which_class_and_how_many() -> None:
    lost = event_document(Lost(EventClass.INTENTS, 17))
    assert lost == {"type": "EventsLost", "class": "intents", "count": 17}
    assert line(lost).endswith("17 events about intents were lost")
    assert line(event_document(Lost(None, None))).endswith("some events were lost")
