"""Agents, controllers, switches and nodes that end in the middle leave nothing behind."""

from __future__ import annotations

import json
import sqlite3

import pytest

from .bed import Bed, Node, until

pytestmark = [pytest.mark.root, pytest.mark.timeout(1200)]


@pytest.fixture
def node(nodes: Bed) -> Node:
    return nodes.nodes["node1"]


def stages(node: Node) -> dict[str, str]:
    """What the node has written down: how far each container is."""
    with sqlite3.connect(node.folder / "attachments.db") as database:
        rows = [json.loads(text) for (text,) in database.execute("SELECT document FROM attachments")]
    return {row["place"]["container"]: row["stage"] for row in rows}


def test_an_agent_that_is_killed_between_any_two_steps_goes_on_from_there(nodes: Bed, node: Node) -> None:
    """Its controller is stopped, so that ADD waits in the middle: wired, and not acknowledged."""
    whole, half, gone = (nodes.container(name) for name in ("whole", "half", "gone"))
    assert node.call("ADD", whole).status == 0
    nodes.controller.send_signal(19)  # SIGSTOP
    try:
        waiting = [node.begin("ADD", one) for one in (half, gone)]
        until(lambda: len(node.interfaces()) == 3, "both are wired")
        assert stages(node) == {"whole": "ready", "half": "reserved", "gone": "reserved"}
        node.kill_agent()
        answers = [node.end(ran) for ran in waiting]
        assert [answer.document["code"] for answer in answers] == [11, 11]
        assert node.call("STATUS").document["code"] == 50
        gone.namespace.close()
        until(lambda: len(node.interfaces()) == 2, "its interface goes with its namespace")
    finally:
        nodes.controller.send_signal(18)  # SIGCONT
    node.start_agent()
    until(lambda: node.call("STATUS").status == 0, "the node is ready again")
    until(lambda: set(stages(node)) == {"whole", "half"}, "what is gone is forgotten")
    until(lambda: nodes.endpoints() <= {"whole", "half"}, "its endpoint is withdrawn")
    assert node.call("CHECK", whole).status == 0
    again = node.call("ADD", half)
    assert again.status == 0 and half.reaches(node.call("ADD", whole).address)
    for one in (half, whole, half):
        assert node.call("DEL", one).status == 0
    assert stages(node) == {} and not node.interfaces() and not nodes.endpoints()


def test_while_the_controller_is_away_nothing_is_added_and_what_goes_is_withdrawn_later(
    nodes: Bed, node: Node
) -> None:
    stays, goes, comes = (nodes.container(name) for name in ("stays", "goes", "comes"))
    added = [node.call("ADD", one) for one in (stays, goes)]
    nodes.controller.kill()
    nodes.controller.wait()
    assert node.call("STATUS").document["code"] == 50
    assert node.call("ADD", comes).document["code"] == 11
    assert stays.reaches(added[1].address), "containers do not need the controller"
    assert node.call("DEL", goes).status == 0
    assert stages(node)["goes"] == "leaving" and len(node.interfaces()) == 1
    nodes.start_controller()
    until(lambda: node.call("STATUS").status == 0, "the controller is back")
    until(lambda: "goes" not in stages(node) and "goes" not in nodes.endpoints(), "it is withdrawn")
    later = node.call("ADD", comes)
    assert later.status == 0 and later.address not in [answer.address for answer in added]
    assert comes.reaches(added[0].address)
    for one in (stays, comes):
        assert node.call("DEL", one).status == 0


def test_a_switch_that_restarts_takes_its_containers_again(nodes: Bed, node: Node) -> None:
    one, two = nodes.container("one"), nodes.container("two")
    added = [node.call("ADD", who) for who in (one, two)]
    node.switch.kill()
    node.switch.wait()
    until(lambda: node.call("STATUS").status == 1, "the node says that it is away")
    assert node.call("STATUS").document["code"] == 51
    node.start_switch()
    until(lambda: node.call("STATUS").status == 0, "the switch is back")
    until(lambda: one.reaches(added[1].address), "they reach each other again")
    for who in (one, two):
        assert node.call("DEL", who).status == 0
