"""What packets see while the control plane changes things: whole batches, and no gap between pipelines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from finsy.proto import p4r

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.server.client import INSERT, MODIFY, Client, Push, entity, kinds_config
from tests.switch.server.kinds import frame, prefix, rule

ADDRESSES = (1, 2, 3, 4)
MOST = 30_000  # frames; what comes out must find room until it is collected


@contextmanager
def traffic(switch: AsyncSoftSwitch, sent: list[int]) -> Iterator[None]:
    """Frames to all addresses in turn, numbered, that arrive on port 1 until the end."""
    stop = threading.Event()

    def run() -> None:
        for number in range(MOST):
            content = frame(ADDRESSES[number % len(ADDRESSES)], payload=number.to_bytes(4, "big"))
            if switch.inject(1, content):
                sent.append(number)
            if number % 32 == 0 and stop.wait(0.0005):
                return

    sender = threading.Thread(target=run)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()


def numbers(found: Sequence[tuple[int, bytes]]) -> list[int]:
    return [int.from_bytes(packet[14:18], "big") for _, packet in found]


async def test_no_packet_sees_half_a_batch(switch: AsyncSoftSwitch, kinds: Client) -> None:
    """Each batch turns all entries from one port to the other. Packets pass one behind the other: between
    two neighbours that leave by different ports lies a whole batch, so these are no more than the batches."""

    def entries(port: int) -> list[p4r.Entity]:
        return [prefix(address, 48, port) for address in ADDRESSES]

    assert await kinds.write(*((INSERT, one) for one in entries(2))) == []
    sent: list[int] = []
    batches = 100
    with traffic(switch, sent):
        for batch in range(1, batches + 1):
            changes = [(MODIFY, one) for one in entries(2 + batch % 2)]
            assert await kinds.write(*changes, atomicity=p4r.WriteRequest.DATAPLANE_ATOMIC) == []
    found = await switch.collect(5)
    assert numbers(found) == sent
    turns = sum(one != other for (one, _), (other, _) in pairwise(found))
    assert batches // 2 < turns <= batches


async def test_a_reconciled_pipeline_takes_over_without_losing_a_packet(
    switch: AsyncSoftSwitch, kinds: Client
) -> None:
    """The new device config is another one to the switch, which must compile it and replace the old."""
    entries = [prefix(address, 48, 2) for address in ADDRESSES] + [rule(address, 3) for address in ADDRESSES]
    assert await kinds.write(*((INSERT, one) for one in entries)) == []
    direct = entity("direct_counter_entry { table_entry { table_id: $mixed } }", kinds_config())
    sent: list[int] = []
    with traffic(switch, sent):
        for cookie in range(1, 4):
            config = p4r.ForwardingPipelineConfig()
            config.CopyFrom(kinds_config())
            config.cookie.cookie = cookie
            config.p4_device_config += b"\n" * cookie
            await kinds.push(config, Push.RECONCILE_AND_COMMIT)
            await asyncio.sleep(0.02)
    found = await switch.collect(5)
    assert len(sent) > 500
    assert numbers(found) == sent
    assert {port for port, _ in found} == {2}
    counted = [one.direct_counter_entry.data.packet_count for one in await kinds.read(direct)]
    assert sum(counted) == len(sent)
    assert (await kinds.config()).config.cookie.cookie == 3
