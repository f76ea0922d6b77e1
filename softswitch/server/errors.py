"""How a refusal is said: canonical codes, p4.v1.Error, google.rpc.Status (specification, section 10).

Knows the form of errors; must not know what they are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NoReturn

import grpc
from finsy.proto import p4r, rpc_status

DETAILS_KEY = "grpc-status-details-bin"
_STATUS = {code.value[0]: code for code in grpc.StatusCode}
LONGEST_STATUS = 1000
LONGEST_TEXT = 300
TEXTS_AT_LEAST, TEXT_OF_EACH = 4096, 64
"""Characters of text in one status, and more for each update.

A client takes 8 KiB of metadata by default, or loses the whole status; section 21.3.1 asks it to allow
for 100 bytes an update on top, of which a code is 36.
"""


class Code(IntEnum):
    """The canonical codes that this server uses."""

    OK = 0
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


class Refusal(Exception):
    """A request, or a part of one, that is not carried out."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    def within(self, place: str) -> Refusal:
        """The same, said of a place."""
        return Refusal(self.code, f"{place}: {self.text}")


def invalid(text: str) -> Refusal:
    """The request contradicts itself, P4Info or the specification."""
    return Refusal(Code.INVALID_ARGUMENT, text)


def not_found(text: str) -> Refusal:
    """What the request names does not exist."""
    return Refusal(Code.NOT_FOUND, text)


def out_of_range(text: str) -> Refusal:
    """An index or a number that does not fit."""
    return Refusal(Code.OUT_OF_RANGE, text)


def denied(text: str) -> Refusal:
    """The client, or anybody, may not do that."""
    return Refusal(Code.PERMISSION_DENIED, text)


def unimplemented(text: str) -> Refusal:
    """The specification has it, this server has not."""
    return Refusal(Code.UNIMPLEMENTED, text)


def exhausted(text: str) -> Refusal:
    """There is no room."""
    return Refusal(Code.RESOURCE_EXHAUSTED, text)


async def abort(context: Any, refusal: Refusal) -> NoReturn:
    """End an RPC with a refusal."""
    await context.abort(_STATUS[refusal.code], refusal.text[:LONGEST_STATUS])
    raise AssertionError("abort returns to nobody")


Result = Refusal | None
"""Of one update or one read request; None: it was carried out."""

ABORTED = Refusal(Code.ABORTED, "another update of the batch failed")


def batch_status(results: Sequence[Result], text: str) -> bytes:
    """A serialised google.rpc.Status with one p4.v1.Error for each element of the batch.

    Long texts are cut, and left out when together they would burst a client's default limit; the
    codes are always there.
    """
    status = rpc_status.Status(code=Code.UNKNOWN, message=text)
    left = max(TEXTS_AT_LEAST, TEXT_OF_EACH * len(results))
    for result in results:
        error = p4r.Error()
        if result is not None:
            error.canonical_code = result.code
            said = result.text[:LONGEST_TEXT]
            if len(said) <= left:
                error.message = said
                left -= len(said)
        status.details.add().Pack(error)
    return status.SerializeToString()


def raise_first(results: Sequence[Result], what: str) -> None:
    """Raise the first refusal of a batch that tells why, if there is one; `what` one element is called."""
    for number, result in enumerate(results, 1):
        if result is not None and result.code is not Code.ABORTED:
            raise result.within(f"{what} {number}") if len(results) > 1 else result
