"""A controller process that tests attack over its API, and raw connections to do it with."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

P4FABRIC = str(Path(sys.executable).with_name("p4fabric"))
NETWORK = "/api/v1/intents/Network/acme/clients"
SPEC: dict[str, Any] = {"subnets": ["10.0.1.0/24"], "gateways": ["10.0.1.1"]}


@dataclass(frozen=True)
class Attacked:
    """A running controller."""

    folder: Path
    url: str
    port: int
    process: subprocess.Popen[str]

    @property
    def token(self) -> str:
        return (self.folder / "p4fabric.token").read_text().strip()

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Make a call on a connection of its own, with the token."""
        with self.client() as client:
            return client.request(method, path, **options)

    def client(self) -> httpx.Client:
        """A client that keeps its connection, and has the token."""
        return httpx.Client(base_url=self.url, headers=self.authorization, timeout=20, verify=_tolerant())

    def connect(self, sent: bytes = b"") -> socket.socket:
        """Open a raw connection, and send something."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sendall(sent)
        return connection

    def request(self, path: str, *headers: str, method: str = "GET") -> bytes:
        """A request's line and headers, with the token."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.token}", *headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def memory(self) -> int:
        """Bytes that the process has resident."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) << 10

    def descriptors(self) -> int:
        """File descriptors that the process has open."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())


@contextmanager
def attacked(
    folder: Path, *addresses: str, limits: str = "", sections: Mapping[str, Any] | None = None, **api: Any
) -> Iterator[Attacked]:
    """Run a controller of some switches, after a shell command that limits it, with keys of `api` and other
    sections of its configuration."""
    switches = [
        {"name": f"leaf{n}", "deviceId": n, "address": address, "role": "leaf"}
        for n, address in enumerate(addresses, 1)
    ]
    config = {"switches": switches, "api": {"listen": "127.0.0.1:0", **api}, **(sections or {})}
    (folder / "fabric.yaml").write_text(yaml.safe_dump(config))
    command = ["sh", "-c", f'{limits or ":"}; exec "$0" controller --config fabric.yaml', P4FABRIC]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder)
    assert process.stdout is not None
    try:
        found = re.search(r"https?://\S+:(\d+)", process.stdout.readline())
        assert found is not None, (folder / "log").read_text()
        yield Attacked(folder, found[0], int(found[1]), process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def answer(connection: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    found = b""
    try:
        while part := connection.recv(1 << 16):
            found += part
    except ConnectionResetError:
        pass
    connection.close()
    return found


def read_answer(connection: socket.socket) -> bytes:
    """One answer with a Content-Length; the connection stays open."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += _some(connection)
    head, _, content = found.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    assert length is not None, head
    while len(content) < int(length[1]):
        content += _some(connection)
    return head + b"\r\n\r\n" + content


def until(wanted: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not (found := wanted()):
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.05)
    return found


def policies(count: int) -> list[dict[str, Any]]:
    """A network and firewall policies, about 200 bytes each."""
    found: list[dict[str, Any]] = [{"kind": "Network", "name": "clients", "tenant": "acme", "spec": SPEC}]
    for number in range(count):
        rule = {"name": "web", "action": "allow", "protocol": "tcp", "ports": ["8000-8099"]}
        spec = {"priority": number + 1, "rules": [{**rule, "from": {"network": "clients"}}]}
        found.append({"kind": "FirewallPolicy", "name": f"policy-{number}", "tenant": "acme", "spec": spec})
    return found


def _some(connection: socket.socket) -> bytes:
    part = connection.recv(1 << 16)
    assert part, "the connection ended too early"
    return part


def _tolerant() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
