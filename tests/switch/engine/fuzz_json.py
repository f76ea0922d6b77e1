"""Breaks a program's JSON at random, and runs what is not refused: python -m tests.switch.engine.fuzz_json
JSON SECONDS SEED, under sanitizers."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path

from p4fabric.softswitch.engine import load_config, open_engine
from p4fabric.softswitch.engine.api import Atomicity, BuildError, EngineOptions, PipelineError

from .fuzz import PORTS, frame_of, operation_of
from .test_engine_hostile import break_it

ROUNDS = 20


def run(text: str, chance: random.Random, cache: Path) -> bool:
    """Whether a broken program ran; a program that C cannot express is refused, too."""
    document = json.loads(text)
    for _ in range(chance.choice((1, 2, 3))):
        break_it(chance, document)
    try:
        config = load_config(json.dumps(document).encode())
        with open_engine(config, EngineOptions(sanitize=True, cache_directory=cache)) as engine:
            for port in PORTS:
                engine.add_port(port, None)
            engine.start()
            for _ in range(ROUNDS):
                if engine.info.tables:
                    batch = [operation_of(chance, engine) for _ in range(10)]
                    engine.apply(batch, chance.choice(tuple(Atomicity)))
                for _ in range(30):
                    engine.inject(chance.choice(PORTS), frame_of(chance)[:9216])
                engine.collect(0.02)
                engine.drain()
    except (PipelineError, BuildError):
        return False
    return True


def main() -> None:
    """Keep going for the time given."""
    text, chance = Path(sys.argv[1]).read_text(), random.Random(int(sys.argv[3]))
    until, tried, ran = time.monotonic() + float(sys.argv[2]), 0, 0
    with tempfile.TemporaryDirectory() as cache:
        while time.monotonic() < until:
            tried += 1
            ran += run(text, chance, Path(cache))
    print(f"{tried} programs, of which {ran} ran")


if __name__ == "__main__":
    main()
