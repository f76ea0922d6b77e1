"""What a tenant may use of what tenants share, and which configurations of that are refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from p4fabric.controller.access.allotments import Allotments
from p4fabric.controller.access.errors import Forbidden
from p4fabric.controller.config import ConfigError, FabricConfig
from p4fabric.controller.intents import IntentDocument, parse_intent
from p4fabric.controller.names import TenantName
from tests.fabric.api.test_switches import CLIENTS, POLICY, SERVERS, SERVICE, SESSION, WATCH

SWITCHES = [{"name": "leaf1", "deviceId": 1, "address": "127.0.0.1:1", "role": "leaf"}]
ALL = {"name": "acme", "attachments": [{"switch": "leaf1", "ports": ["1-8"]}], "n3Addresses": ["10.0.1.200"]}


def config(*tenants: dict[str, Any]) -> FabricConfig:
    document = {"switches": SWITCHES, "tenants": list(tenants)}
    return FabricConfig.read(document, Path("/etc/p4fabric/fabric.yaml"))


def refused(intent: IntentDocument, *tenants: dict[str, Any], standing: Any = None) -> list[str]:
    """The fields that may not be written, by somebody who acts for acme."""
    allotment = Allotments(config(*tenants).tenants).of(TenantName("acme"))
    try:
        allotment.guard([intent], lambda key: standing)
    except Forbidden as error:
        return [one.field for one in error.errors]
    return []


@pytest.mark.parametrize("document", [CLIENTS, SERVERS, POLICY, SERVICE, SESSION])
def test_what_is_allotted_may_be_used(document: dict[str, Any]) -> None:
    assert refused(parse_intent(document), ALL) == []


def test_nothing_that_is_shared_may_be_used_unless_it_is_allotted() -> None:
    ports = [f"spec.attachments[{number}].port" for number in range(3)]
    assert refused(parse_intent(CLIENTS)) == ports
    tagged = {**ALL, "attachments": [{"switch": "leaf1", "ports": [1, 2, 3], "vlans": ["100-200"]}]}
    assert refused(parse_intent(CLIENTS), tagged) == [ports[0], ports[2]]
    assert refused(parse_intent(SESSION)) == ["spec.n3Address", "spec.uplinkTeid"]
    assert refused(parse_intent(WATCH), ALL) == ["kind"]
    assert refused(parse_intent({**POLICY, "tenant": "globex"}), ALL) == ["tenant"]
    assert refused(parse_intent(POLICY)) == refused(parse_intent(SERVICE)) == []


def test_a_tenants_packets_go_before_those_of_others_as_far_as_that_is_allotted() -> None:
    def asking(**spec: Any) -> IntentDocument:
        return parse_intent({**SERVERS, "spec": {**SERVERS["spec"], **spec}})

    assert refused(asking(priority=0), ALL) == []
    assert refused(asking(priority=1), ALL) == ["spec.priority"]
    assert refused(asking(priority=3, trustDscp=True), {**ALL, "highestPriority": 3}) == ["spec.trustDscp"]
    assert refused(asking(priority=3, trustDscp=True), {**ALL, "highestPriority": 5}) == []
    standing = SimpleNamespace(intent=asking(priority=3))
    assert refused(asking(priority=3), ALL, standing=standing) == [], "what it has, it may keep"
    assert refused(asking(priority=4), ALL, standing=standing) == ["spec.priority"]


@pytest.mark.parametrize(
    ("tenants", "field"),
    [
        ([ALL, ALL], "tenants[1].name"),
        ([ALL, {**ALL, "name": "globex"}], "tenants[1]"),
        (
            [ALL, {"name": "g", "attachments": [{"switch": "leaf1", "ports": [8], "vlans": [5]}]}],
            "tenants[1]",
        ),
        ([{"name": "a", "attachments": [{"switch": "leaf9", "ports": [8]}]}], "tenants[0]"),
        (
            [{"name": "a", "attachments": [{"switch": "leaf1", "ports": ["8-7"]}]}],
            "tenants[0].attachments[0].ports",
        ),
        (
            [{"name": "a", "attachments": [{"switch": "leaf1", "ports": [510]}]}],
            "tenants[0].attachments[0].ports",
        ),
        (
            [{"name": "a", "attachments": [{"switch": "leaf1", "ports": [True]}]}],
            "tenants[0].attachments[0].ports",
        ),
        (
            [{"name": "a", "attachments": [{"switch": "leaf1", "ports": "1-9"}]}],
            "tenants[0].attachments[0].ports",
        ),
        ([{"name": "A b"}], "tenants[0].name"),
        ([{"name": "a", "port": 1}], "tenants[0].port"),
        ([{"name": "a", "attachments": [{"switch": "leaf1"}]}], "tenants[0].attachments[0].ports"),
    ],
)
def test_tenants_that_could_collide_or_cannot_be_are_refused(
    tenants: list[dict[str, Any]], field: str
) -> None:
    with pytest.raises(ConfigError) as error:
        config(*tenants)
    assert error.value.errors[0].field == field


def test_tenants_may_share_a_port_by_tags() -> None:
    config(
        {"name": "a", "attachments": [{"switch": "leaf1", "ports": [8], "vlans": ["1-9"]}]},
        {"name": "b", "attachments": [{"switch": "leaf1", "ports": [8], "vlans": [10]}]},
    )


@pytest.mark.parametrize(
    ("api", "field"),
    [
        ({"clients": [{"name": "x", "san": "DNS:x", "role": "reader"}]}, "api"),
        ({"clients": [{"name": "x", "role": "reader"}]}, "api.clients[0]"),
        ({"clients": [{"name": "x", "san": "x.example", "role": "reader"}]}, "api.clients[0].san"),
        ({"clients": [{"name": "x", "subject": {}, "role": "reader"}]}, "api.clients[0].subject"),
        ({"clients": [{"name": "x", "san": "DNS:x", "role": "tenant"}]}, "api.clients[0]"),
        ({"clients": [{"name": "x", "san": "DNS:x", "role": "root"}]}, "api.clients[0].role"),
        ({"oidc": {"issuer": "https://i.example", "audience": "x", "groles": []}}, "api.oidc.roles"),
    ],
)
def test_clients_that_nobody_can_be_are_refused(api: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as error:
        FabricConfig.read({"switches": SWITCHES, "api": api}, Path("/etc/p4fabric/fabric.yaml"))
    assert error.value.errors[0].field == field
