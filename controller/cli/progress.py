"""Waits for what takes a while, and says on standard error how far it is.

At a terminal, that is one line that changes; elsewhere, lines, and not many of them.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.status import Status

from p4fabric.controller.client import Named, SyncClient, WaitTimeout
from p4fabric.controller.client.waiting import Until
from p4fabric.controller.documents.apply import ApplyAdmitted, ApplyEvent, ApplyProgress
from p4fabric.controller.documents.intents import IntentState
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.shown import shorten

__all__ = ["Applying", "Progress", "tell", "waited_for"]

_MOST = 5
_LONGEST = 300
_AT_A_TERMINAL, _ELSEWHERE = 0.1, 1.0
"""Seconds between two times that something is shown."""


class Progress:
    """For a with statement; what it shows may come from any thread, one at a time."""

    def __init__(self) -> None:
        """Take the terminal, if there is one."""
        console = Console(stderr=True, highlight=False)
        self._line: Status | None = console.status("") if console.is_terminal else None
        self._interval = _AT_A_TERMINAL if console.is_terminal else _ELSEWHERE
        self._shown_at = -math.inf

    def __enter__(self) -> Progress:
        """Begin."""
        if self._line is not None:
            self._line.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        if self._line is not None:
            self._line.stop()

    @property
    def is_due(self) -> bool:
        """Whether something else would be shown now."""
        return time.monotonic() - self._shown_at >= self._interval

    def waiting(self, sentences: Sequence[str], how_far: str = "") -> None:
        """Say what is waited for, unless something was said a moment ago.

        Args:
            sentences: one for each thing.
            how_far: in words, such as `12 of 40 active`.
        """
        if not sentences or not self.is_due:
            return
        self._shown_at = time.monotonic()
        if self._line is not None:
            first = [shorten(sentence, _LONGEST) for sentence in sentences[:1]]
            more = [f"and {len(sentences) - 1} more"] if len(sentences) > 1 else []
            self._line.update("; ".join([*([how_far] if how_far else []), *first, *more]))
        else:
            if how_far:
                print(how_far, file=sys.stderr)
            tell(sentences)


class Applying:
    """What becomes of documents that are applied."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.intents: dict[IntentKey, ApplyProgress] = {}
        """As they were told last, in the order in which they were applied."""
        self._admitted = 0

    def take(self, event: ApplyEvent, progress: Progress) -> None:
        """Take what is told, and show it."""
        if isinstance(event, ApplyAdmitted):
            self._admitted = event.created + event.changed + event.unchanged
        elif isinstance(event, ApplyProgress):
            self.intents[IntentKey(event.kind, TenantName(event.tenant), event.name)] = event
            if progress.is_due and self.all_told:
                progress.waiting(self.waiting, self._how_far)

    @property
    def all_told(self) -> bool:
        """Whether each of them was told of."""
        return len(self.intents) == self._admitted

    @staticmethod
    def is_active(event: ApplyProgress) -> bool:
        """Whether an intent does all it should; one that is gone does."""
        return event.status is None or event.status.state is IntentState.ACTIVE

    @property
    def waiting(self) -> list[str]:
        """Those that are not active, and why."""
        found = []
        for key, event in self.intents.items():
            if (status := event.status) is not None and not self.is_active(event):
                reasons = "; ".join(reason.message for reason in status.reasons)
                found.append(f"{key} is {status.state}{': ' if reasons else ''}{reasons}")
        return found

    @property
    def _how_far(self) -> str:
        states = [event.status.state for event in self.intents.values() if event.status is not None]
        degraded = states.count(IntentState.DEGRADED)
        text = f"{states.count(IntentState.ACTIVE)} of {self._admitted} active"
        return f"{text}, {degraded} degraded" if degraded else text


def waited_for(client: SyncClient, intents: Sequence[Named], until: Until, timeout: float) -> bool:
    """Wait; whether what was waited for came in time."""
    with Progress() as progress:
        try:
            client.wait(intents, until, timeout=timeout, told=progress.waiting)
            return True
        except WaitTimeout as late:
            missed = late.waiting_for
    print(f"not all are {until} after {timeout:g} s", file=sys.stderr)
    tell(missed)
    return False


def tell(waiting: Sequence[str]) -> None:
    """Say what is waited for, a sentence each."""
    for sentence in waiting[:_MOST]:
        print(f"waiting: {shorten(sentence, _LONGEST)}", file=sys.stderr)
    if len(waiting) > _MOST:
        print(f"waiting: and {len(waiting) - _MOST} more", file=sys.stderr)
