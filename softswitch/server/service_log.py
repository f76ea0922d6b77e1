"""What the P4Runtime service logs: clients, elections, pipelines, and what it refuses.

Knows how each is said, and bounds each kind; must not know how anything is done.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from finsy.proto import p4r

from p4fabric.softswitch.server.errors import Code, Refusal, Result
from p4fabric.softswitch.server.logs import BoundedLog
from p4fabric.softswitch.server.pipeline import Forwarding
from p4fabric.softswitch.server.stream import ClientStream

_log = logging.getLogger(__name__)
MOST_LINES = 60
"""Of clients, elections and pipelines, each in `logs.PERIOD`."""
MOST_REFUSALS = 20
"""Of refused writes, in `logs.PERIOD`."""


class ServiceLog:
    """One switch's; all of it at level info."""

    def __init__(self) -> None:
        self._clients = BoundedLog(_log, MOST_LINES)
        self._elections = BoundedLog(_log, MOST_LINES)
        self._pipelines = BoundedLog(_log, MOST_LINES)
        self._refusals = BoundedLog(_log, MOST_REFUSALS)

    def connected(self, stream: ClientStream) -> None:
        """A client has opened its stream."""
        self._clients.info("client %s: connected", stream.peer)

    def left(self, stream: ClientStream, *, was_primary: bool) -> None:
        """A client's stream has ended."""
        gone = ", the primary" if was_primary else ""
        self._clients.info("client %s: disconnected%s%s", stream.peer, gone, _role(stream))

    def elected(self, stream: ClientStream | None) -> None:
        """A client has become primary."""
        if stream is not None:
            number = stream.client.election_id
            self._elections.info("client %s: primary%s, election id %s", stream.peer, _role(stream), number)

    def deposed(self, stream: ClientStream | None) -> None:
        """A client has ceased to be primary, and is still there."""
        if stream is not None:
            self._elections.info("client %s: no longer primary%s", stream.peer, _role(stream))

    def pushed(
        self, peer: str, request: p4r.SetForwardingPipelineConfigRequest, current: Forwarding | None
    ) -> None:
        """A pipeline was pushed, saved or committed."""
        action = request.Action.Name(request.action)
        said = _described(current) if current is not None and request.action != request.VERIFY else ""
        self._pipelines.info("client %s: %s%s", peer, action, said)

    def loaded(self, forwarding: Forwarding) -> None:
        """The operator's own pipeline runs."""
        self._pipelines.info("the pipeline that was given runs%s", _described(forwarding))

    def push_refused(self, peer: str, refusal: Refusal) -> None:
        """A pipeline was refused."""
        self._pipelines.info("client %s: pipeline refused: %s: %s", peer, refusal.code.name, refusal.text)

    def write_refused(self, peer: str, refusal: Refusal) -> None:
        """A whole request was refused."""
        self._refusals.info("client %s: write refused: %s: %s", peer, refusal.code.name, refusal.text)

    def updates_refused(self, peer: str, results: Sequence[Result]) -> None:
        """Some updates of a request were refused; the first of them is told."""
        refused = [(at, one) for at, one in enumerate(results, 1) if one is not None]
        own = [(at, one) for at, one in refused if one.code is not Code.ABORTED] or refused
        place, first = own[0]
        self._refusals.info(
            "client %s: %s of %s updates refused; update %s: %s: %s",
            *(peer, len(own), len(results), place, first.code.name, first.text),
        )


def _role(stream: ClientStream) -> str:
    return f" of role {stream.client.role!r}" if stream.client.role else ""


def _described(forwarding: Forwarding) -> str:
    info = forwarding.config.p4info
    name = f"{info.pkg_info.name!r}, " if info.pkg_info.name else ""
    return f": {name}{len(info.tables)} tables, {len(info.actions)} actions"
