"""What a gRPC failure means: words for an operator, and the errors of single updates.

This module knows google.rpc.Status and p4.v1.Error (section 12.3). What to do about them is decided
elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
from finsy.proto import p4r, rpc_status
from google.protobuf.message import DecodeError

from p4fabric.controller.p4runtime.errors import (
    NotPrimary,
    P4RuntimeError,
    PipelineLost,
    RequestRefused,
    SwitchUnavailable,
)
from p4fabric.controller.p4runtime.update import AnyUpdate, Code, UpdateError

__all__ = ["closed_means_unavailable", "code_of", "entity_codes", "error_of", "update_errors"]

_DETAILS = "grpc-status-details-bin"


class closed_means_unavailable:
    """Tell a call that ended because its channel was closed from a task that is cancelled.

    grpc.aio raises CancelledError for both, and a TaskGroup would take the first for the second.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        """Begin the call."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """End it.

        Raises:
            SwitchUnavailable: the channel was closed.
        """
        if isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                raise SwitchUnavailable("the connection was closed") from None


def code_of(failure: grpc.aio.AioRpcError) -> Code:
    """The canonical code."""
    return Code(failure.code().value[0])


def error_of(failure: grpc.aio.AioRpcError, what: str) -> P4RuntimeError:
    """The exception that a failed request stands for.

    Args:
        failure: what gRPC raised.
        what: what was asked for: "reading the pipeline's cookie".
    """
    code = code_of(failure)
    said = failure.details() or "no reason given"
    match code:
        case Code.UNAVAILABLE | Code.CANCELLED:
            return SwitchUnavailable(f"the connection failed: {said}")
        case Code.DEADLINE_EXCEEDED:
            return SwitchUnavailable(f"no answer in time to {what}")
        case Code.PERMISSION_DENIED:
            return NotPrimary(f"the switch refused {what}: {said}")
        case Code.FAILED_PRECONDITION:
            return PipelineLost(f"the switch refused {what}: {said}")
        case Code.UNAUTHENTICATED:
            return SwitchUnavailable(f"the switch does not accept our credentials: {said}")
        case _:
            return RequestRefused(f"the switch refused {what}: {code.name}: {said}")


def update_errors(failure: grpc.aio.AioRpcError, batch: Sequence[AnyUpdate]) -> list[UpdateError]:
    """The errors of a batch's updates; updates that were performed are not in it.

    Raises:
        SwitchUnavailable: no answer; updates may have been performed or not.
        NotPrimary: nothing was performed.
        PipelineLost: nothing was performed.
    """
    details = _details(failure)
    if len(details) == len(batch):
        return [
            UpdateError(update.kind, update.entity.key, Code(error.canonical_code), error.message)
            for update, error in zip(batch, details, strict=True)
            if error.canonical_code != Code.OK
        ]
    whole = error_of(failure, "a write")
    if not isinstance(whole, RequestRefused):
        raise whole
    # Refused as a whole, by a server or by gRPC: none was performed, and each is told so.
    code, said = code_of(failure), failure.details() or ""
    return [UpdateError(update.kind, update.entity.key, code, said) for update in batch]


def entity_codes(failure: grpc.aio.AioRpcError, count: int) -> list[Code]:
    """The codes of a read's entities (section 13.2), or nothing where the server does not tell them apart."""
    details = _details(failure)
    return [Code(error.canonical_code) for error in details] if len(details) == count else []


def _details(failure: grpc.aio.AioRpcError) -> list[p4r.Error]:
    """One error for each update or entity, or nothing where the server sent none that can be read."""
    for key, value in failure.trailing_metadata() or ():
        if key != _DETAILS or not isinstance(value, bytes):
            continue
        errors = []
        try:
            for detail in rpc_status.Status.FromString(value).details:
                error = p4r.Error()
                if not detail.Unpack(error):
                    return []
                errors.append(error)
        except DecodeError:
            return []
        return errors
    return []
