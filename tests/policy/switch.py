"""The tables as a switch walks them, one write after the other, with the verdicts of given connections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from p4fabric.controller.blocks import Block
from p4fabric.controller.policy.entries import EntryKey, Verdict
from p4fabric.controller.policy.prefixes import Prefix
from p4fabric.controller.policy.rules import Action, Direction, Protocol, Tier
from p4fabric.controller.policy.writes import (
    DropAddress,
    DropEntry,
    DropPorts,
    Flip,
    PutAddress,
    PutEntry,
    PutPorts,
    Write,
)

from .oracle import Connection


class Seen(NamedTuple):
    """All that the tiers know of a packet."""

    source: int
    destination: int
    port_class: int


@lru_cache(maxsize=4096)
def number_of(address: str) -> Prefix:
    return Prefix.of(ip_address(address))


class Switch:
    def __init__(self) -> None:
        self.entries: dict[tuple[EntryKey, int | None], Verdict] = {}
        self.addresses: dict[Prefix, int] = {}
        self.ports: dict[tuple[Protocol, Block], int] = {}
        self.generation = 0

    def write(self, write: Write) -> None:
        """As P4Runtime has it: what is not there can't be deleted."""
        match write:
            case PutEntry(key, verdict, generation):
                there = self.entries.get((key, generation))
                assert there is None or there.action is verdict.action, f"{write} changes what it does"
                self.entries[key, generation] = verdict
            case DropEntry(key, generation):
                del self.entries[key, generation]
            case PutAddress(prefix, identity):
                self.addresses[prefix] = identity
            case DropAddress(prefix):
                del self.addresses[prefix]
            case PutPorts(block, port_class):
                self.ports[block.protocol, block.ports] = port_class
            case DropPorts(block):
                del self.ports[block.protocol, block.ports]
            case Flip(generation):
                self.generation = generation

    def identity(self, address: str) -> int:
        host = number_of(address)
        for length in range(host.length, -1, -1):
            if (found := self.addresses.get(host.cut(length))) is not None:
                return found
        return 0

    def port_class(self, protocol: str, port: int) -> int:
        number = Protocol.__members__.get(protocol)
        found = [(b.mask, c) for (p, b), c in self.ports.items() if p is number and b.matches(port)]
        return max(found)[1] if found else 0

    def see(self, c: Connection) -> Seen:
        return Seen(
            self.identity(c.source), self.identity(c.destination), self.port_class(c.protocol, c.port)
        )

    def accepts(self, seen: Seen) -> bool:
        return all(self._side(direction, seen) is not Action.DENY for direction in Direction)

    def _side(self, direction: Direction, seen: Seen) -> Action | None:
        for tier in Tier:
            found = self._look_up(tier, direction, seen)
            if found not in (None, Action.PASS):
                return found
        return None

    def _look_up(self, tier: Tier, direction: Direction, seen: Seen) -> Action | None:
        hits = [
            (key.priority, verdict.action)
            for (key, generation), verdict in self.entries.items()
            if key.tier is tier
            and key.direction is direction
            and generation in (None, self.generation)
            and _matches(key, seen)
        ]
        if not hits:
            return None
        best = max(priority for priority, _ in hits)
        actions = {action for priority, action in hits if priority == best}
        assert len(actions) == 1, f"undefined: {actions} at priority {best} of {tier} {direction} for {seen}"
        return actions.pop()


class Watched:
    """A switch, and what becomes of some connections after each write; only what a write touches is asked."""

    def __init__(self) -> None:
        self.switch = Switch()
        self._seen: dict[Connection, Seen] = {}
        self._alike: dict[Seen, set[Connection]] = {}
        self._verdicts: dict[Seen, bool] = {}

    def watch(self, connections: Iterable[Connection]) -> None:
        self._seen.clear()
        self._alike.clear()
        self._verdicts.clear()
        for connection in connections:
            self._look(connection)

    def accepts(self, connection: Connection) -> bool:
        return self._verdict(self._seen[connection])

    def write(self, write: Write) -> Iterator[tuple[Connection, bool]]:
        """Do it; the connections that it may concern, and what becomes of them now."""
        self.switch.write(write)
        match write:
            case PutEntry(key, _, generation) | DropEntry(key, generation):
                if generation not in (None, self.switch.generation):
                    return
                touched = [seen for seen in self._alike if _matches(key, seen)]
            case Flip():
                touched = list(self._alike)
            case PutAddress(prefix) | DropAddress(prefix):
                for c in list(self._seen):
                    if any(prefix.contains(number_of(address)) for address in (c.source, c.destination)):
                        self._look(c)
                        yield c, self._verdict(self._seen[c])
                return
            case PutPorts(block) | DropPorts(block):
                for c in list(self._seen):
                    if c.protocol == block.protocol.name and block.ports.matches(c.port):
                        self._look(c)
                        yield c, self._verdict(self._seen[c])
                return
        for seen in touched:
            self._verdicts.pop(seen, None)
        for seen in touched:
            for connection in self._alike[seen]:
                yield connection, self._verdict(seen)

    def _verdict(self, seen: Seen) -> bool:
        if seen not in self._verdicts:
            self._verdicts[seen] = self.switch.accepts(seen)
        return self._verdicts[seen]

    def _look(self, connection: Connection) -> None:
        seen, before = self.switch.see(connection), self._seen.get(connection)
        if before is not None and before != seen:
            self._alike[before].discard(connection)
            if not self._alike[before]:
                del self._alike[before]
                self._verdicts.pop(before, None)
        self._seen[connection] = seen
        self._alike.setdefault(seen, set()).add(connection)


def _matches(key: EntryKey, seen: Seen) -> bool:
    return (
        key.source.matches(seen.source)
        and key.destination.matches(seen.destination)
        and key.ports.matches(seen.port_class)
    )
