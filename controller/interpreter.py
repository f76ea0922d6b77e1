"""How the Python interpreter is set up for a controller: neither other threads nor the garbage collector
keep the event loop waiting for more than some milliseconds, however much the controller holds.

The collector stops all threads while it looks for cycles, and looks at all objects that it knows again and
again: a second for some million. Nearly all that a controller holds for long is no garbage, and no part of a
cycle. So what has survived a full collection is set aside (`gc.freeze`) and not looked at again; what it
holds is freed by reference counts all the same. Only cycles that become garbage after that stay in memory.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused", "set_aside", "set_up_interpreter"]

_SWITCH_INTERVAL = 0.001
"""Seconds after which a thread that computes lets another have its turn; Python's default is 5 ms."""
_THRESHOLDS = (3000, 1, 1)
"""New containers before a young collection, young ones before a middle one, middle ones before a full one:
a full collection looks at some 25,000 objects, which takes some milliseconds."""
_MANY = 20_000
"""New containers that are set aside at once, rather than looked at by collections to come."""


def set_up_interpreter() -> None:
    """Set up threads and the collector; call it once, before anything is loaded."""
    sys.setswitchinterval(_SWITCH_INTERVAL)
    gc.set_threshold(*_THRESHOLDS)
    if _collected not in gc.callbacks:
        gc.callbacks.append(_collected)


def set_aside() -> None:
    """Set aside all that there is now, such as after a store was loaded."""
    gc.collect()
    # The callback has frozen what survived. A second collection tells the collector how little is left.
    gc.collect()


@contextmanager
def collector_paused() -> Iterator[None]:
    """The collector looks at nothing while the body runs; if much was made that is kept, it is set aside.

    For work that makes many objects and leaves no cycles of them behind, in one thread only.
    """
    if _collected not in gc.callbacks or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > _MANY:
            gc.freeze()
        gc.enable()


def _collected(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()
