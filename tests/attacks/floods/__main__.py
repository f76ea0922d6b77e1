"""Flood with each kind in turn, in a network namespace of its own, and print what it did. Needs root."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pyroute2 import IPRoute

from p4fabric.net.namespaces import CLONE_NEWNET
from tests.attacks.floods.bed import Event, running_bed
from tests.attacks.floods.kinds import KINDS, QUIET
from tests.attacks.floods.tools import build
from tests.attacks.floods.trial import Outcome, Side, flooded
from tests.isolation import unshare

PATIENCE = 4.0
"""Seconds: a link goes down 3 s after its last probe."""


def own_namespace() -> None:
    """Leave all interfaces behind."""
    unshare(CLONE_NEWNET)
    with IPRoute() as ip:
        ip.link("set", index=ip.link_lookup(ifname="lo")[0], state="up")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.floods", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each flood")
    parser.add_argument("--rate", type=int, default=100_000, help="frames a second")
    parser.add_argument("--only", help="kinds whose name has this in it")
    options = parser.parse_args()
    kinds = [kind for kind in (QUIET, *KINDS) if (options.only or "").lower() in kind.name.lower()]
    own_namespace()
    with tempfile.TemporaryDirectory() as name, running_bed(Path(name)) as bed:
        tools = build(Path(name))
        print(" " * 31 + "lost of the datagrams of others (p99 us)")
        sides = "".join(side.ljust(24) for side in ("across the fabric", "within the leaf", "control"))
        print(f"{'kind':20} {'frames/s':8}  {sides}dropped", flush=True)
        for kind in kinds:
            _show(flooded(bed, tools, kind, options.rate, options.seconds, PATIENCE))


def _show(outcome: Outcome) -> None:
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in outcome.dropped.items()) or "none"
    sides = "".join(_side(side) for side in (outcome.across, outcome.within, outcome.control))
    print(f"{outcome.kind.name:20} {outcome.flood.rate:8,.0f}  {sides}{dropped}", flush=True)
    _show_events("events", outcome.events)
    if outcome.harmful:
        _show_events("HARM", outcome.harmful)


def _show_events(what: str, events: Sequence[Event]) -> None:
    counts = Counter(event["type"] for event in events)
    told = ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
    print(f"    {what}: {told}", flush=True)


def _side(side: Side) -> str:
    return f"{side.lost} of {side.sent:,} ({side.p99_us:,.0f})".ljust(24)


if __name__ == "__main__":
    main()
