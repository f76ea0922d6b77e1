"""The command line against a controller process, as a user has it."""

from __future__ import annotations

import json
import os
import re
import select
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

    def run(self, *arguments: str, stdin: str | None = None, **variables: str) -> Outcome:
        environment = {
            **os.environ,
            "P4FABRIC_API": self.url,
            "P4FABRIC_TOKEN_FILE": str(self.folder / "p4fabric.token"),
            **variables,
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
    shown = installed.run("describe", "fw", "acme/no-telnet")
    assert shown.status == 0 and "PACKETS" in shown.out and "Owner:   operator: /spec/rules" in shown.out
    assert "FirewallPolicy/acme/no-telnet generation 1 accepted" in shown.out
    as_json = json.loads(installed.run("get", "network", "clients", "-o", "json").out)
    assert as_json["status"]["state"] == "active"

    top = installed.run("top", "--once")
    assert top.status == 0 and "in sync" in top.out and "2 intents, 2 active" in top.out
    status = installed.run("status")
    assert status.status == 0 and status.out.startswith("Fabric: ok, 0 of 0 links"), status
    assert json.loads(installed.run("status", "--json").out)["switches"][0]["name"] == "leaf1"
    gone = installed.run("declare-gone", "leaf1")
    assert gone.status == 1 and "leaf1 is connected: it is not gone" in gone.err
    gone = installed.run("declare-gone", "leaf1:9")
    assert gone.status == 1 and "no link is expected at leaf1:9" in gone.err
    record = installed.run("delete-record", "numbers/vlan/7")
    assert record.status == 1 and "'numbers/vlan/7' is not a record that" in record.err

    needed = installed.run("delete", "network", "clients")
    assert needed.status == 1 and "FirewallPolicy/acme/no-telnet" in needed.err
    deleted = installed.run("delete", "-f", "intents")
    assert deleted.status == 0 and deleted.out.splitlines()[0] == "Network/acme/clients deleted"
    gone = installed.run("wait", "net", "--for", "deleted", "--timeout", "20")
    assert gone.status == 0, gone
    assert installed.run("get", "network", "clients").status == 1


def test_tokens_are_made_listed_and_revoked(installed: Installation) -> None:
    made = installed.run(
        "token", "create", "acme-ci", "--role", "tenant", "-t", "acme", "--expires-in", "12h"
    )
    assert made.status == 0 and re.fullmatch(r"p4f_[0-9a-f]{16}_[\w-]{43}\n", made.out), made
    file = installed.folder / "acme.token"
    file.write_text(made.out)
    mine = ("--token-file", str(file))
    assert installed.run("get", *mine).status == 0
    assert "may not ask for" in installed.run("status", *mine).err
    (listed,) = json.loads(installed.run("token", "list", "--json").out)
    assert (listed["name"], listed["createdBy"]) == ("acme-ci", "operator") and listed["expires"]
    assert "acme-ci" in installed.run("token", "list").out
    for wrong in (["--role", "root"], ["--role", "tenant"], ["--role", "reader", "--expires-in", "soon"]):
        assert installed.run("token", "create", "x", *wrong).status != 0, wrong
    assert "another token" in installed.run("token", "create", "acme-ci", "--role", "reader").err
    assert installed.run("token", "revoke", "acme-ci").status == 0
    assert installed.run("get", *mine).status == 1
    assert "does not exist" in installed.run("token", "revoke", "acme-ci").err


def test_what_is_printed_can_be_applied_again_and_named_again(installed: Installation) -> None:
    labelled = INTENTS.replace("tenant: acme\n", "tenant: acme\nlabels: {app: web}\n", 1)
    assert installed.run("apply", "-f", "-", "--wait", "--timeout", "20", stdin=labelled).status == 0
    for form in ("yaml", "json"):
        printed = installed.run("get", "-o", form)
        again = installed.run("apply", "-f", "-", stdin=printed.out)
        assert again.status == 0 and again.out.count("unchanged") == 2, (printed, again)
    # Somebody writes in between: what was printed is not of that version any more.
    assert installed.run("apply", "-f", "-", stdin=labelled.replace("web", "db")).status == 0
    late = installed.run("apply", "-f", "-", stdin=printed.out)
    assert late.status == 1 and "metadata.resourceVersion" in late.err, late

    wide = installed.run("get", "networks", "-l", "app=db", "-o", "wide").out.splitlines()
    assert len(wide) == 2 and wide[1].rstrip().endswith("app=db")
    names = installed.run("get", "-o", "name").out.split()
    assert names == ["FirewallPolicy/acme/no-telnet", "Network/acme/clients"]
    assert installed.run("delete", *names).out.count("deleted") == 2


def test_intents_are_watched(installed: Installation) -> None:
    command = [*P4FABRIC, "get", "net", "--watch", "-o", "json", "--api", installed.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=installed.folder) as watching:
        try:
            assert installed.run("apply", "-f", "-", stdin=INTENTS).status == 0
            assert watching.stdout is not None
            for line in watching.stdout:
                change = json.loads(line)
                assert change["intent"]["name"] == "clients"
                if change["intent"]["status"]["state"] == "active":
                    break
            watching.send_signal(signal.SIGINT)
            assert watching.wait(timeout=60) == 130
        finally:
            watching.kill()


def test_the_fabric_is_listed(installed: Installation) -> None:
    assert installed.run("apply", "-f", "-", "--wait", "--timeout", "20", stdin=INTENTS).status == 0
    assert re.search(r"leaf1 +leaf +in sync", installed.run("get", "switches").out)
    assert installed.run("get", "switches", "-o", "name").out == "leaf1\n"
    assert "leaf1 (leaf) in sync" in installed.run("get", "topology").out
    assert json.loads(installed.run("get", "sw", "leaf1", "-o", "json").out)["role"] == "leaf"
    assert re.search(r"leaf1:1 .*acme/clients", installed.run("describe", "switch", "leaf1").out)
    assert "acme/clients" in installed.run("get", "ports", "leaf1", "-o", "yaml").out
    for what in ("links", "hosts"):
        assert json.loads(installed.run("get", what, "-o", "json").out) == []
    assert "'leaf9'" in installed.run("get", "switch", "leaf9").err


def test_an_owner_prunes_what_it_alone_applied(installed: Installation) -> None:

    def network(name: str, port: int) -> str:
        clients = INTENTS.split("---")[0].replace("clients", name)
        return clients.replace("port: 1", f"port: {port}").replace("10.0.1", f"10.0.{port}")

    before = INTENTS.replace("clients", "a")
    assert installed.run("apply", "-f", "-", "--owner", "ci", stdin=before).status == 0
    assert installed.run("apply", "-f", "-", stdin=network("c", 2)).status == 0
    without = installed.run("apply", "-f", "-", "--prune", stdin=network("b", 3))
    assert without.status == 2 and "--owner" in without.err
    prune = ("apply", "-f", "-", "--prune", "--owner", "ci")
    dry = installed.run(*prune, "--dry-run", stdin=network("b", 3))
    assert dry.out.count("would be deleted") == 2, dry
    done = installed.run(*prune, stdin=network("b", 3))
    assert done.status == 0 and "FirewallPolicy/acme/no-telnet deleted" in done.out, done
    deadline = time.monotonic() + 60
    while "Network/acme/a" in (left := installed.run("get", "-o", "name").out.split()):
        assert time.monotonic() < deadline
    assert left == ["Network/acme/b", "Network/acme/c"]


def test_an_intent_is_edited_unless_somebody_else_writes_meanwhile(installed: Installation) -> None:
    assert installed.run("apply", "-f", "-", stdin=INTENTS).status == 0
    assert (
        installed.run("edit", "fw", "no-telnet", EDITOR="true").out
        == "FirewallPolicy/acme/no-telnet unchanged\n"
    )
    changed = installed.run("edit", "fw", "no-telnet", EDITOR="sed -i s/23/2323/")
    assert changed.out == "FirewallPolicy/acme/no-telnet changed\n", changed
    assert "2323" in installed.run("get", "fw", "no-telnet", "-o", "yaml").out
    wrong = installed.run("edit", "fw", "no-telnet", EDITOR="sed -i s/2323/70000/")
    assert wrong.status == 1 and "spec.rules[0].ports[0]" in wrong.err and "what you wrote is in" in wrong.err
    # The editor takes its time, in which somebody else applies something.
    (installed.folder / "theirs.yaml").write_text(INTENTS.replace("ports: [23]", "ports: [25]"))
    editor = installed.folder / "editor.sh"
    editor.write_text(f"#!/bin/sh\nsed -i s/2323/24/ $1\n{P4FABRIC[0]} apply -f theirs.yaml >&2\n")
    editor.chmod(0o755)
    late = installed.run("edit", "fw", "no-telnet", EDITOR=str(editor))
    assert late.status == 1 and "somebody else has written FirewallPolicy/acme/no-telnet" in late.err, late


def test_contexts_say_which_controller(installed: Installation) -> None:
    config = installed.folder / "config.yaml"
    alone = {"P4FABRIC_API": "", "P4FABRIC_TOKEN_FILE": "", "P4FABRIC_CONFIG": str(config)}
    assert "no contexts" in installed.run("context", "list", **alone).out
    for name, url in (("here", installed.url), ("there", "http://127.0.0.1:1")):
        made = installed.run("context", "set", name, "--api", url, "--token-file", "p4fabric.token", **alone)
        assert made.status == 0, made
    assert config.stat().st_mode & 0o777 == 0o600
    assert installed.run("status", **alone).status == 0
    there = installed.run("status", "--context", "there", **alone)
    assert there.status == 1 and "http://127.0.0.1:1" in there.err
    assert installed.run("context", "use", "there", **alone).status == 0
    assert re.search(r"\* +there", installed.run("context", "list", **alone).out)
    assert installed.run("status", **alone).status == 1
    unknown = installed.run("status", "--context", "nowhere", **alone)
    assert unknown.status == 2 and "there are here, there" in unknown.err
    assert installed.run("context", "delete", "there", **alone).status == 0


def test_what_is_refused_is_told_with_the_file_and_document_that_it_is_about(installed: Installation) -> None:
    folder = installed.folder
    (folder / "good.yaml").write_text(INTENTS)
    (folder / "bad.yaml").write_text(INTENTS.replace("ports: [23]", "ports: [70000]"))
    refused = installed.run("apply", "-f", "good.yaml", "-f", "bad.yaml")
    assert refused.status == 1
    where = "bad.yaml document 2 (FirewallPolicy/acme/no-telnet): spec.rules[0].ports[0]"
    assert refused.err.startswith(where)
    assert "no-telnet" not in installed.run("get").out


def test_a_diff_shows_documents_and_entries_and_its_exit_status_says_whether_there_are_any(
    installed: Installation,
) -> None:
    file = installed.folder / "intents.yaml"
    file.write_text(INTENTS)
    new = installed.run("diff", "-f", "intents.yaml")
    assert new.status == 1 and "+++ applied/Network/acme/clients" in new.out, new
    assert "leaf1" not in [line.split(":")[0] for line in new.out.splitlines() if line.startswith("@@ leaf")]
    assert installed.run("apply", "-f", "intents.yaml", "--wait", "--timeout", "20").status == 0
    same = installed.run("diff", "-f", "intents.yaml", "--entries")
    assert (same.status, same.out, same.err) == (0, "", "")

    file.write_text(INTENTS.replace("ports: [23]", "ports: [2323]"))
    changed = installed.run("diff", "-f", "intents.yaml", "--entries")
    assert changed.status == 1
    lines = changed.out.splitlines()
    assert lines[:2] == [
        "--- current/FirewallPolicy/acme/no-telnet", "+++ applied/FirewallPolicy/acme/no-telnet",
    ]  # fmt: skip
    assert "-    - 23" in lines and "+    - 2323" in lines
    (removed,) = [line for line in lines if line.startswith("-firewall_ipv4") and "dst_port=23" in line]
    assert removed.endswith(" deny_ipv4  # FirewallPolicy/acme/no-telnet")
    assert any(line.startswith("+firewall_ipv4") and "dst_port=2323" in line for line in lines)
    assert any(line.startswith("@@ leaf1: entries ") for line in lines)
    as_json = installed.run("diff", "-f", "intents.yaml", "--json")
    assert as_json.status == 1 and json.loads(as_json.out)["intents"][1]["outcome"] == "changed"

    file.write_text(INTENTS.replace("ports: [23]", "ports: [70000]"))
    wrong = installed.run("diff", "-f", "intents.yaml")
    assert wrong.status == 2 and wrong.err.startswith(
        "intents.yaml document 2 (FirewallPolicy/acme/no-telnet)"
    )
    assert installed.run("diff", "-f", "none.yaml").status == 2
    assert installed.run("diff", "--api", "http://127.0.0.1:1", "-f", "intents.yaml").status == 2


def test_dry_runs_say_what_would_become_of_intents_and_switches(installed: Installation) -> None:
    (installed.folder / "intents.yaml").write_text(INTENTS)
    dry = installed.run("apply", "-f", "intents.yaml", "--dry-run")
    assert dry.status == 0 and re.search(r"Network +acme +clients +created +active", dry.out), dry
    assert re.search(r"^leaf1: entries \d+ added", dry.out, re.MULTILINE)
    assert "vlan 100 would be given to Network/acme/clients" in dry.out
    assert "no-telnet" not in installed.run("get").out
    assert installed.run("apply", "-f", "intents.yaml", "--wait", "--timeout", "20").status == 0

    needed = installed.run("delete", "network", "clients", "--dry-run")
    assert needed.status == 1 and "FirewallPolicy/acme/no-telnet" in needed.err
    together = installed.run("delete", "-f", "intents.yaml", "--dry-run")
    assert together.status == 0 and re.search(r"Network +acme +clients +deleted +gone", together.out), (
        together
    )
    assert "vrf 1 would be given back by acme" in together.out
    assert "no-telnet" in installed.run("get").out
    deleted = installed.run("delete", "-f", "intents.yaml")
    assert deleted.out.splitlines() == [
        "Network/acme/clients deleted", "FirewallPolicy/acme/no-telnet deleted",
    ]  # fmt: skip


def test_events_are_followed(installed: Installation) -> None:
    environment = {
        **os.environ,
        "P4FABRIC_API": installed.url,
        "P4FABRIC_TOKEN_FILE": str(installed.folder / "p4fabric.token"),
    }
    command = [*P4FABRIC, "events", "-n", "1", "--types", "IntentDeleted"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as follower:
        deadline = time.monotonic() + 90
        while follower.poll() is None:  # until it follows, and has one
            assert time.monotonic() < deadline
            assert installed.run("apply", "-f", "-", stdin=INTENTS).status == 0
            assert installed.run("delete", "policy", "no-telnet").status == 0
        assert follower.stdout is not None
        out = follower.stdout.read()
    assert follower.returncode == 0 and out.rstrip().endswith("FirewallPolicy/acme/no-telnet")
    past = installed.run("events", "-n", "1", "--types", "IntentDeleted", "--since", "1h")
    assert past.status == 0 and past.out == out
    past = installed.run("events", "--past", "--types", "IntentDeleted", "--intent", "network/acme/clients")
    assert (past.status, past.out) == (0, "")


REFUSED = [
    (["apply", "-f", "none.yaml"], 2, "none.yaml: No such file"),
    (["apply", "-f", "empty"], 2, "no documents found"),
    (["apply"], 2, "--file"),
    (["get", "gateway"], 2, "no kind of intent"),
    (["get", "network", "none"], 1, "Network none does not exist"),
    (["events", "--types", "LinkUp,LinkDwn"], 1, "'LinkDwn', which is none; there are FabricStatusChanged"),
    (["events", "--since", "yesterday"], 1, "such as 10m"),
    (["delete"], 2, "a kind and names, a kind and a selector"),
    (["get", "--api", "fabric.example"], 2, "must be a URL"),
    (["get", "--api", "http://127.0.0.1:1"], 1, "Is the controller running? `p4fabric controller -c"),
    (["get", "--token-file", "none"], 2, "--token-file or P4FABRIC_TOKEN_FILE"),
    (["get", "--token-file", "other.token"], 1, "does not accept the token from other.token"),
    (["get", "--api", "http://192.0.2.1"], 2, "sent unprotected; use https"),
    (["get", "switches", "-w"], 2, "--watch and --selector are for intents"),
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


def test_sigterm_ends_the_controller_with_a_follower_connected(installed: Installation) -> None:
    follower = subprocess.Popen(
        [*P4FABRIC, "events"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "P4FABRIC_API": installed.url,
            "P4FABRIC_TOKEN_FILE": str(installed.folder / "p4fabric.token"),
        },
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 90
        assert follower.stdout is not None
        while not select.select([follower.stdout], [], [], 0)[0]:  # until it follows
            assert time.monotonic() < deadline
            assert installed.run("apply", "-f", "-", stdin=INTENTS).status == 0
            assert installed.run("delete", "policy", "no-telnet").status == 0
        installed.process.send_signal(signal.SIGTERM)
        # It would never end if it waited for the follower.
        assert installed.process.wait(timeout=60) == 0
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
        assert tracing.wait(timeout=60) == 0
    finally:
        tracing.kill()
        tracing.wait()


def at_a_terminal(installed: Installation, *arguments: str, stdin: bytes) -> tuple[int, str]:
    """Run a command whose standard error is a terminal; its status, and what the terminal got."""
    main, terminal = os.openpty()
    environment = {
        **os.environ,
        "P4FABRIC_API": installed.url,
        "P4FABRIC_TOKEN_FILE": str(installed.folder / "p4fabric.token"),
        "TERM": "xterm",
        "COLUMNS": "200",
    }
    process = subprocess.Popen(
        [*P4FABRIC, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=terminal,
        cwd=installed.folder, env=environment,
    )  # fmt: skip
    os.close(terminal)
    assert process.stdin is not None
    process.stdin.write(stdin)
    process.stdin.close()
    shown = b""
    try:
        while chunk := os.read(main, 4096):
            shown += chunk
    except OSError:  # its other end is closed
        pass
    finally:
        os.close(main)
    return process.wait(timeout=60), shown.decode(errors="replace")


def test_an_apply_that_is_waited_for_shows_how_far_it_is(installed: Installation) -> None:
    """A network of a switch that is not there, so that it is waited for in vain."""
    missing = INTENTS.replace("switch: leaf1", "switch: leaf9").encode()
    status, shown = at_a_terminal(installed, "apply", "-f", "-", "--wait", "--timeout", "2", stdin=missing)
    assert status == 1
    assert "Network/acme/clients is degraded: switch leaf9 is not part of the fabric" in shown
    assert "not all are active after" in shown
    done = installed.run("apply", "-f", "-", "--wait", "--timeout", "20", stdin=INTENTS)
    assert done.status == 0 and done.out.count("active") == 2, done


def test_a_switch_without_interfaces_is_said_to_have_no_ports(installed: Installation) -> None:
    described = installed.run("describe", "switch", "leaf1")
    assert described.status == 0 and "The switch has no ports." in described.out, described
    assert "not connected" not in described.out


def test_a_switch_is_drained_and_used_again(installed: Installation) -> None:
    assert installed.run("drain", "switch", "leaf9").status == 1
    dry = installed.run("drain", "switch", "leaf1", "--dry-run")
    assert dry.status == 0 and "nothing would be written to switches" in dry.out, dry
    assert installed.run("get", "drains", "-o", "name").out == ""
    drained = installed.run("drain", "switch", "leaf1", "--wait", "--timeout", "20")
    assert (drained.status, drained.out) == (0, "leaf1 is drained: it may be switched off\n"), drained
    assert "drained" in installed.run("get", "switches").out
    assert installed.run("get", "drains", "-o", "name").out == "leaf1\n"
    # What is attached there has no other way.
    assert installed.run("apply", "-f", "-", "--wait", "--timeout", "20", stdin=INTENTS).status == 0
    needed = installed.run("drain", "switch", "leaf1", "--wait")
    assert needed.status == 1 and "network acme/clients is open at leaf1, and no host was heard" in needed.out
    back = installed.run("undrain", "switch", "leaf1", "--wait", "--timeout", "20")
    assert (back.status, back.out) == (0, "leaf1 is in use\n"), back


def test_a_link_is_named_by_its_ends(installed: Installation) -> None:
    for words, status, said in (
        (("leaf1",), 2, "name the other end as well, or a port, such as leaf1:9"),
        (("leaf1:x",), 2, "a port is a number"),
        (("leaf1", "leaf2"), 1, "there is no link between leaf1 and leaf2 that is up"),
        (("leaf1:9",), 1, "no link is expected at leaf1:9"),
    ):
        refused = installed.run("drain", "link", *words)
        assert refused.status == status and said in refused.err, refused
