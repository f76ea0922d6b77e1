"""What is to be written to switches for one change, as phases.

Within a phase, writes may go in any order, one by one or together; a phase begins when all switches have
acknowledged the one before. At every moment, a pair of endpoints whose verdict is the same before and after a
change of one object has that verdict, and any other pair has the old or the new one:

* What is told apart changes without any change of verdicts: entries for new numbers first, then what
  addresses and ports map to, then the entries of old numbers go.
* Rules change behind a bit, the generation: new entries are written for the other generation, which nobody
  sees; old ones are narrowed to this one; the bit flips, for all packets of a switch at once; the old ones
  go, and the new ones are widened to any generation. No order of single entries would do: while egress
  closes for a pair and opens for another, ingress may do the reverse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from p4fabric.controller.policy.entries import EntryChange, EntryKey, Verdict
from p4fabric.controller.policy.port_classes import PortBlock
from p4fabric.controller.policy.prefixes import Prefix

__all__ = [
    "DropAddress",
    "DropEntry",
    "DropPorts",
    "Flip",
    "Phase",
    "PutAddress",
    "PutEntry",
    "PutPorts",
    "Write",
    "by_generation",
    "in_place",
    "phases",
]


@dataclass(frozen=True, slots=True)
class PutEntry:
    """An entry of a tier: insert it, or let it count for another rule."""

    key: EntryKey
    verdict: Verdict
    generation: int | None
    """The only generation in which it is seen; None: any."""


@dataclass(frozen=True, slots=True)
class DropEntry:
    """Such an entry goes."""

    key: EntryKey
    generation: int | None


@dataclass(frozen=True, slots=True)
class PutAddress:
    """Who is at an address, or within a prefix, as source and as destination; insert or modify."""

    prefix: Prefix
    identity: int


@dataclass(frozen=True, slots=True)
class DropAddress:
    """It is as the prefix around it."""

    prefix: Prefix


@dataclass(frozen=True, slots=True)
class PutPorts:
    """The class of a block of ports; of blocks that match, the longest mask wins. Insert or modify."""

    block: PortBlock
    port_class: int


@dataclass(frozen=True, slots=True)
class DropPorts:
    """They are as the block around them."""

    block: PortBlock


@dataclass(frozen=True, slots=True)
class Flip:
    """The generation that packets see."""

    generation: int


Write = PutEntry | DropEntry | PutAddress | DropAddress | PutPorts | DropPorts | Flip


@dataclass(frozen=True, slots=True)
class Phase:
    """Writes that are all acknowledged before the next phase begins."""

    writes: tuple[Write, ...]


def phases(*writes: Iterable[Write]) -> Iterator[Phase]:
    """Those that there is something to write in."""
    for found in map(tuple, writes):
        if found:
            yield Phase(found)


def in_place(changes: Sequence[EntryChange]) -> Iterator[Phase]:
    """Other entries that mean the same for all who are there."""
    gone = [DropEntry(key, None) for key, _, now in changes if now is None]
    yield from phases((PutEntry(key, now, None) for key, _, now in changes if now is not None), gone)


def by_generation(changes: Sequence[EntryChange], generation: int) -> Iterator[Phase]:
    """Other rules, seen all at once.

    Args:
        changes: of entries.
        generation: the one that packets see now.
    """
    gone: list[tuple[EntryKey, Verdict]] = []
    come: list[tuple[EntryKey, Verdict]] = []
    renamed: list[PutEntry] = []
    for key, before, now in changes:
        if before is not None and now is not None and before.action is now.action:
            renamed.append(PutEntry(key, now, None))
            continue
        if before is not None:
            gone.append((key, before))
        if now is not None:
            come.append((key, now))
    other = 1 - generation
    if not gone and not come:
        yield from phases(renamed)
        return
    yield from phases(
        (
            *renamed,
            *(PutEntry(key, verdict, generation) for key, verdict in gone),
            *(PutEntry(key, verdict, other) for key, verdict in come),
        ),
        (DropEntry(key, None) for key, _ in gone),
        (Flip(other),),
        (
            *(DropEntry(key, generation) for key, _ in gone),
            *(PutEntry(key, verdict, None) for key, verdict in come),
        ),
        (DropEntry(key, other) for key, _ in come),
    )
