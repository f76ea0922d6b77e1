"""What intents want, and switches that say how far they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from p4fabric.controller.compiler.delta import FabricDelta
from p4fabric.controller.compiler.output import Output, Slot
from p4fabric.controller.compiler.wanted import WantedEntities
from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.status import IntentStatus, IntentStatuses, SwitchStatusChanged
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import VlanId, VrfId
from tests.entries import plain_network

ONE, TWO, THREE = (IntentKey("Network", TenantName("acme"), name) for name in ("one", "two", "three"))
LEAF1, LEAF2 = SwitchName("leaf1"), SwitchName("leaf2")
NOON = 1_800_000_000.0
"""2027-01-15 08:00:00 UTC."""


def entry(vlan: int, vrf: int = 1) -> b.Networks:
    """An entry; its key is the VLAN id's alone."""
    return b.Networks(VlanId(vlan), plain_network(VrfId(vrf)))


def key(vlan: int) -> EntityKey:
    return entry(vlan).key


def refused(reason: str) -> Reason:
    return Reason(Code.ENTRY_REFUSED, reason)


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
    """Remembers what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[IntentKey, IntentStatus]] = []
        self.deleted: list[IntentKey] = []
        self.switches: list[SwitchStatusChanged] = []

    def status_changed(self, key: IntentKey, status: IntentStatus) -> None:
        self.told.append((key, status))

    def intent_deleted(self, key: IntentKey) -> None:
        self.deleted.append(key)

    def switch_status_changed(self, change: SwitchStatusChanged) -> None:
        self.switches.append(change)


class World:
    """Statuses, what is wanted, and a clock that stands still."""

    def __init__(self, *connected: SwitchName, listener: Listener | None = None) -> None:
        self.listener = listener or Listener()
        self.now = NOON
        self.statuses = IntentStatuses(self.listener, clock=lambda: self.now)
        self.wanted = WantedEntities()
        self.outputs: dict[Slot, Output] = {}
        self.revision = 0
        self.epochs: Counter[SwitchName] = Counter()
        """How often each switch was connected."""
        for switch in connected:
            self.connect(switch)
            self.read(switch)

    def want(
        self,
        owner: IntentKey | None,
        entries: Mapping[SwitchName, tuple[Entity, ...]],
        *notes: str,
        part: str = "itself",
    ) -> FabricDelta:
        """A part of an intent comes to something else."""
        return self.want_all(
            {
                Slot(owner, part, owner): Output(
                    entries, tuple(Reason(Code.SERVER_UNSEEN, note) for note in notes)
                )
            }
        )

    def want_all(self, outputs: Mapping[Slot, Output]) -> FabricDelta:
        self.revision += 1
        changes = [(slot, self.outputs.get(slot), output) for slot, output in outputs.items()]
        self.outputs.update(outputs)
        delta, disagreement = self.wanted.change(self.revision, changes)
        assert disagreement is None
        self.statuses.adopt(delta)
        return delta

    def apply(
        self, owner: IntentKey, entries: Mapping[SwitchName, tuple[Entity, ...]], generation: int = 1
    ) -> None:
        """A user applies an intent that comes to one part."""
        self.statuses.accept(owner, generation)
        self.want(owner, entries)

    def delete(self, owner: IntentKey) -> None:
        """A user deletes an intent."""
        self.statuses.remove(owner)
        self.want_all({slot: Output() for slot in self.outputs if slot.owner == owner})

    def connect(self, switch: SwitchName) -> None:
        """It can be written to, and was not read yet."""
        self.epochs[switch] += 1
        self.statuses.connection(switch, self.epochs[switch])

    def disconnect(self, switch: SwitchName) -> None:
        self.statuses.connection(switch, None)

    def read(self, switch: SwitchName) -> None:
        """It was read, and holds what it held before."""
        self.say(switch)

    def installed(self, switch: SwitchName, *vlans: int) -> None:
        self.say(switch, installed=[key(vlan) for vlan in vlans])

    def missing(self, switch: SwitchName, *vlans: int) -> None:
        self.say(switch, missing=[key(vlan) for vlan in vlans])

    def gone(self, switch: SwitchName, *vlans: int) -> None:
        self.say(switch, gone=[key(vlan) for vlan in vlans])

    def failed(self, switch: SwitchName, failures: Mapping[int, str]) -> None:
        self.say(switch, failures={key(vlan): refused(reason) for vlan, reason in failures.items()})

    def say(self, switch: SwitchName, **news: Any) -> None:
        """A reconciler says something that it knows by this connection."""
        self.statuses.progress(Report(switch, epoch=self.epochs[switch] or None, **news))

    def state(self, intent: IntentKey = ONE) -> str:
        return self.statuses.status_of(intent).state.value

    def reasons(self, intent: IntentKey = ONE) -> tuple[str, ...]:
        return self.statuses.status_of(intent).reasons

    def history(self, intent: IntentKey = ONE) -> list[str]:
        """The states that were announced of an intent, one by one."""
        return [status.state.value for known, status in self.listener.told if known == intent]
