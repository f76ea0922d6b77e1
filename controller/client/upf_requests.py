"""SMFs and the sessions that they have established."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from p4fabric.controller.client.requests import Requests, read
from p4fabric.controller.client.transport import path_of
from p4fabric.controller.documents.upf import UpfAssociationDocument, UpfBufferDocument, UpfSessionDocument

__all__ = ["UpfRequests"]


class UpfRequests(Requests):
    """Methods of `Client`."""

    async def upf_associations(
        self, *, smf: str | None = None
    ) -> AsyncGenerator[UpfAssociationDocument, None]:
        """SMFs that may control Upfs, and whether they are associated."""
        async for item in self._items(path_of("upf", "associations"), {"smf": smf}):
            yield read(UpfAssociationDocument, item)

    async def upf_buffers(self) -> AsyncGenerator[UpfBufferDocument, None]:
        """Buffers of packets to idle UEs, and what waits there."""
        async for item in self._items(path_of("upf", "buffers")):
            yield read(UpfBufferDocument, item)

    async def upf_sessions(
        self,
        *,
        smf: str | None = None,
        dnn: str | None = None,
        ue: str | None = None,
        gnb: str | None = None,
    ) -> AsyncGenerator[UpfSessionDocument, None]:
        """Sessions that SMFs have established, and how far they are in switches.

        Args:
            smf: only those of the SMF at this address.
            dnn: only those of this data network.
            ue: only that of the UE with this address.
            gnb: only those with a tunnel to this gNB.
        """
        query = {"smf": smf, "dnn": dnn, "ue": ue, "gnb": gnb}
        async for item in self._items(path_of("upf", "sessions"), query):
            yield read(UpfSessionDocument, item)

    async def upf_session(self, seid: str) -> UpfSessionDocument:
        """One session, by its SEID at the Upf, like `0x1f`.

        Raises:
            NotFound: there is none.
        """
        return await self._one(UpfSessionDocument, path_of("upf", "sessions", seid))
