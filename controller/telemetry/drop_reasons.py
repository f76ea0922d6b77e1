"""Drop reasons in reports: the numbers on the wire, and the names that users see everywhere.

Where SD-Fabric has a number for the same reason, reports have that number, so that its tools read them.
Other reasons of the pipeline have numbers from 192 on. `p4src/include/drops.p4` has the same table.
"""

from __future__ import annotations

from p4fabric.controller.telemetry.drops import DropReason

__all__ = ["METER", "TAIL_DROP", "reason_label", "reported_number"]

TAIL_DROP = 71
"""The queue was full: the traffic manager dropped the packet."""
METER = 160
"""Above the rate of a meter."""
_OWN_FROM = 192
_SD_FABRIC = {
    DropReason.TTL: 26,
    DropReason.NO_ROUTE: 29,
    DropReason.CLOSED: 55,
    DropReason.FIREWALL: 80,
    DropReason.TUNNEL: 134,
    DropReason.TUNNEL_PEER: 138,
}
_NUMBERS = {reason: _SD_FABRIC.get(reason, _OWN_FROM + reason) for reason in DropReason}
_LABELS = {
    **{number: reason.label for reason, number in _NUMBERS.items()},
    0: "unknown",
    TAIL_DROP: "queue_full",
    METER: "meter",
}


def reported_number(reason: DropReason) -> int:
    """The number that reports have for a reason of the pipeline."""
    return _NUMBERS[reason]


def reason_label(number: int) -> str:
    """The name of a number in a report; numbers that nobody knows are written as they are."""
    return _LABELS.get(number, str(number))
