"""Custom resources become intents: a real API server, controller and switch, and the operator's own process.

The operator shows the token of its service account, which may do what deploy/kubernetes/operator.yaml says.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from p4fabric.client import FirewallPolicy, IntentKey, Network, NotFound, Settings, SyncClient
from p4fabric.controller.intents import KINDS
from p4fabric.controller.kubernetes.custom_resources import definitions, path_of, plural
from tests.fabric.api.conftest import switch_process
from tests.fabric.api.test_cli import controller_process
from tests.kubernetes.api_server import ADMIN, BINARY, OPERATOR, ApiServer, api_server, until
from tests.switch.pipeline.harness import free_tcp_port

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason=f"needs {BINARY}: make kubernetes")

MANIFESTS = Path(__file__).parents[2] / "deploy/kubernetes"
WEB = {"subnets": ["10.0.1.0/24"], "gateways": ["10.0.1.1"], "attachments": [{"switch": "leaf1", "port": 1}]}
RULES = [
    {"name": "ssh", "action": "deny", "to": {"network": "web"}, "protocol": "tcp", "ports": [22, "80-81"]}
]


def kubectl(server: ApiServer, *words: str) -> str:
    """What people type; with nothing in mind of what the server had before."""
    with tempfile.TemporaryDirectory() as cache:
        command = ("kubectl", "--kubeconfig", str(server.kubeconfig(ADMIN)), "--cache-dir", cache, *words)
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


class Cluster:
    """All of it."""

    def __init__(self, server: ApiServer, fabric: SyncClient, environment: dict[str, str], log: Path) -> None:
        self.server, self.fabric, self._environment, self._log = server, fabric, environment, log

    @contextmanager
    def operator(self) -> Iterator[None]:
        command = [sys.executable, "-m", "p4fabric", "kubernetes", "operator"]
        with (
            self._log.open("ab") as log,
            subprocess.Popen(command, env=self._environment, stdout=log, stderr=log) as process,
        ):
            try:
                yield
                assert process.poll() is None, "the operator has ended"
            except BaseException:
                print(self._log.read_text())
                raise
            finally:
                process.kill()

    def apply(self, kind: str, name: str, spec: dict[str, Any], namespace: str = "acme") -> None:
        path = path_of(kind, namespace, name)
        if self.server.get(path) is None:
            body = {"apiVersion": "p4fabric.io/v1alpha1", "kind": kind, "metadata": {"name": name}}
            self.server.create(path_of(kind, namespace), {**body, "spec": spec})
        else:
            self.server.patch(path, {"spec": spec})

    def delete(self, kind: str, name: str, namespace: str = "acme") -> None:
        self.server.delete(path_of(kind, namespace, name))

    def status(self, kind: str, name: str, namespace: str = "acme") -> dict[str, Any]:
        found = self.server.get(path_of(kind, namespace, name))
        return {} if found is None else found.get("status", {})

    def is_state(self, state: str, kind: str, name: str, namespace: str = "acme") -> None:
        """In the end, and about the object as it is now."""

        def is_it() -> bool:
            found = self.server.get(path_of(kind, namespace, name)) or {}
            status = found.get("status", {})
            return bool(
                status.get("state") == state
                and status["observedGeneration"] == found["metadata"]["generation"]
            )

        until(is_it, f"{namespace}/{name} {state}: {self.status(kind, name, namespace)}")

    def is_gone(self, kind: str, name: str, namespace: str = "acme") -> None:
        until(lambda: self.server.get(path_of(kind, namespace, name)) is None, f"{kind} {name} gone")

    def intents(self) -> set[IntentKey]:
        return {one.key for one in self.fabric.list(Network)}

    def condition(self, wanted: str, kind: str, name: str, namespace: str = "acme") -> dict[str, Any]:
        (found,) = [one for one in self.status(kind, name, namespace)["conditions"] if one["type"] == wanted]
        return dict(found)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("kubernetes")) as server:
        applied = kubectl(server, "apply", "-k", str(MANIFESTS))
        assert "deployment.apps/p4fabric-operator created" in applied
        kubectl(
            server, "wait", "--for=condition=established", "--timeout=60s", "-f", str(MANIFESTS / "crds.yaml")
        )
        yield server


@pytest.fixture
def cluster(server: ApiServer, tmp_path: Path) -> Iterator[Cluster]:
    with switch_process() as address:
        switch = f'{{name: leaf1, deviceId: 1, address: "{address}", role: leaf, target: softswitch}}'
        listen = f"127.0.0.1:{free_tcp_port()}"
        tenants = "[{name: acme, attachments: [{switch: leaf1, ports: [1]}]}]"
        content = f'switches: [{switch}]\napi: {{listen: "{listen}"}}\ntenants: {tenants}'
        (tmp_path / "fabric.yaml").write_text(content)
        with controller_process(tmp_path) as installed:
            token = (tmp_path / "p4fabric.token").read_text().strip()
            environment = {
                **os.environ,
                "P4FABRIC_API": installed.url,
                "P4FABRIC_TOKEN": token,
                "KUBECONFIG": str(server.kubeconfig(OPERATOR)),
            }
            with SyncClient(Settings(installed.url, token)) as fabric:
                for namespace in ("acme", "blue"):
                    if server.get(f"/api/v1/namespaces/{namespace}") is None:
                        server.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
                yield Cluster(server, fabric, environment, tmp_path / "operator.log")


def test_the_manifests_have_the_definitions_that_the_kinds_make() -> None:
    written = list(yaml.safe_load_all((MANIFESTS / "crds.yaml").read_text()))
    assert written == definitions(), "p4fabric kubernetes crds > deploy/kubernetes/crds.yaml"
    manifests = {
        each["metadata"]["name"]: each
        for each in yaml.safe_load_all((MANIFESTS / "operator.yaml").read_text())
        if each["kind"] == "ClusterRole"
    }
    for role in ("p4fabric-edit", "p4fabric-view"):
        assert manifests[role]["rules"][0]["resources"] == sorted(plural(kind) for kind in KINDS)


def test_objects_come_change_and_go(cluster: Cluster) -> None:
    with cluster.operator():
        # In the wrong order: the policy waits for the network that it names.
        cluster.apply("FirewallPolicy", "ssh", {"rules": RULES})
        cluster.is_state("refused", "FirewallPolicy", "ssh")
        refused = cluster.condition("Accepted", "FirewallPolicy", "ssh")
        assert refused["status"] == "False" and "web" in refused["message"], refused
        cluster.apply("Network", "web", WEB)
        cluster.is_state("active", "FirewallPolicy", "ssh")
        ready = cluster.condition("Ready", "FirewallPolicy", "ssh")
        assert (ready["status"], ready["reason"]) == ("True", "Active")
        assert "ssh" in (shown := kubectl(cluster.server, "get", "p4fabric", "-n", "acme")), shown
        assert "active" in kubectl(cluster.server, "get", "p4net", "-n", "acme", "web")
        network = cluster.fabric.get(Network, "acme", "web")
        assert network.metadata.owners == ["kubernetes"]
        assert network.annotations["p4fabric.io/namespace"] == "acme"

        cluster.apply("Network", "web", {**WEB, "gateways": ["10.0.1.254"]})
        until(
            lambda: str(cluster.fabric.get(Network, "acme", "web").intent.spec.gateways[0]) == "10.0.1.254",
            "changed",
        )
        # Somebody deletes it behind the operator's back: it comes back. A network in use stays, and says why.
        cluster.fabric.delete(("FirewallPolicy", "acme", "ssh"))
        until(lambda: any(cluster.fabric.list(FirewallPolicy)), "back")
        cluster.is_state("active", "FirewallPolicy", "ssh")
        cluster.delete("Network", "web")
        until(lambda: cluster.status("Network", "web").get("state") == "deleting", "waiting")
        assert "ssh" in cluster.status("Network", "web")["message"]
        cluster.delete("FirewallPolicy", "ssh")
        cluster.is_gone("FirewallPolicy", "ssh")
        cluster.is_gone("Network", "web")
        assert cluster.intents() == set()


def test_what_happens_while_one_of_the_three_is_away_is_not_missed(cluster: Cluster) -> None:
    with cluster.operator():
        for name, third in (("one", 1), ("two", 2), ("three", 3)):
            cluster.apply(
                "Network", name, {"subnets": [f"10.0.{third}.0/24"], "gateways": [f"10.0.{third}.1"]}
            )
            cluster.is_state("active", "Network", name)
    # Without the operator: one changes, one is deleted, and one loses its finalizer and goes at once.
    cluster.apply("Network", "one", {"subnets": ["10.0.11.0/24"], "gateways": ["10.0.11.1"]})
    cluster.delete("Network", "two")
    cluster.server.patch(path_of("Network", "acme", "three"), {"metadata": {"finalizers": []}})
    cluster.delete("Network", "three")
    cluster.is_gone("Network", "three")
    assert len(cluster.intents()) == 3
    with cluster.operator():
        cluster.is_state("active", "Network", "one")
        cluster.is_gone("Network", "two")
        until(lambda: {key.name for key in cluster.intents()} == {"one"}, "three deleted")
        # The API server goes, and its clients' watches with it. Nothing is gone because it does not answer.
        cluster.server.stop()
        cluster.server.start()
        assert {key.name for key in cluster.intents()} == {"one"}
        cluster.apply("Network", "four", {"subnets": ["10.0.4.0/24"], "gateways": ["10.0.4.1"]})
        cluster.is_state("active", "Network", "four")
        for name in ("one", "four"):
            cluster.delete("Network", name)
            cluster.is_gone("Network", name)


def test_a_namespace_is_a_tenant_or_says_which_and_nobody_takes_the_intents_of_others(
    cluster: Cluster,
) -> None:
    spec = {"subnets": ["10.0.1.0/24"], "gateways": ["10.0.1.1"]}
    with cluster.operator():
        cluster.apply("Network", "web", spec, "acme")
        cluster.is_state("active", "Network", "web", "acme")
        cluster.apply("Network", "web", spec, "blue")
        cluster.is_state("active", "Network", "web", "blue")
        assert cluster.intents() == {("Network", "acme", "web"), ("Network", "blue", "web")}
        # The cluster's administrator gives both namespaces to one tenant.
        cluster.server.patch(
            "/api/v1/namespaces/blue", {"metadata": {"labels": {"p4fabric.io/tenant": "acme"}}}
        )
        cluster.is_state("refused", "Network", "web", "blue")
        assert "acme/web" in cluster.status("Network", "web", "blue")["message"]
        until(lambda: cluster.intents() == {("Network", "acme", "web")}, "blue's intent gone")
        cluster.delete("Network", "web", "acme")
        cluster.is_gone("Network", "web", "acme")
        cluster.is_state("active", "Network", "web", "blue")
        assert cluster.fabric.get(Network, "acme", "web").annotations["p4fabric.io/namespace"] == "blue"
        cluster.delete("Network", "web", "blue")
        cluster.is_gone("Network", "web", "blue")
        cluster.server.patch(
            "/api/v1/namespaces/blue", {"metadata": {"labels": {"p4fabric.io/tenant": None}}}
        )


def test_a_namespace_may_do_what_its_tenant_may_and_no_more(cluster: Cluster) -> None:
    foreign = {**WEB, "attachments": [{"switch": "leaf1", "port": 2}]}
    watch = {"queueDepth": 10}
    label = {"p4fabric.io/role": "operator"}
    with cluster.operator():
        cluster.apply("Network", "web", foreign)
        cluster.is_state("refused", "Network", "web")
        assert cluster.condition("Accepted", "Network", "web")["reason"] == "Forbidden"
        cluster.apply("TelemetryWatch", "all", watch)
        cluster.is_state("refused", "TelemetryWatch", "all")
        assert cluster.intents() == set()
        # The administrator of the cluster makes it the fabric's operators' namespace.
        cluster.server.patch("/api/v1/namespaces/acme", {"metadata": {"labels": label}})
        cluster.is_state("active", "Network", "web")
        cluster.is_state("active", "TelemetryWatch", "all")
        for kind, name in (("Network", "web"), ("TelemetryWatch", "all")):
            cluster.delete(kind, name)
            cluster.is_gone(kind, name)
        none = {"p4fabric.io/role": None}
        cluster.server.patch("/api/v1/namespaces/acme", {"metadata": {"labels": none}})


def test_what_an_operator_wrote_by_hand_is_not_touched(cluster: Cluster) -> None:
    document = {"kind": "Network", "tenant": "acme", "name": "web", "spec": WEB}
    cluster.fabric.apply([document], owner="operator")
    with cluster.operator():
        cluster.apply("Network", "web", {**WEB, "gateways": ["10.0.1.7"]})
        cluster.is_state("refused", "Network", "web")
        assert cluster.condition("Accepted", "Network", "web")["reason"] == "OwnedByOthers"
        cluster.delete("Network", "web")
        cluster.is_gone("Network", "web")
    assert cluster.fabric.get(Network, "acme", "web").metadata.owners == ["operator"]
    cluster.fabric.delete(("Network", "acme", "web"))
    with pytest.raises(NotFound):
        while True:
            cluster.fabric.get(Network, "acme", "web")


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        ("Network", {"subnets": ["10.0.1.7/24"], "gateways": []}, "spec.subnets"),
        ("Service", {"virtualIp": "10.0.9.1", "protocol": "tcp", "port": 80, "pool": []}, "pool"),
        ("FirewallPolicy", {"rules": [{"name": "a", "action": "allow", "ports": ["9-1"]}]}, "ports"),
    ],
)
def test_what_is_wrong_is_told_where_it_was_written(
    cluster: Cluster, kind: str, spec: dict[str, Any], said: str
) -> None:
    """By the API server where the definition says so, else by the object's status."""
    body = {"apiVersion": "p4fabric.io/v1alpha1", "kind": kind, "metadata": {"name": "bad"}, "spec": spec}
    with cluster.operator(), cluster.server.client() as http:
        response = http.post(path_of(kind, "acme"), json=body)
        if response.is_success:
            cluster.is_state("refused", kind, "bad")
            assert said in cluster.status(kind, "bad")["message"]
            cluster.delete(kind, "bad")
            cluster.is_gone(kind, "bad")
        else:
            assert response.status_code == 422 and said in response.json()["message"]
