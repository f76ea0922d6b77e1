"""The requests that are being answered, by the credential that let them in: they end when it does.

This module does not know what is answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio

from p4fabric.controller.access.authentication import Admission

__all__ = ["LiveRequests"]


class LiveRequests:
    """One event loop only."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Take a clock, in seconds since 1970."""
        self._clock = clock
        self._by_token: dict[str, set[anyio.CancelScope]] = {}

    @contextmanager
    def during(self, admission: Admission) -> Iterator[anyio.CancelScope]:
        """Cancel the body when its admission ends: see `cancelled_caught` of what it is given."""
        deadline = float("inf")
        if admission.until is not None:
            deadline = anyio.current_time() + admission.until - self._clock()
        with anyio.CancelScope(deadline=deadline) as scope:
            if admission.token is None:
                yield scope
                return
            scopes = self._by_token.setdefault(admission.token, set())
            scopes.add(scope)
            try:
                yield scope
            finally:
                scopes.discard(scope)
                if not scopes:
                    self._by_token.pop(admission.token, None)

    def end(self, token: str) -> None:
        """End all that a token let in."""
        for scope in list(self._by_token.get(token, ())):
            scope.cancel()
