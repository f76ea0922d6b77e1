"""Sessions over N4: `python -m benchmarks.n4 [--sessions 4000] [--waiting 128] [--standing 0] [--smfs 1]`.

SMFs establish sessions, connect and delete them, with so many requests waiting for their answers, and then
again at half of the rates that were reached. The controller is in this process, a switch without interfaces
and the SMFs in one of their own each. A request takes from its datagram to its answer, which comes when the
store has the session and the switch has acknowledged it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.figures import Figure, add_option, print_table, save
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.fabric import running_fabric
from p4fabric.controller.interpreter import set_up_interpreter

HERE = "127.0.0.1"
GNB = {"switch": "leaf1", "port": 1, "mac": "02:00:00:00:03:10", "addresses": ["10.0.3.10"]}


def network(name: str, number: int, attachment: Mapping[str, object]) -> dict[str, object]:
    """One /24 at one port."""
    spec = {
        "subnets": [f"10.0.{number}.0/24"],
        "gateways": [f"10.0.{number}.1"],
        "attachments": [attachment],
    }
    return {"kind": "Network", "name": name, "tenant": "acme", "spec": spec}


NETWORKS = (network("access", 3, GNB), network("data", 4, {"switch": "leaf1", "port": 2}))
LIMITS = {"established": 2000.0, "connected": 5000.0}


def upf(number: int, *, enforces: bool) -> dict[str, object]:
    """One for each SMF, with a pool of its own."""
    spec = {
        "smfs": [f"127.0.0.{number + 1}"],
        "accessNetwork": "access",
        "n3Address": f"10.0.3.{number + 2}",
        "dataNetworks": [{"dnn": "internet", "network": "data", "uePools": [f"10.{45 + number}.0.0/16"]}],
        "withoutEffect": [] if enforces else ["bitRates", "uplinkQfi", "usageReports"],
    }
    return {"kind": "Upf", "name": f"edge{number}", "tenant": "acme", "spec": spec}


@asynccontextmanager
async def switch(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """A switch without interfaces, in a process of its own: its address and its process id."""
    address = f"unix:{folder}/leaf1"
    command = [sys.executable, "-m", "p4fabric", "switch", "run", "--grpc", address]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL)
    try:
        while not (folder / "leaf1").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        yield address, process.pid
    finally:
        process.terminate()
        await process.wait()


def resident(pid: int | str) -> float:
    """Memory of a process, in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / (1 << 20)


async def figures(options: argparse.Namespace) -> list[Figure]:
    """All of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with switch(folder) as (address, pid):
            leaf = {"name": "leaf1", "deviceId": 1, "address": address, "role": "leaf"}
            document = {"switches": [leaf], "n4": {"listen": f"{HERE}:0"}, "log": {"level": "warning"}}
            config = FabricConfig.read(document, folder / "fabric.yaml")
            async with running_fabric(config) as fabric:
                assert fabric.n4 is not None
                upfs = [upf(one, enforces=options.enforce) for one in range(options.smfs)]
                await fabric.intents.apply((*NETWORKS, *upfs))
                await fabric.n4.settled()
                while not all(one.in_sync for one in fabric.switches):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # it would refuse the first requests
                found = [one async for one in played(await fabric.n4.port(), options)]
                memory = resident("self") + resident(pid)
                limit = 2560.0 if options.standing >= 100_000 else None
                title = f"memory of controller and switch, {options.standing:,} sessions standing"
                return [*found, Figure("n4.memory", title, "MiB", [memory], True, 0.2, limit)]


async def played(port: int, options: argparse.Namespace) -> AsyncIterator[Figure]:
    """What SMFs in a process of their own measure."""
    words = [port, options.smfs, options.standing, options.sessions, options.waiting]
    command = [sys.executable, "-m", "benchmarks.n4_smf", *map(str, words)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    assert process.stdout is not None
    async for line in process.stdout:
        told = json.loads(line)
        name, how = told["name"], f"{options.waiting} at once"
        if told["asked"]:
            how = f"at {told['asked']:,.0f} a second"
        else:
            yield Figure(
                f"n4.{name}", f"sessions {name}, {how}", "1/s", [told["rate"]], limit=LIMITS.get(name)
            )
        limit = 50.0 if told["asked"] else None
        title = f"sessions {name.partition('.')[0]}, {how}, p99"
        yield Figure(f"n4.{name}.p99", title, "ms", [told["p99"]], True, limit=limit)
        if told["again"]:
            yield Figure(f"n4.{name}.again", f"{title}: sent again", "", [told["again"]], True)
    if await process.wait():
        raise SystemExit("the SMFs failed")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sessions", type=int, default=4000)
    parser.add_argument("--waiting", type=int, default=128)
    parser.add_argument("--smfs", type=int, default=1)
    parser.add_argument("--standing", type=int, default=0)
    parser.add_argument("--enforce", action="store_true", help="limit rates, look at QFIs, count usage")
    add_option(parser)
    options = parser.parse_args()
    set_up_interpreter()  # as in a controller
    found = asyncio.run(figures(options))
    print_table(found)
    save(options.figures, found)


if __name__ == "__main__":
    main()
