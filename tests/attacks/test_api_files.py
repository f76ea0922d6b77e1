"""Files given to the command line that mean two things, or more than they should."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.attacks.api import P4FABRIC, SPEC, Attacked, attacked

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HEAD = "kind: Network\ntenant: acme\n"
REFUSED = [
    (f"{HEAD}name: 2020-01-01\nspec: {{}}\n", '2020-01-01 is a date, as YAML reads it; write it in quotes'),
    (f"{HEAD}name: a\nname: b\nspec: {{}}\n", "key 'name' is given twice in one mapping (line 4, column 1)"),
    (f"{HEAD}name: a\nspec: {{gateways: [], gateways: []}}\n", "key 'gateways' is given twice"),
    (BOMB, "more than 500000 values"),
    (f"{HEAD}name: &a [*a]\n", "stands for nothing that ended before it"),
    ("[" * 100_000, "nest"),
    ("{a: " * 100 + "}" * 100, "nested deeper than 64 levels"),
    (f"{HEAD}name: a\n1: x\n", "key 1 is not a string"),
    (f"{HEAD}name: .inf\n", ".inf is not a finite number"),
    (f"{HEAD}name: !!binary aGk=\n", "JSON does not have"),
    ("!!python/object/apply:os.system [id]\n", "could not determine a constructor"),
    ("x" * (9 << 20), "longer than 8 MiB"),
]  # fmt: skip


def apply(controller: Attacked, text: str, command: str = "apply") -> subprocess.CompletedProcess[str]:
    (controller.folder / "intent.yaml").write_text(text)
    options = ["--api", controller.url, "--token-file", "p4fabric.token", "-f", "intent.yaml"]
    return subprocess.run(
        [P4FABRIC, command, *options], capture_output=True, text=True, cwd=controller.folder, timeout=30
    )


@pytest.mark.parametrize("command", ["apply", "delete"])
def test_a_file_that_cannot_be_meant_is_refused_at_once(tmp_path: Path, command: str) -> None:
    with attacked(tmp_path) as controller:
        for text, message in REFUSED:
            begun = time.monotonic()
            done = apply(controller, text, command)
            assert done.returncode == 2 and message in done.stderr, (text[:80], done)
            assert "Traceback" not in done.stderr and len(done.stderr) < 1000
            assert time.monotonic() - begun < 10
        assert controller.call("GET", "/api/v1/intents").json()["items"] == []
        # Control: anchors and merge keys that stand for little.
        text = f"{HEAD}name: a\nspec: {{<<: &s {{subnets: [10.0.1.0/24]}}, gateways: [10.0.1.1]}}\n"
        done = apply(controller, f"{text}---\n{HEAD}name: '2020-01-01'\nspec: {{}}\n")
        assert done.returncode == 0, done.stderr
        intents = controller.call("GET", "/api/v1/intents").json()["items"]
        assert [intent["name"] for intent in intents] == ["2020-01-01", "a"] and intents[1]["spec"] == SPEC


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_so_is_a_configuration(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "fabric.yaml").write_text(text)
    done = subprocess.run(
        [P4FABRIC, "controller", "-c", "fabric.yaml"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=30,
    )
    assert done.returncode == 2 and message in done.stderr, done
    assert "Traceback" not in done.stderr and len(done.stderr) < 2000
