"""What went wrong, said on standard error with what to do about it, and the exit status that stands for it.

0: it worked. 1: it failed. 2: the command line, the settings or a file cannot be used. 130: interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from p4fabric.controller.client import ClientError

__all__ = ["INTERRUPTED", "Failure", "Usage", "status_of", "was_interrupted"]

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""

_NOBODY_THERE = (
    "Is the controller running? `p4fabric controller -c fabric.yaml` starts one, `make lab` a whole fabric. "
    "Another one is named by --api, P4FABRIC_API or a context (`p4fabric context`)."
)
_WRONG_TOKEN = (
    "It says at its start which file holds its token: name that by --token-file, P4FABRIC_TOKEN_FILE or a "
    "context (`p4fabric context`)."
)


class Usage(Exception):
    """The command line, or a file it names, cannot be used."""


class Failure(Exception):
    """It did not work; the message says why."""


def status_of(work: Callable[[], int], shown: Callable[[], str] = lambda: "token from nowhere") -> int:
    """Work, and say what went wrong.

    Args:
        work: returns the exit status.
        shown: what was shown to the controller, in words.
    """
    try:
        return _status_of(work, shown)
    except BaseException as error:
        if was_interrupted(error):
            return INTERRUPTED
        raise


def _status_of(work: Callable[[], int], shown: Callable[[], str]) -> int:
    from p4fabric.controller.client import BadSettings, ClientError

    try:
        return work()
    except (Usage, BadSettings, Failure, ClientError, BrokenPipeError) as error:
        if was_interrupted(error):
            return INTERRUPTED
        if isinstance(error, BrokenPipeError):
            # Who read the output has seen enough.
            sys.stderr.close()
            return 1
        print(_told(error, shown) if isinstance(error, ClientError) else error, file=sys.stderr)
        return 2 if isinstance(error, Usage | BadSettings) else 1


def was_interrupted(error: BaseException) -> bool:
    """Whether somebody pressed Ctrl-C, also where that is behind what went wrong on the way out.

    What ends in a hurry may fail with anything, and Typer makes its own error of an interrupt.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        if isinstance(one, KeyboardInterrupt):
            return True
        seen.add(id(one))
        waiting += (one.__cause__, one.__context__)
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    return False


def _told(error: ClientError, shown: Callable[[], str]) -> str:
    from p4fabric.controller.client import CannotConnect, Unauthenticated

    match error:
        case CannotConnect():
            return f"{error}\n{_NOBODY_THERE}"
        case Unauthenticated():
            return f"the controller does not accept the {shown()}\n{_WRONG_TOKEN}"
    return str(error)
