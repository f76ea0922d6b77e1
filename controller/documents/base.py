"""What all of the API's documents have in common: camelCase names, times as RFC 3339 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from p4fabric.controller.times import time_text

__all__ = ["Document", "Time"]


class Document(BaseModel):
    """Base of the documents. Readers pass over fields that they do not know: newer controllers have more."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


def _text(time: datetime) -> str:
    return time_text(time.timestamp())


Time = Annotated[
    datetime,
    PlainSerializer(_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
