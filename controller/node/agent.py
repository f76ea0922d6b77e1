"""What the node does for its containers: CNI's commands, and what is to be mended when it starts.

A container's port and addresses are written down first and forgotten last; in between, each step may be
done again. So whatever ends in the middle, the same command, or DEL, or GC goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from p4fabric.controller.intents.fields import IpAddress, IpPrefix
from p4fabric.controller.node import interfaces
from p4fabric.controller.node.config import NodeConfig
from p4fabric.controller.node.errors import CniError, Failure
from p4fabric.controller.node.fabric import FabricSide, JoinedNetwork
from p4fabric.controller.node.interfaces import ContainerEnd
from p4fabric.controller.node.pools import Addresses, Ports
from p4fabric.controller.node.records import Attachment, Place, Records, Stage
from p4fabric.controller.node.request import NetworkSettings, Request
from p4fabric.controller.node.switch_ports import SwitchPorts
from p4fabric.pipelines.values import MacAddress

__all__ = ["Agent"]

_log = logging.getLogger(__name__)

PORT_PATIENCE = 30.0
"""Seconds for the switch to open a container's port."""
AGAIN = 2.0
"""Seconds until endpoints are withdrawn again that the controller could not be told of."""
_LOCAL = 0x02_50_34 << 24
"""MAC addresses of containers begin with a locally administered prefix of the product ("P4")."""
_WHOSE = {"K8S_POD_NAME": "p4fabric.io/pod", "K8S_POD_NAMESPACE": "p4fabric.io/namespace"}
"""Of CNI_ARGS, what becomes annotations of the endpoint."""
_EVERYTHING: dict[int, IpPrefix] = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


class Agent:
    """Give it requests; `run` beside. One event loop."""

    def __init__(self, config: NodeConfig, records: Records, fabric: FabricSide, ports: SwitchPorts) -> None:
        """Take what it works with."""
        self._config, self._records, self._fabric, self._ports = config, records, fabric, ports
        self._free_ports = Ports(config.switch.first_port, config.switch.last_port)
        self._pools = {
            name: [Addresses(pool) for pool in network.pools] for name, network in config.networks.items()
        }
        self._locks: dict[str, asyncio.Lock] = {}
        self._leaving = asyncio.Event()
        self._commands: dict[str, Callable[[Request], Awaitable[dict[str, Any] | None]]] = {
            "ADD": self._add,
            "DEL": self._delete,
            "CHECK": self._check,
            "GC": self._collect,
            "STATUS": self._status,
        }

    async def do(self, request: Request) -> dict[str, Any] | None:
        """Do what a runtime asks; returns the result by the newest version, or None where there is none.

        Raises:
            CniError: it is not done.
        """
        return await self._commands[request.command](request)

    async def run(self) -> None:
        """Clean up what containers left behind; then withdraw endpoints, for ever. Ends by cancellation."""
        await self._forget_the_gone()
        self._leaving.set()
        while True:
            try:
                await self._agree_with_controller()
                break
            except CniError as error:
                _log.warning("the controller is not there yet: %s %s", error.message, error.details)
                await asyncio.sleep(AGAIN)
        while True:
            await self._leaving.wait()
            self._leaving.clear()
            for one in self._records:
                if one.stage is Stage.LEAVING and not await self._withdrawn(one):
                    self._leaving.set()
            if self._leaving.is_set():
                await asyncio.sleep(AGAIN)

    # Commands.

    async def _add(self, request: Request) -> dict[str, Any]:
        assert request.place is not None
        settings = request.settings
        network = await self._fabric.network(settings.network)
        async with self._lock(request.place):
            known = self._records.get(request.place)
            if known is not None and known.stage is Stage.LEAVING:
                raise CniError(Failure.TRY_AGAIN, "the container's last endpoint is still being withdrawn")
            if known is not None and known.namespace != request.namespace:
                raise CniError(Failure.ENVIRONMENT, f"the container is in {known.namespace}")
            if (
                known is not None
                and known.stage is Stage.READY
                and await self._is_whole(known, settings, network)
            ):
                return dict(known.result)
            found = known or self._reserved(request.place, request.namespace, settings, network)
            end = _end(found, settings, network)
            try:
                stated = asyncio.ensure_future(self._fabric.state(found, _whose(request.arguments)))
                try:
                    node_end = self._config.switch.interface(found.port)
                    mtu = await asyncio.to_thread(interfaces.make, found.namespace, node_end, end)
                    if not await self._ports.wait_until_up(found.port, PORT_PATIENCE):
                        raise CniError(Failure.TRY_AGAIN, f"the switch has not opened its port {found.port}")
                finally:
                    (failure,) = await asyncio.gather(stated, return_exceptions=True)
                if isinstance(failure, BaseException):
                    raise failure
            except CniError:
                # The runtime may never ask for it again.
                await self._leave(found)
                raise
            result = _result(end, mtu, found, settings)
            self._records.put(replace(found, stage=Stage.READY, result=result))
            return result

    async def _delete(self, request: Request) -> None:
        assert request.place is not None
        async with self._lock(request.place):
            known = self._records.get(request.place)
            if known is not None:
                await self._leave(known)
        self._locks.pop(request.place.key, None)

    async def _check(self, request: Request) -> None:
        assert request.place is not None
        known = self._records.get(request.place)
        if known is None or known.stage is not Stage.READY:
            raise CniError(Failure.UNKNOWN_CONTAINER, "the container was not added here")
        network = await self._fabric.network(known.joins)
        end = _end(known, request.settings, network)
        node_end = self._config.switch.interface(known.port)
        wrong = await asyncio.to_thread(interfaces.problem, request.namespace, node_end, end)
        if wrong is None:
            wrong = await self._fabric.problem(known)
        if wrong is not None:
            raise CniError(Failure.NOT_AS_ADDED, wrong)

    async def _collect(self, request: Request) -> None:
        assert request.valid is not None
        for one in self._records:
            place = one.place
            if place.network == request.name and (place.container, place.interface) not in request.valid:
                _log.info("%s of container %s is gone", place.interface, place.container)
                async with self._lock(place):
                    await self._leave(one)

    async def _status(self, request: Request) -> None:
        if not self._ports.is_there:
            raise CniError(Failure.LIMITED, "the node's switch does not run")
        name = request.settings.network
        if name not in self._config.networks:
            raise CniError(Failure.NOT_AVAILABLE, f"the node's configuration has no network {name}")
        if (why := await self._fabric.unavailable()) is not None:
            raise CniError(Failure.NOT_AVAILABLE, "endpoints cannot be stated", why)
        taken = self._taken()
        for pool in self._pools[name]:
            if pool.is_empty(taken):
                raise CniError(Failure.NOT_AVAILABLE, f"all addresses of {pool.pool} are taken")

    # Steps.

    def _reserved(
        self, place: Place, namespace: str, settings: NetworkSettings, network: JoinedNetwork
    ) -> Attachment:
        """A port and addresses for a container, written down."""
        taken = self._taken()
        if settings.addresses:
            addresses = list(settings.addresses)
            for address in addresses:
                if address in taken:
                    raise CniError(Failure.NO_ADDRESS, f"{address} is another container's")
        else:
            pools = self._pools.get(settings.network)
            if pools is None:
                raise CniError(
                    Failure.CONFIG, f"the node's configuration has no network {settings.network} to join"
                )
            addresses = [pool.free(taken | set(network.gateways)) for pool in pools]
        port = self._free_ports.free({one.port for one in self._records})
        mac = settings.mac or str(MacAddress(_LOCAL | int(place.key[:6], 16)))
        macs = {one.mac for one in self._records if one.joins == settings.network}
        while mac in macs:
            mac = str(MacAddress(_LOCAL | (int(MacAddress.parse(mac)) + 1) & 0xFFFFFF))
        texts = tuple(str(address) for address in addresses)
        return self._records.put(
            Attachment(place, namespace, settings.network, port, mac, texts, labels=settings.labels)
        )

    def _taken(self) -> set[IpAddress]:
        return {ip_address(address) for one in self._records for address in one.addresses}

    async def _is_whole(self, known: Attachment, settings: NetworkSettings, network: JoinedNetwork) -> bool:
        node_end = self._config.switch.interface(known.port)
        end = _end(known, settings, network)
        return await asyncio.to_thread(interfaces.problem, known.namespace, node_end, end) is None

    async def _leave(self, attachment: Attachment) -> None:
        """Take a container's interface away, and have its endpoint withdrawn: now, or once that can be."""
        leaving = self._records.at_stage(attachment, Stage.LEAVING)
        await asyncio.to_thread(interfaces.remove, self._config.switch.interface(leaving.port))
        if not await self._withdrawn(leaving):
            self._leaving.set()

    async def _withdrawn(self, attachment: Attachment) -> bool:
        """Withdraw an endpoint and forget the container; False: the controller cannot be told."""
        try:
            async with asyncio.timeout(5.0):
                await self._fabric.withdraw(self._fabric.name_of(attachment))
        except (CniError, TimeoutError) as error:
            _log.warning("the endpoint of container %s stays for now: %s", attachment.place.container, error)
            return False
        self._records.remove(attachment.place)
        return True

    def _lock(self, place: Place) -> asyncio.Lock:
        return self._locks.setdefault(place.key, asyncio.Lock())

    # When the agent starts.

    async def _forget_the_gone(self) -> None:
        """Containers whose namespaces are not there any more, and interfaces of nobody."""
        for one in self._records:
            there = await asyncio.to_thread(interfaces.exists_namespace, one.namespace)
            if not there and one.stage is not Stage.LEAVING:
                _log.info("container %s is gone, with its namespace", one.place.container)
                self._records.at_stage(one, Stage.LEAVING)
        kept = {
            self._config.switch.interface(one.port) for one in self._records if one.stage is not Stage.LEAVING
        }
        for name in interfaces.names(self._config.switch.prefix):
            if name not in kept:
                _log.info("interface %s is nobody's", name)
                await asyncio.to_thread(interfaces.remove, name)

    async def _agree_with_controller(self) -> None:
        """Withdraw this node's endpoints that are nobody's, and state those that the controller lacks."""
        stated = set(await self._fabric.stated())
        known = {self._fabric.name_of(one): one for one in self._records}
        for name in stated - known.keys():
            _log.info("endpoint %s is nobody's", name)
            await self._fabric.withdraw(name)
        for name in known.keys() - stated:
            one = known[name]
            if one.stage is Stage.READY:
                _log.info("endpoint %s is stated again", name)
                try:
                    await self._fabric.state(one, {})
                except CniError as error:
                    if error.code is Failure.TRY_AGAIN:
                        raise
                    _log.error("endpoint %s: %s %s", name, error.message, error.details)


def _end(attachment: Attachment, settings: NetworkSettings, network: JoinedNetwork) -> ContainerEnd:
    """The container's end, as its network has it."""
    addresses: list[str] = []
    for text in attachment.addresses:
        address = ip_address(text)
        subnet = network.subnet_of(address)
        if subnet is None:
            raise CniError(Failure.CONFIG, f"{address} lies in no subnet of {attachment.joins}")
        addresses.append(f"{address}/{subnet.prefixlen}")
    own = [ip_interface(one).ip for one in addresses]
    versions = sorted({one.version for one in own})
    wanted = [(_EVERYTHING[version], None) for version in versions] if settings.default_route else []
    routes: list[tuple[IpPrefix, IpAddress]] = []
    for prefix, by in (*wanted, *settings.routes):
        gateway = by or network.gateway_for(prefix.version, own)
        if gateway is not None:
            routes.append((prefix, gateway))
        elif prefix.prefixlen:
            raise CniError(Failure.CONFIG, f"{attachment.joins} has no gateway for the route to {prefix}")
    return ContainerEnd(attachment.place.interface, attachment.mac, settings.mtu, addresses, routes)


def _result(end: ContainerEnd, mtu: int, attachment: Attachment, settings: NetworkSettings) -> dict[str, Any]:
    """What the runtime is told, by the newest version of the specification."""
    gateways = {gateway.version: gateway for prefix, gateway in end.routes if not prefix.prefixlen}
    ips = []
    for address in end.addresses:
        gateway = gateways.get(ip_interface(address).version)
        ips.append({"interface": 0, "address": address} | ({"gateway": str(gateway)} if gateway else {}))
    return {
        "interfaces": [{"name": end.name, "mac": end.mac, "mtu": mtu, "sandbox": attachment.namespace}],
        "ips": ips,
        "routes": [{"dst": str(prefix), "gw": str(gateway)} for prefix, gateway in end.routes],
        "dns": dict(settings.dns),
    }


def _whose(arguments: dict[str, str] | Any) -> dict[str, str]:
    return {key: arguments[name] for name, key in _WHOSE.items() if arguments.get(name)}
