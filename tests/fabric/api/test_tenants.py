"""A tenant's answers do not depend on what other tenants have: the whole API, asked in two worlds.

In one, acme is alone; in the other, globex has the same things under the same names on the same switch, and
shares a port with it by tags. Whatever acme asks is answered alike, byte for byte but for times and versions.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Dot1Q, Ether

from p4fabric.controller.access.rules import PUBLIC, RULES
from p4fabric.controller.principals import Role
from p4fabric.softswitch import AsyncSoftSwitch
from tests.fabric.api.conftest import TARGET, Served, configured, controller
from tests.fabric.api.every_request import Ask, every_request, query_parameters
from tests.fabric.api.test_access import client, made
from tests.fabric.api.test_drops import send
from tests.fabric.api.test_resources import APPLY, INTENTS, MERGE
from tests.fabric.api.test_switches import (
    CLIENTS,
    POLICY,
    SERVERS,
    SERVICE,
    SESSION,
    apply,
    until_in_sync,
)

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="frames are put into memory ports")

TRUNK, FREE, THEIRS = 2, 7, 9
TENANTS = [
    {
        "name": "acme",
        "attachments": [
            {"switch": "leaf1", "ports": [1, "3-8"]},
            {"switch": "leaf1", "ports": [TRUNK], "vlans": ["200-299"]},
        ],
        "n3Addresses": ["10.0.1.200"],
    },
    {
        "name": "globex",
        "attachments": [
            {"switch": "leaf1", "ports": ["9-16"]},
            {"switch": "leaf1", "ports": [TRUNK], "vlans": ["300-399"]},
        ],
        "n3Addresses": ["10.0.1.201"],
    },
]
MINE = [CLIENTS, SERVERS, POLICY, SERVICE, SESSION]
WATCH = {"kind": "TelemetryWatch", "name": "queues", "tenant": "globex", "spec": {"queueDepth": 16}}
HOST = "02:00:00:00:00:77"


def theirs(document: dict[str, Any]) -> dict[str, Any]:
    """The same of globex, at its own ports."""
    found = deepcopy(document) | {"tenant": "globex", "labels": {"secret": "globex"}}
    for attachment in found["spec"].get("attachments", ()):
        if "vlan" in attachment:
            attachment["vlan"] += 100
        else:
            attachment["port"] += 8
    if "n3Address" in found["spec"]:
        found["spec"]["n3Address"] = "10.0.1.201"
    return found


def intent(tenant: str, name: str = "clients", kind: str = "network") -> str:
    return f"{INTENTS}/{kind}/{tenant}/{name}"


def net(name: str, /, tenant: str = "acme", **spec: Any) -> dict[str, Any]:
    spec = {"subnets": ["10.0.9.0/24"], **spec}
    return {"kind": "Network", "tenant": tenant, "name": name, "spec": spec}


def at(port: int, vlan: int | None = None) -> dict[str, Any]:
    place = {"switch": "leaf1", "port": port}
    return {"attachments": [place if vlan is None else {**place, "vlan": vlan}]}


ONE, OTHERS = "10.0.1.3", "10.0.2.4"
_BODY_OF_OTHERS = net("clients", "globex")
_STALE = {**_BODY_OF_OTHERS, "metadata": {"resourceVersion": "1"}}
_SESSION_OF_OTHERS = {**SESSION, "name": "ue9", "spec": {**SESSION["spec"], "n3Address": "10.0.1.201"}}  # type: ignore[dict-item]
_TOLD = "HostLearned,SwitchConnected,FabricStatusChanged,IntentDeleted"
_IF = {"If-Match": '"1"'}

_LONG_AGO = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:10Z", "step": "1s"}
ASKS: dict[str, list[Ask]] = {
    "getPrincipal": [Ask("/api/v1/principal")],
    "listIntents": [
        Ask(INTENTS),
        Ask(INTENTS, query={"tenant": "globex"}),
        Ask(INTENTS, query={"tenant": "acme", "kind": "Network"}),
        Ask(INTENTS, query={"name": "clients"}),
        Ask(INTENTS, query={"labelSelector": "secret=globex"}),
        Ask(INTENTS, query={"owner": "operator"}),
        Ask(INTENTS, query={"state": "active"}),
        Ask(INTENTS, query={"limit": "2"}),
        Ask(INTENTS, query={"tenant": "globex", "limit": "1"}),
        Ask(INTENTS, query={"kind": "TelemetryWatch"}),
    ],
    "getIntent": [
        Ask(intent("acme")),
        Ask(intent("globex")),
        Ask(intent("globex", "web", "service")),
        Ask(intent("globex", "queues", "telemetrywatch")),
    ],
    "getOwners": [Ask(f"{intent('acme')}/owners"), Ask(f"{intent('globex')}/owners")],
    "getCounters": [
        Ask(f"{intent('acme', 'no-telnet', 'firewallpolicy')}/counters"),
        Ask(f"{intent('globex', 'no-telnet', 'firewallpolicy')}/counters"),
    ],
    "applyIntents": [
        Ask(INTENTS, "POST", body=_BODY_OF_OTHERS),
        Ask(INTENTS, "POST", body=_STALE),
        Ask(INTENTS, "POST", body=[net("x"), _BODY_OF_OTHERS]),
        Ask(INTENTS, "POST", body=_BODY_OF_OTHERS, query={"dryRun": "true"}),
        Ask(INTENTS, "POST", body=WATCH | {"tenant": "acme"}),
        *(
            Ask(INTENTS, "POST", body=net("x", **place), query={"dryRun": dry})
            for place in (at(THEIRS), at(TRUNK), at(TRUNK, 300), at(TRUNK, 399), at(FREE), at(TRUNK, 201))
            for dry in ("true", "false")
        ),
        *(
            Ask(INTENTS, "POST", body=one, query={"owner": owner, "force": "true"})
            for one in (_BODY_OF_OTHERS, net("y2", subnets=["10.0.7.0/24"]))
            for owner in ("operator", "globex")
        ),
        *(
            Ask(INTENTS, "POST", body=net("y3", whose, **at(THEIRS)), query={"onBehalfOf": asked})
            for whose in ("acme", "globex")
            for asked in ("acme", "globex")
        ),
        Ask(INTENTS, "POST", body=_SESSION_OF_OTHERS),
        Ask(INTENTS, "POST", body=net("y", subnets=["10.0.1.0/24"])),
    ],
    "putIntent": [
        Ask(intent("globex"), "PUT", body={"spec": {"subnets": ["10.0.9.0/24"]}}),
        Ask(intent("globex"), "PUT", body={"spec": {}}, headers=_IF),
        Ask(intent("globex"), "PUT", body={"spec": {}}, headers={"If-None-Match": "*"}),
        Ask(intent("acme", "z"), "PUT", body=_BODY_OF_OTHERS),
        Ask(intent("acme", "z"), "PUT", body={"spec": at(THEIRS + 1)}),
        Ask(intent("acme", "z"), "PUT", body={"spec": {"subnets": ["10.0.8.0/24"]}}),
        Ask(intent("acme", "q", "telemetrywatch"), "PUT", body={"spec": {}}),
        *(
            Ask(intent(tenant, name), "PUT", body={"spec": {}}, query={"dryRun": "true", "owner": "globex"})
            for tenant in ("acme", "globex")
            for name in ("z", "clients")
        ),
    ],
    "patchIntent": [
        Ask(intent("globex"), "PATCH", body={"spec": {}}, headers=MERGE),
        Ask(intent("globex"), "PATCH", body={"spec": {}}, headers={**MERGE, **_IF}),
        Ask(intent("globex"), "PATCH", body={"spec": {}}, headers=APPLY, query={"owner": "operator"}),
        Ask(intent("acme", "z"), "PATCH", body={"tenant": "globex"}, headers=MERGE),
        Ask(intent("acme", "z"), "PATCH", body={"spec": at(TRUNK, 300)}, headers=MERGE),
        Ask(intent("acme", "z"), "PATCH", body={"labels": {"a": "b"}}, headers=MERGE),
        *(
            Ask(intent(tenant, name), "PATCH", {**more, "dryRun": dry}, net(name, tenant), APPLY)
            for tenant, name in (("acme", "z"), ("acme", "z2"), ("globex", "clients"), ("globex", "z2"))
            for dry in ("true", "false")
            for more in ({}, {"owner": "globex"}, {"owner": "globex", "force": "true"})
        ),
    ],
    "revokeRemedy": [Ask("/api/v1/remedies/1", "DELETE")],
    "deleteIntent": [
        Ask(intent("globex"), "DELETE"),
        Ask(intent("globex"), "DELETE", headers=_IF),
        Ask(intent("globex"), "DELETE", query={"dryRun": "true"}),
        Ask(intent("globex"), "DELETE", query={"onBehalfOf": "globex"}),
        Ask(intent("globex", "queues", "telemetrywatch"), "DELETE"),
        Ask(intent("acme", "queues", "telemetrywatch"), "DELETE"),
        Ask(intent("acme", "z"), "DELETE", query={"dryRun": "true"}),
        Ask(intent("acme", "clients"), "DELETE"),
        Ask(intent("acme", "z"), "DELETE"),
    ],
    "deleteIntents": [
        Ask(f"{INTENTS}/delete", "POST", body=body, query={"dryRun": dry})
        for body in (
            _BODY_OF_OTHERS,
            [net("clients"), _BODY_OF_OTHERS],
            [net("clients"), net("clients", "initech")],
            net("servers"),
            {**WATCH, "tenant": "acme"},
            [net("y"), net("nothing")],
            {**SERVICE, "tenant": "globex"},
            net("x"),
        )
        for dry in ("true", "false")
    ],
    "listPorts": [Ask("/api/v1/switches/leaf1/ports"), Ask("/api/v1/switches/leaf2/ports")],
    "listHosts": [
        Ask("/api/v1/hosts"),
        Ask("/api/v1/hosts", query={"tenant": "globex"}),
        Ask("/api/v1/hosts", query={"mac": HOST}),
        Ask("/api/v1/hosts", query={"address": ONE}),
        Ask("/api/v1/hosts", query={"port": str(THEIRS)}),
    ],
    "listCongestion": [Ask("/api/v1/congestion"), Ask("/api/v1/congestion", query={"switch": "leaf1"})],
    "listIncidents": [
        Ask("/api/v1/incidents", query=query)
        for query in ({}, {"switch": "leaf1"}, {"tenant": "globex"}, {"active": "true"}, {"limit": "1"})
    ],
    "getIncident": [Ask("/api/v1/incidents/1"), Ask("/api/v1/incidents/99")],
    "getIncidentFilm": [Ask("/api/v1/incidents/1/film"), Ask("/api/v1/incidents/99/film")],
    "listQueues": [Ask("/api/v1/queues"), Ask("/api/v1/queues", query={"switch": "leaf1"})],
    "getQueueSeries": [
        Ask(f"/api/v1/queues/{switch}/{port}/0/series", query=_LONG_AGO)
        for switch, port in (("leaf1", 1), ("leaf1", THEIRS), ("leaf1", TRUNK), ("leaf2", 1), ("leaf9", 1))
    ],
    "getTop": [Ask("/api/v1/top")],
    "listDrops": [
        Ask("/api/v1/drops"),
        Ask("/api/v1/drops", query={"switch": "leaf1"}),
        Ask("/api/v1/drops", query={"switch": "leaf2"}),
    ],
    "explainFlow": [
        Ask("/api/v1/explain", "POST", body={"from": source, "to": target, **more})
        for source, target in (
            (ONE, OTHERS), (ONE, "10.0.100.1"), ("leaf1:3", OTHERS), (f"leaf1:{THEIRS}", OTHERS),
            (f"leaf1:{TRUNK}.300", OTHERS), (f"leaf1:{TRUNK}.200", OTHERS), ("leaf9:1", OTHERS),
            ("leaf1:0", OTHERS), (HOST, OTHERS), ("ue1", OTHERS), ("nobody", OTHERS), (ONE, "web"),
            ("10.99.0.1", OTHERS), (ONE, "10.99.0.1"),
        )
        for more in ({}, {"tenant": "acme"}, {"tenant": "globex"}, {"tenant": "initech"})
    ],
    "getMetrics": [Ask("/metrics")],
    "listEvents": [
        Ask("/api/v1/events", query={"follow": "false", "types": _TOLD, **query})
        for query in (
            {},
            {"tenant": "acme"},
            {"tenant": "globex"},
            {"intent": "network/acme/clients"},
            {"intent": "network/globex/clients"},
            {"switch": "leaf1"},
            {"limit": "1"},
        )
    ],
}  # fmt: skip
"""What is asked by hand, beside every request that can be made from the description: writes, and questions
whose bodies say much. Streams have tests of their own below."""

_NORMAL = [
    (re.compile(r'"\d{4}-\d\d-\d\dT[0-9:.]+Z"'), '"TIME"'),
    (re.compile(r'("resourceVersion": ?|"generationOf": ?)"\d+"'), r'\1"VERSION"'),
    (re.compile(r'("continue": ?)"[^"]+"'), r'\1"TOKEN"'),
    (re.compile(r'"(packetsPerSecond|number|clockErrorSeconds)": ?([0-9.e-]+|null)'), r'"\1": 0'),
    (re.compile(r'"(id|lastEventId)": ?"[^"]+"'), r'"\1": "ID"'),
    (re.compile(r"since [0-9T:.Z-]+"), "since TIME"),
]


def normal(operation: str, answer: httpx.Response) -> tuple[int, str, str]:
    """An answer without times, versions, and what packets are counted meanwhile."""
    kind, text = answer.headers.get("content-type", ""), answer.text
    if operation == "getMetrics":
        families = text_string_to_metric_families(text)
        samples = {
            (sample.name, *sorted(sample.labels.items())) for one in families for sample in one.samples
        }
        return answer.status_code, kind, "\n".join(map(str, sorted(samples)))
    for pattern, shown in _NORMAL:
        text = pattern.sub(shown, text)
    if operation == "listPorts" and answer.status_code == 200:
        ports = json.loads(text)
        for port in ports["items"]:
            port["counters"], port["queues"] = sorted(port["counters"]), len(port["queues"])
            del port["rates"]  # there are none before the second sample
        text = json.dumps(ports)
    return answer.status_code, kind, text


Answers = dict[str, list[tuple[Ask, tuple[int, str, str]]]]


async def asked(http: httpx.AsyncClient, description: dict[str, Any]) -> Answers:
    """What a tenant is answered, operation by operation."""
    found: Answers = {}
    made = every_request(description)
    # Of those that change something, only those that a tenant may not ask for: the others are asked by hand.
    for name in made.keys() & ASKS.keys():
        made[name] = [ask for ask in made[name] if ask.method == "GET"]
    for operation, asks in (*made.items(), *ASKS.items()):
        for ask in asks:
            headers = ask.headers if ask.body is None else {"Content-Type": "application/json", **ask.headers}
            content = None if ask.body is None else json.dumps(ask.body)
            answer = await http.request(
                ask.method, ask.path, params=ask.query, content=content, headers=headers
            )
            found.setdefault(operation, []).append((ask, normal(operation, answer)))
    return found


@pytest.fixture
async def switch() -> AsyncIterator[AsyncSoftSwitch]:
    """A switch with memory ports 1 to 16."""
    async with AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 17))) as switch:
        yield switch


async def live(served: Served, switch: AsyncSoftSwitch, *, crowded: bool) -> None:
    """Intents, a host that is heard, and traffic that is dropped: of acme, and of globex if there is one."""
    tenants = [("acme", MINE, 200, 1)]
    if crowded:
        tenants.insert(0, ("globex", [*map(theirs, MINE)], 300, 9))
    # Operators watch the queues of all, and a tenant is shown what its own ports report.
    await apply(served, [WATCH])
    for tenant, documents, tag, port in tenants:
        await apply(served, documents)
        await until_in_sync(served)
        question = ARP(op=1, hwsrc=HOST, psrc="10.0.1.7", pdst="10.0.1.1")
        ask = Ether(src=HOST, dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=tag) / question
        await send(switch, TRUNK, ask)
        await served.until(partial(_hears, served, tenant))
        await send(switch, port, Ether(src=HOST, dst="02:00:5e:00:00:01") / IP(src="192.0.2.1") / ICMP(), 7)

        async def counted(port: int = port) -> bool:
            drops = (await served.get("/api/v1/drops"))["drops"]
            return any(drop["port"] == port and drop["packets"] == 7 for drop in drops)

        await served.until(counted)

        async def sampled(port: int = port) -> bool:
            page = (await served.http.get("/metrics")).text
            return f'p4fabric_port_up{{port="{port}",switch="leaf1"}}' in page

        await served.until(sampled)
    await served.until_all("active")


def _hears(served: Served, tenant: str) -> bool:
    return any(str(host.mac) == HOST and host.network.tenant == tenant for host in served.fabric.hosts)


TELEMETRY = {"counterInterval": 0.2, "portInterval": 0.2}
TABLES = {"tenantShare": 0.25}


async def world(folder: Path, switch: AsyncSoftSwitch, *, crowded: bool) -> Answers:
    """All that acme is answered."""
    config = configured(folder, switch.address, tenants=TENANTS, telemetry=TELEMETRY, tables=TABLES)
    async with controller(config) as served:
        await live(served, switch, crowded=crowded)
        async with client(served, await made(served, "ci", "tenant", "acme")) as http:
            return await asked(http, served.description)


async def test_no_operation_and_no_parameter_is_forgotten(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        description = served.description
    made, of_tenants = (
        every_request(description),
        {n for n, rule in RULES.items() if Role.TENANT in rule.roles},
    )
    assert made.keys() == RULES.keys() | PUBLIC
    changes = {name for name, asks in made.items() if any(ask.method != "GET" for ask in asks)}
    assert changes & of_tenants <= ASKS.keys() <= of_tenants
    for name, known in query_parameters(description).items():
        if name in changes & of_tenants:
            by_hand = {parameter for ask in ASKS[name] for parameter in ask.query}
            assert known - {"dryRunEntries"} <= by_hand, name


@pytest.mark.timeout(300)
async def test_what_others_have_changes_no_answer(tmp_path_factory: pytest.TempPathFactory) -> None:
    answers = []
    for crowded in (False, True):
        async with AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 17))) as switch:
            folder = tmp_path_factory.mktemp("world")
            answers.append(await world(folder, switch, crowded=crowded))
    alone, crowd = answers
    differences = [
        (operation, ask, one, other)
        for operation, asks in alone.items()
        for (ask, one), (_, other) in zip(asks, crowd[operation], strict=True)
        if one != other
    ]
    assert not differences
    assert alone.keys() == RULES.keys() | PUBLIC
    of_others = {name for name, rule in RULES.items() if Role.TENANT not in rule.roles}
    assert all({answer[0] for _, answer in alone[name]} == {403} for name in of_others)
    # The questions mean something: acme sees its own, and is refused what is not.
    statuses = {operation: {answer[0] for _, answer in found} for operation, found in alone.items()}
    assert statuses["getIntent"] == {200, 404} and statuses["applyIntents"] == {200, 403, 409}
    assert statuses["deleteIntent"] >= {200, 403, 404, 409} and statuses["explainFlow"] == {200, 403, 422}
    shares = [
        share
        for _, (status, _, text) in crowd["applyIntents"]
        if status == 200
        for share in json.loads(text).get("shares", ())
    ]
    assert {share["tenant"] for share in shares} == {"acme"}
    assert all(share["room"] == share["size"] - share["after"] for share in shares)
    texts = {operation: " ".join(answer[2] for _, answer in found) for operation, found in crowd.items()}
    assert HOST in texts["listHosts"] and '"packets":7' in texts["listDrops"].replace(": ", ":")
    assert (
        "'1'), ('switch', 'leaf1')" in texts["getMetrics"]
        and "p4fabric_tenant_packets_total" in texts["getMetrics"]
    )
    assert all(name not in texts["getMetrics"] for name in ("globex", "'9'", "p4fabric_switch_entries"))


async def test_events_of_others_are_not_told(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    config = configured(tmp_path, switch.address, tenants=TENANTS, telemetry=TELEMETRY)
    async with controller(config) as served:
        token = await made(served, "ci", "tenant", "acme")
        lines: list[str] = []
        async with client(served, token) as http, http.stream("GET", "/api/v1/events") as stream:

            async def follow() -> None:
                async for line in stream.aiter_lines():
                    lines.append(line)

            following = asyncio.create_task(follow())
            await served.until(lambda: lines)
            await until_in_sync(served)
            await live(served, switch, crowded=True)
            await served.until(lambda: any("HostLearned" in line for line in lines))
            await served.http.delete(intent("globex", "web", "service"))
            await served.http.delete(intent("acme", "web", "service"))
            await served.until(lambda: any("IntentDeleted" in line for line in lines))
            following.cancel()
        told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        assert {event.get("tenant") for event in told} == {"acme"}, told
        assert {event["type"] for event in told} == {"IntentStatusChanged", "HostLearned", "IntentDeleted"}


async def test_a_tenant_hears_of_a_lost_switch_by_how_many_of_its_own_intents_it_concerns(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as switch_runs:
        ports = dict.fromkeys(range(1, 17))
        switch = await switch_runs.enter_async_context(AsyncSoftSwitch(interfaces=ports))
        config = configured(tmp_path, switch.address, "127.0.0.1:1", tenants=TENANTS)
        async with controller(config) as served:
            await served.until(lambda: served.fabric.switches[0].in_sync)
            await apply(served, [CLIENTS, theirs(CLIENTS), theirs(SERVERS)])
            await served.until_all("active")
            token = await made(served, "ci", "tenant", "acme")
            await switch_runs.aclose()
            async with client(served, token) as http:

                async def told() -> Any:
                    page = await http.get(
                        "/api/v1/events", params={"follow": "false", "types": "IntentsStatusChanged"}
                    )
                    return page.json()["items"]

                (event,) = await served.until(told)
    assert (event["state"], event["count"], event["tenants"]) == ("degraded", 1, {"acme": 1})
    assert event["reasons"] == [
        {"code": "switch-disconnected", "message": "A switch is not connected: leaf1", "switch": "leaf1"}
    ]


async def test_changes_of_intents_of_others_are_not_told(tmp_path: Path) -> None:
    config = configured(tmp_path, "127.0.0.1:1", tenants=TENANTS)
    async with controller(config) as served:
        await apply(served, [theirs(CLIENTS), CLIENTS])
        token = await made(served, "ci", "tenant", "acme")
        streams: dict[str, list[dict[str, Any]]] = {}

        async def follow(name: str, query: dict[str, str]) -> None:
            told = streams.setdefault(name, [])
            params = {"watch": "true", **query}
            async with client(served, token) as http, http.stream("GET", INTENTS, params=params) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data: "):
                        told.append(json.loads(line.removeprefix("data: ")))

        queries = {"all": {}, "mine": {"tenant": "acme"}, "theirs": {"tenant": "globex"}}
        async with asyncio.TaskGroup() as tasks:
            following = [tasks.create_task(follow(*item)) for item in queries.items()]
            await served.until(
                lambda: (
                    len(streams) == 3
                    and all(any(e["type"] == "bookmark" for e in s) for s in streams.values())
                )
            )
            # Live and from the page alike: what is told of an operator's view names the switch that is away.
            await apply(served, [theirs(SERVERS), SERVERS])
            await served.http.delete(intent("globex", "servers"))
            await served.until(
                lambda: all(_names(streams[one]) == {"clients", "servers"} for one in ("all", "mine"))
            )
            for task in following:
                task.cancel()
        assert {event["type"] for event in streams["theirs"]} == {"bookmark"}
        for name in ("all", "mine"):
            intents = [event["intent"] for event in streams[name] if "intent" in event]
            assert {one["tenant"] for one in intents} == {"acme"}
            reasons = [reason["message"] for one in intents for reason in one["status"]["reasons"]]
            assert set(reasons) <= {"A switch is not connected: leaf1"} and reasons
        plain = (await served.get(intent("acme")))["status"]["reasons"][0]["message"]
        assert "leaf1" in plain and plain not in reasons


def _names(told: list[dict[str, Any]]) -> set[str]:
    return {event["intent"]["name"] for event in told if "intent" in event}


async def test_what_an_operator_attached_elsewhere_a_tenant_may_keep_and_not_add_to(tmp_path: Path) -> None:
    tenants = [{"name": "acme", "attachments": [{"switch": "leaf1", "ports": [1]}]}]
    async with controller(configured(tmp_path, "127.0.0.1:1", tenants=tenants)) as served:
        await apply(served, [net("n", **at(5))])
        async with client(served, await made(served, "ci", "tenant", "acme")) as http:
            kept = await http.patch(intent("acme", "n"), json={"labels": {"a": "b"}}, headers=MERGE)
            assert kept.status_code == 200, kept.text
            both = {"attachments": [*at(5)["attachments"], *at(6)["attachments"]]}
            more = await http.put(intent("acme", "n"), json=net("n", "acme", **both))
            assert [error["field"] for error in more.json()["errors"]] == ["spec.attachments[1].port"]
            assert more.status_code == 403
            ports = (await http.get("/api/v1/switches/leaf1/ports")).json()["items"]
            assert [(port["port"], port["counters"]) for port in ports] == [(5, {})]


async def test_an_operator_may_ask_as_if_a_tenant_did_and_a_tenant_for_nobody_else(tmp_path: Path) -> None:
    tenants = [{"name": "acme", "attachments": [{"switch": "leaf1", "ports": [1]}]}]
    async with controller(configured(tmp_path, "127.0.0.1:1", tenants=tenants)) as served:
        await apply(served, [net("others", "globex", **at(6))])
        for_acme = {"onBehalfOf": "acme"}
        async with client(served, await made(served, "ci", "tenant", "acme")) as http:
            for document in (
                net("n", "acme", **at(5)),
                net("n", "globex", **at(1)),
                net("n", "acme", **at(1)),
            ):
                own = await http.post(INTENTS, json=document)
                asked = await served.http.post(INTENTS, json=document, params=for_acme)
                assert asked.status_code == own.status_code
                assert asked.json().get("errors") == own.json().get("errors")
            refused = await http.post(INTENTS, json=net("n"), params={"onBehalfOf": "globex"})
            assert refused.status_code == 403
            assert [error["field"] for error in refused.json()["errors"]] == ["onBehalfOf"]
        gone = await served.http.delete(intent("globex", "others"), params=for_acme)
        assert gone.status_code == 404
        assert (await served.http.delete(intent("acme", "n"), params=for_acme)).status_code == 200
        assert (await served.http.delete(intent("globex", "others"))).status_code == 200
        for wrong in ("", "Acme", "a" * 64):
            answer = await served.http.post(INTENTS, json=net("n"), params={"onBehalfOf": wrong})
            assert answer.status_code == 422, wrong
