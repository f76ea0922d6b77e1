"""Random changes over REST, and which intents there must be after them.

A change is acknowledged, or nobody knows because the controller was killed: then it was made as a whole, or
not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from p4fabric.controller.intents import parse_intent

from .bed import FabricBed

__all__ = ["Change", "Documents", "RandomChanges", "documents_in", "keyed"]

Key = tuple[str, str, str]
Documents = Mapping[Key, Any]
"""Intents as the controller writes them, by kind, tenant and name."""

_NAMES = ("bulk", "policy", "network")
"""How the names of what comes and goes begin."""
_BULK = 6
_POLICIES = 8
_PORTS = (("leaf1", 3), ("leaf1", 4), ("leaf2", 3), ("leaf2", 4))


@dataclass(frozen=True)
class Change:
    """One request, and the intents before and after it."""

    make: Callable[[FabricBed], None]
    before: Documents
    after: Documents


def keyed(*documents: Mapping[str, Any]) -> Documents:
    """Documents by key, with all defaults written out."""
    intents = [parse_intent(dict(document)) for document in documents]
    return {
        (intent.key.kind, intent.key.tenant, intent.key.name): intent.document()["spec"] for intent in intents
    }


def documents_in(bed: FabricBed) -> Documents:
    """The intents that the controller has, without those that are being deleted."""
    return {key: each["spec"] for key, each in bed.intents().items() if each["status"]["state"] != "deleting"}


class RandomChanges:
    """Makes up changes that touch no other intents, and no packet of the `Flows`."""

    def __init__(self, seed: int) -> None:
        """The same seed gives the same changes."""
        self._random = Random(seed)
        self._serial = 0

    def next(self, before: Documents) -> Change:
        """A change: some documents in one request, one document, or a deletion."""
        self._serial += 1
        mine = sorted(key for key in before if key[2].startswith(_NAMES))
        kind = self._random.random()
        if kind < 0.25 and mine:
            gone = self._random.choice(mine)
            after = {key: spec for key, spec in before.items() if key != gone}
            return Change(lambda bed: bed.delete(*gone), before, after)
        if kind < 0.5:
            documents = [self._policy(f"bulk{number}") for number in range(_BULK)]
            documents += [self._network(number) for number in range(len(_PORTS))]
        elif kind < 0.75:
            documents = [self._policy(f"policy{self._random.randrange(_POLICIES)}")]
        else:
            documents = [self._network(self._random.randrange(len(_PORTS)))]
        return Change(lambda bed: bed.apply(*documents), before, {**before, **keyed(*documents)})

    def _policy(self, name: str) -> dict[str, Any]:
        rules = [
            {
                "name": f"rule{number}",
                "action": self._random.choice(("allow", "deny")),
                "to": {"network": self._random.choice(("clients", "servers"))},
                "protocol": "udp",
                "ports": [10_000 + (7 * self._serial + number) % 40_000],
            }
            for number in range(self._random.randint(1, 6))
        ]
        spec = {"priority": self._random.randint(1, 8000), "rules": rules}
        return {"kind": "FirewallPolicy", "tenant": "acme", "name": name, "spec": spec}

    def _network(self, number: int) -> dict[str, Any]:
        switch, port = _PORTS[number]
        attachment = {
            "switch": switch,
            "port": port,
            "mac": f"02:00:01:{number:02x}:{self._serial >> 8 & 255:02x}:{self._serial & 255:02x}",
            "addresses": [f"10.{100 + number}.0.{2 + self._serial % 250}"],
        }
        spec = {
            "subnets": [f"10.{100 + number}.0.0/24"],
            "gateways": [f"10.{100 + number}.0.1"],
            "attachments": [attachment],
        }
        return {"kind": "Network", "tenant": "others", "name": f"network{number}", "spec": spec}
