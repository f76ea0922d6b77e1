"""The CNI plugin, called as a runtime calls it, plugs namespaces into two node switches."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from .bed import ABSENT, Bed, Container, Node

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]

VERSIONS = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]


@pytest.fixture
def node(nodes: Bed) -> Node:
    return nodes.nodes["node1"]


@pytest.fixture
def other(nodes: Bed) -> Node:
    return nodes.nodes["node2"]


@pytest.fixture
def container(nodes: Bed, node: Node, request: pytest.FixtureRequest) -> Iterator[Container]:
    """A container that nobody has plugged in yet; it leaves nothing behind."""
    found = nodes.container(f"c{abs(hash(request.node.name)) % 10**12}")
    yield found
    for interface in ("eth0", "net1", "net2"):
        assert node.call("DEL", found, interface).status == 0
    assert node.call("DEL", found, "net1", network="blue").status == 0
    found.namespace.close()


def test_pods_of_two_nodes_reach_each_other_over_the_fabric(nodes: Bed, node: Node, other: Node) -> None:
    containers = [nodes.container(name) for name in ("here", "there", "beside")]
    here, there, beside = containers
    answers = [one.call("ADD", who) for one, who in ((node, here), (other, there), (node, beside))]
    assert [answer.status for answer in answers] == [0, 0, 0], answers
    # At once: ADD has returned, so all of them have to be reachable.
    for answer in answers[1:]:
        for ip in answer.document["ips"]:
            assert here.reaches(ip["address"].partition("/")[0]), (ip, here.run("ip", "neigh"))
    first = answers[0].document
    assert first["interfaces"][0]["mac"] in here.run("ip", "link", "show", "eth0")
    assert first["interfaces"][0]["mtu"] == 1500 and first["interfaces"][0]["sandbox"] == here.path
    assert {route["dst"]: route["gw"] for route in first["routes"]} == {
        "0.0.0.0/0": "10.244.0.1", "::/0": "fd00:10:244::1",
    }  # fmt: skip
    assert "default via 10.244.0.1" in here.run("ip", "route")
    # Nobody sends as somebody else.
    here.run("ip", "address", "add", "10.244.1.200/16", "dev", "eth0")
    assert here.reaches(answers[1].address)
    assert not here.run("ping", "-c", "2", "-W", "2", "-I", "10.244.1.200", answers[1].address)
    for one, who in ((node, here), (other, there), (node, beside)):
        assert one.call("DEL", who).status == 0
    assert not nodes.endpoints() & {who.id for who in containers}
    assert not here.run("ip", "link", "show", "eth0") and not node.interfaces()
    for who in containers:
        who.namespace.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_results_are_as_their_version_has_them(node: Node, container: Container, version: str) -> None:
    before = {
        "cniVersion": version,
        "interfaces": [{"name": "lo0"}],
        "ips": [{"address": "127.0.0.9/8", "interface": 0}],
        "dns": {"nameservers": ["10.0.0.53"]},
    }
    answer = node.call("ADD", container, version=version, config={"prevResult": before})
    assert answer.status == 0, answer
    found = answer.document
    assert found["cniVersion"] == version
    assert [one["name"] for one in found["interfaces"]] == ["lo0", "eth0"]
    assert [one["interface"] for one in found["ips"]] == [0, 1, 1]
    assert ("version" in found["ips"][1]) == (version in ("0.3.1", "0.4.0"))
    assert ("mtu" in found["interfaces"][1]) == (version == "1.1.0")
    assert found["dns"] == {"nameservers": ["10.0.0.53"]}
    again = node.call("ADD", container, version=version, config={"prevResult": before})
    assert again.document == found, "a repeated ADD is answered alike"
    checked = node.call("CHECK", container, version=version, config={"prevResult": found})
    assert (checked.status, checked.document.get("code")) == ((1, 1) if version == "0.3.1" else (0, None))


def test_check_finds_what_is_not_there_any_more(nodes: Bed, node: Node, container: Container) -> None:
    added = node.call("ADD", container)
    assert node.call("CHECK", container).status == 0
    address = added.document["ips"][0]["address"]
    for undo, redo, said in (
        (f"ip address del {address} dev eth0", f"ip address add {address} dev eth0", "lost its address"),
        ("true", "true", "the route to 0.0.0.0/0"),  # went with the address
        ("ip route add default via 10.244.0.1", "true", ""),
        ("ip link set eth0 address 02:00:00:00:00:99", "true", "has the MAC address"),
    ):
        container.run(*undo.split())
        found = node.call("CHECK", container)
        assert (found.status, said in found.document.get("msg", "")) == (1 if said else 0, True), (
            undo,
            found,
        )
        container.run(*redo.split())
    container.run("ip", "link", "set", "eth0", "address", added.document["interfaces"][0]["mac"])
    container.run("ip", "route", "replace", "default", "via", "10.244.0.1")
    container.run("ip", "-6", "route", "replace", "default", "via", "fd00:10:244::1", "dev", "eth0")
    assert node.call("CHECK", container).status == 0
    nodes.ask(lambda client: client.delete(("Endpoint", "acme", endpoint_of(client, container))))
    found = node.call("CHECK", container)
    assert found.document["code"] == 101 and "does not have the endpoint" in found.document["msg"]


def endpoint_of(client: Any, container: Container) -> str:
    from p4fabric.client import Endpoint

    found = client.list(Endpoint, tenant="acme")
    return next(
        str(one.key.name) for one in found if one.annotations["p4fabric.io/container"] == container.id
    )


def test_a_container_has_several_networks_each_by_its_name(
    nodes: Bed, node: Node, other: Node, container: Container
) -> None:
    blue = {"network": "blue"}
    far = nodes.container("blue-far")
    assert node.call("ADD", container).status == 0
    mine = node.call("ADD", container, "net1", network="nad-blue", config=blue)
    theirs = other.call("ADD", far, "net1", network="nad-blue", config=blue)
    assert (mine.status, theirs.status) == (0, 0), (mine, theirs)
    assert mine.address.startswith("192.168.65.") and not mine.document["routes"]
    assert container.reaches(theirs.address)
    assert "default via 10.244.0.1" in container.run("ip", "route")
    assert node.call("DEL", container, "net1", network="nad-blue").status == 0
    assert other.call("DEL", far, "net1", network="nad-blue").status == 0
    far.namespace.close()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"config": {"cniVersion": "2.0.0"}}, 1),
        ({"config": {"cniVersion": ABSENT}}, 1),
        ({"config": {"name": "no/name"}}, 7),
        ({"config": {"network": "nowhere"}}, 7),
        ({"config": {"mtu": "large"}}, 7),
        ({"config": {"runtimeConfig": {"ips": ["10.244.1.0.9/16"]}}}, 7),
        ({"config": {"runtimeConfig": {"ips": ["172.16.0.9/16"]}}}, 7),
        ({"config": {"runtimeConfig": {"ips": ["10.244.0.1/16"]}}}, 103),
        ({"interface": "a/b"}, 4),
        ({"interface": "lo"}, 100),
    ],
)  # fmt: skip
def test_what_is_wrong_has_the_specifications_number_and_leaves_nothing(
    nodes: Bed, node: Node, container: Container, changed: dict[str, Any], code: int
) -> None:
    before = node.interfaces()
    answer = node.call("ADD", container, **changed)
    assert (answer.status, answer.document["code"]) == (1, code), answer
    assert node.interfaces() == before and container.id not in nodes.endpoints()


def test_the_plugin_answers_for_itself_where_nobody_else_does(nodes: Bed, node: Node) -> None:
    plugin = str(node.plugin)

    def ask(command: str, config: str, **more: str) -> tuple[int, str]:
        environment = {"CNI_COMMAND": command, "P4FABRIC_CNI_SOCKET": str(nodes.folder / "nobody"), **more}
        ran = subprocess.run([plugin], env=environment, input=config, capture_output=True, text=True)
        return ran.returncode, ran.stdout

    status, said = ask("VERSION", '{"cniVersion": "1.0.0"}')
    assert (status, said) == (
        0,
        '{"cniVersion": "1.0.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]}',
    )
    for command, code in (("ADD", 11), ("DEL", 11), ("CHECK", 11), ("STATUS", 50)):
        status, said = ask(command, '{"cniVersion": "1.1.0"}', CNI_CONTAINERID="x", CNI_IFNAME="eth0")
        assert status == 1 and f'"code": {code},' in said, (command, said)
    loaded = "import sys, runpy; runpy.run_path(sys.argv[1]); print(len(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-IS", "-c", loaded, plugin], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) < 60, "it starts with next to no modules"


def test_fifty_at_once_have_an_address_each(nodes: Bed, node: Node) -> None:
    containers = [nodes.container(f"many-{number}") for number in range(50)]
    began = [node.begin("ADD", one) for one in containers]
    answers = [node.end(ran) for ran in began]
    assert [answer.status for answer in answers] == [0] * 50, answers
    addresses = [ip["address"] for answer in answers for ip in answer.document["ips"]]
    macs = {answer.document["interfaces"][0]["mac"] for answer in answers}
    assert len(set(addresses)) == 100 and len(macs) == 50
    assert containers[0].reaches(answers[-1].address) and containers[-1].reaches(answers[17].address)
    # What the runtime does not know any more is collected; of another network's nothing.
    valid = [{"containerID": containers[0].id, "ifname": "eth0"}]
    assert node.call("GC", config={"cni.dev/valid-attachments": []}, network="blue").status == 0
    assert node.call("GC", config={"cni.dev/valid-attachments": valid}).status == 0
    assert len(node.interfaces()) == 1
    assert nodes.endpoints() & {one.id for one in containers} == {containers[0].id}
    assert node.call("CHECK", containers[0]).status == 0
    assert node.call("DEL", containers[0]).status == 0
    for one in containers:
        one.namespace.close()
