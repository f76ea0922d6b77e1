"""Writes in batches, several on the way at once.

This module knows sizes and windows. It does not know why something is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

import grpc
from finsy.proto import p4r

from p4fabric.controller.p4runtime.status import closed_means_unavailable, update_errors
from p4fabric.controller.p4runtime.update import AnyUpdate, UpdateError
from p4fabric.pipelines.entities.wire import update_bytes, write_request_bytes

__all__ = ["Write", "batches", "write_batches", "write_call"]


Write = Callable[..., Awaitable[bytes]]
"""Takes a WriteRequest's bytes, and `timeout`; answers with a WriteResponse's, which says nothing."""


def write_call(channel: grpc.aio.Channel) -> Write:
    """P4Runtime's Write on a channel, for requests and answers as bytes."""
    method = p4r.DESCRIPTOR.services_by_name["P4Runtime"].methods_by_name["Write"]
    path = f"/{method.containing_service.full_name}/{method.name}"
    return channel.unary_unary(path, None, None)  # type: ignore[no-any-return]


def batches(updates: Sequence[AnyUpdate], size: int) -> Iterator[Sequence[AnyUpdate]]:
    """Cut into pieces of at most `size`, order kept."""
    for start in range(0, len(updates), size):
        yield updates[start : start + size]


async def write_batches(
    write: Write,
    head: bytes,
    updates: Sequence[AnyUpdate],
    *,
    size: int,
    in_flight: int,
    timeout: float,
) -> list[UpdateError]:
    """Write all; an update that fails does not keep others from being performed.

    Args:
        write: sends a WriteRequest's bytes to the switch; see `write_call`.
        head: a WriteRequest without updates, encoded.
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
    if len(updates) <= size:
        return await _send(write, updates, _encoded(head, updates), timeout)
    window = asyncio.Semaphore(in_flight)
    errors: list[UpdateError] = []

    async def send_in_window(batch: Sequence[AnyUpdate], request: bytes) -> None:
        try:
            errors.extend(await _send(write, batch, request, timeout))
        finally:
            window.release()

    try:
        async with asyncio.TaskGroup() as writes:
            for batch in batches(updates, size):
                # Encoded while those before it are on their way, so that the switch need not wait for it.
                request = _encoded(head, batch)
                await window.acquire()
                writes.create_task(send_in_window(batch, request))
                await asyncio.sleep(0)  # begins to send it
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return errors


def _encoded(head: bytes, batch: Sequence[AnyUpdate]) -> bytes:
    return write_request_bytes(head, [update_bytes(update.kind, update.entity) for update in batch])


async def _send(
    write: Write, batch: Sequence[AnyUpdate], request: bytes, timeout: float
) -> list[UpdateError]:
    try:
        with closed_means_unavailable():
            await write(request, timeout=timeout)
    except grpc.aio.AioRpcError as failure:
        return update_errors(failure, batch)
    return []
