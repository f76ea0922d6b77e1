"""Packets have their turn while large batches are written."""

from __future__ import annotations

import ctypes
import random
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Atomicity,
    Change,
    EncodedBatch,
    EngineOptions,
    Exact,
    Ternary,
    WriteEntry,
)
from p4fabric.softswitch.engine.encode import Encoder

FABRIC = load_config((Path(__file__).parents[3] / "pipelines" / "fabric" / "fabric.json").read_bytes())
RULES, TABLE = 8192, "FabricIngress.firewall.firewall_ipv4"


@pytest.fixture
def engine() -> Iterator[NativeEngine]:
    with open_engine(FABRIC) as engine:
        engine.add_port(1, None)
        engine.start()
        yield engine


class Rules:
    """Firewall rules of many different masks, as one batch: the engine needs tens of milliseconds.

    The words of the batch live as long as this object.
    """

    def __init__(self) -> None:
        chance, encoder = random.Random(1), Encoder(FABRIC.pipeline)
        widths = [key.bitwidth for key in FABRIC.info.tables[TABLE].key][1:]
        self._words = array("Q")
        for priority in chance.sample(range(1, RULES + 1), RULES):
            masks = [chance.choice((0, (1 << width) - 1, (1 << width) - 1 >> 1)) for width in widths]
            ternary = (Ternary(chance.getrandbits(64) & mask, mask) for mask in masks)
            match: tuple[Exact | Ternary, ...] = (Exact(1), *ternary)
            call = ActionCall("FabricIngress.firewall.allow_ipv4", ())
            self._words.extend(encoder.encode(WriteEntry(Change.INSERT, TABLE, match, call, priority)))
        address, _ = self._words.buffer_info()
        pointer = ctypes.cast(address, ctypes.POINTER(ctypes.c_uint64))
        self.batch = EncodedBatch(pointer, len(self._words), RULES)


def longest_wait(engine: NativeEngine, rules: Rules, atomicity: Atomicity) -> float:
    """Of the packets that arrive, one after the other, while a batch is written: as a share of that time."""
    took: list[float] = []

    def write() -> None:
        begin = time.monotonic()
        _, failed = engine.apply_encoded(rules.batch, atomicity)
        took.append(time.monotonic() - begin)
        assert not failed

    writing, waits = threading.Thread(target=write), [0.0]
    writing.start()
    while writing.is_alive():
        before, begin = engine.stats().ingress_packets, time.monotonic()
        assert engine.inject(1, bytes(64))
        while engine.stats().ingress_packets == before:
            assert time.monotonic() < begin + 10
        waits.append(time.monotonic() - begin)
    return max(waits) / took[0]


def test_packets_get_through_while_a_large_batch_is_written(engine: NativeEngine) -> None:
    # A machine that does something else holds up one try or another.
    tries = (longest_wait(engine, Rules(), Atomicity.CONTINUE_ON_ERROR) for _ in range(10))
    assert any(share < 0.5 for share in tries)


def test_packets_wait_for_a_batch_that_is_all_or_nothing(engine: NativeEngine) -> None:
    assert longest_wait(engine, Rules(), Atomicity.ALL_OR_NOTHING) > 0.5


def test_a_batch_is_written_at_once_while_the_clock_is_held() -> None:
    with open_engine(FABRIC, EngineOptions(clock=lambda: 0)) as engine:
        engine.add_port(1, None)
        engine.start()
        assert longest_wait(engine, Rules(), Atomicity.CONTINUE_ON_ERROR) > 0.5


def test_changes_in_quick_succession_all_come_to_an_end() -> None:
    """A change that comes while packets have their turn after another one is made when they have had it."""
    script = Path(__file__).with_name("quick_changes.py")
    done = subprocess.run([sys.executable, script], timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
