"""Which ports of the node's switch are up, as it says over gNMI; followed for as long as the agent runs."""

from __future__ import annotations

import asyncio

import grpc

from p4fabric.controller.names import SwitchName
from p4fabric.controller.node.config import NodeConfig
from p4fabric.controller.p4runtime.channel import Endpoint, open_channel
from p4fabric.controller.p4runtime.ports import follow_ports
from p4fabric.pipelines.values import Port

__all__ = ["SwitchPorts"]

_AGAIN = 1.0
"""Seconds until the switch is asked again, when it does not answer."""
_FIRST_ANSWER = 30.0
_MOST_BYTES = 4 << 20


class SwitchPorts:
    """Follow them with `run`."""

    def __init__(self, config: NodeConfig) -> None:
        """Nothing is known yet."""
        ports = config.switch
        self._name = SwitchName(config.name)
        self._endpoint = Endpoint(self._name, ports.device_id, ports.address)
        self._range = range(ports.first_port, ports.last_port + 1)
        self._up: dict[Port, asyncio.Event] = {}
        self._channel: grpc.aio.Channel | None = None

    @property
    def is_there(self) -> bool:
        """Whether the switch answers."""
        channel = self._channel
        return channel is not None and channel.get_state() is grpc.ChannelConnectivity.READY

    async def run(self) -> None:
        """Follow the switch for ever. Ends by cancellation only."""
        while True:
            channel = self._channel = open_channel(self._endpoint, _MOST_BYTES)
            try:
                await follow_ports(channel, self._name, "id", self._range, self, timeout=_FIRST_ANSWER)
            finally:
                self._channel = None
                await channel.close()
            await asyncio.sleep(_AGAIN)

    async def wait_until_up(self, port: int, seconds: float) -> bool:
        """Whether a port is up within some seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._event(Port(port)).wait()
        except TimeoutError:
            return False
        return True

    # What the switch says (PortListener).

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        """Those for containers are always there."""

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        """A port is up, or down; None: nobody can say."""
        event = self._event(port)
        if up:
            event.set()
        else:
            event.clear()

    def _event(self, port: Port) -> asyncio.Event:
        return self._up.setdefault(port, asyncio.Event())
