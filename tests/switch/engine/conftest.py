from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from p4fabric.softswitch.engine import LoadedConfig, NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import ActionCall, Change, Exact, WriteEntry

PROGRAMS = Path(__file__).parent / "programs"


def program(name: str) -> LoadedConfig:
    """One of our own P4 programs, compiled."""
    return load_config((PROGRAMS / f"{name}.json").read_bytes())


@pytest.fixture
def constructs() -> Iterator[NativeEngine]:
    """constructs.p4 with memory ports 1 to 4; what arrives on port 1 leaves by port 2."""
    with open_engine(program("constructs")) as engine:
        for port in (1, 2, 3, 4):
            engine.add_port(port, None)
        call = ActionCall("In.send", (2,))
        (outcome,) = engine.apply([WriteEntry(Change.INSERT, "In.ports", (Exact(1),), call)])
        assert not outcome.status, outcome
        engine.start()
        yield engine
