"""Addresses that no host can have, in every field that takes one, by the API and in dry runs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.fabric.api.conftest import Served, configured, controller
from tests.unit.compiler.world import ACCESS, CLIENTS, DATA, POLICY, SERVERS, UE, WEB, intent

HOSTS, SUBNETS, ROUTES, RULES = "a host's address", "a subnet", "a routed prefix", "a rule's prefix"
SMFS = "an SMF's address"
BAD: dict[str, tuple[str, ...]] = {
    HOSTS: (
        "0.0.0.0", "0.0.0.1", "127.0.0.1", "169.254.1.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "ff02::1", "::ffff:10.0.1.11", "::10.0.1.11",
    ),
    SUBNETS: (
        "0.0.0.0/8", "0.0.0.0/0", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
        "255.255.255.255/32", "::/0", "::/96", "::ffff:0:0/96", "::ffff:10.0.1.0/120", "fe80::/64",
        "ff00::/8",
    ),
    ROUTES: (
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
        "::ffff:0:0/96", "::ffff:10.0.1.0/120", "fe80::/64", "ff00::/8",
    ),
    RULES: ("::ffff:0:0/96", "::ffff:10.0.1.0/120"),
    SMFS: ("0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "2001:db8::1"),
}  # fmt: skip
NETWORK = intent(
    "Network",
    "more",
    subnets=["10.0.7.0/24", "2001:db8:7::/64"],
    gateways=["10.0.7.1", "2001:db8:7::1"],
    attachments=[
        {"switch": "leaf1", "port": 7, "mac": "02:00:00:00:07:07", "addresses": ["10.0.7.7", "10.0.7.8"]}
    ],
    routes=[{"prefix": "10.70.0.0/16", "via": "10.0.7.7"}],
)
RULE = {"name": "r", "action": "deny", "from": {"cidr": "10.0.1.0/24"}, "to": {"cidr": "10.0.2.0/24"}}
FOLLOWED = intent("TelemetryWatch", "flows", flows=[{"from": "10.0.1.0/24", "to": "10.0.2.0/24"}])
RULED = intent("FirewallPolicy", "rules", rules=[RULE])
UPF = intent(
    "Upf",
    "edge",
    smfs=["10.0.9.4"],
    accessNetwork="access",
    n3Address="10.0.3.3",
    dataNetworks=[{"dnn": "internet", "network": "data", "uePools": ["10.46.0.0/16"]}],
)
NAMED = {**UPF, "spec": {**UPF["spec"], "nodeIds": [{"smf": UPF["spec"]["smfs"][0], "nodeId": "smf.core"}]}}
FIELDS: list[tuple[str, str, str, dict[str, Any], list[str | int]]] = [
    ("Network", "spec.subnets", SUBNETS, NETWORK, ["subnets", 0]),
    ("Network", "spec.gateways", HOSTS, NETWORK, ["gateways", 0]),
    ("Network", "spec.attachments.addresses", HOSTS, NETWORK, ["attachments", 0, "addresses", 0]),
    ("Network", "spec.routes.prefix", ROUTES, NETWORK, ["routes", 0, "prefix"]),
    ("Network", "spec.routes.via", HOSTS, NETWORK, ["routes", 0, "via"]),
    ("FirewallPolicy", "spec.rules.from.cidr", RULES, RULED, ["rules", 0, "from", "cidr"]),
    ("FirewallPolicy", "spec.rules.to.cidr", RULES, RULED, ["rules", 0, "to", "cidr"]),
    ("TelemetryWatch", "spec.flows.from", RULES, FOLLOWED, ["flows", 0, "from"]),
    ("TelemetryWatch", "spec.flows.to", RULES, FOLLOWED, ["flows", 0, "to"]),
    ("Service", "spec.virtualIp", HOSTS, WEB, ["virtualIp"]),
    ("Service", "spec.pool.address", HOSTS, WEB, ["pool", 0, "address"]),
    ("Upf", "spec.smfs", SMFS, UPF, ["smfs", 0]),
    ("Upf", "spec.nodeIds.smf", SMFS, NAMED, ["nodeIds", 0, "smf"]),
    ("Upf", "spec.n3Address", HOSTS, UPF, ["n3Address"]),
    ("Upf", "spec.dataNetworks.uePools", SUBNETS, UPF, ["dataNetworks", 0, "uePools", 0]),
    ("UpfSession", "spec.n3Address", HOSTS, UE, ["n3Address"]),
    ("UpfSession", "spec.gnbAddress", HOSTS, UE, ["gnbAddress"]),
    ("UpfSession", "spec.ueAddress", HOSTS, UE, ["ueAddress"]),
    ("UpfSession", "spec.uePrefix", SUBNETS, UE, ["uePrefix"]),
]
"""Kind, field, what it holds, a document that is accepted, and where the field is in its spec."""
WORLD = [CLIENTS, SERVERS, ACCESS, DATA]


def put(document: dict[str, Any], place: list[str | int], value: str) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    inner = changed["spec"]
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return changed


async def post(served: Served, document: Any, dry_run: bool) -> tuple[int, list[dict[str, Any]]]:
    answer = await served.http.post("/api/v1/intents", json=document, params={"dryRun": dry_run})
    return answer.status_code, answer.json().get("errors", [])


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "for good"])
async def test_no_field_takes_an_address_that_no_host_has_and_all_say_why(
    tmp_path: Path, dry_run: bool
) -> None:
    async with controller(configured(tmp_path)) as served:
        assert (await post(served, WORLD, False))[0] == 200
        for kind, _, holds, document, place in FIELDS:
            where = "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
            for value in BAD[holds]:
                status, errors = await post(served, put(document, place, value), dry_run)
                assert status == 422, (kind, where, value, errors)
                told = [error for error in errors if error["field"] == where]
                assert told and told[0]["value"] == value and "must be" in told[0]["message"], errors
        intents = (await served.get("/api/v1/intents"))["items"]
        assert len(intents) == len(WORLD)


async def test_the_documents_are_accepted_as_they_are(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        for document in (WORLD, NETWORK, RULED, FOLLOWED, POLICY, WEB, UE, UPF):
            assert await post(served, document, False) == (200, [])


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "for good"])
@pytest.mark.parametrize(
    ("document", "place", "value", "said"),
    [
        (WEB, ["virtualIp"], "10.0.1.255", "broadcast address of 10.0.1.0/24"),
        (WEB, ["virtualIp"], "10.0.2.0", "network address of 10.0.2.0/24"),
        (WEB, ["pool", 0, "address"], "10.0.2.255", "broadcast address of 10.0.2.0/24"),
        (UE, ["n3Address"], "10.0.3.0", "network address of 10.0.3.0/24"),
        (UE, ["gnbAddress"], "10.0.3.255", "broadcast address of 10.0.3.0/24"),
    ],
)
async def test_the_first_and_last_address_of_a_subnet_are_no_hosts(
    tmp_path: Path, document: dict[str, Any], place: list[str | int], value: str, said: str, dry_run: bool
) -> None:
    async with controller(configured(tmp_path)) as served:
        assert (await post(served, WORLD, False))[0] == 200
        status, errors = await post(served, put(document, place, value), dry_run)
        assert status == 409 and said in errors[0]["message"], errors


async def test_a_network_does_not_come_around_a_virtual_ip_that_would_be_its_broadcast_address(
    tmp_path: Path,
) -> None:
    around = intent("Network", "around", subnets=["10.0.100.0/24"], gateways=["10.0.100.1"])
    async with controller(configured(tmp_path)) as served:
        at_the_edge = put(WEB, ["virtualIp"], "10.0.100.255")
        assert (await post(served, [*WORLD, at_the_edge], False))[0] == 200
        for dry_run in (True, False):
            status, errors = await post(served, around, dry_run)
            assert status == 409 and "would break Service/acme/web" in errors[0]["message"], errors
