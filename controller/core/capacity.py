"""Checks whether the entries that intents need fit the switches' tables.

Old entries stand until their replacements do, so a change needs room for both. This module does not know
what a table is for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from p4fabric.controller.compiler.delta import FabricDelta, SlotChange
from p4fabric.controller.compiler.wanted import WantedEntities
from p4fabric.controller.intents import FieldError
from p4fabric.controller.names import SwitchName, TenantName
from p4fabric.controller.reasons import Code

__all__ = ["Capacity", "Shortage", "TableLimit", "TableRoom", "TableShare"]


@dataclass(frozen=True, slots=True)
class TableLimit:
    """How many entries a table has room for (`size` in P4Info)."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class TableRoom:
    """How many entries one switch should hold of a table before and after a change."""

    switch: SwitchName
    table: object
    """The first element of its entries' keys."""
    before: int
    after: int
    peak: int
    """While old entries stand until new ones do."""
    size: int | None
    """What the table has room for; None where the pipeline does not say."""


@dataclass(frozen=True, slots=True)
class TableShare:
    """How many entries of a table one tenant's intents want on one switch before and after a change."""

    switch: SwitchName
    table: object
    tenant: TenantName
    before: int
    after: int
    size: int
    """What the tenant may have."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why a change does not fit."""

    code: Code
    """NO_ROOM: all that is wanted together; SHARE_USED: what one tenant wants."""
    message: str
    """It names switch, table, room and need."""
    for_tenant: str | None = None
    """The same without the switch, which a tenant may not see."""

    def error(self, field: str, value: object) -> FieldError:
        """The refusal."""
        return FieldError(field, value, self.message, self.code, for_tenant=self.for_tenant)


class Capacity:
    """The limits of the fabric's pipeline; one tenant may have a share of each table only."""

    def __init__(self, limits: Mapping[object, TableLimit], tenant_share: float = 1.0) -> None:
        """Take the limits.

        Args:
            limits: by table id, the first element of an entry's key.
            tenant_share: of a table's size, for one tenant; above 0 up to 1.
        """
        self._limits, self._share = limits, tenant_share

    def shortages(self, wanted: WantedEntities, delta: FabricDelta) -> Iterator[Shortage]:
        """Why a change does not fit, after it was made."""
        added: Counter[tuple[SwitchName, object]] = Counter()
        removed: Counter[tuple[SwitchName, object]] = Counter()
        tenants: Counter[tuple[SwitchName, object, TenantName]] = Counter()
        for change in delta.slots if self._share < 1.0 else ():
            if change.owner is None:
                continue
            for switch, keys in change.added.items():
                tenants.update((switch, key[0], change.owner.tenant) for key in keys)
        for switch, changed in delta.switches.items():
            removed.update((switch, key[0]) for key in changed.unwanted)
            added.update((switch, key[0]) for key in changed.wanted)
        for (switch, table), count in sorted(added.items(), key=str):
            limit = self._limits.get(table)
            if limit is None:
                continue
            standing = wanted.table_sizes[switch, table] + removed[switch, table]
            if standing > limit.size:
                need = standing - limit.size
                yield Shortage(
                    Code.NO_ROOM,
                    f"{switch} has no room for {need} of the entries that {limit.name} needs: it has "
                    f"{limit.size}, and old ones stand until new ones do ({count} to write)",
                )
        for (switch, table, tenant), count in sorted(tenants.items(), key=str):
            limit = self._limits.get(table)
            if limit is None:
                continue
            most = self._most(limit)
            if wanted.tenant_sizes[switch, table, tenant] > most:
                may = f"tenant {tenant} may have {most} of the {limit.size} entries of {limit.name} on"
                wants = f"would need {wanted.tenant_sizes[switch, table, tenant]} ({count} new)"
                yield Shortage(
                    Code.SHARE_USED, f"{may} {switch}, and {wants}", f"{may} one switch, and {wants}"
                )

    def shares(self, wanted: WantedEntities, slots: Iterable[SlotChange]) -> list[TableShare]:
        """Room in tenants' shares for a change that is not made; nothing where tenants have no shares.

        Args:
            wanted: what is wanted without it.
            slots: what the change is to those who want entries.
        """
        changed: Counter[tuple[SwitchName, object, TenantName]] = Counter()
        for slot in slots if self._share < 1.0 else ():
            if slot.owner is None:
                continue
            for by, switches in ((1, slot.added), (-1, slot.removed)):
                for switch, keys in switches.items():
                    for key in keys:
                        changed[switch, key[0], slot.owner.tenant] += by
        found = []
        for (switch, table, tenant), by in changed.items():
            limit, before = self._limits.get(table), wanted.tenant_sizes[switch, table, tenant]
            if limit is not None:
                found.append(TableShare(switch, table, tenant, before, before + by, self._most(limit)))
        return sorted(found, key=lambda one: (one.switch, str(one.table), one.tenant))

    def _most(self, limit: TableLimit) -> int:
        """How many entries of a table one tenant may have."""
        return int(limit.size * self._share)

    def rooms(
        self,
        wanted: WantedEntities,
        switch: SwitchName,
        added: Mapping[object, int],
        removed: Mapping[object, int],
        tables: Collection[object],
    ) -> list[TableRoom]:
        """Room in tables of a switch for a change that is not made.

        Args:
            wanted: what is wanted without it.
            switch: which one.
            added: entries that it adds, by table.
            removed: entries that it removes, by table.
            tables: the tables to tell of.
        """
        found = []
        for table in sorted(tables, key=str):
            before, limit = wanted.table_sizes[switch, table], self._limits.get(table)
            peak = before + added.get(table, 0)
            after = peak - removed.get(table, 0)
            found.append(TableRoom(switch, table, before, after, peak, limit.size if limit else None))
        return found
