"""P4Runtime's text format: a WriteRequest (`updates {…}`) or a ReadResponse (`entities {…}`)."""

from __future__ import annotations

import re

from finsy.proto import p4r
from google.protobuf import text_format

from p4fabric.net.entries.written import Written
from p4fabric.net.read.errors import Wrong

_BEGIN = re.compile(r"^\s*(?:device_id|role|election_id|updates|entities|atomicity)\b\s*[:{]", re.MULTILINE)


def is_text_format(text: str) -> bool:
    """Whether it can be such a message."""
    return _BEGIN.search(text) is not None


def read_text(text: str) -> list[Written]:
    """Its updates; entities are inserted, default entries modified.

    Raises:
        Wrong: it is no such message; names line and column.
    """
    kind = p4r.ReadResponse if re.search(r"^\s*entities\b", text, re.MULTILINE) else p4r.WriteRequest
    try:
        message = text_format.Parse(text, kind())
    except text_format.ParseError as error:
        raise Wrong("", f"is no P4Runtime message in text form: {error}") from None
    if isinstance(message, p4r.WriteRequest):
        return [Written(f"updates[{number}]", one) for number, one in enumerate(message.updates)]
    return [
        Written(
            f"entities[{number}]",
            p4r.Update(
                type=p4r.Update.MODIFY if entity.table_entry.is_default_action else p4r.Update.INSERT,
                entity=entity,
            ),
        )
        for number, entity in enumerate(message.entities)
    ]
