"""Tunnels of a node to the buffer: whose packets each TEID means, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from p4fabric.controller.n4.plane import UserPlane

__all__ = ["BufferTunnels", "WaitingPdr"]

_HIGHEST_TEID = 0xFFFFFFFF


class WaitingPdr(NamedTuple):
    """A PDR whose packets go to the buffer, and its session."""

    seid: int
    pdr_id: int


class BufferTunnels:
    """Of all sessions of a node. A TEID means one idle period of one PDR, and nothing else for long after."""

    def __init__(self, first: int) -> None:
        """Make it empty; TEIDs go on from the first."""
        self._next = first
        self._owners: dict[int, WaitingPdr] = {}
        self._sessions: set[int] = set()
        self.arrived: set[int] = set()
        """TEIDs of which the buffer has said that packets wait."""
        self.reported: set[int] = set()
        """TEIDs of which the SMF has taken the report."""

    def new(self) -> int:
        """A TEID that no tunnel has."""
        while True:
            found = self._next
            self._next = found % _HIGHEST_TEID + 1
            if found not in self._owners:
                return found

    @property
    def sessions(self) -> int:
        """How many have packets that go to the buffer."""
        return len(self._sessions)

    def put(self, seid: int, before: Mapping[int, int], now: Mapping[int, int]) -> None:
        """The PDRs of a session whose packets go to the buffer, with their TEIDs, are others than before."""
        for pdr_id, teid in before.items():
            if now.get(pdr_id) != teid and self._owners.get(teid) == WaitingPdr(seid, pdr_id):
                del self._owners[teid]
                self.arrived.discard(teid)
                self.reported.discard(teid)
        for pdr_id, teid in now.items():
            self._owners[teid] = WaitingPdr(seid, pdr_id)
        if now:
            self._sessions.add(seid)
        elif before:
            self._sessions.discard(seid)

    def owner(self, teid: int) -> WaitingPdr | None:
        """Whose packets a TEID means; None: it means none any more."""
        return self._owners.get(teid)

    def pdrs(self, plane: UserPlane) -> frozenset[int]:
        """PDRs of which packets wait, or are still on their way."""
        found = (one for one, teid in plane.buffers.items() if teid in self.arrived or one in plane.detours)
        return frozenset(found)
