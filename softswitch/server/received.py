"""A WriteRequest as it came: what is around its updates as a message, the updates as bytes until somebody
needs them as messages. Must not know what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

from finsy.proto import p4r
from google.protobuf.message import DecodeError

from softswitch.server.errors import invalid


class Received:
    """A serialised request; `Refusal` if it is none."""

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


def _parsed(request: bytes) -> p4r.WriteRequest:
    try:
        return p4r.WriteRequest.FromString(request)
    except DecodeError:
        raise invalid("the request is no serialised p4.v1.WriteRequest") from None
