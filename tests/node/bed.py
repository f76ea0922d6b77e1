"""Nodes of a fabric in a network namespace, each with its switch and its agent, and a controller.

All are the processes that users run. Containers are network namespaces; whoever runs them calls the plugin as
the specification says: a program, variables of the environment, and JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from p4fabric.client import Settings, SyncClient
from p4fabric.controller.cli.node import install_plugin
from p4fabric.net.model import End
from p4fabric.net.namespaces import Namespace
from p4fabric.net.wiring import bring_up, prepare

SUBNETS = {"pods": ("10.244.0.0/16", "fd00:10:244::/48"), "blue": ("192.168.64.0/20",)}
GATEWAYS = {"pods": ("10.244.0.1", "fd00:10:244::1"), "blue": ()}
POOLS = {
    "node1": {"pods": ["10.244.1.0/24", "fd00:10:244:1::/120"], "blue": ["192.168.65.0/24"]},
    "node2": {"pods": ["10.244.2.0/24", "fd00:10:244:2::/120"], "blue": ["192.168.66.0/24"]},
}
ABSENT = "absent"
UNTIL = 200.0
"""Seconds in which a busy machine has done anything that is waited for."""


def until(condition: Callable[[], Any], what: str) -> Any:
    """What a condition returns once it is true."""
    deadline = time.monotonic() + UNTIL
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {UNTIL:.0f} s"
        time.sleep(0.02)
    return found


@dataclass
class Answer:
    """What a plugin said."""

    status: int
    document: dict[str, Any]

    @property
    def address(self) -> str:
        """The first address that the container has."""
        address: str = self.document["ips"][0]["address"]
        return address.partition("/")[0]


@dataclass
class Container:
    """A network namespace that a runtime would make."""

    namespace: Namespace
    id: str

    @property
    def path(self) -> str:
        return f"/proc/{self.namespace.pid}/ns/net"

    def run(self, *words: str) -> str:
        """What a command in it prints; "" where it fails."""
        ran = self.namespace.popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said, _ = ran.communicate(timeout=UNTIL)
        return str(said) if ran.returncode == 0 else ""

    def reaches(self, address: str, tries: int = 1) -> bool:
        """Whether the first of some echo requests, each waiting for a busy machine, is answered."""
        return bool(self.run("ping", "-c", str(tries), "-W", "10", "-i", "0.2", address))


@dataclass
class Node:
    """One node, and how its plugin is called."""

    name: str
    folder: Path
    bed: Bed
    switch: subprocess.Popen[Any] = field(init=False)
    agent: subprocess.Popen[Any] = field(init=False)

    @property
    def config(self) -> Path:
        return self.folder / "node.yaml"

    @property
    def plugin(self) -> Path:
        return self.folder / "cni" / "p4fabric"

    def interfaces(self) -> set[str]:
        """The node's ends of containers that there are."""
        prefix = f"{self.name}p"
        listed = self.bed.namespace.call(os.listdir, "/proc/sys/net/ipv4/conf")
        return {one for one in listed if one.startswith(prefix)}

    def start_switch(self) -> None:
        self.switch = self.bed.start("node", "switch", "-c", str(self.config), log=f"{self.name}-switch")

    def start_agent(self) -> None:
        self.agent = self.bed.start("node", "agent", "-c", str(self.config), log=f"{self.name}-agent")

    def kill_agent(self) -> None:
        self.agent.kill()
        self.agent.wait()
        (self.folder / "cni.sock").unlink(missing_ok=True)

    def begin(
        self,
        command: str,
        container: Container | str = "",
        interface: str = "eth0",
        *,
        version: str = "1.1.0",
        network: str = "pods",
        arguments: str = "",
        config: Mapping[str, Any] | None = None,
    ) -> subprocess.Popen[Any]:
        """Call the plugin as a runtime does; it may not have answered yet."""
        environment = {
            "CNI_COMMAND": command,
            "CNI_PATH": str(self.plugin.parent),
            "PATH": os.environ["PATH"],
        }
        if command in ("ADD", "DEL", "CHECK"):
            name = container.id if isinstance(container, Container) else container
            environment |= {"CNI_CONTAINERID": name, "CNI_IFNAME": interface}
            if isinstance(container, Container):
                environment["CNI_NETNS"] = container.path
        if arguments:
            environment["CNI_ARGS"] = arguments
        document = {"cniVersion": version, "name": network, "type": "p4fabric", **(config or {})}
        ran = subprocess.Popen(
            [self.plugin], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert ran.stdin is not None
        ran.stdin.write(json.dumps({key: value for key, value in document.items() if value != ABSENT}))
        ran.stdin.close()
        ran.stdin = None
        return ran

    def end(self, ran: subprocess.Popen[Any]) -> Answer:
        """Its answer."""
        said, _ = ran.communicate(timeout=2 * UNTIL)
        return Answer(ran.returncode, json.loads(said) if said else {})

    def call(self, *about: Any, **more: Any) -> Answer:
        """Call the plugin, and wait for its answer."""
        return self.end(self.begin(*about, **more))


class Bed:
    """Two nodes that an uplink joins, and their controller."""

    def __init__(self, folder: Path, names: tuple[str, ...] = ("node1", "node2")) -> None:
        self.folder = folder
        self.namespace = Namespace("bed")
        self.nodes = {name: Node(name, folder / name, self) for name in names}
        self._started: list[subprocess.Popen[Any]] = []
        self._containers: list[Namespace] = []
        self.controller: subprocess.Popen[Any]

    def start(self, *words: str, log: str) -> subprocess.Popen[Any]:
        with (self.folder / f"{log}.log").open("ab") as file:
            ran = self.namespace.popen([sys.executable, "-m", "p4fabric", *words], stdout=file, stderr=file)
        self._started.append(ran)
        return ran

    def start_controller(self) -> None:
        self.controller = self.start("controller", "-c", str(self.folder / "fabric.yaml"), log="controller")

    def build(self) -> None:
        namespace, nodes = self.namespace, list(self.nodes.values())
        namespace.call(prepare, True)
        uplinks = [f"{node.name}u" for node in nodes]
        if len(nodes) == 2:
            namespace.call(_pair, *uplinks)
        switches = []
        for number, node in enumerate(nodes, 1):
            node.folder.mkdir()
            address = f"unix:{node.folder}/switch.sock"
            ports = {"deviceId": number, "address": address, "prefix": f"{node.name}p", "lastPort": 130}
            if len(nodes) == 2:
                ports["uplinks"] = [f"1@{uplinks[number - 1]}"]
            switches.append(
                {"name": node.name, "deviceId": number, "address": address, "role": "leaf", "ports": [1]}
            )
            _write(
                node.config,
                {
                    "name": node.name,
                    "tenant": "acme",
                    "switch": ports,
                    "controller": {"url": "http://127.0.0.1:8080", "tokenFile": str(self.folder / "token")},
                    "networks": {name: {"pools": pools} for name, pools in POOLS[node.name].items()},
                    "socket": "cni.sock",
                    "state": "attachments.db",
                },
            )
        fabric = {
            "switches": switches,
            "store": {"path": "fabric.db"},
            "api": {"listen": "127.0.0.1:8080", "tokenFile": "token"},
        }
        _write(self.folder / "fabric.yaml", fabric)
        for node in nodes:
            node.start_switch()
        self.start_controller()
        until(lambda: (self.folder / "token").exists(), "the controller has made a token")
        for name, subnets in SUBNETS.items():
            spec = {"subnets": list(subnets), "gateways": list(GATEWAYS[name])}
            self.apply({"kind": "Network", "tenant": "acme", "name": name, "spec": spec})
        for node in nodes:
            assert install_plugin(node.config, node.plugin.parent, Path("/usr/bin/python3")) == 0
            node.start_agent()
        for node in nodes:
            until(lambda node=node: node.call("STATUS").status == 0, f"{node.name} is ready")

    def ask(self, question: Callable[[SyncClient], Any]) -> Any:
        """What the controller answers."""

        def inside() -> Any:
            with SyncClient(
                Settings.find("http://127.0.0.1:8080", token_file=self.folder / "token")
            ) as client:
                return question(client)

        return self.namespace.call(inside)

    def apply(self, document: dict[str, Any]) -> None:
        def applied() -> bool:
            try:
                self.ask(lambda client: client.apply([document]))
            except Exception:
                return False
            return True

        until(applied, "the controller takes intents")

    def endpoints(self) -> set[str]:
        """Those that the controller has, by what containers they are of."""
        from p4fabric.client import Endpoint

        found = self.ask(lambda client: list(client.list(Endpoint, tenant="acme")))
        return {one.annotations["p4fabric.io/container"] for one in found}

    def container(self, name: str) -> Container:
        namespace = Namespace(name)
        self._containers.append(namespace)
        return Container(namespace, name)

    def close(self) -> None:
        for ran in reversed(self._started):
            if ran.poll() is None:
                ran.send_signal(signal.SIGTERM)
        for ran in self._started:
            try:
                ran.wait(10)
            except subprocess.TimeoutExpired:
                ran.kill()
                ran.wait()
        for namespace in self._containers:
            namespace.close()
        self.namespace.close()


@contextmanager
def bed(folder: Path, *names: str) -> Iterator[Bed]:
    """Nodes, ready for containers."""
    found = Bed(folder, *([names] if names else []))
    try:
        found.build()
        yield found
    finally:
        found.close()


def _pair(one: str, other: str) -> None:
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        ip.link("add", ifname=one, kind="veth", peer={"ifname": other})
    for interface in (one, other):
        bring_up(End("bed", 1, interface))


def _write(path: Path, document: Any) -> None:
    path.write_text(yaml.safe_dump(document))
