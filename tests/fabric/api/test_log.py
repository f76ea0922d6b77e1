"""The log of a controller's process: who did what, what became of switches, and nothing that is secret."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.fabric.api.conftest import PATIENCE, network, switch_process
from tests.fabric.api.test_cli import P4FABRIC, configuration
from tests.switch.pipeline.harness import free_tcp_port

FORGED = 'agent"} \x7f{"level": "error"'


class Logged:
    """A controller that logs JSON at level debug."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, httpx.URL(url)
        self.token = (folder / "p4fabric.token").read_text().strip()
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": FORGED}
        self.http = httpx.Client(base_url=url, timeout=PATIENCE, headers=headers)

    def records(self) -> list[dict[str, Any]]:
        text = (self.folder / "log").read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while True:
            if found := [record for record in self.records() if wanted(record)]:
                return found[-1]
            assert time.monotonic() < deadline, "it was not logged"
            time.sleep(0.05)

    def event(self, name: str) -> dict[str, Any]:
        return self.until(lambda record: record.get("event") == name)


@contextmanager
def logged(folder: Path, address: str) -> Iterator[Logged]:
    (folder / "fabric.yaml").write_text(configuration(address))
    command = [*P4FABRIC, "controller", "-c", "fabric.yaml", "--log-format", "json", "--log-level", "debug"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+:\d+", process.stdout.readline())
        assert found is not None, "the controller did not start"
        yield Logged(folder, found[0])
    finally:
        process.terminate()
        process.wait()


def test_changes_of_intents_and_switches_are_logged_with_callers_and_severity(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with switch_process() as address:
            running = stack.enter_context(logged(tmp_path, address))
            assert running.event("SwitchConnected")["level"] == "info"
            both = [network("n1"), network("n2", subnets=[])]
            assert running.http.post("/api/v1/intents", json=both).is_success
            applied = running.event("IntentsApplied")
            assert applied["created"] == ["Network/acme/n1", "Network/acme/n2"]
            assert (applied["level"], applied["changedCount"]) == ("info", 0)
            assert applied["caller"]["address"] == "127.0.0.1"
            assert applied["caller"]["agent"] == FORGED.encode("unicode_escape").decode()
            assert running.http.delete("/api/v1/intents/Network/acme/n2").is_success
            deleted = running.event("IntentsDeleted")
            assert deleted["message"].startswith(
                "deleted Network/acme/n2, by operator (operator, by tokenFile) at 127.0.0.1 port "
            )
            assert deleted["principal"]["name"] == "operator"
        # The switch is dead.
        lost = running.event("SwitchDisconnected")
        assert (lost["level"], lost["switch"]) == ("warning", "leaf1")


def test_strangers_are_logged_with_their_address_and_secrets_never(tmp_path: Path) -> None:
    with logged(tmp_path, f"127.0.0.1:{free_tcp_port()}") as running:
        away = running.until(lambda record: record["level"] == "warning")
        assert away["message"].startswith("leaf1: disconnected (the connection failed")
        token = running.token
        assert running.http.get("/api/v1/switches").is_success
        wrong = {"Authorization": "Bearer not-the-token-at-all"}
        assert httpx.get(f"{running.url}/api/v1/intents?token={token}", headers=wrong).status_code == 401
        assert httpx.get(f"{running.url}/{token}%0aforged").status_code == 401
        with socket.create_connection((running.url.host, running.url.port)) as stranger:
            stranger.sendall(f"Bearer {token}\r\n\r\n".encode())
            assert stranger.recv(100).startswith(b"HTTP/1.1 400")
        refused = running.until(lambda record: record.get("path", "").endswith("forged"))
        assert (refused["event"], refused["level"]) == ("NotAdmitted", "warning")
        assert refused["path"] == "/[hidden]\\nforged" and refused["caller"]["address"] == "127.0.0.1"
        invalid = running.until(lambda record: "Invalid HTTP request" in record["message"])
        assert (invalid["logger"], invalid["level"]) == ("uvicorn.error", "warning")
        assert invalid["message"] == "127.0.0.1: Invalid HTTP request received."
    text = (tmp_path / "log").read_text()
    assert token not in text and "not-the-token" not in text
