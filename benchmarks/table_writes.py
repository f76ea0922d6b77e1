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

from benchmarks.p4runtime import BATCH, Primary, batches, primary
from pipelines import fabric
from pipelines.entities import Entity
from pipelines.fabric import bindings as b
from pipelines.values import MacAddress, Port, VlanId

ATOMICITIES = {
    "continue": p4r.WriteRequest.CONTINUE_ON_ERROR,
    "rollback": p4r.WriteRequest.ROLLBACK_ON_ERROR,
    "dataplane": p4r.WriteRequest.DATAPLANE_ATOMIC,
}
FIRST_MAC = 0x020000000000


@contextmanager
def switch() -> Iterator[tuple[int, str]]:
    """A switch in a process of its own: its process id and address."""
    command = [sys.executable, "-m", "softswitch", "run", "--grpc", "127.0.0.1:0"]
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
        for kind in ("INSERT", "MODIFY"):
            _measure(kind, entries, process, client, made[kind])
        print(f"memory: {resident(process):,.0f} MiB with {entries:,} entries, {before:,.0f} MiB with none")
        found, seconds = read(client.stub)
        assert found == entries
        print(f"read: {found / seconds:,.0f} entries/s")
        _measure("DELETE", entries, process, client, made["DELETE"])
        print(f"memory: {resident(process, 'VmHWM'):,.0f} MiB at most")


def _measure(kind: str, entries: int, process: int, client: Primary, made: list[bytes]) -> None:
    before, begin = processor_seconds(process), time.perf_counter()
    client.write(made)
    seconds = time.perf_counter() - begin
    busy = processor_seconds(process) - before
    rate, of_processor = entries / seconds, entries / busy
    print(
        f"{kind.lower()}: {rate:,.0f} entries/s, {of_processor:,.0f} a second of the switch's processor time"
    )


if __name__ == "__main__":
    main()
