"""What it takes to tell 1,000 clients that follow intents of a change, beside 10,000 intents.

The controller runs in this process, without switches. Another one holds the clients, each on a connection of
its own, all without filters; a third makes changes (a PUT that changes a label: one commit, one event), one
after the other with a pause. The delay is from the commit of the store to the moment at which the last
client has read the event: all processes share the machine's clock and its processors, so the clients' own
work is part of it. Processor time is that of the controller's event loop.

    .venv/bin/python -m benchmarks.watch [--watchers 1000] [--intents 10000] [--changes 100]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import re
import resource
import select
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, add_option, save
from benchmarks.loop_watch import loop_watch
from benchmarks.loop_watch import run as run_watched
from p4fabric.controller.access import Access
from p4fabric.controller.api import create_app, listen, read_token, serve
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.fabric import Fabric
from p4fabric.controller.interpreter import set_aside
from p4fabric.controller.store import SqliteStore
from p4fabric.controller.store.revisions import Transaction

PAUSE = 0.05
"""Seconds between changes."""
AT_ONCE = 500
"""Intents of one request."""
PATH = "/api/v1/intents/UpfSession/acme/ue7"
ID = re.compile(rb"^id: (\d+)\r?$", re.MULTILINE)
CONTEXT = multiprocessing.get_context("spawn")


def session(number: int) -> dict[str, Any]:
    """One of many small intents."""
    spec = {
        "accessNetwork": "access",
        "dataNetwork": "data",
        "n3Address": "10.0.3.2",
        "gnbAddress": "10.0.3.10",
        "uplinkTeid": 2 * number + 1,
        "downlinkTeid": 2 * number + 2,
        "ueAddress": f"10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}",
        "qfi": 9,
    }
    return {"kind": "UpfSession", "name": f"ue{number}", "tenant": "acme", "spec": spec}


def networks() -> list[dict[str, Any]]:
    """Those that sessions need."""
    specs = {"access": ("10.0.3.0/24", "10.0.3.1"), "data": ("10.0.4.0/24", "10.0.4.1")}
    return [
        {
            "kind": "Network",
            "name": name,
            "tenant": "acme",
            "spec": {"subnets": [subnet], "gateways": [gateway]},
        }
        for name, (subnet, gateway) in specs.items()
    ]


def follow(port: int, token: str, count: int, told: Connection) -> None:
    """Hold clients; when asked, say when each event had come to the last of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    poll = select.epoll()
    clients: dict[int, socket.socket] = {}
    version = json.loads(_get(port, token, "/api/v1/intents?limit=1"))["resourceVersion"]
    request = f"GET /api/v1/intents?watch=true&resourceVersion={version} HTTP/1.1\r\nHost: fabric\r\n"
    request += f"Authorization: Bearer {token}\r\n\r\n"
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(request.encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.setblocking(False)
        clients[client.fileno()] = client
        poll.register(client, select.EPOLLIN)
    poll.register(told.fileno(), select.EPOLLIN)
    told.send("following")
    arrived: dict[int, list[float]] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == told.fileno():
                if told.recv() == "end":
                    return
                told.send(arrived)
                arrived = {}
                continue
            data = clients[descriptor].recv(1 << 16)
            now = time.monotonic()
            if not data:
                return  # the controller has stopped
            for number in ID.findall(data):
                arrived.setdefault(int(number), []).append(now)


def change(port: int, token: str, changes: int, told: Connection) -> None:
    """Make changes, and say how long the answers took."""
    took = []
    document = session(7)
    told.recv()
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(changes):
        document["labels"] = {"n": f"{time.monotonic_ns()}-{number}"}
        begun = time.monotonic()
        connection.request("PUT", PATH, json.dumps(document), {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        took.append(time.monotonic() - begun)
        assert answer.status == 200
        time.sleep(PAUSE)
    told.send(took)


def _get(port: int, token: str, path: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    return connection.getresponse().read()


class TimedStore(SqliteStore):
    """It knows when it committed."""

    committed_at: list[float]

    async def commit(self, transaction: Transaction) -> int:
        """Commit."""
        revision = await super().commit(transaction)
        self.committed_at.append(time.monotonic())
        return revision


@contextmanager
def process(target: Any, *arguments: Any) -> Iterator[Connection]:
    """A process that is told things."""
    ours, theirs = CONTEXT.Pipe()
    running = CONTEXT.Process(target=target, args=(*arguments, theirs))
    running.start()
    try:
        yield ours
    finally:
        running.kill()
        running.join()


async def receive(told: Connection) -> Any:
    """What a process says."""
    return await asyncio.to_thread(told.recv)


@dataclass(frozen=True, slots=True)
class Measured:
    """In milliseconds."""

    put: list[float]
    first: list[float]
    each: list[float]
    last: list[float]
    processor: float
    """Of the event loop, for each change."""
    blocked: float


async def measure(
    fabric: Fabric, store: TimedStore, port: int, token: str, changes: int, told: Connection | None
) -> Measured:
    """Make changes, and see how long they take."""
    numbers: dict[int, float] = {}

    def note(found: Any) -> None:
        for one in found:
            numbers[one.number] = store.committed_at[-1]

    fabric.intents.log.follow(note)
    with process(change, port, token, changes) as changing:
        changing.send("begin")
        await asyncio.sleep(1.0)
        watch, used = loop_watch(), time.thread_time()
        put = await receive(changing)
        processor = time.thread_time() - used
        blocked = watch.take()[0]
    fabric.intents.log.leave(note)
    await asyncio.sleep(0.5)
    first, each, last = [], [], []
    if told is not None:
        told.send("tell")
        arrived: Mapping[int, list[float]] = await receive(told)
        for number, committed in numbers.items():
            delays = [1000 * (at - committed) for at in arrived[number]]
            first.append(min(delays))
            each += delays
            last.append(max(delays))
    put = [1000 * one for one in put]
    return Measured(put, first, each, last, 1000 * processor / changes, 1000 * blocked)


async def run(intents: int, watchers: int, changes: int, folder: Path) -> tuple[Measured, Measured]:
    """Without anybody who follows, and with many."""
    content = {
        "switches": [],
        "api": {"listen": "127.0.0.1:0", "maxEventStreams": watchers, "maxConnections": 2 * watchers + 64},
    }
    config = FabricConfig.read(content, folder / "fabric.yaml")
    token, stop = read_token(config.api.token_file), asyncio.Event()
    store = await TimedStore.open(config.store.path)
    assert isinstance(store, TimedStore)
    store.committed_at = []
    with listen(config.api) as listener:
        port = listener.getsockname()[1]
        fabric = await Fabric.load(config, store)
        async with asyncio.TaskGroup() as tasks:
            main = tasks.create_task(fabric.run())
            await fabric.intents.apply(networks())
            for begin in range(0, intents, AT_ONCE):
                await fabric.intents.apply(
                    [session(number) for number in range(begin, min(intents, begin + AT_ONCE))]
                )
            set_aside()
            access = await Access.load(config, fabric.store, token)
            app = create_app(fabric, access, max_event_streams=watchers)
            serving = tasks.create_task(serve(app, config.api, listener, stop, fabric.end_streams))
            alone = await measure(fabric, store, port, token, changes, None)
            with process(follow, port, token, watchers) as told:
                assert await receive(told) == "following"
                beside = await measure(fabric, store, port, token, changes, told)
                stop.set()
                await serving
            fabric.close()
            main.cancel()
    await store.close()
    return alone, beside


def quantiles(name: str, values: list[float]) -> str:
    """A line of text."""
    ordered = statistics.quantiles(values, n=100)
    return f"{name:44} p50 {ordered[49]:7.1f}  p99 {ordered[98]:7.1f}  longest {max(values):7.1f} ms"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--intents", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=100)
    add_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        alone, beside = run_watched(run(options.intents, options.watchers, options.changes, Path(folder)))
    among = f"beside {options.watchers:,} watchers"
    print(quantiles("a PUT alone", alone.put))
    print(quantiles(f"a PUT {among}", beside.put))
    print(quantiles("commit to the first watcher", beside.first))
    print(quantiles("commit to a watcher", beside.each))
    print(quantiles("commit to the last watcher", beside.last))
    each = 1000 * (beside.processor - alone.processor) / options.watchers
    print(
        f"processor time of the loop for a change: {alone.processor:.2f} ms alone, {beside.processor:.2f} ms"
    )
    print(f"{among}, {each:.1f} us for each; the loop was blocked for {beside.blocked:.1f} ms at most")
    to = f"commit to the {{}} of {options.watchers:,} watchers, p50"

    def figure(
        name: str, title: str, values: list[float], unit: str = "ms", limit: float | None = None
    ) -> Figure:
        return Figure(f"watch.{name}", title, unit, [statistics.median(values)], True, limit=limit)

    save(
        options.figures,
        [
            figure("put_alone", "a PUT, p50", alone.put),
            figure("put_beside", f"a PUT {among}, p50", beside.put),
            figure("first", to.format("first"), beside.first),
            figure("each", f"commit to one of {options.watchers:,} watchers, p50", beside.each, limit=10.0),
            figure("last", to.format("last"), beside.last),
            figure("cpu", "processor time to tell one watcher of a change", [each], "us"),
            figure("blocked", f"the loop was blocked, {among}", [beside.blocked], limit=20.0),
        ],
    )


if __name__ == "__main__":
    main()
