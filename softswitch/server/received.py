"""A WriteRequest as it came: what is around its updates as a message, the updates as bytes until somebody
needs them as messages. Must not know what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

from finsy.proto import p4r
from google.protobuf.message import DecodeError

from p4fabric.softswitch.server.errors import exhausted, invalid

MOST_UPDATES = 1 << 18
"""Of one request: an update of two bytes on the wire takes hundreds while it is carried out."""


class Received:
    """A serialised request; `Refusal` if it is none, or has too many updates."""

    __slots__ = ("head", "place", "request")

    def __init__(self, request: bytes, place: slice | None) -> None:
        """`place`: where all updates are, side by side, if that is known."""
        self.request = request
        self.place = place
        self.head = _parsed(request if place is None else request[: place.start] + request[place.stop :])
        """All but the updates, at least."""

    @property
    def role(self) -> str:
        """Whose scope counts."""
        return self.head.role

    @property
    def atomic(self) -> bool:
        """Whether it is all or nothing."""
        return self.head.atomicity != p4r.WriteRequest.CONTINUE_ON_ERROR

    def updates(self) -> Sequence[p4r.Update]:
        """The updates, made into messages for whoever asks; `Refusal` if they are none."""
        return (self.head if self.place is None else _parsed(self.request)).updates


def check_count(updates: int) -> None:
    """`Refusal` if these are too many for one request."""
    if updates > MOST_UPDATES:
        raise exhausted(f"the request has {updates} updates; {MOST_UPDATES} are the most")


def _parsed(request: bytes) -> p4r.WriteRequest:
    try:
        parsed = p4r.WriteRequest.FromString(request)
    except DecodeError:
        raise invalid("the request is no serialised p4.v1.WriteRequest") from None
    check_count(len(parsed.updates))
    return parsed
