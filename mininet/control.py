"""The lab's controller: `p4fabric controller` as a process, and its API as the lab asks it.

This module knows the configuration file and the REST paths. It does not know what is checked.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from p4runtime_switch import P4RuntimeSwitch
from plan import FIRST_UPLINK
from processes import P4FABRIC, Ended, dies_with_us, end, output_of

__all__ = ["Controller", "Events", "in_sync"]

_PATIENCE = 30.0


class Controller:
    """The controller of a set of switches; its files lie in the run's folder."""

    def __init__(
        self,
        folder: Path,
        port: int,
        target: str,
        switches: Iterable[P4RuntimeSwitch],
        sections: Mapping[str, Any] | None = None,
    ) -> None:
        """Write its configuration.

        Args:
            folder: where configuration, token, store and log go.
            port: of the API, at 127.0.0.1.
            target: the kind of all switches.
            switches: whom it controls.
            sections: of the configuration, beside those that each lab has.
        """
        self.url = f"http://127.0.0.1:{port}"
        self.token_file = folder / "token"
        self.log_path = folder / "controller.log"
        self._config = folder / "controller.yaml"
        self._process: subprocess.Popen[bytes] | None = None
        document = {
            "switches": [self._switch(switch, target) for switch in switches],
            "api": {"listen": f"127.0.0.1:{port}", "tokenFile": self.token_file.name},
            "store": {"path": "fabric.db"},
            **(sections or {}),
        }
        # YAML has all of JSON, and JSON needs no library.
        self._config.write_text(json.dumps(document, indent=2) + "\n")

    @staticmethod
    def _switch(switch: P4RuntimeSwitch, target: str) -> dict[str, Any]:
        role = "leaf" if switch.name.startswith("leaf") else "spine"
        fabric_ports = [port for port in switch.data_ports() if role == "spine" or port >= FIRST_UPLINK]
        return {
            "name": switch.name,
            "deviceId": switch.device_id,
            "address": switch.address,
            "target": target,
            "role": role,
            "ports": fabric_ports,
        }

    @property
    def process_id(self) -> int | None:
        """Of the controller, while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start it and wait until its API answers.

        Raises:
            Ended: p4fabric is missing, or the controller ended, or stays silent.
        """
        if P4FABRIC is None:
            raise Ended("p4fabric is not installed here; `make lab` does that, or set P4FABRIC")
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                (P4FABRIC, "controller", "--config", str(self._config)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=dies_with_us,
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = self.log_path.read_text(errors="replace").strip().splitlines()[-8:]
                raise Ended("\n  ".join((f"the controller does not answer; {self.log_path} ends:", *words)))
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            end(self._process)
            self._process = None

    def kill(self) -> None:
        """End it as a crash would: without a chance to say goodbye."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False

    def _open(self, path: str, seconds: float) -> Any:
        token = self.token_file.read_text().strip()
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {token}"})
        return urllib.request.urlopen(request, timeout=seconds)

    def get(self, path: str) -> Any:
        """A resource, as JSON."""
        with self._open(path, 10) as answer:
            return json.load(answer)

    def counters(self, kind: str, tenant: str, name: str) -> dict[str, int]:
        """Packets by counter, read from the switches now."""
        found = self.get(f"/api/v1/intents/{kind}/{tenant}/{name}/counters")
        return {count["counter"]: count["packets"] for count in found["counters"]}

    def wait_until(self, path: str, ready: Callable[[Any], bool], seconds: float = _PATIENCE) -> Any:
        """A resource as soon as it is as wanted, or as it is when time is up."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = self.get(path)
                if ready(found) or time.monotonic() > deadline:
                    return found
            except (OSError, http.client.HTTPException, ValueError):
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def command(self, *words: str, seconds: float = 60) -> str:
        """Run `p4fabric ...` against this controller, as a user does.

        Raises:
            Ended: it failed; carries what it said.
        """
        environment = {**os.environ, "P4FABRIC_API": self.url, "P4FABRIC_TOKEN_FILE": str(self.token_file)}
        process = subprocess.Popen(
            (str(P4FABRIC), *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            preexec_fn=dies_with_us,
        )
        return output_of(process, seconds)

    @contextlib.contextmanager
    def events(self, *types: str) -> Iterator[Events]:
        """Follow the event stream for a while."""
        # No read is longer than this: the stream's heartbeat comes sooner.
        stream = self._open(f"/api/v1/events?types={','.join(types)}", 30)
        events = Events(stream)
        try:
            yield events
        finally:
            events.close()


def in_sync(switches: Mapping[str, Any]) -> bool:
    """Whether all of `/api/v1/switches` are connected and hold what is desired of them."""
    return all(switch["connected"] and switch["inSync"] for switch in switches["items"])


class Events:
    """Server-sent events, gathered by a thread of its own until closed."""

    def __init__(self, stream: Any) -> None:
        """Take an open stream."""
        self._stream = stream
        self._found: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            for line in self._stream:
                if line.startswith(b"data:"):
                    with self._changed:
                        self._found.append(json.loads(line[5:]))
                        self._changed.notify_all()

    @property
    def all(self) -> list[dict[str, Any]]:
        """What came so far."""
        with self._changed:
            return list(self._found)

    def first(self, wanted: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any] | None:
        """The first that is wanted, waiting for it; None when time is up."""

        def found() -> dict[str, Any] | None:
            return next((event for event in self._found if wanted(event)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None, seconds)
            return found()

    def close(self) -> None:
        """Read no more."""
        with contextlib.suppress(OSError):
            self._stream.fp.raw._sock.shutdown(2)  # close() alone would wait for the reader
        self._thread.join(2)
        with contextlib.suppress(OSError):
            self._stream.close()
