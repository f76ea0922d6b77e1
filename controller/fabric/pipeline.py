"""The fabric's own pipeline, as sessions are given it."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from p4fabric.controller.core import TableLimit
from p4fabric.controller.p4runtime import Pipeline
from p4fabric.controller.targets import Target
from p4fabric.pipelines import fabric
from p4fabric.pipelines.fabric.bindings import BINDINGS

__all__ = ["fabric_pipeline", "table_limits"]


_made: dict[type[Target], tuple[bytes, Pipeline]] = {}
_making = Lock()


def fabric_pipeline(target: Target) -> Pipeline:
    """The pipeline of `p4src/fabric.p4` for a kind of switch. From any thread.

    It is more than a megabyte, so all switches of a kind have the same one, as long as they run the same.

    Raises:
        TargetError: the target needs something that is missing.
    """
    artifact = fabric.device_config()
    device_config = target.device_config(artifact)
    with _making:
        made = _made.get(type(target))
        if made is None or made[0] != device_config:
            pipeline = Pipeline.of(fabric.p4info(), artifact, target, BINDINGS)
            made = _made[type(target)] = device_config, pipeline
        return made[1]


def table_limits() -> Mapping[object, TableLimit]:
    """How many entries its tables have room for, by table id."""
    tables = fabric.p4info().tables
    return {table.preamble.id: TableLimit(table.preamble.alias, table.size) for table in tables}
