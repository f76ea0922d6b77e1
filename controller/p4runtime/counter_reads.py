"""Reads the direct counters of many entries, at a cost that follows how many there are.

Few entries of a table are asked for by their keys; of more, the whole table is read, as a stream of which
only keys and counts are looked at. What comes is handed on one by one, so nothing grows with the answer. This
module does not know what counts are for.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import grpc
from finsy.proto import p4r, p4r_grpc

from p4fabric.controller.p4runtime.status import closed_means_unavailable, code_of, entity_codes, error_of
from p4fabric.controller.p4runtime.update import Code
from p4fabric.controller.turns import turn
from p4fabric.pipelines.entities import EntityKey, TableEntry

__all__ = ["MOST_BY_KEY", "TakeCounter", "WantedCounters", "read_counters"]

MOST_BY_KEY = 256
"""Entries of a table that are asked for by their keys; of more, the whole table is read."""
_A_REQUEST = 500
_A_SLICE = 500
"""Entities looked at before others get their turn on the loop: about 2 ms."""

TakeCounter = Callable[[EntityKey, int, int], None]
"""Told of an entry, its packets and its bytes."""


@dataclass(slots=True)
class _Table:
    entries: dict[EntityKey, TableEntry] = field(default_factory=dict)
    encoded: dict[bytes, EntityKey] = field(default_factory=dict)
    """Entries by their keys as a switch writes them."""
    not_encoded: dict[EntityKey, None] = field(default_factory=dict)


class WantedCounters:
    """The entries of one switch whose counters are wanted, found again in what the switch answers."""

    def __init__(self, entries: Iterable[TableEntry] = ()) -> None:
        """Begin with some entries.

        Raises:
            ValueError: an entry of a table without counters.
        """
        self._tables: dict[int, _Table] = {}
        for entry in entries:
            self.add(entry)

    def __len__(self) -> int:
        return sum(len(table.entries) for table in self._tables.values())

    def __iter__(self) -> Iterator[EntityKey]:
        for table in self._tables.values():
            yield from table.entries

    def add(self, entry: TableEntry) -> None:
        """Want an entry's counter.

        Raises:
            ValueError: its table has no counters.
        """
        if not entry.HAS_COUNTER:
            raise ValueError(f"{entry.TABLE_NAME} has no counters")
        table = self._tables.get(entry.TABLE_ID)
        if table is None:
            table = self._tables[entry.TABLE_ID] = _Table()
        key = entry.key
        if key not in table.entries:
            table.not_encoded[key] = None
        table.entries[key] = entry

    def discard(self, entry: TableEntry) -> None:
        """Want it no more."""
        table = self._tables.get(entry.TABLE_ID)
        key = entry.key
        if table is None or table.entries.pop(key, None) is None:
            return
        if key in table.not_encoded:
            del table.not_encoded[key]
        else:
            del table.encoded[_key_of(entry.encode_key())]
        if not table.entries:
            del self._tables[entry.TABLE_ID]

    @property
    def tables(self) -> list[tuple[int, Collection[TableEntry]]]:
        """By id of the table."""
        return [(number, table.entries.values()) for number, table in self._tables.items()]

    def encode_some(self, number: int, most: int) -> bool:
        """Encode keys of entries that are new; returns whether there are more."""
        table = self._tables.get(number)
        if table is None:
            return False
        for _ in range(min(most, len(table.not_encoded))):
            key, _ = table.not_encoded.popitem()
            table.encoded[_key_of(table.entries[key].encode_key())] = key
        return bool(table.not_encoded)

    def find(self, entry: p4r.TableEntry) -> EntityKey | None:
        """The key of an entry as a switch sent it, if it is wanted."""
        table = self._tables.get(entry.table_id)
        if table is None:
            return None
        # Most switches write keys as we do; others order the fields differently, or add what is no key.
        found = table.encoded.get(entry.SerializeToString(deterministic=True))
        return found if found is not None else table.encoded.get(_key_of(entry))


class _Reader:
    """One read of what is wanted of one switch."""

    def __init__(
        self,
        stub: p4r_grpc.P4RuntimeStub,
        device_id: int,
        wanted: WantedCounters,
        take: TakeCounter,
        missing: Collection[grpc.StatusCode],
        timeout: float,
    ) -> None:
        self._stub, self._device_id, self._timeout = stub, device_id, timeout
        self._wanted, self._take = wanted, take
        self._absent = {Code(status.value[0]) for status in missing}
        self.busy = 0.0

    async def read_table(self, number: int) -> None:
        """Read all counters of a table, or those that are wanted where the switch cannot do that."""
        await self._encode(number)
        asked = p4r.Entity()
        asked.direct_counter_entry.table_entry.table_id = number
        try:
            await self._read([asked])
        except grpc.aio.AioRpcError as failure:
            if Code.UNIMPLEMENTED not in (code_of(failure), *entity_codes(failure, 1)):
                raise error_of(failure, "reading counters") from failure
            entries = dict(self._wanted.tables).get(number, ())
            await self.read_by_key(number, list(entries))

    async def read_by_key(self, number: int, entries: Sequence[TableEntry]) -> None:
        """Read the counters of some entries of a table."""
        await self._encode(number)
        for start in range(0, len(entries), _A_REQUEST):
            part = entries[start : start + _A_REQUEST]
            with self._timed():
                counters = [p4r.DirectCounterEntry(table_entry=entry.encode_key()) for entry in part]
                asked = [p4r.Entity(direct_counter_entry=counter) for counter in counters]
            await self._read_existing(asked)

    async def _encode(self, number: int) -> None:
        more = True
        while more:
            with self._timed():
                more = self._wanted.encode_some(number, _A_SLICE)
            await turn()

    async def _read_existing(self, asked: Sequence[p4r.Entity]) -> None:
        """Read what there is of `asked`.

        A switch that says which are missing has answered for the others (section 13.2); one that refuses the
        whole request is asked for its halves.
        """
        try:
            await self._read(asked)
            return
        except grpc.aio.AioRpcError as failure:
            codes = entity_codes(failure, len(asked))
            if codes and all(code is Code.OK or code in self._absent for code in codes):
                return
            if code_of(failure) not in self._absent:
                raise error_of(failure, "reading counters") from failure
        if len(asked) > 1:
            half = len(asked) // 2
            await self._read_existing(asked[:half])
            await self._read_existing(asked[half:])

    async def _read(self, asked: Sequence[p4r.Entity]) -> None:
        async for entities in _answers(self._stub, self._device_id, asked, self._timeout):
            for start in range(0, len(entities), _A_SLICE):
                with self._timed():
                    for entity in entities[start : start + _A_SLICE]:
                        counter = entity.direct_counter_entry
                        key = self._wanted.find(counter.table_entry)
                        if key is not None:
                            self._take(key, counter.data.packet_count, counter.data.byte_count)
                await turn()

    def _timed(self) -> _Timed:
        return _Timed(self)


class _Timed:
    """Adds the time in a block to what a reader was busy."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._since = 0.0

    def __enter__(self) -> None:
        self._since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._reader.busy += time.perf_counter() - self._since


async def read_counters(
    stub: p4r_grpc.P4RuntimeStub,
    device_id: int,
    wanted: WantedCounters,
    take: TakeCounter,
    *,
    missing: Collection[grpc.StatusCode],
    timeout: float,
) -> float:
    """Read the direct counters of entries; those that the switch does not have are left out.

    Args:
        stub: the switch.
        device_id: its number there.
        wanted: of which entries; it may change meanwhile.
        take: told of each as it comes.
        missing: how the switch refuses entries that it does not have.
        timeout: seconds for each request.

    Returns:
        The seconds for which this kept the event loop busy.

    Raises:
        P4RuntimeError: a request failed; what was taken before is right all the same.
    """
    reader = _Reader(stub, device_id, wanted, take, missing, timeout)
    for number, entries in wanted.tables:
        if len(entries) > MOST_BY_KEY:
            await reader.read_table(number)
        else:
            await reader.read_by_key(number, list(entries))
    return reader.busy


async def _answers(
    stub: p4r_grpc.P4RuntimeStub, device_id: int, asked: Sequence[p4r.Entity], timeout: float
) -> AsyncIterator[Sequence[p4r.Entity]]:
    request = p4r.ReadRequest(device_id=device_id, entities=asked)
    with closed_means_unavailable():
        async for response in stub.Read(request, timeout=timeout):
            yield response.entities


def _key_of(entry: p4r.TableEntry) -> bytes:
    """Table, match and priority in a form that can be compared."""
    bare = p4r.TableEntry(table_id=entry.table_id, priority=entry.priority)
    bare.match.extend(sorted(entry.match, key=lambda match: match.field_id))
    return bare.SerializeToString(deterministic=True)
