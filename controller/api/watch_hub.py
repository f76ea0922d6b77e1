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

from p4fabric.controller.api.protocol import Push
from p4fabric.controller.api.watch_documents import Lens, bookmark_text, change_text
from p4fabric.controller.fabric import Change, IntentLog, IntentState, IntentView
from p4fabric.controller.resources import Filter

__all__ = ["Follower", "WatchFilter", "WatchHub"]

_TURN = 0.003
"""Seconds of writing after which others have their turn."""
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
    push: Push | None
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
    followers: dict[Follower, None] = field(default_factory=dict)


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
        group = self._groups[follower.filter.wanted.tenant]
        if follower.filter not in group:
            group[follower.filter] = _Group(follower.filter.lens())
        group[follower.filter].followers[follower] = None

    def leave(self, follower: Follower) -> None:
        """Write to one no more, if it is live; its number says from where it is to go on."""
        tenant = follower.filter.wanted.tenant
        groups = self._groups[tenant]
        group = groups.get(follower.filter)
        if group is None or follower not in group.followers:
            return
        del group.followers[follower]
        if not group.followers:
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
        return self._push(follower, *_framed(bookmark_text(follower.number)), follower.number)

    # Changes.

    def _changed(self, changes: Sequence[Change]) -> None:
        self._pending += changes
        if self._log.closed or len(self._pending) > _MOST_PENDING:
            for group in self._all_groups():
                for follower in list(group.followers):
                    self.leave(follower)
        elif self._work is None and self._pending:
            self._work = self._deliver()
            asyncio.get_running_loop().call_soon(self._go_on, self._work)

    def _go_on(self, work: Iterator[None]) -> None:
        """Work on for a turn."""
        if self._work is not work:
            return
        if next(work, self) is None:
            asyncio.get_running_loop().call_soon(self._go_on, work)
        elif self._work is work:
            self._work = None

    def _deliver(self) -> Iterator[None]:
        """Write what is pending; yields where others should have their turn."""
        until = time.perf_counter() + _TURN
        while self._pending:
            changes, self._pending = self._pending[:_AT_ONCE], self._pending[_AT_ONCE:]
            for group, of_group in self._concerned(changes):
                piece = _text_of(self._log, of_group, group.lens)
                framed = _framed(piece)
                for follower in list(group.followers) if piece else ():
                    if follower in group.followers:
                        self._write(group, follower, changes, of_group, framed)
                    if time.perf_counter() > until:
                        yield
                        until = time.perf_counter() + _TURN
                if time.perf_counter() > until:
                    yield
                    until = time.perf_counter() + _TURN
            self._done = max(self._done, changes[-1].number)
            if self._done >= self._bookmarks_at:
                self._bookmarks_at = self._done + _MANY
                yield from self._tell_how_far()
                until = time.perf_counter() + _TURN

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

    def _write(
        self,
        group: _Group,
        follower: Follower,
        changes: list[Change],
        of_group: list[Change],
        framed: tuple[bytes, bytes],
    ) -> None:
        if follower.number >= changes[0].number:  # It came while these waited.
            left = [change for change in of_group if change.number > follower.number]
            framed = _framed(_text_of(self._log, left, group.lens))
        if framed[0]:
            self._push(follower, *framed, changes[-1].number)

    def _push(self, follower: Follower, piece: bytes, chunk: bytes, number: int) -> bool:
        if len(piece) > _LONGEST_PIECE or follower.push is None or not follower.push(piece, chunk):
            self.leave(follower)
            return False
        follower.number = number
        follower.sent_at = asyncio.get_running_loop().time()
        return True

    def _tell_how_far(self) -> Iterator[None]:
        """Bookmarks for those who were told of nothing for many changes."""
        number = self._done
        framed = _framed(bookmark_text(number))
        until = time.perf_counter() + _TURN
        for group in self._all_groups():
            for follower in list(group.followers):
                if follower in group.followers and number - follower.number >= _MANY:
                    self._push(follower, *framed, number)
                if time.perf_counter() > until:
                    yield
                    until = time.perf_counter() + _TURN


def _text_of(log: IntentLog, changes: Sequence[Change], lens: Lens) -> bytes:
    """Changes for those who follow by a lens."""
    return b"".join(filter(None, (change_text(log, change, lens) for change in changes)))


def _framed(piece: bytes) -> tuple[bytes, bytes]:
    """A piece, and the same as a chunk (RFC 9112, section 7.1)."""
    return piece, b"%x\r\n%b\r\n" % (len(piece), piece)
