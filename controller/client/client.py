"""The API of one controller, as methods of an asyncio client."""

from __future__ import annotations

from types import TracebackType

import httpx

from p4fabric.controller.client.administration import Administration
from p4fabric.controller.client.congestion_requests import CongestionRequests
from p4fabric.controller.client.drains import DrainRequests
from p4fabric.controller.client.fabric_requests import FabricRequests
from p4fabric.controller.client.intent_requests import IntentRequests
from p4fabric.controller.client.remedy_requests import RemedyRequests
from p4fabric.controller.client.settings import Settings
from p4fabric.controller.client.transport import Retries, Transport
from p4fabric.controller.client.upf_requests import UpfRequests

__all__ = ["Client"]


class Client(
    IntentRequests,
    FabricRequests,
    DrainRequests,
    CongestionRequests,
    RemedyRequests,
    UpfRequests,
    Administration,
):
    """A controller's API. For use as a context manager, in one event loop.

    Methods raise `ClientError`: `ApiError` where the controller refuses, `CannotConnect` where it does not
    answer, `UnexpectedAnswer` where something else does. What may be repeated is tried again for a while
    where the controller is too busy (429, 503).
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        timeout: float = 30.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Take where the controller is.

        Args:
            settings: the controller, and what to show it; by default what the environment and the current
                context say (`Settings.find`).
            timeout: seconds to wait for the controller.
            retries: how long to try again.
            transport: how to reach it, for tests.

        Raises:
            BadSettings: the settings cannot be used.
        """
        self.settings = settings or Settings.find()
        self._retries = retries or Retries()
        self._transport = Transport(
            self.settings, timeout=timeout, retries=self._retries, transport=transport
        )

    async def __aenter__(self) -> Client:
        """Begin."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()
