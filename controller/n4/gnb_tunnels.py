"""Which sessions have a tunnel at a gNB."""

from __future__ import annotations

from ipaddress import IPv4Address

from p4fabric.controller.n4.plane import UserPlane

__all__ = ["GnbTunnels"]


class GnbTunnels:
    """Of all sessions of a node. What one of them costs does not depend on how many have the same tunnel."""

    def __init__(self) -> None:
        """Make it empty."""
        self._sessions: dict[int, int | dict[int, None]] = {}
        """SEIDs, by the addresses of gNBs and TEIDs there: more than one only if SMFs say so."""

    def put(self, seid: int, before: UserPlane | None, now: UserPlane | None) -> None:
        """A session comes to something else than before; None: there is none."""
        had = _ends(before) if before is not None else ()
        has = _ends(now) if now is not None else ()
        if had == has:
            return
        for end in set(had).difference(has):
            self._remove(end, seid)
        for end in set(has).difference(had):
            self._add(end, seid)

    def sessions(self, gnb: IPv4Address, teid: int) -> tuple[int, ...]:
        """The SEIDs of those that send to a gNB with a TEID."""
        found = self._sessions.get(_end(gnb, teid), {})
        return (found,) if isinstance(found, int) else tuple(found)

    def _add(self, end: int, seid: int) -> None:
        found = self._sessions.setdefault(end, seid)
        if isinstance(found, dict):
            found[seid] = None
        elif found != seid:
            self._sessions[end] = {found: None, seid: None}

    def _remove(self, end: int, seid: int) -> None:
        found = self._sessions[end]
        if isinstance(found, dict):
            del found[seid]
        if found == seid or not found:
            del self._sessions[end]


def _ends(plane: UserPlane) -> tuple[int, ...]:
    tunnels = (*(rule.tunnel for rule in plane.rules if rule.tunnel is not None), *plane.detours.values())
    return (
        *[_end(one.gnb, one.teid) for one in plane.downlinks if one.gnb != plane.buffer],
        *[_end(one.gnb, one.teid) for one in tunnels if one.gnb != plane.buffer],
    )


def _end(gnb: IPv4Address, teid: int) -> int:
    return int(gnb) << 32 | teid
