"""A compiler on PATH that is no real one, and an empty cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.p4c_stand_in import StandIn


@pytest.fixture
def p4c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The only compiler there is."""
    stand_in = StandIn(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(stand_in.folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("P4C", raising=False)
    return stand_in
