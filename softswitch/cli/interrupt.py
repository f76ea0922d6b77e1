"""Commands that an interrupt ends at once, whatever is under way."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from p4fabric.pipelines.children import abandon_builds


@contextmanager
def ends_at_once(status: int = 0) -> Iterator[None]:
    """Until its end SIGINT ends the process with this status, and SIGTERM as shells have it: compilers are
    killed, nothing is waited for.

    The ordinary way, an exception and then the interpreter's end, waits for what gRPC still has to close,
    up to ten seconds on a busy machine. What was printed is there: commands print a line at a time.
    """

    def end(number: int, frame: object) -> None:
        abandon_builds()
        os._exit(status if number == signal.SIGINT else 128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
