"""Few sessions connect at a time: what each does then is short, and all at once take too long for each.

A thousand switches that are connected at once would each find that the others' answers are looked at first,
and give up; and as many pipelines would be on their way. This module knows turns only.
"""

from __future__ import annotations

import asyncio

__all__ = ["ConnectGate", "Turn"]


class Turn:
    """One session's turn: over when it says so, or has taken too long."""

    def __init__(self, room: asyncio.Semaphore, patience: float) -> None:
        """Begin it, with a place in `room` that was taken."""
        self._room: asyncio.Semaphore | None = room
        self._timer = asyncio.get_running_loop().call_later(patience, self.end)

    def end(self) -> None:
        """Let the next one in; nothing if that was done already."""
        room, self._room = self._room, None
        if room is not None:
            self._timer.cancel()
            room.release()


class ConnectGate:
    """One for all sessions of a process; they pass it in the order in which they come."""

    def __init__(self, at_once: int = 16, patience: float = 1.0) -> None:
        """Open it.

        Args:
            at_once: sessions that connect at the same time.
            patience: seconds after which one that does not get on, as its switch is away, holds up nobody.
        """
        self._room, self._patience = asyncio.Semaphore(at_once), patience

    async def enter(self) -> Turn:
        """Wait for a turn."""
        await self._room.acquire()
        return Turn(self._room, self._patience)
