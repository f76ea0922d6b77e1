"""How a log record becomes a line: text for people, or JSON for what collects logs.

A record is one line, whatever strangers have put into it, except for a traceback, whose lines are indented.
Secrets that are known, and whatever stands behind `Bearer`, are left out. This module does not know what
is logged.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from p4fabric.controller.logs import UNBOUNDED, BoundedRate
from p4fabric.controller.shown import shorten

__all__ = [
    "FORMATS",
    "LEVELS",
    "UNBOUNDED",
    "JsonFormatter",
    "TextFormatter",
    "fields",
    "hide",
    "set_up",
    "without_secrets",
    "wrong_option",
]

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
LONGEST_MESSAGE = 4000
"""Characters of a message; a traceback may have as many again eight times."""
_LONGEST_TRACEBACK = 8 * LONGEST_MESSAGE
_DEEPEST = 6
_FIELDS = "p4fabric_fields"
_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s\"',]+")
_TOKENS = re.compile(r"p4f_[0-9a-f]{16}_[A-Za-z0-9_-]+|\beyJ[\w-]+\.[\w-]+\.[\w-]*")
"""Tokens that operators made, and JWTs."""
_secrets: set[str] = set()


def fields(event: str, **values: Any) -> dict[str, Any]:
    """For a record's `extra`: what happened, and with what, as JSON can carry it."""
    return {_FIELDS: {"event": event, **values}}


def wrong_option(level: str | None, form: str | None) -> str | None:
    """What is wrong with `--log-level` and `--log-format`; None: nothing, where they are given."""
    for option, value, known in (("level", level, LEVELS), ("format", form, FORMATS)):
        if value is not None and value not in known:
            return f"--log-{option} {value!r} must be one of {', '.join(known)}"
    return None


def hide(secret: str) -> None:
    """Leave a secret out of all lines from now on."""
    if secret:
        _secrets.add(secret)


def set_up(level: str, form: str, stream: TextIO = sys.stderr) -> None:
    """Send the log of the whole process, other libraries' too, to a stream.

    Args:
        level: one of `LEVELS`.
        form: one of `FORMATS`.
        stream: where to.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.addFilter(BoundedRate())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)


class TextFormatter(logging.Formatter):
    """`2026-01-31 12:00:00,000 WARNING p4fabric.controller: a message`, in local time."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """A line, and a traceback behind it where there is one."""
        record.message = _message(record)
        record.asctime = self.formatTime(record)
        line = self.formatMessage(record)
        traceback = _traceback(self, record)
        indented = (
            f"\n    {shorten(without_secrets(part), LONGEST_MESSAGE)}" for part in traceback.split("\n")
        )
        return line + "".join(indented) if traceback else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, and what a record has besides."""

    def format(self, record: logging.LogRecord) -> str:
        """A line of ASCII."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        more: Mapping[str, Any] = getattr(record, _FIELDS, {})
        # What a record has besides never takes the place of what says whose it is.
        line = {
            **{name: _plain(value) for name, value in more.items()},
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if traceback := _traceback(self, record):
            line["exception"] = without_secrets(traceback)
        ordered = ("time", "level", "logger", "message", "event")
        first = {name: line.pop(name) for name in ordered if name in line}
        return json.dumps({**first, **line})


def _message(record: logging.LogRecord) -> str:
    return shorten(without_secrets(record.getMessage()), LONGEST_MESSAGE)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    found = [formatter.formatException(record.exc_info)] if record.exc_info else []
    found += [formatter.formatStack(record.stack_info)] if record.stack_info else []
    return "\n".join(found)[-_LONGEST_TRACEBACK:]


def without_secrets(text: str) -> str:
    """A text with the secrets in it left out."""
    for secret in _secrets:
        text = text.replace(secret, "[hidden]")
    text = _TOKENS.sub("[hidden]", text)
    return _BEARER.sub(r"\1[hidden]", text)


def _plain(value: object, depth: int = 0) -> Any:
    """A value as JSON can carry it, with short strings and no secrets."""
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping() if depth < _DEEPEST:
            return {str(name): _plain(item, depth + 1) for name, item in value.items()}
        case list() | tuple() if depth < _DEEPEST:
            return [_plain(item, depth + 1) for item in value]
    return shorten(without_secrets(str(value)), LONGEST_MESSAGE)
