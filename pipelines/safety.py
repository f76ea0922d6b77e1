"""What a pipeline says about the order in which its entries may be written.

A reconciler knows no table. It asks these rules what must stand before what, which entries close and which
open, and which entry of a table a switch looks at first. Values and one protocol; nothing here knows a
pipeline.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol

from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["Number", "Precedence", "SafetyRules", "Scope"]

Scope = tuple[str, int]
"""What traffic is opened or closed by: ("vlan", 100), ("vrf", 3), ("port", 7)."""
Number = tuple[str, int]
"""A number of a pool that entries mention: ("vlan", 100), ("tunnel-peer", 4)."""


@dataclass(frozen=True, slots=True)
class Precedence:
    """The place of an entry among those of its table that the same packet can match."""

    scope: Hashable
    """The table and its exact-match fields: entries of other scopes never match the same packet."""
    rank: int
    """Entries of a higher rank are looked at first: the priority, or the length of the prefix."""
    verdict: Hashable
    """What happens to a packet: entries with the same verdict may come and go in any order."""
    first: int | None = None
    last: int | None = None
    """The values that a prefix covers, both included. None: the entry may overlap with any of its scope."""


class SafetyRules(Protocol):
    """A pipeline's. All answers depend on the entity only, and are asked often."""

    def references(self, entity: Entity) -> Iterable[EntityKey]:
        """The keys that an entity names: they stand before it, and go after it."""

    def protects(self, entity: Entity) -> Iterable[Scope]:
        """The scopes that an entry closes in part (a deny, a source binding, a route that drops, a gateway).

        A port that is open for a link is of the scope ("link", port): what leads over the link waits for it.
        """

    def opens(self, entity: Entity) -> Iterable[Scope]:
        """The scopes whose traffic an entry lets in or out."""

    def overrides(self, entity: Entity) -> Iterable[Scope]:
        """The scopes in which an entry keeps protectors from acting (an allow before denies).

        Until it is gone, they do not stand: its delete counts as a protector that is pending. Where it is
        new, they stand no longer: it is written after what is to go of these scopes.
        """

    def network_of(self, entity: Entity) -> EntityKey | None:
        """The key of the network that a port, a source or a gateway is of; None: of no network.

        What an entry opens, it opens in the scopes of its network, too.
        """

    def admits(self, old: Entity | None, new: Entity | None, network: Entity) -> Iterable[Scope]:
        """The scopes that a sender may enter when an entry replaces another one; None stands for no entry.

        What protects such a scope need stand, and what led on in it before need be gone, on the same switch
        only: the sender is there.
        """

    def leads(self, entity: Entity) -> Iterable[Scope]:
        """The scopes in which an entry leads traffic on that this switch judged: a route behind a firewall.

        What protects such a scope need stand on the same switch only.
        """

    def behind(self, entity: Entity) -> Iterable[EntityKey]:
        """The keys of what may decide in the place of an entry that leads traffic on, or nowhere.

        When the entry is gone, the first of them that a switch holds does so.
        """

    def reaches(self, entity: Entity) -> Iterable[int]:
        """The ports that a group sends to: one that it did not send to before is to be open at both ends."""

    def is_path(self, entity: Entity) -> bool:
        """Whether an entry is a group of next hops: what it sends goes on by the entries of the same key."""

    def part_of_tree(self, entity: Entity, ports: Container[int]) -> Entity | None:
        """A flood group with those of its ports only that are among some; None: it is no flood group.

        The groups of one key are a tree: while it changes, no old branch may stand beside a new one.
        """

    def directs(self, entity: Entity) -> bool:
        """Whether an entry decides to which switches packets go on, or whether its switch carries them."""

    def numbers(self, entity: Entity) -> Iterable[Number]:
        """The numbers that an entity mentions: they must not be given to others while it stands."""

    def precedence(self, entity: Entity) -> Precedence | None:
        """Where an entry of a table with priorities or prefixes stands; None: it is alone with its key."""
