"""Table entries/s that a switch takes over P4Runtime, in prepared batches of 500, and the memory they need.

The switch is a process of its own; the client sends serialised requests one after the other. The table is
fabric.p4's `bridging` (two exact fields, an action with one argument), made as large as asked for.

    .venv/bin/python -m benchmarks.table_writes [--entries 1000000] [--batch 500] [--atomicity continue]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from finsy.proto import p4r, p4r_grpc

from benchmarks.figures import Figure, add_option, save
from benchmarks.p4runtime import BATCH, Primary, batches, primary
from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import Entity
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import MacAddress, Port, VlanId

ATOMICITIES = {
    "continue": p4r.WriteRequest.CONTINUE_ON_ERROR,
    "rollback": p4r.WriteRequest.ROLLBACK_ON_ERROR,
    "dataplane": p4r.WriteRequest.DATAPLANE_ATOMIC,
}
FIRST_MAC = 0x020000000000


@contextmanager
def switch() -> Iterator[tuple[int, str]]:
    """A switch in a process of its own: its process id and address."""
    command = [sys.executable, "-m", "p4fabric.softswitch", "run", "--grpc", "127.0.0.1:0"]
    command += ["--log-level", "warning"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def config(size: int) -> p4r.ForwardingPipelineConfig:
    """fabric.p4 with room for `size` entries in `bridging`."""
    made = p4r.ForwardingPipelineConfig(p4info=fabric.p4info())
    program = json.loads(fabric.device_config())
    for table in made.p4info.tables:
        if table.preamble.alias == "bridging":
            table.size = size
    for table in program["pipelines"][0]["tables"]:
        if table["name"].endswith(".bridging"):
            table["max_size"] = size
    made.p4_device_config = json.dumps(program).encode()
    return made


def entities(count: int) -> Iterator[Entity]:
    """Entries of `bridging`."""
    for number in range(count):
        mac = MacAddress(FIRST_MAC + number)
        yield b.Bridging(VlanId(1 + number % 4000), mac, b.ToPort(Port(number % 500)))


def resident(process: int, what: str = "VmRSS") -> float:
    """A process's memory in MiB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    raise ValueError(what)


def processor_seconds(process: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def read(stub: p4r_grpc.P4RuntimeStub) -> tuple[int, float]:
    """Entries, and seconds that reading them all takes."""
    begin, found = time.perf_counter(), 0
    request = p4r.ReadRequest(device_id=1)
    request.entities.add().table_entry.SetInParent()
    for message in stub.Read(request):
        found += len(message.entities)
    return found, time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--atomicity", choices=ATOMICITIES, default="continue")
    add_option(parser)
    options = parser.parse_args()
    entries, atomicity = options.entries, ATOMICITIES[options.atomicity]
    wanted = [one.encode() for one in entities(entries)]
    made = {
        kind: batches(wanted, p4r.Update.Type.Value(kind), options.batch, atomicity)
        for kind in ("INSERT", "MODIFY", "DELETE")
    }
    with switch() as (process, address), primary(address) as client:
        client.push(config(entries))
        before = resident(process)
        figures = []
        for kind in ("INSERT", "MODIFY"):
            figures += _measure(kind, entries, process, client, made[kind])
        full = resident(process)
        print(f"memory: {full:,.0f} MiB with {entries:,} entries, {before:,.0f} MiB with none")
        each = (full - before) * 2**20 / entries
        figures.append(
            Figure(
                "table_writes.memory",
                "memory of an entry",
                "bytes",
                [each],
                less_is_better=True,
                threshold=0.1,
            )
        )
        found, seconds = read(client.stub)
        assert found == entries
        print(f"read: {found / seconds:,.0f} entries/s")
        figures.append(Figure("table_writes.read", "entries read", "entries/s", [found / seconds]))
        figures += _measure("DELETE", entries, process, client, made["DELETE"])
        print(f"memory: {resident(process, 'VmHWM'):,.0f} MiB at most")
    save(options.figures, figures)


def _measure(kind: str, entries: int, process: int, client: Primary, made: list[bytes]) -> list[Figure]:
    before, begin = processor_seconds(process), time.perf_counter()
    client.write(made)
    seconds = time.perf_counter() - begin
    busy = processor_seconds(process) - before
    rate, of_processor = entries / seconds, entries / busy
    print(
        f"{kind.lower()}: {rate:,.0f} entries/s, {of_processor:,.0f} a second of the switch's processor time"
    )
    name, title = f"table_writes.{kind.lower()}", f"entries written, {kind}"
    return [
        Figure(name, title, "entries/s", [rate]),
        Figure(f"{name}_cpu", f"{title}, by the switch's processor time", "entries/s", [of_processor]),
    ]


if __name__ == "__main__":
    main()
