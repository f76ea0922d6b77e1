"""What does not fit the switches' tables is refused before anything has changed."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from p4fabric.controller.access import errors_for
from p4fabric.controller.core import Capacity, Core, IntentConflict, TableLimit
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.names import SwitchName, TenantName
from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.fabric import bindings as b
from tests.unit.compiler.world import intent, key, network, rows_of, topology

LEAF = SwitchName("leaf1")
RULES = b.FirewallIpv4.TABLE_ID


def core_of(limits: dict[object, TableLimit], tenant_share: float = 1.0) -> Core:
    """Two tenants with a network each, on one leaf."""
    core = Core(Capacity(limits, tenant_share))
    core.plan(rows_of(core, topology()))
    networks = [network("net", 1, ("leaf1", 1)), network("net", 1, ("leaf1", 2), tenant="other")]
    core.plan_apply([parse_intent(document) for document in networks])
    return core


def small(size: int, tenant_share: float = 1.0) -> Core:
    return core_of({RULES: TableLimit("firewall_ipv4", size)}, tenant_share)


def policy(name: str, rules: int, tenant: str = "acme", first: int = 1, **spec: Any) -> dict[str, Any]:
    """So many rules, each of which is one IPv4 entry."""
    addresses = (IPv4Address("10.1.0.0") + first + number for number in range(rules))
    described = [
        {"name": f"r{number}", "action": "deny", "to": {"cidr": f"{address}/32"}}
        for number, address in enumerate(addresses)
    ]
    return intent("FirewallPolicy", name, tenant, rules=described, **spec)


def apply(core: Core, *documents: dict[str, Any]) -> None:
    core.plan_apply([parse_intent(document) for document in documents])


def refusal(core: Core, *documents: dict[str, Any]) -> str:
    """Why they are refused; whatever they are, nothing has changed then."""
    before = everything(core)
    with pytest.raises(IntentConflict) as refused:
        apply(core, *documents)
    assert everything(core) == before
    return "; ".join(error.message for error in refused.value.errors)


def everything(core: Core) -> tuple[Any, ...]:
    tables = {table.name: dict(table.rows()) for table in core.persisted}
    return tables, rules_of(core), dict(+core.compiler.wanted.table_sizes)


def rules_of(core: Core) -> dict[EntityKey, Entity]:
    return {key: entity for key, entity in core.compiler.desired(LEAF).items() if key[0] == RULES}


def test_policies_that_the_pipeline_has_no_room_for_are_refused_with_table_room_and_need() -> None:
    limits: dict[object, TableLimit] = {
        table.preamble.id: TableLimit(table.preamble.alias, table.size) for table in fabric.p4info().tables
    }
    core = core_of(limits)
    policies = [policy(f"p{number}", 1024) for number in range(9)]
    assert refusal(core, *policies) == (
        "leaf1 has no room for 1024 of the entries that firewall_ipv4 needs: it has 8192, "
        "and old ones stand until new ones do (9216 to write)"
    )
    apply(core, *policies[:8])
    assert len(rules_of(core)) == 8192
    assert "firewall_ipv4" in refusal(core, policy("one-more", 1, priority=16_000))
    core.plan_delete([key(policies[0])])
    apply(core, policy("one-more", 1, priority=16_000))


def test_a_replacement_needs_room_beside_what_it_replaces() -> None:
    core = small(5)
    apply(core, policy("web", 3))
    assert "no room for 1 of the entries" in refusal(core, policy("web", 3, first=1000))
    apply(core, policy("web", 2, first=1))
    apply(core, policy("web", 2, first=1000))


def test_an_entry_that_only_changes_needs_no_more_room() -> None:
    core = small(3)
    apply(core, policy("web", 3))
    allowed = policy("web", 3)
    for rule in allowed["spec"]["rules"]:
        rule["action"] = "allow"
    apply(core, allowed)
    assert {type(entity.action) for entity in rules_of(core).values()} == {b.AllowIpv4}  # type: ignore[union-attr]


def test_what_only_removes_is_never_refused() -> None:
    core = small(3)
    apply(core, policy("web", 3))
    core.plan_delete([key(policy("web", 3))])
    assert rules_of(core) == {}


def test_a_tenant_has_its_share_and_the_others_have_theirs() -> None:
    core = small(8, tenant_share=0.5)
    assert refusal(core, policy("web", 5)) == (
        "tenant acme may have 4 of the 8 entries of firewall_ipv4 on leaf1, and would need 5 (5 new)"
    )
    apply(core, policy("web", 4))
    assert "tenant acme" in refusal(core, policy("more", 1))
    apply(core, policy("web", 4, tenant="other"))


def test_a_tenant_is_told_what_it_needs_of_its_share_but_not_on_which_switch() -> None:
    with pytest.raises(IntentConflict) as refused, errors_for(TenantName("acme")):
        apply(small(8, tenant_share=0.5), policy("web", 5))
    assert [error.message for error in refused.value.errors] == [
        "tenant acme may have 4 of the 8 entries of firewall_ipv4 on one switch, and would need 5 (5 new)"
    ]


def test_without_a_share_one_tenant_may_have_all() -> None:
    core = small(8)
    apply(core, policy("web", 8))
    assert "leaf1 has no room for 1" in refusal(core, policy("web", 1, tenant="other"))


def test_what_networks_and_hosts_come_to_is_counted_as_well() -> None:
    core = core_of({b.PortVlan.TABLE_ID: TableLimit("port_vlan", 5)})
    said = refusal(core, network("wide", 2, ("leaf1", 3), ("leaf1", 4), ("leaf2", 1)))
    assert said.startswith("leaf1 has no room for 1 of the entries that port_vlan needs: it has 5")
