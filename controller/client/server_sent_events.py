"""Server-sent events (WHATWG HTML, section 9.2.6): lines in, events out."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SentEvent", "SentEvents"]


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event."""

    name: str
    data: str
    id: str | None
    """The last id that was sent with this event or one before; None: there was none."""


class SentEvents:
    """Puts lines together."""

    def __init__(self) -> None:
        """Begin."""
        self._id: str | None = None
        self._name = ""
        self._data: list[str] = []

    def line(self, line: str) -> SentEvent | None:
        """Take a line without its end; returns the event that it ends."""
        if not line:
            event = (
                SentEvent(self._name or "message", "\n".join(self._data), self._id) if self._data else None
            )
            self._name, self._data = "", []
            return event
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._name = value
            case "id" if "\0" not in value:
                self._id = value
        return None
