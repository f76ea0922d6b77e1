"""One switch, for as long as the controller runs: connected, or on the way to be.

This module knows the life of a connection. It must never know what entries mean.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from controller.names import SwitchName
from controller.p4runtime.channel import Endpoint
from controller.p4runtime.pipeline import Pipeline
from controller.p4runtime.read import ReadResult
from controller.p4runtime.state import SessionListener, SessionState
from controller.p4runtime.update import Update, UpdateError
from controller.targets.target import Target
from pipelines.entities import Counter, EntityKey, TableEntry
from pipelines.values import Port


class SwitchSession:
    """A P4Runtime session that keeps itself alive: `run` it in a TaskGroup.

    The pipeline is pushed only if the switch's cookie is another one. All requests raise
    `SwitchUnavailable`, `NotPrimary` or `PipelineLost` where the state does not allow them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        target: Target,
        pipeline: Pipeline,
        listener: SessionListener,
        *,
        election_id: int,
    ) -> None:
        """Make the session; nothing is sent before `run`."""
        raise NotImplementedError

    @property
    def name(self) -> SwitchName:
        """The switch's name."""
        raise NotImplementedError

    @property
    def state(self) -> SessionState:
        """How it stands now."""
        raise NotImplementedError

    async def wait_until(self, wanted: Callable[[SessionState], bool]) -> SessionState:
        """Wait until the state is as wanted; at once if it is already."""
        raise NotImplementedError

    async def run(self) -> None:
        """Connect, arbitrate, push the pipeline, listen; again after every failure. Ends by cancellation only."""
        raise NotImplementedError

    async def write(self, updates: Sequence[Update]) -> list[UpdateError]:
        """Write, in batches of which several are on the way at once; the errors of single updates are returned."""
        raise NotImplementedError

    async def read(self) -> ReadResult:
        """Read everything that the controller may have written: entries, groups, clone sessions, digests."""
        raise NotImplementedError

    async def read_counters(self, entries: Collection[TableEntry]) -> Mapping[EntityKey, Counter]:
        """The direct counters of entries; those that the switch does not have are left out."""
        raise NotImplementedError

    async def packet_out(self, port: Port, frame: bytes) -> None:
        """Send a frame out of a port."""
        raise NotImplementedError
