from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness import PipelineUnderTest


@pytest.fixture
def switch() -> Iterator[PipelineUnderTest]:
    with PipelineUnderTest() as running:
        yield running
