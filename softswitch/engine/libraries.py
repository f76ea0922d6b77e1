"""The native code of a program, as this process wants it: plain, or such that counts what packets come by."""

from __future__ import annotations

from pathlib import Path

from p4fabric.softswitch.engine.build import Builder
from p4fabric.softswitch.engine.coverage import recorder
from p4fabric.softswitch.engine.generate import generate
from p4fabric.softswitch.engine.load import LoadedConfig


def library_of(config: LoadedConfig, builder: Builder, *, traced: bool = False) -> Path:
    """Built unless the cache has it; `BuildError`."""
    counting = recorder()
    covered = counting is not None
    library = builder.pipeline(
        config.digest,
        lambda: generate(config.pipeline, traced=traced, covered=covered),
        traced=traced,
        covered=covered,
    )
    if counting is not None:
        counting.follow(config, library)
    return library
