"""Writes in batches, several on the way at once.

This module knows sizes and windows. It must never know why something is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import grpc
from finsy.proto import p4r, p4r_grpc

from controller.p4runtime.status import closed_means_unavailable, update_errors
from controller.p4runtime.update import Update, UpdateError

__all__ = ["batches", "write_batches"]


def batches(updates: Sequence[Update], size: int) -> Iterator[Sequence[Update]]:
    """Cut into pieces of at most `size`, order kept."""
    for start in range(0, len(updates), size):
        yield updates[start : start + size]


async def write_batches(
    stub: p4r_grpc.P4RuntimeStub,
    device_id: int,
    election_id: p4r.Uint128,
    updates: Sequence[Update],
    *,
    size: int,
    in_flight: int,
    timeout: float,
) -> list[UpdateError]:
    """Write all; an update that fails does not keep others from being performed.

    Args:
        stub: the switch.
        device_id: its number there.
        election_id: ours, as primary.
        updates: in any number; with `in_flight` 1 they are performed in this order by all servers
            known (section 12.2 lets a server choose an order within one batch).
        size: updates in a batch.
        in_flight: batches sent before the first is answered.
        timeout: seconds for each batch.

    Returns:
        The errors of the updates that were not performed.

    Raises:
        P4RuntimeError: a whole request failed; what was performed is unknown.
    """
    window = asyncio.Semaphore(in_flight)
    errors: list[UpdateError] = []

    async def write_one(batch: Sequence[Update]) -> None:
        try:
            request = p4r.WriteRequest(device_id=device_id, election_id=election_id)
            request.updates.extend(update.encode() for update in batch)
            with closed_means_unavailable():
                await stub.Write(request, timeout=timeout)
        except grpc.aio.AioRpcError as failure:
            errors.extend(update_errors(failure, batch))
        finally:
            window.release()

    try:
        async with asyncio.TaskGroup() as writes:
            for batch in batches(updates, size):
                await window.acquire()
                writes.create_task(write_one(batch))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return errors
