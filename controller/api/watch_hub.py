"""Gives changes of intents to all who follow them: judged once a filter, written once for all.

    changes ──► filters ──► one piece for all who have the filter ──► their connections
                                            └─ a client that does not read goes on from the history

A follower is a number in the history and takes no queue. One that reads as fast as changes come is *live*:
pieces are written to its connection from here. One that does not is left alone until it has read, then takes
what is left from the history at its own pace; when the history does not have that any more, it is too slow.
This module knows no HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from p4fabric.controller.api.protocol import ChunkWriter
from p4fabric.controller.api.watch_documents import Lens, bookmark_text, change_text
from p4fabric.controller.fabric import Change, IntentLog, IntentState, IntentView
from p4fabric.controller.resources import Filter

__all__ = ["Follower", "WatchFilter", "WatchHub"]

_TURN = 0.003
"""Seconds of writing after which others have their turn."""
_SLICE = 32
"""Clients that are written to before the clock is looked at."""
_LONGEST_PIECE = 16 << 10
"""Bytes that are written to all at once; more is for each to fetch at its own pace."""
_AT_ONCE = 64
"""Changes that are judged and written down before others have their turn."""
_MOST_PENDING = 4096
"""Changes that may wait to be written; with more, each follower takes them from the history."""
_MANY = 1000
"""Changes that a follower is not told of before it is told how far it is."""


@dataclass(frozen=True, slots=True)
class WatchFilter:
    """What is followed."""

    wanted: Filter
    state: IntentState | None = None
    seen: Callable[[IntentView], IntentView] | None = None
    """As `Lens` has it."""

    def lens(self) -> Lens:
        """What is told of a view, and how."""
        kind, tenant, state = self.wanted.kind, self.wanted.tenant, self.state
        checks = self.wanted.checks()

        def passes(view: IntentView) -> bool:
            key = view.key
            if (kind is not None and key.kind != kind) or (tenant is not None and key.tenant != tenant):
                return False
            if state is not None and view.status.state is not state:
                return False
            return not checks or all(check(view.resource) for check in checks)

        return Lens(passes, self.seen)


@dataclass(eq=False, slots=True)
class Follower:
    """One who follows."""

    filter: WatchFilter
    writer: ChunkWriter | None
    """None: it takes nothing from the hub."""
    number: int
    """It has been told of all changes up to this one; while it is live, of later ones as well."""
    sent_at: float = 0.0
    """When something was written to it last, by the loop's clock."""
    needs_care: asyncio.Event = field(default_factory=asyncio.Event)
    """It is not live any more."""


@dataclass(eq=False, slots=True)
class _Group:
    """Live followers with one filter."""

    lens: Lens
    readers: dict[Follower, ChunkWriter] = field(default_factory=dict)
    stalled: set[Follower] = field(default_factory=set)
    """Those who do not read, or read from elsewhere: the next change makes them leave."""

    def __bool__(self) -> bool:
        """Whether it has any."""
        return bool(self.readers or self.stalled)

    def stall(self, follower: Follower) -> None:
        """Write to one no more."""
        if self.readers.pop(follower, None) is not None:
            self.stalled.add(follower)


class WatchHub:
    """One for a history."""

    def __init__(self, log: IntentLog) -> None:
        """Follow a history while somebody is live."""
        self._log = log
        self._groups: dict[str | None, dict[WatchFilter, _Group]] = defaultdict(dict)
        """By the tenant that they ask for."""
        self._live = 0
        self._pending: list[Change] = []
        self._work: Iterator[None] | None = None
        self._done = 0
        """All live followers have been told of all changes up to this one."""
        self._bookmarks_at = 0

    def __len__(self) -> int:
        """How many are live."""
        return self._live

    # Followers.

    def go_live(self, follower: Follower) -> None:
        """From now on, write to one who has been told of everything up to now."""
        assert follower.number == self._log.number
        if self._live == 0:
            self._done = self._log.number
            self._bookmarks_at = self._done + _MANY
            self._log.follow(self._changed)
        self._live += 1
        follower.needs_care.clear()
        groups = self._groups[follower.filter.wanted.tenant]
        if follower.filter not in groups:
            groups[follower.filter] = _Group(follower.filter.lens())
        group, writer = groups[follower.filter], follower.writer
        if writer is not None and writer.is_ready():
            group.readers[follower] = writer
            writer.stalled = lambda: group.stall(follower)
        else:
            group.stalled.add(follower)

    def leave(self, follower: Follower) -> None:
        """Write to one no more, if it is live; its number says from where it is to go on."""
        tenant = follower.filter.wanted.tenant
        groups = self._groups[tenant]
        group = groups.get(follower.filter)
        if group is None or not (follower in group.readers or follower in group.stalled):
            return
        group.stall(follower)
        group.stalled.discard(follower)
        if not group:
            del groups[follower.filter]
            if not groups:
                del self._groups[tenant]
        follower.number = max(follower.number, self._done)
        follower.needs_care.set()
        self._live -= 1
        if self._live == 0:
            self._log.leave(self._changed)
            self._pending, self._work = [], None

    def bookmark(self, follower: Follower) -> bool:
        """Tell a live one how far it is; False if it could not be told, and is not live any more."""
        follower.number = max(follower.number, self._done)
        group = self._groups[follower.filter.wanted.tenant].get(follower.filter)
        writer = None if group is None else group.readers.get(follower)
        if writer is None:
            self.leave(follower)
            return False
        follower.sent_at = asyncio.get_running_loop().time()
        writer.write(_chunk(bookmark_text(follower.number)))
        return True

    # Changes.

    def _changed(self, changes: Sequence[Change]) -> None:
        self._pending += changes
        if self._log.closed or len(self._pending) > _MOST_PENDING:
            for group in self._all_groups():
                for follower in (*group.readers, *group.stalled):
                    self.leave(follower)
        elif self._work is None and self._pending:
            self._work = self._deliver()
            asyncio.get_running_loop().call_soon(self._go_on, self._work)

    def _go_on(self, work: Iterator[None]) -> None:
        """Work on for a turn."""
        if self._work is not work:
            return
        until = time.perf_counter() + _TURN
        for _ in work:
            if self._work is not work:
                return
            if time.perf_counter() > until:
                asyncio.get_running_loop().call_soon(self._go_on, work)
                return
        if self._work is work:
            self._work = None

    def _deliver(self) -> Iterator[None]:
        """Write what is pending; yields where others may have their turn."""
        while self._pending:
            changes, self._pending = self._pending[:_AT_ONCE], self._pending[_AT_ONCE:]
            for group, of_group in self._concerned(changes):
                yield from self._write(group, changes, of_group)
                yield
            self._done = max(self._done, changes[-1].number)
            if self._done >= self._bookmarks_at:
                self._bookmarks_at = self._done + _MANY
                yield from self._tell_how_far()

    def _all_groups(self) -> list[_Group]:
        return [group for groups in self._groups.values() for group in groups.values()]

    def _concerned(self, changes: list[Change]) -> Iterator[tuple[_Group, list[Change]]]:
        by_tenant: dict[str | None, list[Change]] = defaultdict(list)
        by_tenant[None] = changes
        for change in changes:
            if change.key.tenant in self._groups:
                by_tenant[change.key.tenant].append(change)
        for tenant, of_tenant in by_tenant.items():
            for group in list(self._groups.get(tenant, {}).values()):
                yield group, of_tenant

    def _write(self, group: _Group, changes: list[Change], of_group: list[Change]) -> Iterator[None]:
        """Tell a group of changes."""
        piece = _text_of(self._log, of_group, group.lens)
        if not piece:
            return
        for follower in list(group.stalled):
            self.leave(follower)
        if len(piece) > _LONGEST_PIECE:
            for follower in list(group.readers):
                self.leave(follower)
            return
        chunk, first, last = _chunk(piece), changes[0].number, changes[-1].number
        readers, now = group.readers, asyncio.get_running_loop().time
        told = list(readers.items())
        for begin in range(0, len(told), _SLICE):
            sent_at = now()
            for follower, writer in told[begin : begin + _SLICE]:
                if follower.number >= first:  # It came while these waited.
                    self._write_rest(group, follower, of_group)
                elif follower in readers:
                    follower.number, follower.sent_at = last, sent_at
                    writer.write(chunk)
            yield

    def _write_rest(self, group: _Group, follower: Follower, changes: list[Change]) -> None:
        """Tell one of those changes that it was not told of."""
        left = [change for change in changes if change.number > follower.number]
        piece = _text_of(self._log, left, group.lens)
        if piece and follower in group.readers:
            follower.number, follower.sent_at = changes[-1].number, asyncio.get_running_loop().time()
            group.readers[follower].write(_chunk(piece))

    def _tell_how_far(self) -> Iterator[None]:
        """Bookmarks for those who were told of nothing for many changes."""
        number = self._done
        chunk = _chunk(bookmark_text(number))
        for group in self._all_groups():
            for follower, writer in list(group.readers.items()):
                if follower in group.readers and number - follower.number >= _MANY:
                    follower.number, follower.sent_at = number, asyncio.get_running_loop().time()
                    writer.write(chunk)
                yield


def _text_of(log: IntentLog, changes: Sequence[Change], lens: Lens) -> bytes:
    """Changes for those who follow by a lens."""
    return b"".join(filter(None, (change_text(log, change, lens) for change in changes)))


def _chunk(piece: bytes) -> bytes:
    """A piece as a chunk (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)
