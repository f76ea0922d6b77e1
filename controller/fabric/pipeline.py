"""The fabric's own pipeline, as sessions are given it."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from p4fabric.controller.core import TableLimit
from p4fabric.controller.p4runtime import Pipeline
from p4fabric.controller.targets import Target
from p4fabric.pipelines import fabric
from p4fabric.pipelines.fabric.bindings import BINDINGS

__all__ = ["SharedPipelines", "fabric_pipeline", "table_limits"]


def fabric_pipeline(target: Target) -> Pipeline:
    """The pipeline of `p4src/fabric.p4` for a switch.

    Raises:
        TargetError: the target needs something that is missing.
    """
    session = fabric.REPORT_CLONE_SESSION
    return Pipeline.of(fabric.p4info(), fabric.device_config(), target, BINDINGS, drop_session=session)


class SharedPipelines:
    """More than a megabyte each: all switches of a kind have the same one, as long as they run the same."""

    def __init__(self) -> None:
        """None is made yet."""
        self._made: dict[type[Target], tuple[bytes, Pipeline]] = {}
        self._making = Lock()

    def of(self, target: Target) -> Pipeline:
        """`fabric_pipeline`, which may be made already. From any thread.

        Raises:
            TargetError: the target needs something that is missing.
        """
        device_config = target.device_config(fabric.device_config())
        with self._making:
            made = self._made.get(type(target))
            if made is None or made[0] != device_config:
                made = self._made[type(target)] = device_config, fabric_pipeline(target)
            return made[1]


def table_limits() -> Mapping[object, TableLimit]:
    """How many entries its tables have room for, by table id."""
    tables = fabric.p4info().tables
    return {table.preamble.id: TableLimit(table.preamble.alias, table.size) for table in tables}
