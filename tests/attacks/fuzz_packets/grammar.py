"""Cases: a kind of packet, and what is changed about it.

A case is seeds: one of the packet and one of each mutation, so that it can be made again without some.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from tests.attacks.fuzz_packets import mutations, senders
from tests.attacks.fuzz_packets.fabric import World
from tests.attacks.fuzz_packets.packets import Frame
from tests.attacks.fuzz_packets.places import Cast, Speaker

__all__ = ["Case", "Grammar"]

Sender = Callable[[Random, Cast, Speaker], Frame]

KINDS: dict[str, tuple[Sender, int, dict[str, int]]] = {
    # The kind, its share, and mutations that are likelier than usual with it.
    "ipv4 bridged": (senders.ipv4_bridged, 12, {}),
    "ipv4 routed": (senders.ipv4_routed, 18, {}),
    "ipv6 bridged": (senders.ipv6_bridged, 12, {}),
    "ipv6 routed": (senders.ipv6_routed, 16, {}),
    "arp": (senders.arp, 8, {"arp": 60, "source": 20}),
    "neighbor": (senders.neighbor, 12, {"neighbor": 80}),
    "service": (senders.service, 8, {"later_fragment": 20, "sport": 10}),
    "downlink": (senders.downlink, 4, {}),
    "uplink": (senders.uplink, 10, {"gtp": 40, "tunnel": 10}),
    "dhcp": (senders.dhcp, 3, {}),
    "multicast": (senders.multicast, 4, {}),
    "other": (senders.other, 3, {}),
    "from the fabric": (senders.from_fabric, 4, {}),
}
FABRICS_OWN = (
    "dport",
    "sport",
    "flags",
    "padding",
    "first_fragment",
    "later_fragment",
    "extension",
    "options",
)
"""What is changed about packets that another leaf let in: nothing that it would not have let in."""
TYPES = tuple(KINDS)
SHARES = [share for _, share, _ in KINDS.values()]


def _weights(kind: str) -> list[int]:
    likelier = KINDS[kind][2]
    if kind == "from the fabric":
        return [int(name in FABRICS_OWN) for name in mutations.NAMES]
    return [likelier.get(name, usual) for name, usual in zip(mutations.NAMES, mutations.WEIGHTS, strict=True)]


WEIGHTS = {kind: _weights(kind) for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Case:
    """What a frame is made of."""

    kind: str
    seed: int
    mutations: tuple[tuple[str, int], ...]

    def without(self, index: int) -> Case:
        """One mutation less."""
        return replace(self, mutations=self.mutations[:index] + self.mutations[index + 1 :])


class Grammar:
    """Cases of one world."""

    def __init__(self, world: World, vlans: dict[str, int], seed: int) -> None:
        self._random = Random(seed)
        self._cast = Cast(world, vlans)

    def case(self) -> Case:
        """The next one: mostly one or two mutations."""
        random = self._random
        kind = random.choices(TYPES, SHARES)[0]
        count = random.choices((0, 1, 2, 3, 5), (20, 45, 25, 8, 2))[0]
        names = random.choices(mutations.NAMES, WEIGHTS[kind], k=count)
        return Case(kind, random.getrandbits(48), tuple((name, random.getrandbits(32)) for name in names))

    def build(self, case: Case) -> Frame:
        """Its frame."""
        random = Random(case.seed)
        speaker = self._cast.gnb(random) if case.kind == "uplink" else self._cast.speaker(random)
        frame = KINDS[case.kind][0](random, self._cast, speaker)
        for name, seed in case.mutations:
            mutations.ALL[name](Random(seed), self._cast, frame)
        return frame
