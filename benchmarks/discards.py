"""Follow what switches discard, by gNMI: one line of JSON for each change, until standard input is closed.

    .venv/bin/python -m benchmarks.discards leaf1=127.0.0.1:9559 spine1=127.0.0.1:9562

`mininet/soak.py` runs it, as the system's Python has no gRPC.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import grpc
from finsy.proto import gnmi, gnmi_grpc

SAMPLE_MS = 200
_COUNTERS = ("in-discards", "out-discards")


def _path(*elements: str) -> gnmi.Path:
    return gnmi.Path(elem=[gnmi.PathElem(name=name) for name in elements])


def _subscription(*elements: str) -> gnmi.Subscription:
    return gnmi.Subscription(
        path=_path(*elements),
        mode=gnmi.SubscriptionMode.SAMPLE,
        sample_interval=SAMPLE_MS * 1_000_000,
        suppress_redundant=True,
    )


def _request() -> gnmi.SubscribeRequest:
    counters = [
        _subscription("interfaces", "interface", "state", "counters", counter) for counter in _COUNTERS
    ]
    queues = _subscription(
        *("qos", "interfaces", "interface", "output", "queues", "queue", "state", "dropped-pkts")
    )
    return gnmi.SubscribeRequest(
        subscribe=gnmi.SubscriptionList(
            mode=gnmi.SubscriptionList.Mode.STREAM,
            encoding=gnmi.Encoding.PROTO,
            subscription=[*counters, queues],
        )
    )


async def follow(name: str, address: str) -> None:
    """Say what one switch discards."""
    known: dict[tuple[str, str], int] = {}
    async with grpc.aio.insecure_channel(address) as channel:
        call = gnmi_grpc.gNMIStub(channel).Subscribe()
        await call.write(_request())
        async for response in call:
            # When the switch looked, by the clock that the machine's processes share.
            at = time.monotonic() - (time.time_ns() - response.update.timestamp) / 1e9
            for update in response.update.update:
                interface = next((value for one in update.path.elem for value in one.key.values()), "")
                counter = update.path.elem[-1].name
                value = update.val.uint_val
                before = known.get((interface, counter), value)
                known[interface, counter] = value
                if value > before:
                    line = {"at": at, "switch": name, "interface": interface}
                    print(json.dumps({**line, "counter": counter, "more": value - before}), flush=True)


async def main() -> None:
    """Follow all."""
    loop = asyncio.get_running_loop()
    closed = loop.run_in_executor(None, sys.stdin.read)
    pairs = (word.split("=", 1) for word in sys.argv[1:])
    tasks = [asyncio.create_task(follow(name, address)) for name, address in pairs]
    await asyncio.wait([*tasks, closed], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
