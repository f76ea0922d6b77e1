"""For all tests: `--no-skips`, for machines on which every test can run, processes that do not meet, and one
p4runtime-shell."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from p4fabric.pipelines import children
from tests.isolation import isolate, outside

# Each run tries the same examples, so a change is judged by itself; `python -m tests.safety` and fuzzers
# search on. How long examples take says how busy the machine is, and nothing of the code.
settings.register_profile(
    "any machine",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")

INSTALL_P4RUNTIME_SHELL = "python3 -m venv shell && shell/bin/pip install -q p4runtime-shell"
"""As the first tutorial has it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed one")


def pytest_configure() -> None:
    """Let what tests start hear interrupts: a shell makes what it runs in the background ignore them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Keep processes of tests apart, once they have connected to the one that lets them run."""
    if hasattr(session.config, "workerinput") and os.geteuid() == 0:
        isolate()


def _fail_if_skipped(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    if config.getoption("--no-skips") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"--no-skips: this must run here, and was skipped ({reason})"


def pytest_runtest_setup() -> None:
    """Let compilers run, though a command that ended in this process has said that the process ends."""
    children._compilers.abandoned = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a skip in a test or its fixtures."""
    report = yield
    _fail_if_skipped(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge a skip of a whole module."""
    report = yield
    _fail_if_skipped(collector.config, report)
    return report


@pytest.fixture(scope="session")
def p4runtime_shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment of its own that has p4runtime-shell: it needs an old protobuf.

    Made once for all tests of a run, since that takes a quarter of a minute.
    """
    folder = tmp_path_factory.mktemp("p4runtime-shell")
    subprocess.run((*outside(), "bash", "-euc", INSTALL_P4RUNTIME_SHELL), cwd=folder, check=True, timeout=300)
    return folder / "shell" / "bin" / "python"


class _Schedule(LoadScopeScheduling):  # type: ignore[misc]
    """Files go to whichever process is free; those of the page go to one, for its fabric and browser."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "ui" if file.startswith("tests/ui/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Schedule:
    """Spread tests over processes."""
    return _Schedule(config, log)
