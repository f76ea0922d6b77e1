"""A pytest plugin: the fixture `softswitch` starts embedded switches and ends them with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import ParamSpec

import pytest

from softswitch.blocking import SoftSwitch

P = ParamSpec("P")


@pytest.fixture
def softswitch() -> Iterator[Callable[..., SoftSwitch]]:
    """Takes what `SoftSwitch` takes, and returns it running: `softswitch("x.json", "x.p4info.txtpb")`."""
    with ExitStack() as stack:
        yield _starter(stack, SoftSwitch)


def _starter(stack: ExitStack, make: Callable[P, SoftSwitch]) -> Callable[P, SoftSwitch]:
    def start(*args: P.args, **kwargs: P.kwargs) -> SoftSwitch:
        return stack.enter_context(make(*args, **kwargs))

    return start
