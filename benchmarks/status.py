"""What intents' statuses cost the event loop: `python -m benchmarks.status [--intents N] [--leaves N]`.

Every intent wants an entry of its own and one that it shares with others, on every leaf. Measures one
acknowledgement, one change of an intent, a leaf that goes and comes, and how long the slowest takes; with a
hundredth of the intents as well, so that what should not grow can be seen not to. Times are the thread's own,
so that other work of the machine is not in them.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from benchmarks.figures import Figure, add_option, save
from p4fabric.controller.compiler.delta import FabricDelta, SlotChange, SwitchDelta
from p4fabric.controller.compiler.output import Output, Slot
from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.reasons import Reason
from p4fabric.controller.status import IntentStatus, IntentStatuses, SwitchStatusChanged
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import MacAddress, Port, VlanId

SHARING = 100
"""Intents that want one entry together."""
ROUNDS = 500
_NOTHING = Output()


@dataclass(frozen=True)
class Report:
    """What a reconciler says."""

    switch: SwitchName
    installed: Collection[EntityKey] = ()
    missing: Collection[EntityKey] = ()
    gone: Collection[EntityKey] = ()
    failures: Mapping[EntityKey, Reason] = field(default_factory=dict)
    recovered: Collection[EntityKey] = ()
    epoch: int | None = 1


class Listener:
    """Counts what it is told."""

    def __init__(self) -> None:
        """Nothing was told."""
        self.told = 0

    def status_changed(self, key: IntentKey, status: IntentStatus) -> None:
        """An intent's status."""
        self.told += 1

    def intent_deleted(self, key: IntentKey) -> None:
        """An intent that is gone."""
        self.told += 1

    def switch_status_changed(self, change: SwitchStatusChanged) -> None:
        """A switch that came or went."""
        self.told += 1


class Fabric:
    """Intents on leaves, all of them active."""

    def __init__(self, intents: int, leaves: int) -> None:
        """Fill it."""
        self.leaves = [SwitchName(f"leaf{number}") for number in range(1, leaves + 1)]
        self.listener = Listener()
        self.statuses = IntentStatuses(self.listener)
        self.intents = [IntentKey("Network", TenantName("acme"), f"n{number}") for number in range(intents)]
        for leaf in self.leaves:
            self.statuses.connection(leaf, 1)
        entries = {}
        slots = []
        for number, intent in enumerate(self.intents):
            own, shared = entry(VlanId(1), number), entry(VlanId(2), number // SHARING)
            entries[own.key], entries[shared.key] = own, shared
            keys = (own.key, shared.key)
            slots.append(self.slot(intent, dict.fromkeys(self.leaves, keys), {}))
            self.statuses.accept(intent, 1)
        delta = FabricDelta(1, {leaf: SwitchDelta(1, entries, ()) for leaf in self.leaves}, tuple(slots))
        self.whole = delta
        self.adopted = asyncio.run(self.turns(delta))
        self.installed = asyncio.run(self.turns(*(Report(leaf, installed=entries) for leaf in self.leaves)))

    def leave(self, leaf: SwitchName) -> FabricDelta:
        """All intents are moved off a leaf."""
        slots = (self.slot(s.slot.owner, {}, {leaf: s.added[leaf]}) for s in self.whole.slots if s.slot.owner)
        return FabricDelta(
            3, {leaf: SwitchDelta(3, {}, tuple(self.whole.switches[leaf].wanted))}, tuple(slots)
        )

    async def turns(self, *said: FabricDelta | Report | SwitchName) -> list[float]:
        """Seconds of each turn of the event loop until all that was said is worked off."""
        samples: list[float] = []
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(self.statuses.run())
            start = time.thread_time()
            for each in said:
                if isinstance(each, Report):
                    self.statuses.progress(each)
                elif isinstance(each, FabricDelta):
                    self.statuses.adopt(each)
                else:
                    self.statuses.gone(each)
            while not (samples and self.statuses.is_settled):
                await asyncio.sleep(0)
                now = time.thread_time()
                samples.append(now - start)
                start = now
            work.cancel()
        return samples

    @staticmethod
    def slot(
        intent: IntentKey,
        added: Mapping[SwitchName, Collection[EntityKey]],
        removed: Mapping[SwitchName, Collection[EntityKey]],
    ) -> SlotChange:
        """A part that wants other keys than before."""
        return SlotChange(Slot(intent, "network", intent), (), (), added, removed)


def entry(vlan: VlanId, number: int) -> Entity:
    """One of many."""
    return b.Bridging(vlan, MacAddress(0x020000000000 + number), b.ToPort(Port(1)))


def seconds(step: Callable[[int], object], rounds: int = ROUNDS) -> list[float]:
    """How long each of some calls takes, which are told their numbers."""
    samples = []
    for number in range(rounds):
        start = time.thread_time()
        step(number)
        samples.append(time.thread_time() - start)
    return samples


def measure(intents: int, leaves: int) -> dict[str, list[float]]:
    """Seconds of each thing that is measured."""
    fabric = Fabric(intents, leaves)
    statuses, leaf = fabric.statuses, fabric.leaves[0]
    own = [entry(VlanId(1), number).key for number in range(min(intents, ROUNDS))]
    new = [entry(VlanId(3), number) for number in range(min(intents, ROUNDS))]

    def some(number: int) -> int:
        return number % len(own)

    def missing(number: int) -> None:
        statuses.progress(Report(leaf, missing=[own[some(number)]]))

    def installed(number: int) -> None:
        statuses.progress(Report(leaf, installed=[own[some(number)]]))

    def shared(number: int) -> None:
        key = entry(VlanId(2), number % max(1, intents // SHARING)).key
        statuses.progress(Report(leaf, missing=[key]))
        statuses.progress(Report(leaf, installed=[key]))

    def change(number: int) -> None:
        if number < len(new):
            added = new[number]
            delta = SwitchDelta(2, {added.key: added}, ())
            keys = dict.fromkeys(fabric.leaves, (added.key,))
            slot = Fabric.slot(fabric.intents[number], keys, {})
            statuses.adopt(FabricDelta(2, dict.fromkeys(fabric.leaves, delta), (slot,)))

    def flap(number: int) -> None:
        statuses.connection(leaf, 1 if number % 2 else None)

    asyncio.run(fabric.turns(Report(leaf, missing=own)))
    for name, samples in (("all adopted", fabric.adopted), ("all installed", fabric.installed)):
        print(f"{intents} intents, {name}: {sum(samples):.2f} s in {len(samples)} turns of the loop")
    found = {"a turn while all are adopted": fabric.adopted, "a turn while all install": fabric.installed}
    found["acknowledgement"] = seconds(installed)
    found["missing"] = seconds(missing)
    asyncio.run(fabric.turns(Report(leaf, installed=own)))
    found[f"entry of {SHARING} intents missing and installed"] = seconds(shared, 50)
    found["change"] = seconds(change)
    found["leaf goes or comes"] = seconds(flap)
    found["status asked for"] = seconds(lambda number: statuses.status_of(fabric.intents[some(number)]))
    found["all counted by state"] = seconds(lambda number: statuses.by_state(), 20)
    assert statuses.is_settled
    statuses.connection(leaf, None)
    print(f"{intents} intents leave a leaf that is away")
    asyncio.run(fabric.turns(fabric.leave(leaf)))
    found["a turn while the leaf is declared gone"] = asyncio.run(fabric.turns(leaf))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--intents", type=int, default=50_000)
    parser.add_argument("--leaves", type=int, default=10)
    add_option(parser)
    options = parser.parse_args()
    few = measure(max(1, options.intents // 100), options.leaves)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    many = measure(options.intents, options.leaves)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{options.intents} intents on {options.leaves} leaves take {grown:.0f} MiB")
    figures = []
    for name, samples in many.items():
        median, most = statistics.median(samples), max(samples)
        growth = median / statistics.median(few[name])
        p99 = sorted(samples)[len(samples) * 99 // 100]
        print(
            f"{name}: median {1e6 * median:,.1f} us, p99 {1e6 * p99:,.1f} us, "
            f"most {1e6 * most:,.1f} us; {growth:.2f} times that of {options.intents // 100}"
        )
        microseconds = [1e6 * sample for sample in samples]
        title = f"{name}, {options.intents} intents"
        figures.append(
            Figure(f"status.{name.replace(' ', '_')}", title, "us", microseconds, less_is_better=True)
        )
    save(options.figures, figures)


if __name__ == "__main__":
    main()
