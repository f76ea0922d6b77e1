"""Which sessions have a tunnel at a gNB."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from p4fabric.controller.n4.plane import UserPlane

__all__ = ["GnbTunnels"]


class GnbTunnels:
    """Of all sessions of a node."""

    def __init__(self) -> None:
        """Make it empty."""
        self._sessions: dict[int, tuple[int, ...]] = {}
        """SEIDs, by the addresses of gNBs and TEIDs there: more than one only if SMFs say so."""

    def put(self, seid: int, before: UserPlane | None, now: UserPlane | None) -> None:
        """A session comes to something else than before; None: there is none."""
        had = set() if before is None else set(_ends(before))
        has = set() if now is None else set(_ends(now))
        for end in had - has:
            left = tuple(one for one in self._sessions[end] if one != seid)
            if left:
                self._sessions[end] = left
            else:
                del self._sessions[end]
        for end in has - had:
            self._sessions[end] = (*self._sessions.get(end, ()), seid)

    def sessions(self, gnb: IPv4Address, teid: int) -> tuple[int, ...]:
        """The SEIDs of those that send to a gNB with a TEID."""
        return self._sessions.get(_end(gnb, teid), ())


def _ends(plane: UserPlane) -> Iterator[int]:
    for one in plane.downlinks:
        if one.gnb != plane.buffer:
            yield _end(one.gnb, one.teid)
    for tunnel in (*(rule.tunnel for rule in plane.rules), *plane.detours.values()):
        if tunnel is not None and tunnel.gnb != plane.buffer:
            yield _end(tunnel.gnb, tunnel.teid)


def _end(gnb: IPv4Address, teid: int) -> int:
    return int(gnb) << 32 | teid
