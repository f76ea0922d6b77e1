"""What is sent and what becomes of it, as a table: a frame, and where it comes out or why it does not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.attacks.bed import Bed, Outcome
from tests.attacks.tenants import Host

__all__ = ["Case", "as_parameters", "check"]


@dataclass(frozen=True)
class Case:
    """One frame: either it reaches exactly these ports, or it is dropped for one of these reasons."""

    name: str
    sender: Host
    frame: Packet | bytes
    expected: int | str | tuple[int, ...]
    """Ports where it comes out, or the reason, named as in drops.p4, why it is dropped."""


def as_parameters(*cases: Case) -> pytest.MarkDecorator:
    """Run a test for each case."""
    names = [case.name for case in cases]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases])


def check(bed: Bed, case: Case) -> Outcome:
    """Send the frame; returns what came out."""
    before = bed.drops(case.sender.port)
    outcome = bed.emit(case.sender.port, bytes(case.frame))
    after = bed.drops(case.sender.port)
    dropped = {reason: more for reason, count in after.items() if (more := count - before.get(reason, 0))}
    told = f"out of {_shown(outcome) or 'no port'}, dropped as {dropped or 'nothing'}"
    match case.expected:
        case str() as reason:
            assert not outcome and dropped == {reason: 1}, told
        case int() as port:
            assert set(outcome) == {port} and not dropped, told
        case ports:
            assert set(outcome) == set(ports) and not dropped, told
    return outcome


def _shown(outcome: Outcome) -> str:
    return "; ".join(f"{port}: {[Ether(f).summary() for f in frames]}" for port, frames in outcome.items())
