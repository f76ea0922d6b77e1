"""The log counts what repeats itself; the clock is held."""

from __future__ import annotations

import logging

from p4fabric.controller.logs import ALIKE, SAME, WINDOW, BoundedRate


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_a_record_is_logged_a_few_times_a_minute_and_then_counted() -> None:
    now = 0.0
    handler = Heard()
    handler.addFilter(BoundedRate(lambda: now))
    log = logging.Logger("some.module")
    log.addHandler(handler)
    for _ in range(1000):
        log.error("no connection can be accepted: %s", "Too many open files")
    assert len(handler.lines) == SAME
    # Control: others are heard beside it.
    log.error("leaf1 is gone")
    assert handler.lines[-1] == "leaf1 is gone"
    now = WINDOW
    log.error("no connection can be accepted: %s", "Too many open files")
    assert handler.lines[-1].endswith("Too many open files (995 more like it were not logged)")


def test_records_that_differ_in_what_they_fill_in_are_bounded_too() -> None:
    handler = Heard()
    handler.addFilter(BoundedRate(lambda: 0.0))
    log = logging.Logger("some.module", logging.DEBUG)
    log.addHandler(handler)
    for number in range(100_000):
        log.warning("entry %d is refused", number)
    assert len(handler.lines) == ALIKE
    # Control: who asks for all of it gets it.
    for number in range(1000):
        log.debug("entry %d is refused", number)
    assert len(handler.lines) == ALIKE + 1000
