"""Clients are generated from the description of the API: that of a stock generator works."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.fabric.api.conftest import configured, controller, network

_PACKAGE = "generated_fabric_client"


def generate(description: dict[str, Any], folder: Path) -> None:
    """A Python client, by openapi-python-client."""
    (folder / "openapi.json").write_text(json.dumps(description))
    (folder / "options.yaml").write_text(f"post_hooks: []\npackage_name_override: {_PACKAGE}\n")
    words = ["generate", "--path", "openapi.json", "--config", "options.yaml", "--meta", "none"]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("openapi-python-client")), *words, "--output-path", _PACKAGE],
        cwd=folder, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout + done.stderr
    # Bodies may be YAML as well, which it does without.
    assert told.count("WARNING") == told.count("Unsupported content type application/yaml"), told


def part(name: str) -> Any:
    """A module of what was generated."""
    module: ModuleType = importlib.import_module(f"{_PACKAGE}.{name}")
    return module


KEY = ("network", "acme", "clients")
EVENTS = {"added": "IntentAdded", "modified": "IntentModified", "bookmark": "WatchBookmark"}


class Generated:
    """What was generated, for one controller and token."""

    def __init__(self, url: str, token: str) -> None:
        self.models: Any = part("models")
        self.client = part("client").AuthenticatedClient(
            base_url=url, token=token, raise_on_unexpected_status=True
        )

    def call(self, tag: str, operation: str, *arguments: Any, **options: Any) -> Any:
        """The parsed answer of an operation, such as `list_intents` of `intents`."""
        return part(f"api.{tag}.{operation}").sync(*arguments, client=self.client, **options)

    def status(self, tag: str, operation: str, *arguments: Any, **options: Any) -> int:
        """The status of an answer."""
        function = part(f"api.{tag}.{operation}").sync_detailed
        return int(function(*arguments, client=self.client, **options).status_code)


def write(api: Generated) -> None:
    """Create, get, replace, apply, patch, list in pages, preview and delete."""
    models = api.models
    body = models.Network.from_dict(network())
    created = api.call("intents", "put_intent", *KEY, body=body)
    assert created.outcome == "created" and created.intent.metadata.owners == ["operator"]
    listed = api.call("intents", "list_intents", label_selector="!app")
    assert [one.name for one in listed.items] == ["clients"]
    found = api.call("intents", "get_intent", *KEY)
    assert isinstance(found, models.Network) and found.spec.subnets == ["10.0.1.0/24"]
    assert api.call("intents", "put_intent", *KEY, body=found).outcome == "unchanged"
    stale = api.call("intents", "put_intent", *KEY, body=found, if_match='"1"')
    assert isinstance(stale, models.Problem) and stale.code == "precondition-failed"
    patch = models.MergePatch.from_dict({"labels": {"app": "web"}})
    assert api.call("intents", "patch_intent", *KEY, body=patch).intent.labels["app"] == "web"
    applied = api.call(
        "intents", "apply_intents", body=[body, models.Network.from_dict(network("other", subnets=[]))]
    )
    assert [one.outcome for one in applied.items] == ["changed", "created"]
    names, token = [], None
    while True:
        more: dict[str, Any] = {} if token is None else {"continue_": token}
        page = api.call("intents", "list_intents", limit=1, **more)
        names += [one.name for one in page.items]
        token = page.continue_
        if token is None:
            break
    assert names == ["clients", "other"]
    preview = api.call("intents", "delete_intent", *KEY, dry_run=True)
    assert preview.status.additional_properties["Network/acme/clients"].state == "gone"
    deleted = api.call("intents", "delete_intent", "network", "acme", "other")
    assert deleted.intent.name == "other"
    wrong = api.call("intents", "get_intent", "network", "acme", "none")
    assert isinstance(wrong, models.Problem) and wrong.code == "not-found"


def read(api: Generated) -> None:
    """What the fabric is, what has happened, an explanation, and who one is."""
    models = api.models
    assert [one.name for one in api.call("fabric", "list_switches").items] == ["leaf1"]
    assert api.call("fabric", "get_switch", "leaf1").connected
    assert api.call("upf", "list_upf_sessions", gnb="10.0.3.10").items == []
    assert api.call("upf", "get_upf_session", "0x1f").code == "not-found"
    assert api.call("fabric", "get_status").severity in ("ok", "at-risk", "degraded", "down")
    events = api.call("fabric", "list_events", follow=False, types="IntentStatusChanged")
    changed = {one.name for one in events.items if one.type_ == "IntentStatusChanged"}
    assert changed == {"clients", "other"}
    question = models.QuestionDocument.from_dict(
        {"from": "leaf1:1", "to": "10.0.1.9", "sourceAddress": "10.0.1.8"}
    )
    assert api.call("fabric", "explain_flow", body=question).forward.packet.destination == "10.0.1.9"
    assert api.call("access", "get_principal").role == "operator"
    assert "p4fabric_" in api.call("operations", "get_metrics")
    wanted = models.WantedToken.from_dict({"name": "ci", "role": "reader"})
    made = api.call("access", "create_token", body=wanted)
    reader = Generated(api.client._base_url, made.token)
    assert reader.status("intents", "list_intents") == 200
    assert reader.status("intents", "delete_intent", *KEY) == 403
    assert api.status("access", "revoke_token", "ci") == 204
    assert reader.status("intents", "list_intents") == 401


def watch(api: Generated) -> list[Any]:
    """Follow the intents until one changes. Generated functions read whole answers, so the stream is read
    with the client's own connection, and each event with the generated models."""
    http = api.client.get_httpx_client()
    events: list[Any] = []
    with http.stream("GET", "/api/v1/intents", params={"watch": True, "kind": "Network"}) as stream:
        for line in stream.iter_lines():
            if not line.startswith("data: "):
                continue
            said = json.loads(line.removeprefix("data: "))
            events.append(getattr(api.models, EVENTS[said["type"]]).from_dict(said))
            if said["type"] == "bookmark":
                labels = {"labels": {"app": "db"}}
                patch = api.models.MergePatch.from_dict(labels)
                api.call("intents", "patch_intent", *KEY, body=patch)
            if said["type"] == "modified" and events[-1].intent.labels["app"] == "db":
                return events
    raise AssertionError("the stream has ended")


def use(url: str, token: str) -> None:
    """All of it."""
    api = Generated(url, token)
    write(api)
    read(api)
    events = watch(api)
    assert [one.type_ for one in events][:2] == ["added", "bookmark"]
    assert events[0].intent.name == "clients"


async def test_a_client_from_a_stock_generator_works(
    tmp_path: Path, switch_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with controller(configured(tmp_path, switch_address)) as served:
        description = (await served.http.get("/openapi.json")).json()
        await asyncio.to_thread(generate, description, tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        token = served.token_file.read_text().strip()
        await asyncio.to_thread(use, served.url, token)
