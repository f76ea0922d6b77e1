"""What lists of 10,000 intents cost the controller: processor time of the event loop's thread for a page, by
what is asked for, from the request to the last byte of the answer.

The first page after a change writes each intent as text; later ones find it written.

    .venv/bin/python -m benchmarks.api_lists [--intents 10000] [--samples 21]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.types import Message

from benchmarks.figures import Figure, add_option, print_table, save
from p4fabric.controller.access import Access
from p4fabric.controller.api import create_app
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.fabric import running_fabric

TOKEN = "a token of a benchmark"
MOST_MS = 20.0
"""What a page may take."""
TENANTS = 100
AT_ONCE = 5000
ASKED: Mapping[str, tuple[str, dict[str, str]]] = {
    "first": ("500 intents, each written as text for the first time", {}),
    "again": ("500 intents", {}),
    "largest": ("1000 intents", {"limit": "1000"}),
    "tenant": ("one tenant's", {"tenant": "t7"}),
    "label": ("500 of those with a label, one in three", {"labelSelector": "app=b"}),
    "nothing": ("a page of a filter that nothing passes", {"labelSelector": "app=nothing"}),
    "state": ("a page of a state that none is in", {"state": "degraded"}),
    "name": ("one by its name alone", {"name": "p77"}),
}


def documents(intents: int) -> list[dict[str, Any]]:
    """Networks, and policies of three rules."""
    found: list[dict[str, Any]] = [
        {"kind": "Network", "tenant": f"t{n}", "name": "n", "spec": {"subnets": [f"10.{n}.0.0/16"]}}
        for n in range(TENANTS)
    ]
    for n in range(intents - TENANTS):
        rules = [
            {
                "name": f"r{rule}",
                "action": "deny",
                "from": {"cidr": f"10.{n % TENANTS}.{rule}.{n // TENANTS}/32"},
                "protocol": "tcp",
                "ports": [80],
            }
            for rule in range(3)
        ]
        spec = {"priority": n // TENANTS + 1, "rules": rules}
        labels = {"app": "abc"[n % 3]}
        found.append(
            {
                "kind": "FirewallPolicy",
                "tenant": f"t{n % TENANTS}",
                "name": f"p{n}",
                "labels": labels,
                "spec": spec,
            }
        )
    return found


async def milliseconds(app: FastAPI, query: Mapping[str, str]) -> float:
    """Processor time of this thread for one request, which must succeed."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/intents",
        "raw_path": b"/api/v1/intents",
        "query_string": urlencode(query).encode(),
        "headers": [(b"authorization", f"Bearer {TOKEN}".encode())],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    began = time.thread_time()
    await app(scope, receive, send)
    spent = time.thread_time() - began
    assert statuses == [200], statuses
    return spent * 1000


async def measure(intents: int, samples: int) -> list[Figure]:
    """Fill a fabric without switches, and ask."""
    with tempfile.TemporaryDirectory() as folder:
        config = FabricConfig.read({"switches": []}, Path(folder) / "fabric.yaml")
        async with running_fabric(config) as fabric:
            app = create_app(fabric, await Access.load(config, fabric.store, TOKEN))
            everything = documents(intents)
            for begin in range(0, len(everything), AT_ONCE):
                await fabric.intents.apply(everything[begin : begin + AT_ONCE])
            await asyncio.sleep(1.0)
            await milliseconds(app, {"limit": "1"})  # FastAPI makes some of its parts at the first request.
            spent: dict[str, list[float]] = {"first": [await milliseconds(app, {})]}
            for _ in range(samples):
                for name, (_, query) in ASKED.items():
                    if name != "first":
                        spent.setdefault(name, []).append(await milliseconds(app, query))
    return [
        Figure(
            f"api_lists.{name}",
            title,
            "ms",
            spent[name],
            less_is_better=True,
            # Who asks first pays for all, in turns with everybody else's work.
            limit=None if name == "first" else MOST_MS,
        )
        for name, (title, _) in ASKED.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--intents", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=21)
    add_option(parser)
    options = parser.parse_args()
    figures = asyncio.run(measure(options.intents, options.samples))
    print_table(figures)
    save(options.figures, figures)


if __name__ == "__main__":
    main()
