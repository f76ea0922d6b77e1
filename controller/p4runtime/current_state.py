"""How a session stands: its state, who waits for another one, and who is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.state import Phase, SessionListener, SessionState

__all__ = ["CONNECTING", "PUSHING", "STOPPED", "CurrentState"]

_log = logging.getLogger(__name__)

CONNECTING, STOPPED, PUSHING = "connecting", "stopped", "pushing the pipeline"


class CurrentState:
    """The state of one session."""

    def __init__(self, switch: SwitchName, listener: SessionListener) -> None:
        """Begin disconnected; the listener is told each change."""
        self._switch, self._listener = switch, listener
        self.now = SessionState(Phase.DISCONNECTED, "not started")
        """The state now."""
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def phase(self) -> Phase:
        """Its phase."""
        return self.now.phase

    async def wait_until(self, wanted: Callable[[SessionState], bool]) -> SessionState:
        """Wait until the state is as wanted; at once if it is already."""
        while not wanted(self.now):
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        return self.now

    def enter(self, phase: Phase, reason: str, *, rise: bool = False) -> None:
        """Change the state and tell everybody.

        Args:
            phase: the new one.
            reason: why.
            rise: whether what the switch holds must be read again: the epoch rises.
        """
        state = SessionState(phase, reason, self.now.epoch + rise)
        if state == self.now:
            return
        before, self.now = self.now.phase, state
        _log.log(_severity(before, state), "%s: %s", self._switch, state)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        try:
            self._listener.state_changed(self._switch, state)
        except Exception:
            _log.exception("%s: the handler of the state %s failed", self._switch, state)


def _severity(before: Phase, state: SessionState) -> int:
    """How the log tells a state: the listener tells of a switch that came or is lost, so this need not."""
    if state.reason.startswith(PUSHING):
        return logging.INFO
    expected = state.phase is Phase.PRIMARY or state.reason in (CONNECTING, STOPPED)
    return logging.DEBUG if expected or before is Phase.PRIMARY else logging.WARNING
