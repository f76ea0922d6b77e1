"""What the buffer is told when a session is another than before. Pure.

A PDR whose packets wait has a tunnel of its own to the buffer, for as long as it is idle. When packets are to
go on and some wait, the tunnel stays for a while as a detour: the buffer sends on what waits, and behind it
what still comes, until it says that all is sent on; only then do switches send directly.
"""

from __future__ import annotations

from collections.abc import Iterator

from p4fabric.buffer.orders import Close, Drop, Forward, Hold, Order, TunnelKey
from p4fabric.controller.n4.node_rules import NodeRules
from p4fabric.controller.n4.pfcp.values import PdrId
from p4fabric.controller.n4.prepared import Kept

__all__ = ["orders", "standing_orders"]

_QUIET, _PATIENCE = 0.02, 0.5
"""Seconds without packets after which switches may send directly, and after which they do in any case."""
_LINGER = 3.0
"""Seconds in which the buffer still sends on what was under way to it."""


def orders(
    rules: NodeRules,
    before: Kept | None,
    now: Kept | None,
    *,
    drops: bool = False,
    is_armed: bool = False,
) -> Iterator[Order]:
    """What the buffer is told.

    Args:
        rules: of the node.
        before: the session as it was; None: there was none.
        now: as it is; None: it has ended.
        drops: whether what waits is dropped.
        is_armed: whether the controller is to hear again of what waits.
    """
    had = before.plane.buffers if before is not None else {}
    has = now.plane.buffers if now is not None else {}
    for pdr_id, teid in had.items():
        tunnel = TunnelKey(rules.n3, teid)
        if drops:
            yield Drop(tunnel)
        if has.get(pdr_id) == teid:
            continue
        to = now.plane.tunnel_of(pdr_id) if now is not None and pdr_id not in has else None
        if to is not None:
            yield Forward(tunnel, to.gnb, to.teid, to.qfi, 0.0, 0.0)
        yield Close(tunnel, 0.0 if to is None else _LINGER)
    if before is None or now is None:
        yield from () if now is None else standing_orders(rules, now)
        return
    for pdr_id, teid in has.items():
        is_new = had.get(pdr_id) != teid
        order = _standing(rules, now, pdr_id, teid)
        if (
            is_new
            or order != _standing(rules, before, pdr_id, teid)
            or (is_armed and isinstance(order, Hold))
        ):
            yield order


def standing_orders(rules: NodeRules, kept: Kept) -> Iterator[Order]:
    """All that the buffer is to know of a session."""
    for pdr_id, teid in kept.plane.buffers.items():
        yield _standing(rules, kept, pdr_id, teid)


def _standing(rules: NodeRules, kept: Kept, pdr_id: int, teid: int) -> Order:
    session, to = kept.session, kept.plane.detours.get(pdr_id)
    tunnel = TunnelKey(rules.n3, teid)
    if to is not None:
        return Forward(tunnel, to.gnb, to.teid, to.qfi, _QUIET, _PATIENCE)
    buffer = rules.buffer
    most, seconds = (buffer.packets, buffer.seconds) if buffer is not None else (0, 0.0)
    pdr = session.pdrs.get(PdrId(pdr_id))
    far = session.fars.get(pdr.far_id) if pdr is not None and pdr.far_id is not None else None
    bar = session.bars.get(far.bar_id) if far is not None and far.bar_id is not None else None
    if bar is not None and bar.suggested_packets is not None:
        most = min(most, max(bar.suggested_packets, 1))
    return Hold(tunnel, session.seid, most, seconds)
