"""A stream to a UE that becomes idle and connected again, and what of it comes to the gNB.

    python -m tests.fabric.n4.idle_stream --periods 10 --rate 1000

The switch and the controller are in this process, the buffer in its own at a real interface, in a namespace.
Packets have numbers, so that those that are lost, doubled or overtaken are known. It needs root.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from tests.fabric.n4.conftest import PORTS
from tests.fabric.n4.smf import CAUSE, ie
from tests.fabric.n4.test_idle import IdleBed, parts, set_up, with_controller
from tests.fabric.n4.test_n4 import ACCEPTED, FIRST, attached

_MESSAGE_TYPE, _G_PDU = 14 + 20 + 8 + 1, 255
_PAGING = 0.3
"""Seconds from the report until the SMF has found the UE."""


async def streamed(periods: int, rate: int) -> dict[str, int | float]:
    """Stream while a UE is idle and found so many times."""
    with tempfile.TemporaryDirectory() as folder:
        async with parts(Path(folder)) as of, with_controller(Path(folder), of) as it:
            await set_up(it, packets=65_536)
            return await _streamed(it, periods, rate)


async def _streamed(it: IdleBed, periods: int, rate: int) -> dict[str, int | float]:
    seid, _ = await attached(it)
    is_over, sent, heard = asyncio.Event(), 0, list[int]()
    answered = list[float]()

    async def stream() -> None:
        nonlocal sent
        began = time.monotonic()
        while not is_over.is_set():
            due = int((time.monotonic() - began) * rate)
            it.down(sent, due)
            sent = max(sent, due)
            await asyncio.sleep(0.5 / rate)

    async def listen() -> None:
        while True:
            # Of a G-PDU, the packet's number is last; scapy would take a core for itself.
            for port, frame in await it.switch.collect(0.05, 100_000):
                if port == PORTS[FIRST] and frame[_MESSAGE_TYPE] == _G_PDU:
                    heard.append(int.from_bytes(frame[-4:], "big"))

    streaming, listening = asyncio.create_task(stream()), asyncio.create_task(listen())
    for _ in range(periods):
        assert (await it.smf.say("open5gs_idle", seid)).cause == ACCEPTED
        it.smf.answer(await it.reported(), ie(CAUSE, b"\x01"), seid=seid)
        await asyncio.sleep(_PAGING)
        began = time.monotonic()
        assert (await it.smf.say("open5gs_activate", seid)).cause == ACCEPTED
        answered.append(time.monotonic() - began)
        await it.figure("tunnels", 0)
    is_over.set()
    await streaming
    await asyncio.sleep(1.0)
    listening.cancel()
    return {
        "sent": sent,
        "lost": sent - len(set(heard)),
        "doubled": len(heard) - len(set(heard)),
        "reordered": sum(one > later for one, later in pairwise(heard)),
        "answered after, ms, at most": round(1000 * max(answered), 1),
    }


def main() -> None:
    """Stream, and print what came."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--periods", type=int, default=10)
    parser.add_argument("--rate", type=int, default=1000, help="packets a second")
    options = parser.parse_args()
    for what, number in asyncio.run(streamed(options.periods, options.rate)).items():
        print(f"{what:>30} {number}")


if __name__ == "__main__":
    main()
