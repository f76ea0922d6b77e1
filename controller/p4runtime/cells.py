"""Reads what is there always: cells of counters, meters and registers, and value sets.

This module does not know what is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import grpc
from finsy.proto import p4r
from google.protobuf.message import DecodeError

from p4fabric.controller.p4runtime.errors import RequestRefused
from p4fabric.controller.p4runtime.read import Read
from p4fabric.controller.p4runtime.status import closed_means_unavailable, error_of
from p4fabric.pipelines.bindings import Bindings
from p4fabric.pipelines.entities import Counter, CounterCell, EntityKey, FixedEntity

__all__ = ["CellRequest", "CellsRead", "read_cells", "read_fixed"]

_CELLS_A_REQUEST = 1000


class CellRequest:
    """Cells of indirect counters, encoded once: to ask for them again costs no more than to send it."""

    def __init__(self, cells: Collection[CounterCell]) -> None:
        """Encode them."""
        entities = [cell.encode_key() for cell in cells]
        self.parts = tuple(
            p4r.ReadRequest(entities=entities[start : start + _CELLS_A_REQUEST]).SerializeToString()
            for start in range(0, len(entities), _CELLS_A_REQUEST)
        )
        """ReadRequests that name no device yet."""

    def of(self, device_id: int) -> list[bytes]:
        """ReadRequests to a device."""
        # Fields of a message may come in any order.
        head = p4r.ReadRequest(device_id=device_id).SerializeToString()
        return [head + part for part in self.parts]


@dataclass(frozen=True, slots=True)
class CellsRead:
    """What a switch has counted."""

    counters: Mapping[EntityKey, Counter]
    """By the cells' keys; a cell that the switch leaves out is left out here."""
    digest: bytes
    """Of the answer's bytes: who gives the same digest again has counted nothing since."""


async def read_cells(
    read: Read, device_id: int, cells: CellRequest, timeout: float, *, unless: bytes | None = None
) -> CellsRead | None:
    """Read cells of indirect counters.

    Args:
        read: asks the switch.
        device_id: its number there.
        cells: of any arrays.
        timeout: seconds for each request.
        unless: the digest of an earlier answer; one with the same digest is not decoded.

    Returns:
        What it has counted; None if its answer has the digest `unless`.

    Raises:
        P4RuntimeError: a request failed.
    """
    answers: list[bytes] = []
    for request in cells.of(device_id):
        answers += await _read(read, request, timeout, "reading counters")
    digest = blake2b(b"".join(answers), digest_size=16).digest()
    if digest == unless:
        return None
    counters: dict[EntityKey, Counter] = {}
    for found in _entities(answers, "reading counters"):
        entry = found.counter_entry
        counters[entry.counter_id, entry.index.index] = Counter(
            entry.data.packet_count, entry.data.byte_count
        )
    return CellsRead(counters, digest)


async def read_fixed(
    read: Read,
    device_id: int,
    bindings: Bindings,
    kinds: Collection[type[FixedEntity]],
    timeout: float,
) -> list[FixedEntity]:
    """Read value sets, and all cells of indirect meters and registers.

    Args:
        read: asks the switch.
        device_id: its number there.
        bindings: of the pipeline that it runs.
        kinds: classes of these bindings.
        timeout: seconds for the request.

    Raises:
        P4RuntimeError: the request failed.
        ValueError: what came is none of the pipeline's.
    """
    what = "reading meters, registers and value sets"
    request = p4r.ReadRequest(device_id=device_id, entities=[kind.wildcard() for kind in kinds])
    answers = await _read(read, request.SerializeToString(), timeout, what)
    decoded = (bindings.decode(found) for found in _entities(answers, what))
    return [entity for entity in decoded if isinstance(entity, FixedEntity)]


async def _read(read: Read, request: bytes, timeout: float, what: str) -> list[bytes]:
    try:
        with closed_means_unavailable():
            return [answer async for answer in read(request, timeout=timeout)]
    except grpc.aio.AioRpcError as failure:
        raise error_of(failure, what) from failure


def _entities(answers: Sequence[bytes], what: str) -> list[p4r.Entity]:
    try:
        return [entity for answer in answers for entity in p4r.ReadResponse.FromString(answer).entities]
    except DecodeError as error:
        raise RequestRefused(f"the switch's answer to {what} is no ReadResponse: {error}") from error
