"""Events about whose an address is, as programs and people read them."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from controller.api.documents import event_document
from controller.cli.events import line
from controller.names import IntentKey, PortRef, SwitchName, TenantName
from controller.telemetry.bus import Published
from controller.telemetry.events import AddressClaimRefused, AddressMoved, Event
from controller.topology.model import Host
from controller.topology.sighting import RefusedClaim
from pipelines.values import MacAddress, Port

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
