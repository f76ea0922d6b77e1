"""A running controller explains flows by what a real switch acknowledged, over HTTP."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.fabric.api.conftest import Served, configured, controller, network, switch_process
from tests.fabric.api.test_switches import apply, until_in_sync

ONE, OTHER = "10.0.1.7", "10.0.1.8"
CLIENTS = network(
    subnets=["10.0.1.0/24"],
    gateways=["10.0.1.1"],
    attachments=[
        {"switch": "leaf1", "port": 1, "host": "h1", "mac": "02:00:00:00:00:07", "addresses": [ONE]},
        {"switch": "leaf1", "port": 2, "host": "h2", "mac": "02:00:00:00:00:08", "addresses": [OTHER]},
    ],
)
NO_TELNET = {"name": "no-telnet", "action": "deny", "protocol": "tcp", "ports": [23]}
POLICY = {"kind": "FirewallPolicy", "name": "base", "tenant": "acme", "spec": {"rules": [NO_TELNET]}}


async def explained(served: Served, **question: Any) -> dict[str, Any]:
    response = await served.http.post("/api/v1/explain", json={"from": ONE, "to": OTHER, **question})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_what_a_switch_acknowledged_explains_a_flow(tmp_path: Path) -> None:
    with switch_process() as address:
        async with controller(configured(tmp_path, address)) as served:
            before = await served.http.post("/api/v1/explain", json={"from": "leaf1:1", "to": OTHER})
            assert before.json()["forward"]["reason"] in ("closed", "not_read")
            await apply(served, [CLIENTS, POLICY])
            await until_in_sync(served)
            passes = await explained(served, protocol="tcp", destinationPort=80)
            assert passes["passes"] and passes["forward"]["at"] == {"switch": "leaf1", "port": 2}
            assert passes["switches"] == [{"name": "leaf1", "connected": True, "inSync": True, "notes": []}]
            denied = await explained(served, protocol="tcp", destinationPort=23)
            assert not denied["passes"] and denied["forward"]["reason"] == "firewall"
            assert denied["forward"]["decidedBy"] == [
                {"kind": "FirewallPolicy", "tenant": "acme", "name": "base", "part": "rule no-telnet"}
            ]
            assert {"FirewallPolicy", "Network"} == {one["kind"] for one in denied["intents"]}
            named = {"from": "h1", "to": "clients/h2", "protocol": "tcp", "destinationPort": 80}
            assert await explained(served, **named) == passes
            for wrong in ({"ports": 1}, {"protocol": "gre"}, {"from": "nobody"}, {"ttl": 256}):
                refused = await served.http.post("/api/v1/explain", json={"from": ONE, "to": OTHER, **wrong})
                assert refused.status_code == 422, refused.text


async def test_of_a_switch_that_is_away_it_is_told_what_it_held(tmp_path: Path) -> None:
    with ExitStack() as process:
        config = configured(tmp_path, process.enter_context(switch_process()))
        async with controller(config) as served:
            await apply(served, [CLIENTS])
            await until_in_sync(served)
            process.close()
            await served.until(lambda: not any(switch.connected for switch in served.fabric.switches))
            await apply(served, [POLICY])
            away = await explained(served, protocol="tcp", destinationPort=23)
            (leaf,) = away["switches"]
            # The rule is accepted, and the switch does not have it.
            assert away["passes"] and not leaf["connected"]
            assert "it is away since" in leaf["notes"][0] and "4 of" in leaf["notes"][-1]
