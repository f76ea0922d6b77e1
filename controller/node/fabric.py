"""The node's endpoints at the controller: stated, withdrawn, and what is known of the networks they join.

What the controller refuses or does not answer becomes an error by CNI's numbers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from p4fabric.controller.client import Client, ClientError, Conflict, Forbidden, Invalid, NotFound, Settings
from p4fabric.controller.documents.apply import ApplyProgress
from p4fabric.controller.documents.intents import IntentState, IntentStatusDocument
from p4fabric.controller.intents.fields import IpAddress, IpPrefix
from p4fabric.controller.intents.kinds.endpoint import Endpoint
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.node.config import NodeConfig
from p4fabric.controller.node.errors import CniError, Failure
from p4fabric.controller.node.records import Attachment
from p4fabric.controller.reasons import Code

__all__ = ["NODE_LABEL", "FabricSide", "JoinedNetwork"]

_log = logging.getLogger(__name__)

NODE_LABEL = "p4fabric.io/node"
"""Of each endpoint: the node that has stated it."""
PATIENCE = 60.0
"""Seconds for all switches to acknowledge."""
AT_ONCE = 16
"""Endpoints that are being stated: further ones wait, as each keeps a connection."""
KNOWN_FOR = 10.0
"""Seconds for which a network is not asked for again."""
_OTHERS = (Code.SWITCH_DISCONNECTED, Code.SWITCH_UNREAD, Code.SWITCH_HELD)
"""Why another switch may not know of an endpoint yet: it will once it is back, and holds nobody up."""


@dataclass(frozen=True, slots=True)
class JoinedNetwork:
    """What containers have to know of a network."""

    subnets: tuple[IpPrefix, ...]
    gateways: tuple[IpAddress, ...]

    def subnet_of(self, address: IpAddress) -> IpPrefix | None:
        """The subnet that an address lies in."""
        return next((one for one in self.subnets if address in one), None)

    def gateway_for(self, version: int, addresses: Iterable[IpAddress]) -> IpAddress | None:
        """The gateway of an address family: one in the subnet of an address, if there is one."""
        near = [self.subnet_of(one) for one in addresses]
        family = [one for one in self.gateways if one.version == version]
        in_subnet = (one for one in family if any(subnet is not None and one in subnet for subnet in near))
        return next(in_subnet, family[0] if family else None)


class FabricSide:
    """The controller, as a node needs it. One event loop."""

    def __init__(self, config: NodeConfig, client: Client) -> None:
        """Take a client; nothing is asked yet."""
        self._config, self._client = config, client
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._networks: dict[str, tuple[float, JoinedNetwork]] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, config: NodeConfig) -> AsyncIterator[FabricSide]:
        """Begin and end with a client of the configured controller.

        Raises:
            BadSettings: the configuration's files cannot be used.
        """
        where = config.controller
        settings = Settings.find(
            where.url,
            token_file=where.token_file,
            ca_file=where.ca_file,
            environment={},
            cert_file=where.cert_file,
            key_file=where.key_file,
        )
        async with Client(settings) as client:
            yield cls(config, client)

    async def network(self, name: str) -> JoinedNetwork:
        """A network of the tenant, as it was some seconds ago at most.

        Raises:
            CniError: it does not exist, or the controller does not answer.
        """
        now = asyncio.get_running_loop().time()
        known = self._networks.get(name)
        if known is not None and now - known[0] < KNOWN_FOR:
            return known[1]
        async with _as_cni_errors():
            spec = (await self._client.get(Network, self._config.tenant, name)).intent.spec
        found = JoinedNetwork(spec.subnets, spec.gateways)
        self._networks[name] = (now, found)
        return found

    async def state(self, attachment: Attachment, pod: dict[str, str]) -> None:
        """State an endpoint; returns when all switches that are connected have it.

        Args:
            attachment: whose it is.
            pod: annotations that say whose it is.

        Raises:
            CniError: it is refused, or not everywhere in time.
        """
        document = self._document(attachment, pod)
        status: IntentStatusDocument | None = None
        async with self._slots, _as_cni_errors():
            progress = self._client.apply_progress(
                [document], owner=self._owner, force=True, timeout=PATIENCE
            )
            async for event in progress:
                if isinstance(event, ApplyProgress):
                    status = event.status
            if status is not None and status.state not in (IntentState.ACTIVE, IntentState.DEGRADED):
                # It has no stream to spare.
                key = ("Endpoint", self._config.tenant, document["name"])
                status = (await self._client.wait([key], timeout=PATIENCE))[0].status
        if (why := self._not_yet(status)) is not None:
            raise CniError(Failure.TRY_AGAIN, "the switches do not have the container's endpoint yet", why)

    async def withdraw(self, name: str) -> None:
        """Withdraw an endpoint. Nothing happens if it is not there.

        Raises:
            CniError: the controller does not answer.
        """
        async with self._slots, _as_cni_errors():
            try:
                await self._client.delete(("Endpoint", self._config.tenant, name))
            except NotFound:
                return

    async def problem(self, attachment: Attachment) -> str | None:
        """Why the fabric does not serve an endpoint as it was stated; None: it does.

        Raises:
            CniError: the controller does not answer.
        """
        async with _as_cni_errors():
            try:
                found = await self._client.get(Endpoint, self._config.tenant, self.name_of(attachment))
            except NotFound:
                return "the controller does not have the endpoint"
        spec = found.intent.spec
        if (spec.port, str(spec.mac)) != (attachment.port, attachment.mac) or {
            str(address) for address in spec.addresses
        } != set(attachment.addresses):
            return "the controller has another endpoint of that name"
        return self._not_yet(found.status)

    async def stated(self) -> list[str]:
        """The names of all endpoints of this node.

        Raises:
            CniError: the controller does not answer.
        """
        selector = f"{NODE_LABEL}={self._config.name}"
        async with _as_cni_errors():
            found = self._client.list(Endpoint, tenant=self._config.tenant, labels=selector)
            return [one.key.name async for one in found]

    async def unavailable(self) -> str | None:
        """Why the controller cannot take endpoints of this node; None: it can."""
        try:
            async with asyncio.timeout(5.0):
                switch = await self._client.switch(self._config.name)
        except Forbidden:
            return None  # It takes endpoints of the tenant, and shows it no switches.
        except NotFound:
            return f"the controller has no switch {self._config.name}"
        except (ClientError, TimeoutError) as error:
            return str(error) or "the controller does not answer"
        return None if switch.connected else f"the controller is not connected to {self._config.name}"

    def name_of(self, attachment: Attachment) -> str:
        """What an endpoint is called at the controller."""
        return f"cni-{attachment.place.key}"

    @property
    def _owner(self) -> str:
        return f"node-{self._config.name}"

    def _document(self, attachment: Attachment, pod: dict[str, str]) -> dict[str, Any]:
        place = attachment.place
        return {
            "kind": "Endpoint",
            "tenant": self._config.tenant,
            "name": self.name_of(attachment),
            "labels": {NODE_LABEL: self._config.name},
            "annotations": {
                "p4fabric.io/container": place.container,
                "p4fabric.io/interface": place.interface,
                **pod,
            },
            "spec": {
                "network": attachment.joins,
                "switch": self._config.name,
                "port": attachment.port,
                "mac": attachment.mac,
                "addresses": list(attachment.addresses),
                **({"labels": dict(attachment.labels)} if attachment.labels else {}),
            },
        }

    def _not_yet(self, status: IntentStatusDocument | None) -> str | None:
        if status is None:
            return "somebody has deleted the endpoint"
        if status.state is IntentState.ACTIVE:
            return None
        here = [
            reason.message
            for reason in status.reasons
            if reason.code not in _OTHERS or reason.switch == self._config.name
        ]
        if status.state is not IntentState.DEGRADED or here or not status.reasons:
            return "; ".join(here) or f"the endpoint is {status.state}"
        _log.warning("an endpoint is not everywhere: %s", "; ".join(one.message for one in status.reasons))
        return None


@asynccontextmanager
async def _as_cni_errors() -> AsyncIterator[None]:
    try:
        yield
    except NotFound as error:
        raise CniError(Failure.CONFIG, "the controller does not have the network", str(error)) from None
    except (Conflict, Forbidden, Invalid) as error:
        raise CniError(Failure.REFUSED, "the controller refuses the endpoint", str(error)) from None
    except (ClientError, TimeoutError) as error:
        raise CniError(Failure.TRY_AGAIN, "try again later", str(error) or "no answer in time") from None
