"""docs/how-to/use-ansible.md: the playbook previews, applies, waits, and changes nothing the second time."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from p4fabric.client import Intent, Settings, SyncClient
from tests.examples.conftest import EXAMPLES
from tests.fabric.api.conftest import switch_process
from tests.fabric.api.test_cli import controller_process
from tests.isolation import outside
from tests.switch.pipeline.harness import free_tcp_port

INSTALL_ANSIBLE = "python3 -m venv ansible && ansible/bin/pip install -q ansible-core"


@pytest.fixture(scope="module")
def ansible_playbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment of its own."""
    folder = tmp_path_factory.mktemp("ansible")
    subprocess.run((*outside(), "bash", "-euc", INSTALL_ANSIBLE), cwd=folder, check=True, timeout=400)
    return folder / "ansible/bin/ansible-playbook"


@pytest.mark.timeout(600)
def test_the_playbook_applies_once_and_then_changes_nothing(tmp_path: Path, ansible_playbook: Path) -> None:
    with switch_process() as address:
        switch = f'{{name: leaf1, deviceId: 1, address: "{address}", role: leaf}}'
        listen = f"127.0.0.1:{free_tcp_port()}"
        (tmp_path / "fabric.yaml").write_text(f'switches: [{switch}]\napi: {{listen: "{listen}"}}')
        with controller_process(tmp_path) as installed:
            token = tmp_path / "p4fabric.token"

            def play(*options: str) -> int:
                """How many tasks changed something."""
                command = [str(ansible_playbook), str(EXAMPLES / "ansible/intents.yaml"), *options]
                command += ["-e", f"api={installed.url}", "-e", f"token_file={token}"]
                done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
                assert done.returncode == 0, done.stdout + done.stderr
                found = re.search(r"changed=(\d+)", done.stdout)
                assert found is not None, done.stdout
                return int(found[1])

            with SyncClient(Settings(installed.url, token.read_text().strip())) as client:
                assert play("--check") == 1 and list(client.list(Intent)) == []
                assert play() == 2
                intents = list(client.list(Intent))
                assert {one.key.name for one in intents} == {"clients", "no-telnet"}
                assert {one.status.state for one in intents} == {"active"}
                assert all(one.metadata.owners == ["ansible"] for one in intents)
                assert play() == 0
