"""One round of each part of the fuzzer: a seed gives the same requests again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

from tests.api_fuzz.described import Described
from tests.api_fuzz.odd_requests import Requests
from tests.api_fuzz.wire import Nonsense, exchange, send_nonsense, watch
from tests.api_fuzz.world import ROLES, Fault, Fuzzed

__all__ = ["PARTS", "described", "requests", "wire"]


def described(fuzzed: Fuzzed, seed: int, examples: int = 4, sequences: int = 8, steps: int = 12) -> None:
    """Each operation as the operator and as somebody else, and sequences of them.

    Raises:
        Fault: an answer is one.
    """
    made = Described(fuzzed)
    made.each_operation(seed, examples)
    made.each_operation(seed, 1, ROLES[1 + seed % (len(ROLES) - 1)])
    made.sequences(seed, sequences, steps)


def requests(fuzzed: Fuzzed, seed: int, count: int = 1000) -> None:
    """Odd requests.

    Raises:
        Fault: an answer is one.
    """
    made = Requests(seed, fuzzed.content)
    for number in range(count):
        request = made.next()
        try:
            answer = exchange(fuzzed, request)
        except (Fault, ValueError, OSError) as fault:
            raise Fault(f"request {number}: {request}: {fault!r}") from fault
        if answer.status == 200 and answer.kind == "application/json" and answer.body:
            made.learn(request, json.loads(answer.body))


def wire(fuzzed: Fuzzed, seed: int, count: int = 300, streams: int = 20) -> None:
    """What is nearly HTTP, and streams.

    Raises:
        Fault: an answer is one.
    """
    nonsense, chance = Nonsense(seed), random.Random(seed)
    for _ in range(count):
        send_nonsense(fuzzed, nonsense)
    for _ in range(streams):
        watch(fuzzed, chance)


PARTS: Mapping[str, Callable[[Fuzzed, int], None]] = {
    "described": described,
    "requests": requests,
    "wire": wire,
}
"""By name."""
