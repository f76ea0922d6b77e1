"""Two nodes for all tests of a module: to start them takes longest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .bed import Bed, bed


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    # A Unix socket's path is short.
    with bed(Path(tmp_path_factory.mktemp("n"))) as found:
        yield found
