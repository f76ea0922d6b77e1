"""The command line against a controller process, as a user has it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fabric.api.conftest import TARGET

P4FABRIC = [str(Path(sys.executable).with_name("p4fabric"))]


@dataclass
class Outcome:
    status: int
    out: str
    err: str


@dataclass
class Installation:
    """A folder with a configuration, and a controller that runs there."""

    folder: Path
    url: str
    process: subprocess.Popen[str]

    def run(self, *arguments: str, stdin: str | None = None) -> Outcome:
        environment = {
            **os.environ,
            "P4FABRIC_API": self.url,
            "P4FABRIC_TOKEN_FILE": str(self.folder / "p4fabric.token"),
        }
        done = subprocess.run(
            [*P4FABRIC, *arguments],
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
            cwd=self.folder, env=environment,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr)


def configuration(address: str) -> str:
    return f"""
        switches:
          - {{name: leaf1, deviceId: 1, address: "{address}", role: leaf, target: {TARGET}}}
        api: {{listen: "127.0.0.1:0"}}
    """


@contextmanager
def installation(folder: Path, address: str) -> Iterator[Installation]:
    (folder / "fabric.yaml").write_text(configuration(address))
    with controller_process(folder) as installed:
        yield installed


@contextmanager
def controller_process(folder: Path) -> Iterator[Installation]:
    """A controller with the `fabric.yaml` of a folder."""
    process = subprocess.Popen(
        [*P4FABRIC, "controller", "--config", "fabric.yaml", "--log-level", "warning"],
        stdout=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+:\d+", process.stdout.readline())
        assert found is not None, "the controller did not start"
        yield Installation(folder, found[0], process)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def installed(tmp_path: Path, switch_address: str) -> Iterator[Installation]:
    with installation(tmp_path, switch_address) as found:
        yield found


INTENTS = """
kind: Network
name: clients
tenant: acme
spec:
  subnets: [10.0.1.0/24]
  gateways: [10.0.1.1]
  attachments: [{switch: leaf1, port: 1}]
---
kind: FirewallPolicy
name: no-telnet
tenant: acme
spec:
  rules: [{name: telnet, action: deny, from: {network: clients}, protocol: tcp, ports: [23]}]
"""


def test_a_day_at_the_command_line(installed: Installation) -> None:
    folder = installed.folder / "intents"
    folder.mkdir()
    (folder / "acme.yaml").write_text(INTENTS)
    (folder / "notes.txt").write_text("not: read")

    applied = installed.run("apply", "-f", "intents", "--wait", "--timeout", "20")
    assert applied.status == 0, applied.err
    assert re.search(r"FirewallPolicy +acme +no-telnet +created +active +1", applied.out)
    assert "unchanged" in installed.run("apply", "-f", "-", stdin=INTENTS).out

    listed = installed.run("get")
    assert listed.status == 0 and {"clients", "no-telnet"} <= set(listed.out.split())
    shown = installed.run("get", "firewallpolicies", "acme/no-telnet")
    assert shown.status == 0 and "telnet" in shown.out and "PACKETS" in shown.out
    as_json = json.loads(installed.run("get", "network", "clients", "--json").out)
    assert as_json["status"]["state"] == "active"

    top = installed.run("top", "--once")
    assert top.status == 0 and "in sync" in top.out and "2 intents, 2 active" in top.out

    needed = installed.run("delete", "network", "clients")
    assert needed.status == 1 and "FirewallPolicy/acme/no-telnet" in needed.err
    deleted = installed.run("delete", "-f", "intents")
    assert deleted.status == 0 and deleted.out.splitlines()[-1] == "Network/acme/clients deleted"
    assert installed.run("get", "network", "clients").status == 1


def test_what_is_refused_is_told_with_the_file_and_document_that_it_is_about(installed: Installation) -> None:
    folder = installed.folder
    (folder / "good.yaml").write_text(INTENTS)
    (folder / "bad.yaml").write_text(INTENTS.replace("ports: [23]", "ports: [70000]"))
    refused = installed.run("apply", "-f", "good.yaml", "-f", "bad.yaml")
    assert refused.status == 1
    where = "bad.yaml document 2 (FirewallPolicy/acme/no-telnet): spec.rules[0].ports[0]"
    assert refused.err.startswith(where)
    assert "no-telnet" not in installed.run("get").out
    assert installed.run("apply", "-f", "good.yaml", "--dry-run").status == 0
    assert "no-telnet" not in installed.run("get").out


def test_events_are_followed(installed: Installation) -> None:
    environment = {
        **os.environ,
        "P4FABRIC_API": installed.url,
        "P4FABRIC_TOKEN_FILE": str(installed.folder / "p4fabric.token"),
    }
    command = [*P4FABRIC, "events", "-n", "1", "--types", "IntentDeleted"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as follower:
        time.sleep(1)
        assert installed.run("apply", "-f", "-", stdin=INTENTS).status == 0
        assert installed.run("delete", "policy", "no-telnet").status == 0
        out, _ = follower.communicate(timeout=20)
    assert follower.returncode == 0 and out.rstrip().endswith("FirewallPolicy/acme/no-telnet")


REFUSED = [
    (["apply", "-f", "none.yaml"], 2, "none.yaml: No such file"),
    (["apply", "-f", "empty"], 2, "no documents found"),
    (["apply"], 2, "--file"),
    (["get", "gateway"], 2, "no kind of intent"),
    (["get", "network", "none"], 1, "Network none does not exist"),
    (["delete"], 2, "a kind and a name, or files"),
    (["get", "--api", "fabric.example"], 2, "must be a URL"),
    (["get", "--api", "http://127.0.0.1:1"], 1, "http://127.0.0.1:1"),
    (["get", "--token-file", "none"], 2, "--token-file or P4FABRIC_TOKEN_FILE"),
    (["get", "--token-file", "other.token"], 1, "Authorization"),
    (["controller", "--config", "none.yaml"], 2, "cannot be read"),
    (["controller", "--config", "broken.yaml"], 2, "switchs is not a known field"),
    (["controller", "--config", "fabric.yaml"], 1, "is in use by another process"),
    (["frobnicate"], 2, "No such command"),
]


def test_what_cannot_be_done_ends_with_a_status_and_a_sentence(installed: Installation) -> None:
    (installed.folder / "empty").mkdir()
    (installed.folder / "broken.yaml").write_text("switchs: []")
    (installed.folder / "other.token").write_text("x" * 40)
    for arguments, status, message in REFUSED:
        done = installed.run(*arguments)
        assert done.status == status, (arguments, done)
        assert message in done.err and "Traceback" not in done.err, (arguments, done)


def test_sigterm_ends_the_controller_in_two_seconds_with_a_follower_connected(
    installed: Installation,
) -> None:
    follower = subprocess.Popen(
        [*P4FABRIC, "events"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "P4FABRIC_API": installed.url,
            "P4FABRIC_TOKEN_FILE": str(installed.folder / "p4fabric.token"),
        },
    )  # fmt: skip
    try:
        time.sleep(1)
        started = time.monotonic()
        installed.process.send_signal(signal.SIGTERM)
        assert installed.process.wait(timeout=10) == 0
        assert time.monotonic() - started < 2
    finally:
        follower.kill()
        follower.wait()


def test_a_controller_that_was_killed_starts_again_with_all_it_had_accepted(
    tmp_path: Path, switch_address: str
) -> None:
    with installation(tmp_path, switch_address) as first:
        assert first.run("apply", "-f", "-", "--wait", stdin=INTENTS).status == 0
        first.process.kill()
        first.process.wait()
        with installation(tmp_path, switch_address) as second:
            again = second.run("apply", "-f", "-", "--wait", stdin=INTENTS)
            assert again.status == 0 and again.out.count("unchanged") == again.out.count("active") == 2


@pytest.mark.skipif(TARGET != "softswitch", reason="only the embedded switch traces")
def test_a_switch_is_traced_by_its_name(installed: Installation) -> None:
    unknown = installed.run("trace", "leaf9")
    assert (unknown.status, unknown.err.strip()) == (2, "there is no switch 'leaf9'; there are leaf1")
    wrong = installed.run("trace", "leaf1", "--dst", "nowhere")
    assert wrong.status == 2 and "--dst" in wrong.err
    assert installed.run("apply", "-f", "-", "--wait", stdin=INTENTS).status == 0  # its pipeline runs
    command = [*P4FABRIC, "trace", "leaf1", "--port", "1", "--api", installed.url]
    tracing = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=installed.folder)
    try:
        assert tracing.stderr is not None
        assert any(line == "tracing\n" for line in tracing.stderr)  # first it may be compiled
        tracing.send_signal(signal.SIGINT)
        assert tracing.wait(timeout=10) == 0
    finally:
        tracing.kill()
        tracing.wait()
