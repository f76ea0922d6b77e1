"""Coverage of P4 programs over a run of pytest: `--p4-coverage`.

Every process that the run starts leaves its counts in one folder: workers of pytest-xdist, and switches that
tests start as commands.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from p4fabric.softswitch.coverage.counts import Program, read_counts
from p4fabric.softswitch.coverage.reports import json_report, lcov_report, text_report, total
from p4fabric.softswitch.engine.coverage import DIRECTORY, recorder

FORMATS = {".json": "JSON", ".info": "LCOV", ".lcov": "LCOV"}


class CoverageSession:
    """Hooks of one run."""

    def __init__(self, config: pytest.Config) -> None:
        """`pytest.UsageError` says which option is wrong."""
        where = Path(config.invocation_params.dir)
        self._reports = [where / one for one in config.getoption("p4_coverage_report")]
        for one in self._reports:
            if one.suffix not in FORMATS:
                raise pytest.UsageError(
                    f"--p4-coverage-report={one.name}: the name must end in .json, .info or .lcov"
                )
        self._least: float | None = config.getoption("p4_coverage_fail_under")
        if self._least is not None and not 0 <= self._least <= 100:
            raise pytest.UsageError(f"--p4-coverage-fail-under={self._least:g} is not in 0..100")
        self._places = [where, config.rootpath]
        self._is_worker = hasattr(config, "workerinput")
        self._verbose = config.get_verbosity() > 0
        self._programs: list[Program] = []
        self._written: list[Path] = []
        self._failed: list[str] = []
        self._made: Path | None = None
        self._before = os.environ.get(DIRECTORY)
        if not self._is_worker:
            self._made = Path(tempfile.mkdtemp(prefix="p4-coverage-"))
            os.environ[DIRECTORY] = str(self._made)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Sum, write the reports, and judge."""
        counting = recorder()
        if counting is not None:
            counting.save()
        if self._made is None:
            return
        self._programs, sources = read_counts(self._made, self._places)
        for file in self._reports:
            if FORMATS[file.suffix] == "JSON":
                text = json.dumps(json_report(self._programs, sources), indent=1) + "\n"
            else:
                text = lcov_report(self._programs, sources)
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            except OSError as error:
                self._fail(session, f"{file} cannot be written: {error.strerror}")
            else:
                self._written.append(file)
        reached = total(self._programs).percent
        if self._least is not None and (reached < self._least or not self._programs):
            self._fail(
                session,
                f"P4 coverage of {reached:.1f}% is under {self._least:g}%"
                if self._programs
                else f"no P4 program has run: coverage cannot reach {self._least:g}%",
            )

    def _fail(self, session: pytest.Session, reason: str) -> None:
        self._failed.append(reason)
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show it."""
        terminalreporter.section("P4 coverage")
        for line in text_report(self._programs, **({"most": None} if self._verbose else {})):
            terminalreporter.write_line(line)
        for file in self._written:
            terminalreporter.write_line(f"{FORMATS[file.suffix]} written to {file}")
        for reason in self._failed:
            terminalreporter.write_line(f"FAILED: {reason}", red=True, bold=True)

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)
            if self._before is None:
                os.environ.pop(DIRECTORY, None)
            else:
                os.environ[DIRECTORY] = self._before
