"""Check scripts: what a network is to do, and the verdict.

    # comment
    h1 ping -c1 h2                      the command must succeed
    ! h1 ping -c1 -W1 h3                the command must fail
    h1 ping -c3 h2 => 3 received        it must succeed, and say this
    tables s1 => /10\\.0\\.1\\.1.*port=1/   ... or something that this regular expression finds
    within 5: pingall                   it is tried again until it succeeds, for 5 seconds at most

A file whose name ends in .py is run as Python instead, with the running network as `net`: what it
raises (an AssertionError, say) is a failure.
"""

from __future__ import annotations

import re
import runpy
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from p4fabric.net.cli.commands import Commands, Outcome, Unknown
from p4fabric.net.network import Network

LONGEST_COMMAND = 120.0
"""Seconds that a line of a host may take."""
PAUSE = 0.2
"""Seconds between tries of `within`."""
LONGEST_OUTPUT = 20
"""Lines that a failure shows."""
_WITHIN = re.compile(r"within\s+(\d+(?:\.\d+)?)\s*s?\s*:\s*(.+)")
_EXPECTED = re.compile(r"\s+=>\s+")


class BadScript(ValueError):
    """A check script cannot be used; names its line."""


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a script."""

    text: str
    command: str
    fails: bool = False
    expected: str | None = None
    within: float = 0.0

    def judge(self, outcome: Outcome) -> str | None:
        """Why it is not as expected, or None."""
        if self.fails:
            if outcome.status == 0:
                return "succeeded, and was to fail"
        elif outcome.status:
            return f"exit status {outcome.status}"
        if self.expected is None:
            return None
        if self.expected.startswith("/") and self.expected.endswith("/") and len(self.expected) > 2:
            found = re.search(self.expected[1:-1], outcome.output, re.MULTILINE) is not None
        else:
            found = self.expected in outcome.output
        return None if found else f"did not say {self.expected}"


def read_script(path: Path) -> list[Step]:
    """A script's steps.

    Raises:
        BadScript: it cannot be read, or a line makes no sense.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise BadScript(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadScript(f"{path}: {error}") from None
    steps = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            steps.append(_step(text))
        except ValueError as error:
            raise BadScript(f"{path}: line {number}: {error}") from None
    if not steps:
        raise BadScript(f"{path}: holds no checks")
    return steps


def _step(text: str) -> Step:
    command, within = text, 0.0
    if match := _WITHIN.fullmatch(text):
        within, command = float(match[1]), match[2]
    elif text.startswith("within"):
        raise ValueError(f"{text!r}: within SECONDS: COMMAND is needed")
    fails = command.startswith("!")
    command = command.removeprefix("!").strip()
    parts = _EXPECTED.split(command, maxsplit=1)
    expected = parts[1].strip() if len(parts) == 2 else None
    if expected and expected.startswith("/") and expected.endswith("/"):
        try:
            re.compile(expected[1:-1])
        except re.error as error:
            raise ValueError(f"{expected} is no regular expression: {error}") from None
    if not parts[0]:
        raise ValueError("there is no command")
    return Step(text, parts[0], fails, expected, within)


def check(network: Network, path: Path, say: Callable[[str], None] = print) -> bool:
    """Run a script; whether all was as expected. `say` takes the report.

    Raises:
        BadScript: it cannot be used.
    """
    if path.suffix == ".py":
        return _check_python(network, path, say)
    steps = read_script(path)
    commands = Commands(network)
    known = {*commands.own, *commands.nodes}
    for step in steps:
        if (word := step.command.split()[0]) not in known:
            raise BadScript(f"{path}: {step.text}: {word} is no command, host or switch")
    failed = 0
    for step in steps:
        problem, outcome = _try(commands, step)
        if problem is None:
            say(f"ok    {step.text}")
            continue
        failed += 1
        say(f"FAIL  {step.text}: {problem}")
        for line in outcome.output.strip().splitlines()[-LONGEST_OUTPUT:]:
            say(f"      | {line}")
        for switch in network.ended():
            say(f"      | {switch.name} has ended: {switch.last_words()}")
    say(f"{path}: {len(steps) - failed} of {len(steps)} as expected")
    return not failed


def _try(commands: Commands, step: Step) -> tuple[str | None, Outcome]:
    deadline = time.monotonic() + step.within
    while True:
        try:
            outcome = commands.run(step.command, capture=True, timeout=LONGEST_COMMAND)
            problem = step.judge(outcome)
        except Unknown as error:
            return str(error), Outcome()
        if problem is None or time.monotonic() > deadline:
            return problem, outcome
        time.sleep(PAUSE)


def _check_python(network: Network, path: Path, say: Callable[[str], None]) -> bool:
    if not path.is_file():
        raise BadScript(f"{path}: no such file")
    try:
        runpy.run_path(str(path), init_globals={"net": network}, run_name="__main__")
    except SystemExit as end:
        passed = end.code in (None, 0)
        say(f"{path}: {'as expected' if passed else f'failed: exit status {end.code}'}")
        return passed
    except Exception as error:
        shown = traceback.format_exception(error)
        say("".join(shown).rstrip())
        say(f"{path}: failed")
        return False
    say(f"{path}: as expected")
    return True
