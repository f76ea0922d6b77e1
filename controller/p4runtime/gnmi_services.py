"""What a connection does by gNMI beside P4Runtime: ports, what they count, drops, bins, the clock.

This module knows which of it a kind of switch has. It knows nothing of P4Runtime's requests.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

import grpc

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.current_state import CurrentState
from p4fabric.controller.p4runtime.errors import P4RuntimeError
from p4fabric.controller.p4runtime.gnmi import number
from p4fabric.controller.p4runtime.gnmi_get import get_leaves
from p4fabric.controller.p4runtime.gnmi_set import set_number
from p4fabric.controller.p4runtime.pipeline import Pipeline
from p4fabric.controller.p4runtime.port_samples import PortWatcher, follow_samples
from p4fabric.controller.p4runtime.ports import follow_ports
from p4fabric.controller.p4runtime.queue_bins import QueueBins
from p4fabric.controller.p4runtime.state import Phase, SessionListener
from p4fabric.controller.targets.target import Target

__all__ = ["GnmiServices"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GnmiServices:
    """Of one switch; `start` them with each connection."""

    name: SwitchName
    target: Target
    pipeline: Pipeline
    state: CurrentState
    answer: float
    """Seconds within which the switch answers."""
    listener: SessionListener
    """Told which ports there are, and which are up."""
    watcher: PortWatcher | None
    """Told what ports have counted; None: they are not sampled."""
    sample_interval: float
    """Seconds between the samples that it is told; 0: it is told none."""
    bins: QueueBins | None
    """What the switch is to keep of its queues."""

    def start(self, tasks: asyncio.TaskGroup, channel: grpc.aio.Channel) -> None:
        """Follow what the switch has, for as long as a connection stands."""
        tasks.create_task(self._follow_ports(channel))
        tasks.create_task(self._ask_for_drops(channel))
        if self.bins is not None:
            tasks.create_task(self._keep_bins(channel, self.bins))
        if self.watcher is not None:
            tasks.create_task(self._sample_ports(channel, self.watcher))

    def ended(self) -> None:
        """The connection is gone."""
        if self.watcher is not None:
            self.watcher.ports_unread(self.name, "not connected")

    async def clock(self, channel: grpc.aio.Channel) -> tuple[int, int, int] | None:
        """Ask the switch for its time: ours when it was asked, its own, and ours when it had answered, all in
        nanoseconds; None: it has no clock that can be asked for.

        Raises:
            P4RuntimeError: the switch did not answer.
            ValueError: what came is no time.
        """
        path = self.target.clock_path
        if path is None:
            return None
        asked = time.time_ns()
        answer = await get_leaves(channel, path, timeout=self.answer)
        received = time.time_ns()
        for _, update in answer:
            return asked, number(update.val), received
        raise ValueError(f"{path} has no value")

    async def _follow_ports(self, channel: grpc.aio.Channel) -> None:
        """Tell which ports there are, and which are up, where the switch says so."""
        leaf = self.target.port_number_leaf
        if leaf is not None:
            ports = self.pipeline.front_ports
            await follow_ports(channel, self.name, leaf, ports, self.listener, timeout=self.answer)

    async def _ask_for_drops(self, channel: grpc.aio.Channel) -> None:
        """Have the program given what finds its queue full, where program and switch can do that."""
        path, session = self.target.drop_session_path, self.pipeline.drop_session
        if path is None or session is None:
            return
        await self.state.wait_until(lambda state: state.phase is Phase.PRIMARY)
        try:
            await set_number(channel, path, session, timeout=self.answer)
        except P4RuntimeError as error:
            _log.warning("%s: packets that find their queue full are not reported: %s", self.name, error)

    async def _keep_bins(self, channel: grpc.aio.Channel, bins: QueueBins) -> None:
        """Have the switch keep bins of queues, while nobody else is primary."""
        await self.state.wait_until(lambda state: state.phase is Phase.PRIMARY)
        await bins.keep(channel, self.name, lambda: self.state.phase is Phase.PRIMARY, timeout=self.answer)

    async def _sample_ports(self, channel: grpc.aio.Channel, watcher: PortWatcher) -> None:
        """Tell what ports have counted, where the switch says so; say why not elsewhere."""
        leaf, interval = self.target.port_number_leaf, self.sample_interval
        if leaf is None:
            watcher.ports_unread(self.name, f"{self.target.name} does not serve port counters by gNMI")
        elif not interval:
            watcher.ports_unread(self.name, "telemetry.portInterval is 0")
        else:
            ports = self.pipeline.front_ports
            await follow_samples(
                channel, self.name, leaf, ports, watcher, interval=interval, timeout=self.answer
            )
