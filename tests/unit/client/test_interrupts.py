"""Ctrl-C is exit status 130, whenever it comes and whatever goes wrong because of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest
import typer

from p4fabric.client import CannotConnect
from p4fabric.controller.cli import main as module
from p4fabric.controller.cli.failures import Failure, Usage, status_of


def interrupted() -> int:
    raise KeyboardInterrupt


def failing_on_the_way_out() -> int:
    """What is open is closed, which fails."""
    with ExitStack() as stack:
        stack.callback(lambda: fail(CannotConnect("the connection broke")))
        return interrupted()


def in_a_group() -> int:
    raise BaseExceptionGroup("tasks", [ValueError("x"), KeyboardInterrupt()])


def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("work", [interrupted, failing_on_the_way_out, in_a_group])
def test_a_command_that_is_interrupted(work: Callable[[], int], capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(work) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("error", "status"), [(Failure("x"), 1), (Usage("x"), 2), (CannotConnect("x"), 1)])
def test_a_command_that_fails_by_itself(error: Exception, status: int) -> None:
    def work() -> int:
        raise error

    assert status_of(work) == status


@pytest.mark.parametrize("becomes", [None, typer.Abort, SystemExit])
def test_outside_of_commands(becomes: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """While options are read or modules are loaded; whatever Typer makes of it."""

    def app() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            if becomes is None:
                raise
            raise becomes(1) from None

    monkeypatch.setattr(module, "app", app)
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 130


def test_what_was_not_interrupted_keeps_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def app() -> None:
        raise SystemExit(1)

    monkeypatch.setattr(module, "app", app)
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 1
