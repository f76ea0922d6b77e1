"""The other ends of ports, remembered for a while: a postcard may come when its link has just gone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from p4fabric.controller.names import PortRef

__all__ = ["FarEnds"]

_REMEMBERED = 60_000_000_000
"""Nanoseconds after which a port without a link counts as one to a host."""
_MOST = 8192


class FarEnds:
    """Asks for the links there are, and remembers those there were."""

    def __init__(self, peer_of: Callable[[PortRef], PortRef | None]) -> None:
        """Take who knows the links that are up."""
        self._peer_of = peer_of
        self._known: OrderedDict[PortRef, tuple[PortRef, int]] = OrderedDict()

    def far_end(self, port: PortRef, now: int) -> PortRef | None:
        """The other end of a port's link; None: it is an edge port."""
        peer = self._peer_of(port)
        if peer is not None:
            self._known[port] = peer, now
            self._known.move_to_end(port)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
            return peer
        known, seen = self._known.get(port, (None, 0))
        return known if now - seen < _REMEMBERED else None
