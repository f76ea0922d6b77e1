"""examples/meters: a rate for each host."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.l2 import Ether

from p4fabric import SoftSwitch
from tests.examples.conftest import Start

SLOW, FAST, UNKNOWN = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"


def frames(source: str, count: int) -> list[bytes]:
    return [bytes(Ether(src=source, dst="02:00:00:00:00:99") / bytes(986))] * count


def test_each_host_has_its_own_rate(switch: SoftSwitch, start: Start) -> None:
    police = start(
        "meters/police.py", "--address", switch.address, "--every", "0.1", f"{SLOW}=100", f"{FAST}=10000000"
    )
    police.until_entries(switch, 2, "hosts")
    # 3,000 bytes at once are what a slow host may send: three frames of 1,000 bytes.
    assert len(switch.send(1, *frames(SLOW, 10))) == 3
    assert len(switch.send(1, *frames(FAST, 10))) == 10
    assert switch.send(1, *frames(UNKNOWN, 1)) == []
    assert len(switch.send(2, *frames(UNKNOWN, 10))) == 10
    police.until_it_says(f"{SLOW}: 10 packets sent, 7 dropped")
    police.until_it_says(f"{FAST}: 10 packets sent, 0 dropped")


def test_the_shell_script_gives_a_host_a_rate(
    switch: SoftSwitch, start: Start, p4runtime_shell: Path
) -> None:
    said = start("meters/police_shell.py", switch.address, SLOW, "100", python=p4runtime_shell).finish()
    assert "cburst: 3000" in said
    assert len(switch.send(1, *frames(SLOW, 10))) == 3
