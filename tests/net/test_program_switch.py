"""A switch that runs somewhere is given a program and entries by files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from p4fabric import SoftSwitch
from p4fabric.net import NetworkFailed
from p4fabric.net.cli.shown import entries_text
from p4fabric.net.client import switch_at
from p4fabric.net.program_switch import program_switch
from p4fabric.softswitch.cli.app import app
from tests.switch.server.client import PROGRAMS

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "networks" / "two-routers"
ROUTER = EXAMPLE / "router.json"
NOBODY = 5
"""The status of an arbitration where nobody is primary."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A switch, which runs another program."""
    other = PROGRAMS / "kinds.json"
    at = f"unix:{tmp_path / 'switch.sock'}"
    with SoftSwitch(other, other.with_suffix(".p4info.txtpb"), listen=at):
        yield at


def primary(address: str) -> tuple[int, int]:
    """The status of an arbitration without an election id, and the highest election id so far."""
    with switch_at("s1", address, 1) as switch, switch.stream() as stream:
        answer = stream.arbitrate(None)
    return answer.status.code, answer.election_id.low


def test_the_prompt_shows_entries_as_switch_read_does_and_nobody_is_primary(address: str) -> None:
    assert program_switch(address, 1, ROUTER, None, [EXAMPLE / "s1-runtime.json"]) == 3
    assert primary(address) == (NOBODY, 1)
    with switch_at("s1", address, 1) as switch:
        shown = entries_text(switch, "routes")
    assert "dst_addr=10.0.3.0/24  forward next_hop=08:00:00:00:fe:02 port=3" in shown
    said = CliRunner().invoke(app, ["read", "routes", "--grpc", address]).stdout
    assert said == f"{shown}\n"
    no_table = pytest.raises(NetworkFailed, match=r"s1: there is no table 'rotes'. Did you mean routes\?")
    with no_table, switch_at("s1", address, 1) as switch:
        entries_text(switch, "rotes")


def test_entries_that_are_refused_are_named_by_their_places_in_the_file(address: str, tmp_path: Path) -> None:
    """1,500 for a table of 1,024: more than a request holds, and more errors than gRPC takes by default."""
    routes = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(1500)]
    file = tmp_path / "s1-commands.txt"
    file.write_text("\n".join(f"table_add routes forward {one} => 08:00:00:00:03:03 2" for one in routes))
    with pytest.raises(NetworkFailed) as caught:
        program_switch(address, 1, ROUTER, None, [file])
    said = str(caught.value)
    assert said.startswith(f"{address}: {file}: line 1025: RESOURCE_EXHAUSTED: "), said
    assert said.endswith("; 471 more are refused"), said
    assert primary(address) == (NOBODY, 1)


def test_a_switch_that_a_controller_has_is_left_alone(address: str) -> None:
    with switch_at("s1", address, 1) as switch, switch.stream() as controller:
        assert controller.arbitrate(1).status.code == 0
        with pytest.raises(NetworkFailed, match=r"another client is primary \(election id 1\)"):
            program_switch(address, 1, ROUTER, None, [])
        assert controller.try_receive(0) is None, "the controller is told of nothing"
