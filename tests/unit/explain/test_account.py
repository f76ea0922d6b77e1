"""An explanation as the API writes it, and as the command line tells it."""

from __future__ import annotations

import asyncio
from typing import Any

from p4fabric.controller.api.explain import answer_document, question_of
from p4fabric.controller.cli.explain import account
from p4fabric.controller.documents.explanation import QuestionDocument
from p4fabric.controller.explain.behind import EntryRef, reasons
from p4fabric.controller.fabric import ExplainedFlow, IntentState, IntentStatus
from p4fabric.controller.fabric.explaining import SwitchNote
from p4fabric.controller.names import SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.pipelines.fabric import bindings as b
from tests.unit.explain.rig import Rig


def answer(rig: Rig, source: str, to: str, **question: Any) -> dict[str, Any]:
    """The JSON of an explanation."""
    asked = question_of(QuestionDocument.model_validate({"from": source, "to": to, **question}))
    found = asyncio.run(rig.ask(asked))
    entries = [
        EntryRef(switch, entity.key)
        for way in (found.forward, found.reply)
        for switch, step in (way.steps() if way is not None else ())
        for entity in (step.entry, step.lacking)
        if entity is not None
    ]
    behind = reasons(rig.core.compiler, entries)
    owners = {one.intent for found in behind.values() for one in found if one.intent is not None}
    degraded = IntentStatus(
        IntentState.DEGRADED, 1, (Reason(Code.SERVER_UNSEEN, "server 10.0.2.13 not seen yet"),)
    )
    note = SwitchNote(SwitchName("leaf1"), False, False, ("it is away",))
    flow = ExplainedFlow(found, behind, dict.fromkeys(sorted(owners), degraded), (note,))
    return answer_document(flow).model_dump(mode="json")


def test_a_denied_flow_is_told_with_its_rule_on_the_first_line() -> None:
    document = answer(Rig(), "10.0.1.11", "10.0.2.11", protocol="tcp", destinationPort=23)
    forward = document["forward"]
    assert (document["passes"], forward["verdict"], forward["reason"]) == (False, "dropped", "firewall")
    assert forward["decidedBy"] == [
        {"kind": "FirewallPolicy", "tenant": "acme", "name": "telnet", "part": "rule no-telnet"}
    ]
    (step,) = [step for step in forward["walk"]["hops"][0]["steps"] if step["decides"]]
    assert step["table"] == "firewall_ipv4" and step["entry"]["action"] == "deny_ipv4"
    assert step["entry"]["match"]["dst_addr"] == "10.0.2.0/24" and step["entry"]["match"]["dst_port"] == 23
    lines = [str(line) for line in account(document)]
    assert lines[0] == (
        "there  dropped: leaf1: a firewall rule denies it  [FirewallPolicy acme/telnet, rule no-telnet]"
    )
    assert any(line.startswith("back   delivered: leaves the fabric at leaf1:1") for line in lines)
    assert "note: leaf1: it is away" in lines
    assert "note: FirewallPolicy acme/telnet is degraded: server 10.0.2.13 not seen yet" in lines


def test_members_and_lacking_entries_are_told() -> None:
    rig = Rig()
    rig.lose("leaf1", b.RoutingIpv4, lambda one: str(one.dst_addr.value) == "10.0.2.12")
    lines = [str(line) for line in account(answer(rig, "10.0.1.11", "web", tenant="acme"))]
    assert "                          - address 10.0.2.11, port 8080  <- taken for this account" in lines
    assert any(
        line.startswith("  if leaf1 takes address 10.0.2.12, port 8080: dropped, leaf1: nobody is known")
        for line in lines
    )
    lines = [str(line) for line in account(answer(rig, "10.0.1.11", "10.0.2.12"))]
    assert any("should hold another entry here" in line and "10.0.2.12/32" in line for line in lines)


def test_a_flow_that_passes_both_ways_says_so_and_a_tunnel_is_shown() -> None:
    document = answer(Rig(), "10.45.0.2", "10.0.4.10", protocol="udp", destinationPort=9)
    assert document["passes"] and document["forward"]["packet"]["inner"]["source"] == "10.45.0.2"
    assert any("TEID 257" in str(line) for line in account(document, every_step=True))
