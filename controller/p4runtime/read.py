"""Reads a switch back as entities.

This module knows how to ask and to decode. What it cannot decode it reports, and goes on. An answer is kept
as bytes, of which each entity is decoded by itself: as messages, a large one would take many times its room.
What was decoded before is not decoded again: of a switch that is read once more, hardly anything has changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import grpc
from finsy.proto import p4r, p4r_grpc
from google.protobuf.message import DecodeError

from p4fabric.controller.p4runtime.errors import RequestRefused
from p4fabric.controller.p4runtime.status import closed_means_unavailable, code_of, entity_codes, error_of
from p4fabric.controller.p4runtime.update import Code
from p4fabric.controller.turns import in_turns
from p4fabric.pipelines.bindings import Bindings
from p4fabric.pipelines.entities import Entity, EntityKey, FixedEntity
from p4fabric.pipelines.entities.wire import entities_of

__all__ = ["Decoded", "Read", "ReadResult", "count_entries", "read_all", "read_call"]

Read = Callable[..., AsyncIterable[bytes]]
"""Takes a ReadRequest's bytes, and `timeout`; answers with ReadResponses' bytes."""

Decoded = Mapping[int, Entity]
"""Entities by the hash of the bytes that they were decoded from."""


def read_call(channel: grpc.aio.Channel) -> Read:
    """P4Runtime's Read on a channel, for requests and answers as bytes."""
    method = p4r.DESCRIPTOR.services_by_name["P4Runtime"].methods_by_name["Read"]
    path = f"/{method.containing_service.full_name}/{method.name}"
    return channel.unary_stream(path, None, None)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a switch holds."""

    entities: Mapping[EntityKey, Entity]
    unknown: tuple[str, ...] = ()
    """What could not be decoded, and why; not touched by anyone."""
    digest: bytes = b""
    """Of the answer's bytes: a switch that gives the same digest again holds the same."""
    hashes: Mapping[EntityKey, int] = field(default_factory=dict)
    """Of each entity's bytes; see `Decoded`."""


async def read_all(
    read: Read,
    device_id: int,
    bindings: Bindings,
    timeout: float,
    *,
    unless: bytes | None = None,
    decoded: Decoded | None = None,
    together: bool = False,
    background: bool = False,
) -> ReadResult | None:
    """Read every entity that a controller may have written.

    Args:
        read: asks the switch; see `read_call`.
        device_id: its number there.
        bindings: of the pipeline that it runs.
        timeout: seconds for each request.
        unless: the digest of an earlier result; an answer with the same digest is not decoded.
        decoded: what was decoded from earlier answers, and is taken for the same bytes again.
        together: one request for all tables, for a switch with few entries; else one a table, so that no
            answer holds more than a table.
        background: nobody waits for it.

    Returns:
        What the switch holds; None if its answer has the digest `unless`.

    Raises:
        P4RuntimeError: a request failed.
    """
    wildcards = bindings.wildcards()
    digest = blake2b(digest_size=16)
    encoded: list[bytes] | None = None
    if together:
        # A server that does not know how to answer all at once is asked one by one.
        with suppress(RequestRefused):
            encoded = await _read_encoded(read, device_id, wildcards, timeout, digest.update, background)
    if encoded is None:
        digest = blake2b(digest_size=16)
        encoded = []
        for wildcard in wildcards:
            # Section 9 has no word for "not configured"; PI's servers say NOT_FOUND of a digest.
            found = await _read_encoded(read, device_id, [wildcard], timeout, digest.update, background)
            encoded += found or ()
    if digest.digest() == unless:
        return None
    return await _decode_all(encoded, bindings, digest.digest(), decoded or {}, background)


async def _read_encoded(
    read: Read,
    device_id: int,
    asked: Sequence[p4r.Entity],
    timeout: float,
    take: Callable[[bytes], Any],
    background: bool,
) -> list[bytes] | None:
    """Read entities in their encoded form; None: one was not found.

    The same entities come to the same bytes for `take`, however the switch spreads them over messages.
    """
    request = p4r.ReadRequest(device_id=device_id, entities=asked).SerializeToString()
    what = f"reading {asked[0].WhichOneof('entity')}"
    encoded: list[bytes] = []
    try:
        with closed_means_unavailable():
            async for answer in read(request, timeout=timeout):
                take(answer)
                async for one in in_turns(entities_of(answer), background=background):
                    encoded.append(one)
    except grpc.aio.AioRpcError as failure:
        if Code.NOT_FOUND in (code_of(failure), *entity_codes(failure, len(asked))):
            return None
        raise error_of(failure, what) from failure
    except DecodeError as error:
        raise RequestRefused(f"the switch's answer to {what} is no ReadResponse: {error}") from error
    return encoded


async def _decode_all(
    encoded: Sequence[bytes], bindings: Bindings, digest: bytes, decoded: Decoded, background: bool
) -> ReadResult:
    entities: dict[EntityKey, Entity] = {}
    hashes: dict[EntityKey, int] = {}
    unknown: list[str] = []
    async for one in in_turns(encoded, background=background):
        number = hash(one)
        entity = decoded.get(number)
        if entity is None:
            try:
                entity = _decode(one, bindings)
            except ValueError as error:
                unknown.append(str(error))
        if entity is not None:
            key = entity.key
            entities[key], hashes[key] = entity, number
    return ReadResult(entities, tuple(unknown), digest, hashes)


def _decode(encoded: bytes, bindings: Bindings) -> Entity | None:
    """An entity that a controller may have written, or None.

    Raises:
        ValueError: what it is, and why it cannot be read.
    """
    try:
        found = p4r.Entity.FromString(encoded)
    except DecodeError as error:
        raise ValueError(f"{len(encoded)} bytes that are no Entity: {error}") from error
    if _is_the_pipelines(found):
        return None
    try:
        entity = bindings.decode(found)
    except (ValueError, NotImplementedError) as error:
        raise ValueError(f"{found.WhichOneof('entity')}: {error}") from error
    return None if isinstance(entity, FixedEntity) else entity


async def count_entries(stub: p4r_grpc.P4RuntimeStub, device_id: int, timeout: float) -> int:
    """Count the table entries of whatever pipeline a switch runs, without those that it came with.

    Raises:
        P4RuntimeError: the request failed.
    """
    number = 0
    request = p4r.ReadRequest(device_id=device_id, entities=[p4r.Entity(table_entry=p4r.TableEntry())])
    try:
        with closed_means_unavailable():
            async for response in stub.Read(request, timeout=timeout):
                entries = (entity.table_entry for entity in response.entities)
                number += sum(not entry.is_default_action and not entry.is_const for entry in entries)
    except grpc.aio.AioRpcError as failure:
        raise error_of(failure, "counting the entries") from failure
    return number


def _is_the_pipelines(entity: p4r.Entity) -> bool:
    """Whether the pipeline itself put it there: default actions and constant entries."""
    entry = entity.table_entry if entity.HasField("table_entry") else None
    return entry is not None and (entry.is_default_action or entry.is_const)
