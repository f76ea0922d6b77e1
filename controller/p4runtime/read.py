"""Reads a switch back as entities, and the counters of entries.

This module knows how to ask and to decode. What it cannot decode it reports, and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import grpc
from finsy.proto import p4r, p4r_grpc

from controller.p4runtime.status import closed_means_unavailable, code_of, entity_codes, error_of
from controller.p4runtime.update import Code
from pipelines.entities import (
    CloneSession,
    Counter,
    CounterCell,
    DigestConfig,
    Entity,
    EntityKey,
    MulticastGroup,
    TableEntry,
)
from pipelines.fabric.bindings import TABLES, CongestionReport, HostSeen

__all__ = ["ReadResult", "count_entries", "read_all", "read_cells", "read_counters"]

_COUNTERS_A_REQUEST = 1000
_DECODED_AT_ONCE = 500
"""Entities decoded before others get their turn on the loop: a full table takes a second."""


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a switch holds."""

    entities: Mapping[EntityKey, Entity]
    unknown: tuple[str, ...] = ()
    """What could not be decoded, and why; not touched by anyone."""


async def read_all(stub: p4r_grpc.P4RuntimeStub, device_id: int, timeout: float) -> ReadResult:
    """Read every entry, multicast group, clone session and digest configuration.

    One request a table, so that no answer holds more than a table.

    Raises:
        P4RuntimeError: a request failed.
    """
    entities: dict[EntityKey, Entity] = {}
    unknown: list[str] = []
    for wildcard in _wildcards():
        answer: list[p4r.Entity] = []
        try:
            await _read(stub, device_id, [wildcard], timeout, into=answer)
        except grpc.aio.AioRpcError as failure:
            # Section 9 has no word for "not configured"; PI's servers say NOT_FOUND of a digest.
            if Code.NOT_FOUND in (code_of(failure), *entity_codes(failure, 1)):
                continue
            raise error_of(failure, f"reading {wildcard.WhichOneof('entity')}") from failure
        for number, found in enumerate(answer):
            if number % _DECODED_AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                entity = _decode(found)
            except (ValueError, KeyError, NotImplementedError) as error:
                unknown.append(f"{found.WhichOneof('entity')}: {error}")
                continue
            if entity is not None:
                entities[entity.key] = entity
    return ReadResult(entities, tuple(unknown))


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


async def read_counters(
    stub: p4r_grpc.P4RuntimeStub,
    device_id: int,
    entries: Collection[TableEntry],
    *,
    missing: Collection[grpc.StatusCode],
    timeout: float,
) -> dict[EntityKey, Counter]:
    """Read the direct counters of entries; those that the switch does not have are left out.

    Args:
        stub: the switch.
        device_id: its number there.
        entries: only their keys count.
        missing: how the switch refuses entries that it does not have.
        timeout: seconds for each request.

    Raises:
        P4RuntimeError: a request failed.
        ValueError: an entry of a table without counters.
    """
    for entry in entries:
        if not entry.HAS_COUNTER:
            raise ValueError(f"{entry.TABLE_NAME} has no counters")
    keys = {_match_of(entry.encode_key()): entry.key for entry in entries}
    requests = [
        p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry(table_entry=entry.encode_key()))
        for entry in entries
    ]
    counters: dict[EntityKey, Counter] = {}
    for start in range(0, len(requests), _COUNTERS_A_REQUEST):
        part = requests[start : start + _COUNTERS_A_REQUEST]
        for found in await _read_existing(stub, device_id, part, missing, timeout):
            key = keys.get(_match_of(found.direct_counter_entry.table_entry))
            if key is not None:
                count = found.direct_counter_entry.data
                counters[key] = Counter(count.packet_count, count.byte_count)
    return counters


async def read_cells(
    stub: p4r_grpc.P4RuntimeStub, device_id: int, cells: Collection[CounterCell], timeout: float
) -> dict[EntityKey, Counter]:
    """Read cells of indirect counters, by their keys; a cell that the switch leaves out is left out here.

    Args:
        stub: the switch.
        device_id: its number there.
        cells: of any arrays.
        timeout: seconds for each request.

    Raises:
        P4RuntimeError: a request failed.
    """
    requests = [cell.encode_key() for cell in cells]
    counters: dict[EntityKey, Counter] = {}
    for start in range(0, len(requests), _COUNTERS_A_REQUEST):
        answer: list[p4r.Entity] = []
        try:
            await _read(stub, device_id, requests[start : start + _COUNTERS_A_REQUEST], timeout, into=answer)
        except grpc.aio.AioRpcError as failure:
            raise error_of(failure, "reading counters") from failure
        for found in answer:
            entry = found.counter_entry
            counters[entry.counter_id, entry.index.index] = Counter(
                entry.data.packet_count, entry.data.byte_count
            )
    return counters


def _wildcards() -> list[p4r.Entity]:
    """What to ask for to be told everything. Digests by id: PI's servers know no wildcard there."""
    asked = [p4r.Entity(table_entry=p4r.TableEntry(table_id=table_id)) for table_id in TABLES]
    groups, sessions = p4r.Entity(), p4r.Entity()
    groups.packet_replication_engine_entry.multicast_group_entry.SetInParent()
    sessions.packet_replication_engine_entry.clone_session_entry.SetInParent()
    digests = [
        p4r.Entity(digest_entry=p4r.DigestEntry(digest_id=message.DIGEST_ID))
        for message in (HostSeen, CongestionReport)
    ]
    return [*asked, groups, sessions, *digests]


async def _read(
    stub: p4r_grpc.P4RuntimeStub,
    device_id: int,
    asked: Sequence[p4r.Entity],
    timeout: float,
    into: list[p4r.Entity],
) -> None:
    request = p4r.ReadRequest(device_id=device_id, entities=asked)
    with closed_means_unavailable():
        async for response in stub.Read(request, timeout=timeout):
            into.extend(response.entities)


async def _read_existing(
    stub: p4r_grpc.P4RuntimeStub,
    device_id: int,
    asked: Sequence[p4r.Entity],
    missing: Collection[grpc.StatusCode],
    timeout: float,
) -> list[p4r.Entity]:
    """Read what there is of `asked`.

    A switch that says which are missing has answered for the others (section 13.2); one that refuses the
    whole request is asked for its halves.
    """
    found: list[p4r.Entity] = []
    try:
        await _read(stub, device_id, asked, timeout, into=found)
        return found
    except grpc.aio.AioRpcError as failure:
        absent = {Code(status.value[0]) for status in missing}
        codes = entity_codes(failure, len(asked))
        if codes and all(code is Code.OK or code in absent for code in codes):
            return found
        if code_of(failure) not in absent:
            raise error_of(failure, "reading counters") from failure
    if len(asked) == 1:
        return []
    half = len(asked) // 2
    first = await _read_existing(stub, device_id, asked[:half], missing, timeout)
    return first + await _read_existing(stub, device_id, asked[half:], missing, timeout)


def _match_of(entry: p4r.TableEntry) -> bytes:
    """Table, match and priority in a form that can be compared."""
    bare = p4r.TableEntry(table_id=entry.table_id, priority=entry.priority)
    bare.match.extend(sorted(entry.match, key=lambda match: match.field_id))
    return bare.SerializeToString(deterministic=True)


def _decode(entity: p4r.Entity) -> Entity | None:
    """Decode; None for what the pipeline itself put there (default actions, constant entries).

    Raises:
        ValueError, KeyError, NotImplementedError: not of this pipeline.
    """
    match entity.WhichOneof("entity"):
        case "table_entry":
            entry = entity.table_entry
            if entry.is_default_action or entry.is_const:
                return None
            table = TABLES.get(entry.table_id)
            if table is None:
                raise ValueError(f"table {entry.table_id} is none of the fabric's")
            return table.decode(entry)
        case "packet_replication_engine_entry":
            engine = entity.packet_replication_engine_entry
            if engine.HasField("clone_session_entry"):
                return CloneSession.decode(engine.clone_session_entry)
            return MulticastGroup.decode(engine.multicast_group_entry)
        case "digest_entry":
            return DigestConfig.decode(entity.digest_entry)
        case other:
            raise ValueError(f"{other} was not asked for")
