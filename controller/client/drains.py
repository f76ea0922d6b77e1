"""Switches and links that are drained for maintenance, of one controller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from p4fabric.controller.client.errors import WaitTimeout
from p4fabric.controller.client.requests import Requests, read
from p4fabric.controller.client.transport import path_of
from p4fabric.controller.documents.drains import DrainDocument, DrainPreviewDocument

__all__ = ["DrainRequests"]

_FIRST_LOOK, _LONGEST_LOOK = 0.1, 1.0
"""Seconds between two looks at what is waited for."""


class DrainRequests(Requests):
    """Methods of `Client`."""

    async def drains(self) -> AsyncGenerator[DrainDocument, None]:
        """All switches and links that are drained, or come back."""
        async for item in self._items(path_of("drains")):
            yield read(DrainDocument, item)

    async def drain_of(self, switch: str, port: int | None = None) -> DrainDocument:
        """How far a switch, or (with a port) the link there, is with being drained.

        Raises:
            NotFound: there is none.
        """
        return await self._one(DrainDocument, _path(switch, port))

    async def drain(self, switch: str, port: int | None = None) -> DrainDocument:
        """Keep packets off a switch, or (with a port) off the link there; returns at once.

        Raises:
            NotFound: there is none.
            Conflict: tables have no room for what the ways around need.
        """
        return read(DrainDocument, (await self._transport.call("PUT", _path(switch, port))).body)

    async def undrain(self, switch: str, port: int | None = None) -> DrainDocument:
        """Use a switch or a link again; returns at once.

        Raises:
            NotFound: there is none.
            Conflict: tables have no room for what the ways over it need.
        """
        return read(DrainDocument, (await self._transport.call("DELETE", _path(switch, port))).body)

    async def preview_drain(
        self, switch: str, port: int | None = None, *, entries: int | None = None
    ) -> DrainPreviewDocument:
        """What `drain` would come to; nothing is done.

        Args:
            switch: as for `drain`.
            port: likewise.
            entries: how many entries to list; counts are of all.
        """
        return await self._preview("PUT", switch, port, entries)

    async def preview_undrain(
        self, switch: str, port: int | None = None, *, entries: int | None = None
    ) -> DrainPreviewDocument:
        """What `undrain` would come to; nothing is done."""
        return await self._preview("DELETE", switch, port, entries)

    async def wait_drain(
        self,
        switch: str,
        port: int | None = None,
        *,
        timeout: float = 60.0,
        told: Callable[[Sequence[str]], None] | None = None,
    ) -> DrainDocument:
        """Wait until a switch or a link is drained, or in use again: whichever was asked for last.

        Whether it may be switched off is another question: `drained` and `still_used` of the answer.

        Args:
            switch: as for `drain`.
            port: likewise.
            timeout: seconds.
            told: is called with what is waited for, a sentence each, whenever that changes.

        Raises:
            WaitTimeout: it took too long; says what was waited for.
        """
        loop = asyncio.get_running_loop()
        ends, pause = loop.time() + timeout, _FIRST_LOOK
        before: Sequence[str] = ()
        while True:
            found = await self.drain_of(switch, port)
            if found.settled:
                return found
            waiting = [reason.message for reason in found.waiting_for]
            waiting = waiting or [f"{found.about}: {found.state}"]
            if told is not None and waiting != before:
                told(waiting)
            before = waiting
            if loop.time() + pause > ends:
                raise WaitTimeout(waiting, timeout)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_LOOK, pause * 1.5)

    async def _preview(
        self, method: str, switch: str, port: int | None, entries: int | None
    ) -> DrainPreviewDocument:
        query = {"dryRun": True, "dryRunEntries": entries}
        answer = await self._transport.call(method, _path(switch, port), query)
        return read(DrainPreviewDocument, answer.body)


def _path(switch: str, port: int | None) -> str:
    what = ("switches", switch) if port is None else ("links", switch, str(port))
    return path_of(*what, "drain")
