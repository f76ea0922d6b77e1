"""What is fuzzed: a controller process with two embedded switches, intents of two tenants, a token of each
role; and how each answer is judged.

An answer must be as the controller's own description says (`/openapi.json`), and none may be a fault (5xx).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from p4fabric.softswitch import SoftSwitch
from tests.attacks.api import Attacked, attacked, until
from tests.fabric.api.conformance import Description

__all__ = ["INTENTS", "ROLES", "Fault", "Fuzzed", "fuzzed"]

INTENTS = "/api/v1/intents"
ROLES = ("operator", "reader", "tenant", "scraper")
_TENANTS = [
    {
        "name": name,
        "attachments": [{"switch": switch, "ports": ports} for switch in ("leaf1", "leaf2")],
        "n3Addresses": [f"10.0.1.{200 + number}"],
    }
    for number, (name, ports) in enumerate((("acme", ["1-4"]), ("globex", ["5-8"])))
]


class Fault(AssertionError):
    """An answer that is a fault of the controller, or is not as its description says."""


def _intents(tenant: str, first_port: int) -> list[dict[str, Any]]:
    def intent(kind: str, name: str, **spec: Any) -> dict[str, Any]:
        return {"kind": kind, "name": name, "tenant": tenant, "spec": spec, "labels": {"app": name}}

    def host(number: int) -> dict[str, Any]:
        port = first_port + number % 2
        place = {"switch": f"leaf{1 + number // 2}", "port": port, "host": f"h{number}"}
        return {
            **place,
            "mac": f"02:00:00:00:0{first_port}:{number:02x}",
            "addresses": [f"10.0.1.{10 + number}"],
        }

    servers = [{"address": f"10.0.1.{10 + number}", "port": 8080} for number in (2, 3)]
    deny = {"name": "telnet", "action": "deny", "protocol": "tcp", "ports": [23]}
    return [
        intent(
            "Network",
            "clients",
            subnets=["10.0.1.0/24"],
            gateways=["10.0.1.1"],
            attachments=list(map(host, range(4))),
        ),
        intent("Service", "web", virtualIp="10.0.100.1", protocol="tcp", port=80, pool=servers),
        intent("FirewallPolicy", "no-telnet", rules=[deny]),
    ]


_NAMES = {(tenant, name) for tenant in ("acme", "globex") for name in ("clients", "web", "no-telnet")}


@dataclass
class Fuzzed:
    """A running controller, what may be shown to it, and what it has answered so far."""

    controller: Attacked
    content: dict[str, Any]
    """Its description."""
    tokens: dict[str, str]
    """By role."""
    statuses: Counter[int] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    """Answers of operations that are described, by their names."""
    done: Counter[str] = field(default_factory=Counter)
    """Those of them that were no refusals."""
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prepare for judging."""
        self._description = Description(self.content)

    @property
    def described(self) -> set[str]:
        """The names of all operations."""
        paths: dict[str, dict[str, Any]] = self.content["paths"]
        return {operation["operationId"] for path in paths.values() for operation in path.values()}

    def judge(self, method: str, path: str, status: int, content_type: str, body: bytes) -> None:
        """Judge an answer.

        Args:
            method: that was asked with.
            path: without the query.
            status: of the answer.
            content_type: likewise.
            body: all of it; of a stream, what has come so far.

        Raises:
            Fault: it is one.
        """
        self.statuses[status] += 1
        if (operation := self._description.operation(method, path)) is not None:
            self.operations[operation["operationId"]] += 1
            self.done[operation["operationId"]] += status < 300
        if status >= 500:
            raise Fault(f"status {status}: {body[:300]!r}")
        if method == "HEAD":
            return
        kind = content_type.partition(";")[0]
        try:
            if kind == "text/event-stream":
                self._description.compare_stream(path, body)
            else:
                self._description.compare(method, path, status, kind, body)
        except (AssertionError, ValueError) as error:
            raise Fault(f"{error!r}: status {status}, {body[:300]!r}") from error

    def judge_response(self, answer: httpx.Response) -> None:
        """The same, of a response that was read."""
        kind = answer.headers.get("content-type", "")
        self.judge(answer.request.method, answer.url.path, answer.status_code, kind, answer.content)

    def renew(self) -> None:
        """Make again what requests may have taken away: tokens, intents."""
        with self.controller.client() as client:
            for role in ROLES[1:]:
                if client.get("/api/v1/principal", headers=self.authorization(role)).status_code == 200:
                    continue
                wanted = {"name": f"fuzz-{role}", "role": role} | (
                    {"tenant": "acme"} if role == "tenant" else {}
                )
                client.delete(f"/api/v1/tokens/fuzz-{role}")
                answer = client.post("/api/v1/tokens", json=wanted)
                assert answer.status_code == 201, answer.text
                self.tokens[role] = answer.json()["token"]
            for tenant, port in (("acme", 1), ("globex", 5)):
                documents = _intents(tenant, port)
                if client.post(INTENTS, json=documents, params={"force": "true"}).status_code == 200:
                    continue
                # Something that was made by chance is in the way of one of them, and stays so.
                for document in documents:
                    client.post(INTENTS, json=document, params={"force": "true"})

    def begin_anew(self) -> None:
        """Leave only what there was at first: two tenants' intents, a token of each role."""
        with self.controller.client() as client:
            of_chance = [
                {part: item[part] for part in ("kind", "tenant", "name")}
                for item in client.get(INTENTS, params={"limit": "1000"}).json()["items"]
                if (item["tenant"], item["name"]) not in _NAMES and item["status"]["state"] != "deleting"
            ]
            if of_chance:
                client.post(f"{INTENTS}/delete", json=of_chance)
            for token in client.get("/api/v1/tokens").json()["items"]:
                if not token["name"].startswith("fuzz-"):
                    client.delete(f"/api/v1/tokens/{token['name']}")
        self.renew()

    def authorization(self, role: str) -> dict[str, str]:
        """The header of somebody with a role; of another word, that of nobody."""
        return {"Authorization": f"Bearer {self.tokens.get(role, 'nobody')}"}

    def finish(self) -> None:
        """Judge what is left: the log, memory, and that everything can still be asked for and taken out.

        Raises:
            Fault: something is not as it should be.
        """
        if found := re.search(r"Traceback.*?(?=\n\d{4}-|\Z)", self.controller.log, re.DOTALL):
            raise Fault(f"the controller's log: {found[0][-3000:]}")
        with self.controller.client() as client:
            while items := client.get(INTENTS).json()["items"]:
                keys = [{part: item[part] for part in ("kind", "tenant", "name")} for item in items]
                if all(item["status"]["state"] == "deleting" for item in items):
                    break
                answer = client.post(f"{INTENTS}/delete", json=keys)
                if answer.status_code not in (200, 404):
                    raise Fault(f"what is left cannot be deleted: {answer.text}")
            until(lambda: not client.get(INTENTS).json()["items"], 60)
            until(lambda: all(one["inSync"] for one in client.get("/api/v1/switches").json()["items"]), 60)

    def report(self) -> str:
        """What was asked and answered."""
        left = sorted(self.described - self.operations.keys())
        missing = f", none of {', '.join(left)}" if left else ""
        told = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        covered = len(self.described) - len(left)
        return (
            f"{self.statuses.total()} answers ({told}) from {covered} of {len(self.described)} "
            f"operations{missing}, {self.done.total()} no refusals, of {len(+self.done)} operations; "
            f"{len(self.faults)} faults"
        )


@contextmanager
def fuzzed(folder: Path) -> Iterator[Fuzzed]:
    """Run a controller with two switches, and give it intents."""
    with ExitStack() as stack:
        switches = [stack.enter_context(SoftSwitch(device_id=number)) for number in (1, 2)]
        # Wrong tokens are among what is tried.
        addresses = [switch.address for switch in switches]
        controller = stack.enter_context(
            attacked(folder, *addresses, sections={"tenants": _TENANTS}, loginFailures=10_000)
        )
        with controller.client() as client:
            found = Fuzzed(controller, client.get("/openapi.json").json(), {"operator": controller.token})
            found.renew()
            until(lambda: all(one["inSync"] for one in client.get("/api/v1/switches").json()["items"]), 60)
        yield found
