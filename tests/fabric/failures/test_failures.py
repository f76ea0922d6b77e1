"""Controllers and switches that are killed, and control channels that are away: short runs of all of them.

`python -m tests.fabric.failures` runs them for longer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .bed import SWITCHES, FabricBed
from .changes import documents_in, keyed
from .controller_kills import kill_controllers
from .flows import INTENTS
from .outages import Taps, channels_away
from .smf_kills import free_udp_port, kill_agents
from .switch_kills import MANY_RULES, kill_switches

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]


def test_a_controller_that_is_killed_loses_nothing_that_it_acknowledged_and_no_packet(tmp_path: Path) -> None:
    with FabricBed(tmp_path) as bed:
        seen = kill_controllers(bed, changes=60, kills=6, seed=1)
    assert seen.kills == 6 and seen.changes == 60 and seen.sent > 1000
    assert seen.holds, seen


def test_a_controller_killed_before_it_wrote_a_large_removal_goes_on_with_it(tmp_path: Path) -> None:
    """Half of what the switches hold is not in the store any more, and the store is the right one."""
    with Taps() as taps, FabricBed(tmp_path, taps.at) as bed:
        bed.apply(*INTENTS, MANY_RULES)
        bed.until(bed.is_whole, "the intents are on the switches")
        taps.break_off(SWITCHES)
        bed.delete(MANY_RULES["kind"], MANY_RULES["tenant"], MANY_RULES["name"])
        bed.kill_controller()
        bed.controller_gone()
        taps.restore(SWITCHES)
        bed.start_controller()
        bed.until(lambda: bed.is_whole() and bed.all_active(), "the removal is on the switches")
        assert documents_in(bed) == keyed(*INTENTS)
        bed.stop_controller()
        assert not bed.differences(bed.stored())


def test_a_switch_that_is_killed_is_refilled_and_closed_until_it_is(tmp_path: Path) -> None:
    with FabricBed(tmp_path) as bed:
        seen = kill_switches(bed, kills=3, seed=1)
    assert len(seen.refills) == 3 and seen.probes > 1000
    assert seen.holds, seen


def test_control_channels_that_are_away_change_nothing_on_any_switch(tmp_path: Path) -> None:
    with Taps() as taps, FabricBed(tmp_path, taps.at) as bed:
        seen = channels_away(bed, taps)
    assert seen.sent > 1000
    assert seen.holds, seen


def test_an_smf_notices_nothing_of_an_agent_that_is_killed_and_loses_no_session(tmp_path: Path) -> None:
    port = free_udp_port()
    with FabricBed(tmp_path, n4={"listen": f"127.0.0.1:{port}"}) as bed:
        # A busy machine takes longer to start a controller than an SMF asks for.
        seen = kill_agents(bed, port, kills=1, seed=1, ues=20, resends=15)
    assert seen.kills == 1 and seen.again and seen.sessions > 5
    assert seen.holds, seen
