"""What a soak has seen, judged: whose is what was lost, the product's or the machine's.

This module knows figures. It does not know how they were gathered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["FLOWS", "LATE_MS", "MOMENT_S", "judge", "report"]

FLOWS = {"h1": "web1", "r1": "r2"}
"""Who sends to whom: the flow under test, the reference."""
MOMENT_S = 1.0
"""What is not farther apart happens in the same moment: on a busy machine figures of switches come late."""
LATE_MS = 20.0
"""A switch's thread that waited so long for a core explains what was lost meanwhile."""
SHOWN = 20


def judge(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The gaps of the flow under test, each with what was going on and whose it is."""
    tested, reference = (found["flows"][name]["gaps"] for name in FLOWS)
    of_lab = set(found["switches"])

    def near(at: float, gap: dict[str, Any]) -> bool:
        return gap["from"] - MOMENT_S <= at <= gap["arrived"] + MOMENT_S

    for gap in tested:
        gap["late"] = {
            name: milliseconds
            for at, name, milliseconds in found["late"]
            if near(at, gap) and milliseconds >= LATE_MS and name in of_lab
        }
        gap["reference"] = sum(other["lost"] for other in reference if near(other["from"], gap))
        gap["during"] = [
            what for begin, over, what in found["changes"] if begin <= gap["to"] and over >= gap["from"]
        ]
        gap["discards"] = sorted(
            {
                f"{one['interface']} {one['counter']}"
                for one in found["discards"]
                if near(one["at"], gap) and one["switch"] in of_lab
            }
        )
        # Full queues and rings are what lateness does; what is lost otherwise, a switch has chosen to drop.
        gap["machine"] = bool(gap["discards"] and (gap["late"] or gap["reference"]))
    return tested


def report(found: dict[str, Any], say: Callable[[str], None] = print) -> bool:
    """Say what was seen, and the verdict."""
    gaps = judge(found)
    load = Path("/proc/loadavg").read_text().split()[:3]
    say(f"{len(found['changes'])} changes, load of the machine {' '.join(load)}, {dict(found['events'])}")
    lost = {}
    for name, receiver in FLOWS.items():
        flow = found["flows"][name]
        lost[name] = flow["sent"] - flow["received"]
        part = lost[name] / max(1, flow["sent"])
        say(
            f"{name} to {receiver}: {flow['sent']} sent, {lost[name]} lost ({part:.4%}), "
            f"{flow['out_of_order']} out of order, {flow['not_taken']} not taken by the receiver's socket; "
            f"the sender was kept waiting {flow['held_up']} times"
        )
    totals: Counter[str] = Counter()
    for one in found["discards"]:
        totals[f"{one['interface']} {one['counter']}"] += one["more"]
    say(f"discarded: {dict(totals) or 'nothing'}")
    for gap in gaps[:SHOWN]:
        whose = "the machine" if gap["machine"] else "THE PRODUCT"
        say(
            f"  at {gap['from'] - found['started']:.2f} s {gap['lost']} lost, "
            f"{whose}: {gap['discards'] or 'nothing discarded'}, "
            f"threads late by {gap['late'] or 'less'} ms, reference lost {gap['reference']}, "
            f"{', '.join(gap['during']) or 'no change'}"
        )
    tested = next(iter(FLOWS))
    # Socket buffers are the receiver's; datagrams behind the last that came are in no gap.
    product = sum(gap["lost"] for gap in gaps if not gap["machine"])
    product += max(0, found["flows"][tested]["sent"] - found["flows"][tested]["expected"])
    say(
        f"verdict: {'holds' if not product else 'DOES NOT HOLD'}: {product} datagrams lost by the product, "
        f"{lost[tested] - product} by the machine ({sum(lost.values()) - lost[tested]} of the reference)"
    )
    return not product
