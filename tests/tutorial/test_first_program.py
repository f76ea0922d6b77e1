"""The tutorial, done to the letter: its commands, and what it says to type into p4runtime-shell."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import INSTALL_P4RUNTIME_SHELL
from tests.isolation import outside

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "tutorial" / "first-program.md"


def blocks(language: str) -> list[str]:
    """The page's code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def the_shell_command() -> list[str]:
    """The indented command that starts p4runtime-shell."""
    (words,) = re.findall(r"^    (shell/bin/python .*?[^\\])$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return shlex.split(words.replace("\\\n", " "))


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy of what a user has cloned; whatever happens, nothing of the machine's stays changed."""
    names = subprocess.run(
        ("git", "ls-files", "-z"), cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, names.split("\0")):
        source = REPOSITORY / name
        if source.is_file() or source.is_symlink():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, tmp_path / name, follow_symlinks=False)
    yield tmp_path
    cleanup = blocks("sh")[-1]
    subprocess.run(("bash", "-c", cleanup), cwd=tmp_path, capture_output=True, check=False)


def run(commands: str, folder: Path, *before: str) -> str:
    """Run a block in bash; its output. What it leaves running in the background is not waited for.

    Args:
        commands: of the block.
        folder: where.
        before: words before bash.
    """
    output = folder / "block.log"
    with output.open("w") as log:
        done = subprocess.run(
            (*before, "bash", "-euc", commands), cwd=folder, stdout=log, stderr=log, timeout=200, check=False
        )
    assert done.returncode == 0, output.read_text()
    return output.read_text()


def ask(process: subprocess.Popen[str], lines: str) -> None:
    assert process.stdin is not None
    process.stdin.write(lines)
    process.stdin.flush()


@pytest.mark.root
@pytest.mark.timeout(400)
def test_a_newcomer_gets_packets_through_a_program(checkout: Path, p4runtime_shell: Path) -> None:
    install, switch, ping, _ = blocks("sh")
    write_table, read_counter = blocks("python")
    assert f"{INSTALL_P4RUNTIME_SHELL}\n" in install
    run(install.replace(INSTALL_P4RUNTIME_SHELL, ""), checkout, *outside())
    (checkout / "shell").symlink_to(p4runtime_shell.parents[1])
    run(switch, checkout)
    output = checkout / "shell.log"
    with output.open("w") as log:
        shell = subprocess.Popen(
            the_shell_command(), cwd=checkout, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True
        )
    try:
        ask(shell, write_table)
        deadline = time.monotonic() + 60
        while "5 received" not in (said := run(f"{ping.strip()} || true", checkout)):
            assert time.monotonic() < deadline, said + output.read_text()
        ask(shell, read_counter)
        shell.communicate(timeout=60)
    finally:
        shell.kill()
    counted = [int(number) for number in re.findall(r"packet_count: (\d+)", output.read_text())]
    assert len(counted) == 2 and min(counted) >= 5, output.read_text()
