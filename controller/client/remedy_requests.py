"""What is done about congestion."""

from __future__ import annotations

from p4fabric.controller.client.requests import Requests, read
from p4fabric.controller.client.transport import path_of
from p4fabric.controller.documents.remedies import RemediesDocument, RemedyDocument

__all__ = ["RemedyRequests"]


class RemedyRequests(Requests):
    """Methods of `Client`."""

    async def remedies(self) -> RemediesDocument:
        """What is done about congestion, what was, and what is made of queues that are congested now."""
        return await self._one(RemediesDocument, path_of("remedies"))

    async def revoke_remedy(self, number: int) -> RemedyDocument:
        """End a remedy; its flow is left alone for a while.

        Raises:
            NotFound: none of that number stands.
        """
        answer = await self._transport.call("DELETE", path_of("remedies", str(number)))
        return read(RemedyDocument, answer.body)
