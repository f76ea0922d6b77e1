"""The whole lab as a user runs it, with p4runtime-shell connected to one of its switches all the while.

On the embedded switch by default; `P4FABRIC_TEST_SWITCH=bmv2` runs the same on `simple_switch_grpc`.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from .programs import REPOSITORY, SYSTEM_PYTHON

CHECKS = {
    "pipelines_and_links", "intents", "reachability_ipv4", "reachability_ipv6", "isolation", "firewall",
    "service", "ue_sessions", "ue_to_service", "congestion", "controller_restart", "link_failure",
}  # fmt: skip
TARGET = os.environ.get("P4FABRIC_TEST_SWITCH", "softswitch")
NOT_ON = {"bmv2": {"link_failure"}}
"""Checks that cannot hold: bmv2 receives nothing at any port while one interface is down."""
DIGESTS = 2
"""Of the fabric pipeline: p4runtime-shell cannot read their configurations."""

T = TypeVar("T")


def wait_for(found: Callable[[], T | None], process: subprocess.Popen[str], seconds: float) -> T:
    deadline = time.monotonic() + seconds
    while (value := found()) is None:
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
    return value


class Lab:
    """`p4fabric lab --keep`, its files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.run, self.report, self.output = folder / "run", folder / "report.json", folder / "output"
        words = [SYSTEM_PYTHON, REPOSITORY / "mininet" / "lab.py", "--keep", "--switch", TARGET]
        words += ["--run", self.run, "--report", self.report]
        environment = {**os.environ, "P4FABRIC": str(Path(sys.executable).with_name("p4fabric"))}
        self.process = subprocess.Popen(
            list(map(str, words)),
            stdin=subprocess.PIPE,
            stdout=self.output.open("w"),
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
        )

    def config(self) -> Any:
        """The controller's configuration, which is written once the switches run; None before."""
        try:
            return json.loads((self.run / "controller.yaml").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def leaf1(self) -> Any:
        """What the controller says of leaf1, once it has all that is desired; None before."""
        try:
            found = [switch for switch in self.get("/api/v1/switches")["items"] if switch["name"] == "leaf1"]
        except (OSError, TypeError):
            return None
        return found[0] if found[0]["connected"] and found[0]["inSync"] else None

    def at_the_prompt(self) -> bool | None:
        """Whether all checks are through."""
        return "The lab runs on" in self.output.read_text() or None

    def get(self, path: str) -> Any:
        """Ask the controller's API."""
        url = f"http://{self.config()['api']['listen']}{path}"
        token = (self.run / "token").read_text().strip()
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    missing = [name for name in ("mn", "iperf3", "ethtool") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"the lab needs root and Debian's mininet, iperf3, ethtool; missing: {missing}")
    running = Lab(tmp_path)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(30)
        print(running.output.read_text())


class Shell:
    """A running read_tables.py."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.said = ""

    def read_again(self) -> Any:
        """What it reads now."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("again\n")
        self._process.stdin.flush()
        deadline, before = time.monotonic() + 60, len(self.said)
        while not self.said.endswith("}\n", before):
            assert select.select([self._process.stdout], [], [], deadline - time.monotonic())[0], self.said
            self.said += os.read(self._process.stdout.fileno(), 4096).decode()
        return json.loads(self.said.splitlines()[-1])


@contextmanager
def reading(python: Path, address: str, device_id: str) -> Iterator[Shell]:
    """Have p4runtime-shell read a switch meanwhile."""
    process = subprocess.Popen(
        (python, Path(__file__).with_name("read_tables.py"), address, device_id),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Shell(process)
        assert process.poll() is None, "p4runtime-shell ended"
    finally:
        process.kill()
        process.communicate()


def interfaces() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


@pytest.mark.root
@pytest.mark.timeout(400)
def test_everything_holds_while_p4runtime_shell_reads_and_nothing_is_left_behind(
    lab: Lab, p4runtime_shell: Path
) -> None:
    before = interfaces()
    assert wait_for(lab.leaf1, lab.process, 60)
    address, device_id = next(
        (switch["address"], str(switch["deviceId"]))
        for switch in lab.config()["switches"]
        if switch["name"] == "leaf1"
    )
    with reading(p4runtime_shell, address, device_id) as shell:
        wait_for(lab.at_the_prompt, lab.process, 240)
        # What it reads is what the controller says that it has installed, when neither is changing.
        deadline = time.monotonic() + 60
        while True:
            seen, state = shell.read_again(), lab.leaf1()
            if state is not None and sum(seen["counts"].values()) + DIGESTS == state["entriesInstalled"]:
                break
            assert time.monotonic() < deadline, (seen["counts"], state)
    assert "not the primary client" in shell.said
    assert seen["readings"] > 10
    assert seen["counts"]["FabricIngress.load_balancer.virtual_ips"] == 1

    lab.process.communicate("h1 ping -c 1 web1\nexit\n", timeout=60)
    failing = NOT_ON.get(TARGET, set())
    assert lab.process.returncode == bool(failing)
    assert "1 received" in lab.output.read_text()
    report = json.loads(lab.report.read_text())
    assert {check["name"] for check in report["checks"]} == CHECKS
    assert {check["name"] for check in report["checks"] if not check["passed"]} == failing
    assert interfaces() <= before | {"lo"}
