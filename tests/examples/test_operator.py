"""examples/operator: apps come, change and go, others interfere, and the controller is restarted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from p4fabric.client import Service, Settings, SyncClient
from tests.examples.conftest import EXAMPLES
from tests.fabric.api.conftest import switch_process
from tests.fabric.api.test_cli import controller_process
from tests.switch.pipeline.harness import free_tcp_port

SERVERS = ["10.0.2.11", "10.0.2.12", "10.0.2.13"]
NETWORKS = list(yaml.safe_load_all((EXAMPLES / "operator/networks.yaml").read_text()))


def until(wanted: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := wanted()):
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.1)
    return found


@contextmanager
def operator(apps: Path, settings: Settings) -> Iterator[None]:
    assert settings.token is not None
    environment = {"P4FABRIC_API": settings.url, "P4FABRIC_TOKEN": settings.token, "PATH": "/usr/bin:/bin"}
    program = [sys.executable, str(EXAMPLES / "operator/app_operator.py"), str(apps)]
    with subprocess.Popen(program, env=environment) as process:
        try:
            yield
            assert process.poll() is None, "the operator has ended"
        finally:
            process.kill()


def test_apps_come_change_and_go(tmp_path: Path) -> None:
    apps = tmp_path / "apps"
    apps.mkdir()
    app = yaml.safe_load((EXAMPLES / "operator/apps/web.yaml").read_text())

    def write(name: str, **changes: Any) -> None:
        (apps / f"{name}.yaml").write_text(yaml.safe_dump({**app, **changes}))

    def is_reported(name: str, state: str, reason: str = "") -> bool:
        path = apps / f"{name}.status"
        said = json.loads(path.read_text() or "{}") if path.exists() else {}
        return said.get("state") == state and reason in str(said.get("reasons"))

    with switch_process() as address:
        switch = f'{{name: leaf1, deviceId: 1, address: "{address}", role: leaf, target: softswitch}}'
        listen = f"127.0.0.1:{free_tcp_port()}"
        (tmp_path / "fabric.yaml").write_text(f'switches: [{switch}]\napi: {{listen: "{listen}"}}')
        with controller_process(tmp_path) as installed:
            settings = Settings(installed.url, (tmp_path / "p4fabric.token").read_text().strip())
            with SyncClient(settings) as client, operator(apps, settings):
                client.apply(NETWORKS)
                write("web")
                until(lambda: is_reported("web", "active"))
                assert client.get(Service, "acme", "web").labels == {"app": "web"}

                write("bad", address="10.0.1.0")
                until(lambda: is_reported("bad", "refused"))
                write("web", servers=SERVERS)
                until(lambda: len(client.get(Service, "acme", "web").intent.spec.pool) == 3)

                # Somebody interferes: what is the operator's comes back, what is not stays.
                client.patch(("Service", "acme", "web"), {"labels": {"team": "blue"}}, owner="blue")
                client.delete(("Service", "acme", "web"))
                until(lambda: is_reported("web", "active"))

                # The controller is killed; an app goes while it is away.
                installed.process.kill()
                installed.process.wait()
                write("db", address="10.0.100.81")
                (apps / "web.yaml").unlink()
                with controller_process(tmp_path):
                    until(lambda: is_reported("db", "active"))
                    until(lambda: not (apps / "web.status").exists())
                    names = [one.key.name for one in client.list(Service)]
                    assert names == ["db"]
