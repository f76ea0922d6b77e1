"""Many reports of a switch at once: nobody else waits long for them, and what finds no room is counted."""

from __future__ import annotations

import asyncio
import time

from finsy.proto import p4r

from p4fabric.controller.fabric.pipeline import fabric_pipeline
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import PacketIn
from p4fabric.controller.p4runtime.reports import Reports
from p4fabric.controller.p4runtime.stream import Stream
from p4fabric.controller.targets import Softswitch
from p4fabric.pipelines.entities import encode_int
from p4fabric.pipelines.fabric import CPU_PORT

from .conftest import Listener

ROOM, MORE = 4096, 500


class Busy(Listener):
    """Takes a tenth of a millisecond for a packet-in, and does not wait for anything."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
        until = time.thread_time() + 1e-4
        while time.thread_time() < until:
            pass
        self.taken += 1


async def test_a_storm_of_reports_keeps_nobody_waiting_and_its_losses_are_counted() -> None:
    listener, complaints = Busy(), list[str]()
    reports = Reports(SwitchName("leaf1"), fabric_pipeline(Softswitch()), listener, complaints.append)
    message = p4r.PacketIn()
    message.metadata.add(metadata_id=1, value=encode_int(CPU_PORT))
    sent = ROOM + MORE
    for _ in range(sent):
        reports.take_packet(message)
    assert reports.dropped == MORE
    kept, longest = sent - reports.dropped, 0.0
    stream: Stream = None  # type: ignore[assignment]  # no digest is acknowledged here
    delivering = asyncio.create_task(reports.deliver(stream))
    while listener.taken < kept:
        # In time of this thread: others use the machine, too.
        before = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - before)
    delivering.cancel()
    assert listener.taken == kept and longest < 0.02
