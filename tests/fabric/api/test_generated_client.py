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


def use(url: str, token: str) -> None:
    """List, create, get, patch and delete."""
    models, intents = part("models"), "api.intents"
    client = part("client").AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True)
    body = models.Network.from_dict(network())
    key = ("network", "acme", "clients")
    created = part(f"{intents}.put_intent").sync(*key, client=client, body=body)
    assert created.outcome == "created" and created.intent.metadata.owners == ["operator"]
    listed = part(f"{intents}.list_intents").sync(client=client, label_selector="!app")
    assert [one.name for one in listed.items] == ["clients"]
    found = part(f"{intents}.get_intent").sync(*key, client=client)
    assert isinstance(found, models.Network) and found.spec.subnets == ["10.0.1.0/24"]
    again = part(f"{intents}.put_intent").sync(*key, client=client, body=found)
    assert again.outcome == "unchanged"
    preview = part(f"{intents}.delete_intent").sync(*key, client=client, dry_run=True)
    assert preview.status.additional_properties["Network/acme/clients"].state == "gone"
    switches = part("api.fabric.list_switches").sync(client=client)
    assert [one.name for one in switches.items] == ["leaf1"]
    wrong = part(f"{intents}.get_intent").sync("network", "acme", "none", client=client)
    assert isinstance(wrong, models.Problem) and wrong.code == "not-found"


async def test_a_client_from_a_stock_generator_works(
    tmp_path: Path, switch_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with controller(configured(tmp_path, switch_address)) as served:
        description = (await served.http.get("/openapi.json")).json()
        await asyncio.to_thread(generate, description, tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        token = served.token_file.read_text().strip()
        await asyncio.to_thread(use, served.url, token)
