"""The TLS how-to, done to the letter: every command works, and who has no certificate cannot connect."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/how-to/set-up-tls.md").read_text()
BIN = Path(sys.executable).parent

_STRANGER = "p4fabric switch trace 127.0.0.1:9559 --tls-ca tls/ca.pem"
"""As the page has it: a client that trusts the switch and shows it no certificate."""


@pytest.mark.root
def test_every_command_works_and_strangers_are_refused(tmp_path: Path) -> None:
    authority, certificates, switch, controller, command_line, curl, stop = re.findall(
        r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
    assert f"    {_STRANGER}\n" in PAGE
    (tmp_path / "all.sh").write_text(
        f"""
        set -eu
        trap 'kill $(cat *.pid) || true' EXIT
        ip link set lo up
        {authority}{certificates}{switch}{controller.replace("        ", "")}{command_line}
        until grep -q 'primary, election id' switch.log; do sleep 0.1; done
        {curl.strip()} >switches.json
        ! {_STRANGER} 2>stranger.txt
        {stop}
        trap - EXIT
        wait
        """.replace("\n        ", "\n")
    )
    with (tmp_path / "said.txt").open("w") as said:
        done = subprocess.run(
            ("unshare", "--net", "--pid", "--fork", "--kill-child", "bash", "all.sh"),
            cwd=tmp_path, timeout=100, check=False,
            env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}, stdout=said, stderr=said,
        )  # fmt: skip
    logs = "".join(file.read_text() for file in [*tmp_path.glob("*.txt"), *tmp_path.glob("*.log")])
    assert done.returncode == 0, logs
    (switch_document,) = json.loads((tmp_path / "switches.json").read_text())["items"]
    assert switch_document["name"] == "leaf1"
    assert "127.0.0.1:9559" in (tmp_path / "stranger.txt").read_text()
    assert [key for key in tmp_path.glob("tls/*.key") if key.stat().st_mode & 0o077] == []
