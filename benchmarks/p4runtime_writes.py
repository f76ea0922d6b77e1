"""Writes to one switch and reads of it by the controller's session, beside other clients.

Each client brings typed entries of fabric.p4's `bridging` to a switch, and is done when all are acknowledged:

* bare gRPC sends batches that were serialised before;
* the session of the controller, from typed entries on;
* finsy, from its own typed entries on, in batches of the same size;
* p4runtime-shell, one entry a request, which is all it offers.

Reads: all entries back as typed entries, from a switch that answers in many messages and from a light server
that answers in one, with the memory that they take. The clients run in turns, each round on an empty table.

    .venv/bin/python -m benchmarks.p4runtime_writes [--entries 20000] [--rounds 5] [--switch softswitch]
        [--shell DIRECTORY]
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import finsy
import grpc
from finsy.proto import p4r

from benchmarks.figures import Figure, add_option, print_table, save
from benchmarks.light_switches import light_switches
from benchmarks.p4runtime import BATCH, batches, primary
from benchmarks.table_writes import config, entities, resident
from benchmarks.table_writes import switch as soft_switch
from p4fabric.controller.fabric.pipeline import fabric_pipeline
from p4fabric.controller.interpreter import set_up_interpreter
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import Phase, SwitchSession
from p4fabric.controller.p4runtime.channel import Endpoint
from p4fabric.controller.p4runtime.update import Update, UpdateKind
from p4fabric.controller.targets import target_named
from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import Entity

SHELL_ENTRIES = 200

Times = tuple[float, float]
"""Seconds by the clock, and of this process's processor time."""


def threads_seconds(process: int) -> float:
    """Processor time of a process's threads that run still, to the microsecond."""
    threads = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


class _Listener:
    """Nothing that a switch says is of interest."""

    def __getattr__(self, name: str) -> Any:
        async def heard(*words: object) -> None:
            return None

        return heard if name in ("packet_in", "digests") else lambda *words: None


@asynccontextmanager
async def session(address: str, target: str) -> AsyncIterator[SwitchSession]:
    """The controller's session with a switch, as primary."""
    kind = target_named(target)
    listener: Any = _Listener()
    endpoint = Endpoint(SwitchName("switch"), 1, address)
    found = SwitchSession(endpoint, kind, fabric_pipeline(kind), listener, election_id=time.time_ns())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(found.run())
        await found.wait_until(lambda state: state.phase is Phase.PRIMARY)
        yield found
        running.cancel()


async def by_session(
    address: str, target: str, wanted: Sequence[Entity], process: int
) -> tuple[Times, Times, float]:
    """Write, and read back; and the switch's processor time for the writes."""
    async with session(address, target) as found:
        before, clock = threads_seconds(process), _Clock()
        errors = await found.write([Update(UpdateKind.INSERT, entity) for entity in wanted])
        written, used = clock.seconds(), threads_seconds(process) - before
        assert not errors, errors[0]
        clock = _Clock()
        result = await found.read()
        read = clock.seconds()
        there = sum(entity.key in result.entities for entity in wanted)
        assert there == len(wanted), f"{there} of {len(wanted)} entries came back"
        await found.write([Update(UpdateKind.DELETE, entity) for entity in wanted])
    return written, read, used


class _Clock:
    def __init__(self) -> None:
        self._begun = time.perf_counter(), time.process_time()

    def seconds(self) -> Times:
        return time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]


def by_grpc(
    address: str, inserts: Sequence[bytes], deletes: Sequence[bytes], process: int
) -> tuple[Times, float]:
    """Send what was serialised before, four batches at once as the session does.

    Returns:
        The client's times, and the switch's processor time for the writes.
    """

    async def send() -> tuple[Times, float]:
        async with grpc.aio.insecure_channel(address) as channel:
            write = channel.unary_unary("/p4.v1.P4Runtime/Write")
            before, clock = threads_seconds(process), _Clock()
            left = iter(inserts)

            async def some() -> None:
                for batch in left:
                    await write(batch)

            async with asyncio.TaskGroup() as tasks:
                for _ in range(4):
                    tasks.create_task(some())
            return clock.seconds(), threads_seconds(process) - before

    with primary(address) as client:
        found = asyncio.run(send())
        client.write(deletes)
    return found


class _Finsy(finsy.Switch):  # type: ignore[misc]
    """Without gNMI: finsy gives up where a switch has no ports."""

    async def _start_gnmi(self) -> None:
        return


async def by_finsy(address: str, wanted: Sequence[Entity], folder: Path) -> Times:
    """finsy's client, its typed entries and its batches."""
    (folder / "p4info.txt").write_text(str(fabric.p4info()))
    options = finsy.SwitchOptions(p4info=folder / "p4info.txt", device_id=1, initial_election_id=1 << 70)
    async with _Finsy("switch", address, options) as switch:
        made = [
            finsy.P4TableEntry(
                "bridging",
                match=finsy.P4TableMatch(vlan_id=int(one.vlan_id), dst_mac=int(one.dst_mac)),  # type: ignore[union-attr]
                action=finsy.P4TableAction("to_port", port=int(one.action.port)),  # type: ignore[union-attr]
            )
            for one in wanted
        ]
        clock = _Clock()
        for start in range(0, len(made), BATCH):
            await switch.insert(made[start : start + BATCH])
        found = clock.seconds()
        for start in range(0, len(made), BATCH):
            await switch.delete(made[start : start + BATCH])
    return found


SHELL = """
import json, sys, time
import p4runtime_sh.shell as sh
from p4runtime_sh.context import P4RuntimeEntity
address, count = sys.argv[1], int(sys.argv[2])
sh.setup(device_id=1, grpc_addr=address, election_id=(1 << 40, 0), config=None)
made = []
for number in range(count):
    entry = sh.TableEntry("FabricIngress.bridging.bridging")(action="FabricIngress.bridging.to_port")
    entry.match["vlan_id"] = str(1 + number % 4000)
    entry.match["dst_mac"] = "0x%x" % (0x020000000000 + number)
    entry.action["port"] = str(number % 500)
    made.append(entry)
begun, used = time.perf_counter(), time.process_time()
for entry in made:
    entry.insert()
print(json.dumps([time.perf_counter() - begun, time.process_time() - used]))
for entry in made:
    entry.delete()
sh.teardown()
"""


def shell_python(folder: Path) -> Path:
    """An environment of its own with p4runtime-shell, which needs an old protobuf; made if needed."""
    python = folder / "shell" / "bin" / "python"
    if not python.exists():
        subprocess.run((sys.executable, "-m", "venv", folder / "shell"), check=True)
        command = (folder / "shell" / "bin" / "pip", "install", "-q", "p4runtime-shell", "setuptools<81")
        subprocess.run(command, check=True)
    return python


def by_shell(python: Path, address: str) -> Times:
    """p4runtime-shell, as a script."""
    command = (python, "-c", SHELL, address, str(SHELL_ENTRIES))
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall, used = json.loads(answer.splitlines()[-1])
    return wall, used


@contextmanager
def bmv2() -> Iterator[tuple[int, str]]:
    """bmv2's switch: its process id and address."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        address, thrift = f"127.0.0.1:{one.getsockname()[1]}", other.getsockname()[1]
    command = ["simple_switch_grpc", "--no-p4", "--device-id", "1", "--thrift-port", str(thrift)]
    command += ["--", "--grpc-server-addr", address, "--cpu-port", "510", "--priority-queues", "8"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            with grpc.insecure_channel(address) as channel:
                grpc.channel_ready_future(channel).result(timeout=30)
            yield process.pid, address
        finally:
            process.kill()


def beside_others(name: str, entries: int, rounds: int, python: Path | None) -> list[Figure]:
    """All clients, in turns, on one kind of switch."""
    wanted = list(entities(entries))
    encoded = [one.encode() for one in wanted]
    inserts, deletes = (batches(encoded, kind) for kind in (p4r.Update.INSERT, p4r.Update.DELETE))
    rates: dict[str, list[float]] = {"bare": [], "session": [], "finsy": [], "shell": [], "read": []}
    busy: dict[str, list[float]] = {"session": [], "finsy": [], "shell": []}
    both: list[float] = []
    for _ in range(rounds):
        # A switch of its own for each round: bids must rise from client to client.
        running = bmv2() if name == "bmv2" else soft_switch()
        with running as (process, address), tempfile.TemporaryDirectory() as folder:
            with primary(address) as client:
                client.push(_with_cookie(config(max(entries, 65536))))
            bare, used_for_bare = by_grpc(address, inserts, deletes, process)
            rates["bare"].append(entries / bare[0])
            written, read, used = asyncio.run(by_session(address, name, wanted, process))
            both.append((bare[1] + used_for_bare) / (written[1] + used))
            rates["session"].append(entries / written[0])
            busy["session"].append(entries / written[1])
            rates["read"].append(entries / read[0])
            took = asyncio.run(by_finsy(address, wanted, Path(folder)))
            rates["finsy"].append(entries / took[0])
            busy["finsy"].append(entries / took[1])
            if python is not None:
                took = by_shell(python, address)
                rates["shell"].append(SHELL_ENTRIES / took[0])
                busy["shell"].append(SHELL_ENTRIES / took[1])
    figures = _figures(name, rates, busy)
    title = f"{name}: the session beside bare gRPC, processor time of client and switch together"
    return [*figures, Figure(f"p4runtime_writes.{name}.beside_bare_cpu", title, "ratio", both, False, 0.3)]


def _figures(name: str, rates: dict[str, list[float]], busy: dict[str, list[float]]) -> list[Figure]:
    prefix = f"p4runtime_writes.{name}"
    titles = {
        "bare": "bare gRPC, batches made before",
        "session": "the controller's session, typed entries",
        "finsy": "finsy",
        "shell": "p4runtime-shell",
        "read": "read back as typed entries",
    }
    found = [
        Figure(f"{prefix}.{client}", f"{name}: {titles[client]}", "entries/s", samples)
        for client, samples in rates.items()
        if samples
    ]

    def ratio(other: str, limit: float) -> None:
        if rates[other]:
            samples = [ours / theirs for ours, theirs in zip(rates["session"], rates[other], strict=True)]
            title = f"{name}: the session beside {titles[other]}"
            found.append(Figure(f"{prefix}.beside_{other}", title, "ratio", samples, False, 0.3, limit))
        if busy.get(other):
            samples = [ours / theirs for ours, theirs in zip(busy["session"], busy[other], strict=True)]
            title = f"{name}: the same, a second of the client's processor time"
            found.append(Figure(f"{prefix}.beside_{other}_cpu", title, "ratio", samples, False, 0.3))

    ratio("bare", 0.6)
    ratio("finsy", 3.0)
    ratio("shell", 50.0)
    return found


def _with_cookie(made: p4r.ForwardingPipelineConfig) -> p4r.ForwardingPipelineConfig:
    made.cookie.cookie = fabric_pipeline(target_named("softswitch")).cookie
    return made


def reads(entries: int, rounds: int) -> list[Figure]:
    """Reads of servers that answer in many messages, and in one, and the memory that they take."""
    wanted = list(entities(entries))
    found: list[Figure] = []
    for huge in (False, True):
        rates, peaks = [], []
        with light_switches(huge=huge) as switches:
            for _ in range(rounds):
                rate, peak = asyncio.run(_read_of(switches.address(1), wanted))
                rates.append(rate)
                peaks.append(peak)
        name, answer = ("one", "in one message") if huge else ("many", "in many messages")
        title = f"read of {entries:,} entries {answer}"
        found.append(Figure(f"p4runtime_writes.read_{name}", title, "entries/s", rates))
        memory = f"{title}: memory at most, beside what stays, an entry"
        found.append(Figure(f"p4runtime_writes.read_{name}_memory", memory, "bytes", peaks, True, 0.5, 500.0))
    return found


async def _read_of(address: str, wanted: Sequence[Entity]) -> tuple[float, float]:
    """Entries/s, and bytes at most for each entry beside what the process keeps after the read."""
    async with session(address, "bmv2") as found:
        there = await found.read()
        missing = [one for one in wanted if one.key not in there.entities]
        await found.write([Update(UpdateKind.INSERT, one) for one in missing])
        clock = _Clock()
        await found.read()
        rate = len(wanted) / clock.seconds()[0]
        # The kernel's figures have what gRPC and protobuf take outside of Python, too. What earlier reads
        # have freed is given back first: it would be used again unseen.
        _give_back()
        _forget_peak()
        result = await found.read()
        most = resident(os.getpid(), "VmHWM")
        _give_back()
        kept = resident(os.getpid())
        assert len(result.entities) >= len(wanted)
        return rate, (most - kept) * 2**20 / len(wanted)


def _give_back() -> None:
    """Give memory that is free back to the kernel."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def _forget_peak() -> None:
    """Have the kernel count this process's most memory from what it has now."""
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--switch", choices=("softswitch", "bmv2"), action="append", help="repeatable")
    parser.add_argument("--shell", type=Path, help="folder of p4runtime-shell's environment, made if needed")
    parser.add_argument("--without-shell", action="store_true")
    add_option(parser)
    options = parser.parse_args()
    set_up_interpreter()
    kinds = options.switch or ["softswitch", *(["bmv2"] if shutil.which("simple_switch_grpc") else [])]
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        python = None if options.without_shell else shell_python(options.shell or Path(folder))
        for kind in kinds:
            figures += beside_others(kind, options.entries, options.rounds, python)
    figures += reads(options.entries, options.rounds)
    print_table(figures)
    save(options.figures, figures)


if __name__ == "__main__":
    main()
