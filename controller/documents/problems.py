"""Error answers: `application/problem+json` (RFC 9457) with a code of a closed set."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from p4fabric.controller.documents.base import Document
from p4fabric.controller.reasons import Code

__all__ = [
    "FieldProblem",
    "Problem",
]


class FieldProblem(Document):
    """One thing that is wrong."""

    field: str = Field(description="of a document, as `spec.pool[1].address`; or a parameter, a header, body")
    value: Any = Field(description="what it was, shortened")
    code: Code
    message: str = Field(description="continues a sentence that begins with the field")


class Problem(Document):
    """Why a request was refused; nothing of it was done (RFC 9457)."""

    type: str = Field(description="where the code is described")
    title: str = Field(description="the code in words")
    status: int
    detail: str = Field(description="what is wrong, for people")
    code: Code
    errors: list[FieldProblem]
