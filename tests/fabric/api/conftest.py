"""A whole controller in this process: fabric, API and real HTTP, on real switches without interfaces.

The embedded switch by default; `P4FABRIC_TEST_SWITCH=bmv2` runs the same on `simple_switch_grpc`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from p4fabric.controller.access import Access
from p4fabric.controller.api import create_app, listen, read_token, serve
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.fabric import Fabric, running_fabric
from tests.fabric.api.conformance import Description
from tests.switch.pipeline.harness import free_tcp_port

TARGET = os.environ.get("P4FABRIC_TEST_SWITCH", "softswitch")
PATIENCE = 60.0
"""For how many seconds a test waits for what must come, on a busy machine too."""


@dataclass
class Served:
    """A running controller and a client that has the token, and compares answers with the description."""

    fabric: Fabric
    http: httpx.AsyncClient
    url: str
    token_file: Path
    stop: asyncio.Event
    access: Access
    app: FastAPI

    @property
    def description(self) -> dict[str, Any]:
        """The API's."""
        return self.app.openapi()

    async def get(self, path: str, **query: str) -> Any:
        response = await self.http.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def until(self, wanted: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait until something (awaited if it can be) is true."""
        async with asyncio.timeout(seconds):
            while True:
                found = wanted()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.02)

    async def until_all(self, state: str, seconds: float = PATIENCE) -> None:
        """Wait until all intents are in a state."""
        await self.until(
            lambda: {view.status.state for view in self.fabric.intents.all()} == {state}, seconds
        )


def configured(folder: Path, *addresses: str, **sections: Any) -> FabricConfig:
    """One leaf at each address; all files in a folder."""
    switches = [
        {"name": f"leaf{n}", "deviceId": n, "address": address, "target": TARGET, "role": "leaf"}
        for n, address in enumerate(addresses, 1)
    ]
    api = {"listen": "127.0.0.1:0", **sections.pop("api", {})}
    return FabricConfig.read({"switches": switches, "api": api, **sections}, folder / "fabric.yaml")


@asynccontextmanager
async def controller(
    config: FabricConfig, *, heartbeat: float = 15.0, bookmarks: float = 30.0, **flags: bool
) -> AsyncIterator[Served]:
    """Run a controller while the body does, and stop it as SIGTERM does; `flags` are `running_fabric`'s."""
    stop = asyncio.Event()
    token = read_token(config.api.token_file)
    listener = listen(config.api)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        running_fabric(config, **flags) as fabric,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE, headers=headers) as http,
    ):
        access = await Access.load(config, fabric.store, token)
        app = create_app(
            fabric,
            access,
            max_request_bytes=config.api.max_request_bytes,
            heartbeat=heartbeat,
            bookmarks=bookmarks,
        )
        http.event_hooks = {"request": [], "response": [Description(app.openapi()).check]}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(app, config.api, listener, stop, fabric.end_streams))
            try:
                yield Served(fabric, http, url, config.api.token_file, stop, access, app)
            finally:
                stop.set()


@contextmanager
def switch_process(device_id: int = 1, interfaces: Sequence[str] = ()) -> Iterator[str]:
    """A switch with interfaces, such as `1@veth0`, or without any; its address."""
    ports = [word for interface in interfaces for word in ("-i", interface)]
    address = f"127.0.0.1:{free_tcp_port()}"
    command = [
        sys.executable,
        "-m",
        "p4fabric.softswitch",
        "run",
        "--device-id",
        str(device_id),
        "--grpc",
        address,
    ]
    command += ports
    if TARGET == "bmv2":
        command = ["simple_switch_grpc", "--no-p4", "--device-id", str(device_id), *ports]
        command += ["--thrift-port", str(free_tcp_port())]
        command += ["--", "--grpc-server-addr", address, "--cpu-port", "510", "--priority-queues", "8"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=sys.stderr)
    try:
        _until_it_listens(process, address)
        yield address
    finally:
        process.kill()
        process.wait()


def _until_it_listens(process: subprocess.Popen[bytes], address: str) -> None:
    import socket

    host, port = address.split(":")
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, f"the switch ended with {process.returncode}"
            assert time.monotonic() < deadline, "the switch does not listen"
            time.sleep(0.05)


@pytest.fixture
def switch_address() -> Iterator[str]:
    with switch_process() as address:
        yield address


def network(name: str = "clients", **spec: Any) -> dict[str, Any]:
    """A network of tenant acme; without more, on port 1 of leaf1."""
    spec = spec or {
        "subnets": ["10.0.1.0/24"],
        "gateways": ["10.0.1.1"],
        "attachments": [{"switch": "leaf1", "port": 1}],
    }
    return {"kind": "Network", "name": name, "tenant": "acme", "spec": spec}
