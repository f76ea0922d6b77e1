"""What goes wrong between a program and a controller, as a small tree of exceptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p4fabric.controller.documents.problems import FieldProblem, Problem
from p4fabric.controller.reasons import Code

__all__ = [
    "ApiError",
    "BadSettings",
    "Busy",
    "CannotConnect",
    "ClientError",
    "Conflict",
    "Expired",
    "Forbidden",
    "Invalid",
    "NotFound",
    "PreconditionFailed",
    "TooManyRequests",
    "Unauthenticated",
    "UnexpectedAnswer",
    "WaitTimeout",
    "api_error",
]


class ClientError(Exception):
    """Base of all of them; the message is for people."""


class BadSettings(ClientError):
    """The URL, the token, the CA certificate or the configuration file cannot be used."""


class CannotConnect(ClientError):
    """Nobody answers at the URL, or the connection broke. What was asked may have been done or not."""


class UnexpectedAnswer(ClientError):
    """Something answers that is not the API, or an API that this client does not understand."""


class WaitTimeout(ClientError, TimeoutError):
    """What was waited for did not come in time."""

    def __init__(self, waiting_for: Sequence[str], seconds: float) -> None:
        """Take what is still waited for, one sentence each."""
        self.waiting_for = tuple(waiting_for)
        super().__init__(f"after {seconds:g} s: " + "; ".join(waiting_for))


class ApiError(ClientError):
    """The controller refused, and said why; nothing was done."""

    def __init__(self, problem: Problem) -> None:
        """Take the answer's body."""
        super().__init__(problem.detail)
        self.problem = problem

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def code(self) -> Code:
        """What kind of problem; docs/reference/problems.md describes each."""
        return self.problem.code

    @property
    def errors(self) -> Sequence[FieldProblem]:
        """What is wrong, field by field."""
        return self.problem.errors


class Unauthenticated(ApiError):
    """401: no token, or a wrong one."""


class Forbidden(ApiError):
    """403: the token may not do that."""


class NotFound(ApiError):
    """404: it does not exist."""


class Conflict(ApiError):
    """409: it does not stand together with what there is; `code` says which way.

    `Code.OWNED_BY_OTHERS`: fields belong to somebody else. `Code.IN_USE`: others need it. `Code.NO_ROOM`:
    tables are full.
    """


class Expired(ApiError):
    """410: what the request goes on from is too old; read the list anew."""


class PreconditionFailed(ApiError):
    """412: somebody else has written since; read it again."""


class Invalid(ApiError):
    """422: the request or a document is wrong by itself; `errors` names the fields."""


class TooManyRequests(ApiError):
    """429: requests come too fast; this was the last of several tries."""


class Busy(ApiError):
    """503: the store does not work, or too much is in flight; this was the last of several tries."""


_CLASSES: Mapping[int, type[ApiError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    412: PreconditionFailed,
    422: Invalid,
    429: TooManyRequests,
    503: Busy,
}


def api_error(problem: Problem) -> ApiError:
    """The exception that stands for an error answer."""
    return _CLASSES.get(problem.status, ApiError)(problem)
