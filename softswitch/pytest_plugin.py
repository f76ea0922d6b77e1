"""A pytest plugin: fixtures that start embedded switches and networks of them, and end them with the test.

Loaded in every run of pytest where p4fabric is installed: what costs time is imported by who needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import pytest

if TYPE_CHECKING:
    from p4fabric.softswitch import Network, SoftSwitch

P = ParamSpec("P")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of coverage."""
    group = parser.getgroup("p4fabric", "P4 programs in embedded switches")
    group.addoption(
        "--p4-coverage",
        action="store_true",
        help="count which parser states, tables, actions and conditions of P4 programs packets come by",
    )
    group.addoption(
        "--p4-coverage-report",
        action="append",
        default=[],
        metavar="FILE",
        help="write P4 coverage to a file: JSON (.json) or LCOV (.info, .lcov); may be given several times",
    )
    group.addoption(
        "--p4-coverage-fail-under",
        type=float,
        metavar="PERCENT",
        help="fail when the P4 coverage of all programs together is less",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Count, if that is wanted."""
    wanted = ("p4_coverage", "p4_coverage_report", "p4_coverage_fail_under")
    if any(config.getoption(one) not in (None, False, []) for one in wanted):
        from p4fabric.softswitch.coverage.session import CoverageSession

        config.pluginmanager.register(CoverageSession(config), "p4fabric-coverage")


T = TypeVar("T")


@pytest.fixture
def softswitch() -> Iterator[Callable[..., SoftSwitch]]:
    """Takes what `SoftSwitch` takes, and returns it running: `softswitch("x.json", "x.p4info.txtpb")`."""
    from p4fabric.softswitch import SoftSwitch

    with ExitStack() as stack:
        yield _starter(stack, SoftSwitch)


@pytest.fixture
def p4_network() -> Iterator[Callable[..., Network]]:
    """Takes what `Network` takes, and returns it running: `p4_network({"s1": ("x.json", "x.p4info.txtpb")},
    [("h1", "s1:1"), ("h2", "s1:2")])`."""
    from p4fabric.softswitch import Network

    with ExitStack() as stack:
        yield _starter(stack, Network)


def _starter(stack: ExitStack, make: Callable[P, AbstractContextManager[T, bool | None]]) -> Callable[P, T]:
    def start(*args: P.args, **kwargs: P.kwargs) -> T:
        return stack.enter_context(make(*args, **kwargs))

    return start
