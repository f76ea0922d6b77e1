"""How the fabric is, for whoever asks, and as an event when that changes.

How much can fail is worked out beside the event loop, and kept until links change. Events are damped: what
comes and goes within a moment is none, and what keeps changing is told of every few seconds. This module
does not know how a fact was found out or what a status is made of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from p4fabric.controller.severity import Finding, Problem, Severity
from p4fabric.controller.status.fabric_status import NO_LINKS, FabricFacts, FabricStatus, fabric_status
from p4fabric.controller.telemetry.events import FabricStatusChanged
from p4fabric.controller.topology.redundancy import Redundancy
from p4fabric.controller.topology.service import LinksKnown

__all__ = ["StatusService"]

SETTLING = 1.0
"""Seconds without a change before anybody is told."""
LONGEST = 5.0
"""Seconds until somebody is told although changes go on; also after the start, while all is coming up."""
_MOST_TOLD = 20

_COUNTING = frozenset(
    {
        Problem.SWITCH_DISCONNECTED,
        Problem.SWITCH_HELD,
        Problem.SWITCH_FAILING,
        Problem.CHANGES_FAILING,
        Problem.UNKNOWN_ENTRIES,
        Problem.ENTRIES_LEFT_ALONE,
        Problem.DRAINED,
        Problem.NUMBERS_KEPT,
        Problem.STORE_FAILING,
    }
)
"""Their texts hold figures or messages that change while the problem stays the same."""


class StatusService:
    """Say `changed` when something changes; `run` it in a TaskGroup to have it told."""

    def __init__(
        self,
        links: Callable[[], LinksKnown],
        facts: Callable[[Redundancy], FabricFacts],
        publish: Callable[[FabricStatusChanged], None],
        *,
        beside: Callable[[Callable[[], Redundancy]], Awaitable[Redundancy]] = asyncio.to_thread,
    ) -> None:
        """Make it.

        Args:
            links: those that are up and expected now.
            facts: all that is known now, with what the links come to.
            publish: told when the status changes in a way that matters.
            beside: does beside the event loop what takes long.
        """
        self._links, self._facts, self._publish = links, facts, publish
        self._beside = beside
        self._changed = asyncio.Event()
        self._changed_at = 0.0
        self._looking = asyncio.Lock()
        self._known: LinksKnown | None = None
        self._redundancy = NO_LINKS
        self._severity = Severity.OK
        self._told: Mapping[object, Finding] = {}

    def changed(self) -> None:
        """Something that a status depends on may be different now. Costs nothing."""
        self._changed_at = asyncio.get_running_loop().time()
        self._changed.set()

    async def status(self) -> FabricStatus:
        """How the fabric is now."""
        await self.links()
        return self.latest()

    async def links(self) -> Redundancy:
        """What its links come to now."""
        async with self._looking:
            known = self._links()
            if known != self._known:
                self._redundancy = await self._beside(known.redundancy)
                self._known = known
            return self._redundancy

    def latest(self) -> FabricStatus:
        """How the fabric is now, with links as they were looked at last."""
        return fabric_status(self._facts(self._redundancy))

    async def run(self) -> None:
        """Tell of changes, for ever. Ends by cancellation only."""
        await asyncio.sleep(LONGEST)
        while True:
            self._changed.clear()
            self._tell(await self.status())
            await self._changed.wait()
            await self._settle()

    async def _settle(self) -> None:
        """Wait until nothing changes any more, or for as long as anybody should wait."""
        now = asyncio.get_running_loop().time
        longest = now() + LONGEST
        while (left := min(self._changed_at + SETTLING, longest) - now()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)

    def _tell(self, status: FabricStatus) -> None:
        found = {_identity(finding): finding for finding in status.findings}
        new = _worst(finding for identity, finding in found.items() if identity not in self._told)
        over = _worst(finding for identity, finding in self._told.items() if identity not in found)
        before, self._severity, self._told = self._severity, status.severity, found
        if new or over or before is not status.severity:
            self._publish(FabricStatusChanged(status.severity, before, new, over))


def _identity(finding: Finding) -> object:
    text = "" if finding.problem in _COUNTING else finding.text
    return finding.severity, finding.problem, finding.about, text


def _worst(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst of them; there may be as many as there are switches."""
    return tuple(sorted(findings, key=lambda finding: -finding.severity.rank)[:_MOST_TOLD])
