"""`p4fabric net check` and `show`, and what check scripts may say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from p4fabric.net.cli.app import app
from p4fabric.net.cli.commands import Outcome
from p4fabric.net.cli.script import BadScript, read_script

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "networks" / "two-routers"


def test_check_counts_what_is_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(EXAMPLE / "topology.yaml")])
    assert (done.exit_code, done.stdout.split(": ", 1)[1]) == (
        0,
        "3 hosts, 2 switches, 4 links, 5 entries: all right\n",
    )


def test_check_names_an_entry_that_does_not_fit_its_program(tmp_path: Path) -> None:
    runtime = json.loads((EXAMPLE / "s1-runtime.json").read_text())
    runtime["table_entries"][1]["action_params"]["port"] = 1000
    (tmp_path / "s1-runtime.json").write_text(json.dumps(runtime))
    for name in ("topology.yaml", "router.json", "router.p4info.txtpb"):
        (tmp_path / name).write_bytes((EXAMPLE / name).read_bytes())
    done = CliRunner().invoke(app, ["check", str(tmp_path / "topology.yaml")])
    assert done.exit_code == 2
    place = "s1-runtime.json: table_entries[1].action_params.port"
    assert f"{place}: port: 1000 is not in 0..511 (bit<9>)" in done.stderr


def test_show_tells_addresses_and_links() -> None:
    said = CliRunner().invoke(app, ["show", str(EXAMPLE / "topology.yaml")]).stdout
    assert "h1  h1-eth0   08:00:00:00:01:01  10.0.1.1/24 via 10.0.1.254" in said
    assert "s1-eth3 <-> s2-eth1  10Mbit, queue 100" in said
    assert "s2  device 2  127.0.0.1:50052" in said


JUDGED = {
    "h1 true": (None, "exit status 3", None),
    "! h1 false": ("succeeded, and was to fail", None, "succeeded, and was to fail"),
    "h1 x => 3 received": ("did not say 3 received", "exit status 3", None),
    "within 5: h1 x => /^[0-9] rec/": ("did not say /^[0-9] rec/", "exit status 3", None),
}
"""Of silent success, of failure, and of success that says `3 received`."""


@pytest.mark.parametrize("line", JUDGED)
def test_lines_are_judged_by_exit_status_and_output(tmp_path: Path, line: str) -> None:
    script = tmp_path / "checks.txt"
    script.write_text(f"# about h1\n\n{line}\n")
    (step,) = read_script(script)
    outcomes = (Outcome(), Outcome("3 received", 3), Outcome("1 sent\n3 received"))
    assert tuple(map(step.judge, outcomes)) == JUDGED[line]
    assert step.command.startswith("h1 ") and step.within == (5 if "within" in line else 0)


@pytest.mark.parametrize("line", ["within: pingall", "h1 x => /(/", "!", "# nothing"])
def test_a_script_that_makes_no_sense_is_refused(tmp_path: Path, line: str) -> None:
    script = tmp_path / "checks.txt"
    script.write_text(line)
    with pytest.raises(BadScript, match=r"checks\.txt: "):
        read_script(script)
