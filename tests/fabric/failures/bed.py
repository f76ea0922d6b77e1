"""Two leaves, spines and a controller as processes, their interfaces as cables, hosts at the test's ends.

Everything is what an operator runs: switches are started with `p4fabric switch run`, the controller reads a
file, and the test speaks REST. A process is killed as a crash would.
"""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import grpc
import httpx
import yaml

from p4fabric.controller.config import FabricConfig
from p4fabric.controller.core import Capacity, Core
from p4fabric.controller.fabric.kept import documents_of, rows_of
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.read import read_all, read_call
from p4fabric.controller.reconcile.diff import Difference, difference
from p4fabric.controller.state import Change
from p4fabric.controller.store import SqliteStore
from p4fabric.controller.store.records import Contents, read
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.fabric import bindings as b
from tests.switch.pipeline.harness import free_tcp_port
from tests.veth import make_pair, remove

__all__ = ["EDGE_PORTS", "SWITCHES", "FabricBed"]

SWITCHES = {"leaf1": 1, "leaf2": 2, "spine1": 101}
"""Device ids by name, where there is one spine."""
EDGE_PORTS = (1, 2, 3, 4)
"""Of each leaf; at the other ends of their cables are hosts."""
UPLINK = 11
"""Of each leaf, to spine1; those to others are behind it."""
_SECONDS = 60.0

Entities = Mapping[EntityKey, Entity]


class FabricBed:
    """Use it as a context manager: all switches, links and the controller are there when it is entered."""

    def __init__(
        self,
        folder: Path,
        through: Callable[[str, str], str] = lambda name, address: address,
        *,
        spines: int = 1,
        **sections: Any,
    ) -> None:
        """Plan it.

        Args:
            folder: for the controller's files, and for logs.
            through: gives the address at which the controller finds a switch, by its name and own address.
            spines: how many there are.
            sections: of the controller's configuration, beside those that a bed needs.
        """
        self._sections = sections
        self._spines = range(1, spines + 1)
        self._device_ids = {"leaf1": 1, "leaf2": 2} | {f"spine{n}": 100 + n for n in self._spines}
        self._folder = folder
        self._through = through
        self._cleanup = ExitStack()
        self._addresses = {name: f"127.0.0.1:{free_tcp_port()}" for name in self._device_ids}
        self._switches: dict[str, subprocess.Popen[bytes]] = {}
        self._controller: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(timeout=30)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.push(self._cleanup)
            self._cleanup.callback(self._http.close)
            for leaf in (1, 2):
                for port in EDGE_PORTS:
                    self._cable(f"l{leaf}p{port}", f"l{leaf}h{port}")
                for spine in self._spines:
                    self._cable(f"l{leaf}u{spine}", f"s{spine}p{leaf}")
            for name in self._device_ids:
                self.start_switch(name)
            for name in self._device_ids:
                self.wait_for_switch(name)
            self._configure()
            self.start_controller()
            self.until(self.is_whole, "all switches and links are found")
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _cable(self, near: str, far: str) -> None:
        make_pair(near, far, mtu=1600)
        self._cleanup.callback(remove, near)

    # Switches.

    def start_switch(self, name: str) -> None:
        """Start a switch's process; it is empty then. `wait_for_switch` waits until it answers."""
        number = name[-1]
        if name.startswith("leaf"):
            ports = {port: f"l{number}p{port}" for port in EDGE_PORTS}
            ports |= {UPLINK + spine - 1: f"l{number}u{spine}" for spine in self._spines}
        else:
            ports = {leaf: f"s{number}p{leaf}" for leaf in (1, 2)}
        words = ["-m", "p4fabric.softswitch", "run", "--device-id", str(self._device_ids[name])]
        words += ["--grpc", self._addresses[name]]
        words += [word for port, interface in ports.items() for word in ("-i", f"{port}@{interface}")]
        self._switches[name] = self._start(name, *words, stdout=subprocess.DEVNULL)

    def address(self, switch: str) -> str:
        """Where a switch serves P4Runtime and gNMI."""
        return self._addresses[switch]

    def kill_switch(self, name: str) -> None:
        """End a switch without a chance to say goodbye; all that it held is gone."""
        process = self._switches.pop(name)
        process.kill()
        process.wait()

    def wait_for_switch(self, name: str) -> None:
        """Wait until a switch answers."""
        with grpc.insecure_channel(self._addresses[name]) as channel:
            grpc.channel_ready_future(channel).result(timeout=_SECONDS)

    def holds(self) -> dict[str, Entities]:
        """All that the switches hold, as P4Runtime reads it."""

        async def read_them() -> dict[str, Entities]:
            found: dict[str, Entities] = {}
            for name, device_id in self._device_ids.items():
                async with grpc.aio.insecure_channel(self._addresses[name]) as channel:
                    result = await read_all(read_call(channel), device_id, b.BINDINGS, _SECONDS)
                assert result is not None and not result.unknown
                found[name] = result.entities
            return found

        return asyncio.run(read_them())

    # The controller.

    def _configure(self) -> None:
        switches = [
            {
                "name": name,
                "deviceId": device_id,
                "address": self._through(name, self._addresses[name]),
                "role": name[:-1],
                "ports": [UPLINK + n - 1 for n in self._spines] if name.startswith("leaf") else [1, 2],
            }
            for name, device_id in self._device_ids.items()
        ]
        api = {"listen": f"127.0.0.1:{free_tcp_port()}"}
        document = {"switches": switches, "api": api, **self._sections}
        self._config_path = self._folder / "fabric.yaml"
        self._config_path.write_text(yaml.safe_dump(document))
        self._config = FabricConfig.load(self._config_path)

    def start_controller(self) -> None:
        """Start the controller and wait until its API answers."""
        main = "from p4fabric.controller.cli.main import main; main()"
        words = ("-c", main, "controller", "-c", str(self._config_path))
        self._controller = self._start("controller", *words, stdout=subprocess.PIPE)
        assert self._controller.stdout is not None
        said = re.search(r"http://[^/ ]+", self._controller.stdout.readline().decode())
        assert said, f"the controller did not say where it is; its exit status: {self._controller.poll()}"
        self._http.base_url = httpx.URL(said[0])
        self._http.headers["Authorization"] = f"Bearer {self.token}"

    def kill_controller(self) -> None:
        """End the controller without a chance to say goodbye; may be called from any thread."""
        assert self._controller is not None
        self._controller.send_signal(signal.SIGKILL)

    def controller_gone(self) -> None:
        """Wait until a killed controller is gone."""
        assert self._controller is not None
        self._controller.wait()
        self._http.close()
        self._http = httpx.Client(timeout=30)

    def stop_controller(self) -> None:
        """End the controller in good order."""
        assert self._controller is not None
        _stop(self._controller)

    def _start(self, name: str, *arguments: str, stdout: int) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen([sys.executable, *arguments], stdout=stdout, stderr=log)
        self._cleanup.callback(_stop, process)
        return process

    # REST.

    @property
    def url(self) -> str:
        """Where the API is, without a slash at the end."""
        return str(self._http.base_url).rstrip("/")

    @property
    def token(self) -> str:
        """The operator's."""
        return (self._folder / "p4fabric.token").read_text().strip()

    def apply(self, *documents: Mapping[str, Any]) -> None:
        """Apply intents; fails unless all are accepted. An httpx.TransportError: nobody knows."""
        answer = self._http.post("/api/v1/intents", json=list(documents))
        assert answer.status_code == 200, answer.text

    def delete(self, kind: str, tenant: str, name: str) -> None:
        """Delete an intent. An httpx.TransportError: nobody knows."""
        answer = self._http.delete(f"/api/v1/intents/{kind}/{tenant}/{name}")
        assert answer.status_code == 200, answer.text

    def intents(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """All intents with their statuses; of those that are deleted some may still be there."""
        found = self.get("/api/v1/intents")["items"]
        return {(each["kind"], each["tenant"], each["name"]): each for each in found}

    def in_sync(self) -> bool:
        """Whether all switches hold what is desired."""
        return all(each["connected"] and each["inSync"] for each in self.get("/api/v1/switches")["items"])

    def is_whole(self) -> bool:
        """Whether they do, and all links are found."""
        return len(self.get("/api/v1/links")["items"]) == 4 * len(self._spines) and self.in_sync()

    def get(self, path: str) -> Any:
        """The answer to a GET request."""
        answer = self._http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, wanted: Callable[[], Any], what: str, seconds: float = _SECONDS) -> Any:
        """Wait until something is true."""
        deadline = time.monotonic() + seconds
        while not (found := wanted()):
            assert time.monotonic() < deadline, f"{what} within {seconds:g} s; now {self.trouble()}"
            time.sleep(0.02)
        return found

    def trouble(self) -> list[str]:
        """Intents that are not active and switches that are not in sync, and why."""
        intents = [f"{key}: {each['status']}" for key, each in self.intents().items() if not _is_active(each)]
        switches = [str(each) for each in self.get("/api/v1/switches")["items"] if not each["inSync"]]
        return [*intents[:5], *switches]

    def all_active(self) -> bool:
        """Whether all intents are active, and those that were deleted are gone."""
        return all(map(_is_active, self.intents().values()))

    # The store, of a controller that was stopped.

    def stored(self) -> Contents:
        """What the store keeps."""

        async def read_it() -> Contents:
            store = await SqliteStore.open(self._config.store.path)
            try:
                return read(await store.list())
            finally:
                await store.close()

        return asyncio.run(read_it())

    def compiled(self, contents: Contents) -> dict[str, Entities]:
        """What switches should hold of what is stored, compiled anew."""
        core = Core(Capacity({}))
        loaded = core.load(rows_of(contents), documents_of(contents))
        assert not loaded.unreadable
        view = core.view
        core.plan(
            [
                *(Change(view.switches, each.switch_name, each.switch()) for each in self._config.switches),
                *(Change(view.links, each.value.source, each.value) for each in contents.links),
                *(Change(view.heard_hosts, each.value.host.key, each.value.host) for each in contents.hosts),
            ]
        )
        return {name: dict(core.compiler.desired(SwitchName(name))) for name in self._device_ids}

    def differences(self, contents: Contents) -> dict[str, Difference]:
        """Where what switches hold is something else than what follows from what is stored."""
        desired = self.compiled(contents)
        found = {name: difference(held, desired[name]) for name, held in self.holds().items()}
        return {name: each for name, each in found.items() if each}


def _is_active(intent: Mapping[str, Any]) -> bool:
    return bool(intent["status"]["state"] == "active")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
