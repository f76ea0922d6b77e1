"""Sends the questions of the host directory and the health checks, as packet-outs.

A switch that takes no frames holds up no other: each has a bounded queue of its own. This module knows
frames; it does not know why somebody asks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from p4fabric.controller.hosts.claims import HostClaim
from p4fabric.controller.hosts.directory import HostDirectory
from p4fabric.controller.hosts.health import HealthChecker, ServerCheck
from p4fabric.controller.hosts.inquiries import Question
from p4fabric.controller.hosts.question import question as question_frame
from p4fabric.controller.hosts.tcp_check import parse_answer, reset, syn
from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.errors import P4RuntimeError

__all__ = ["HostProbing"]

_log = logging.getLogger(__name__)

_WAITING = 256
"""Frames that may wait for one switch."""
_SENDING = 1.0
"""Seconds that a frame may wait for its switch's stream."""

_Job = tuple[PortRef, bytes, Callable[[], None]]
"""Where a frame is sent, the frame, and what to call if it is not sent."""


class HostProbing:
    """`run` it in a TaskGroup; call `wake` when the directory or the health checks are due earlier."""

    def __init__(
        self,
        directory: HostDirectory,
        health: HealthChecker | None,
        send: Callable[[PortRef, bytes], Awaitable[None]],
        ask: Callable[[SwitchName], Awaitable[None]],
    ) -> None:
        """Make it; nothing is sent before `run`.

        Args:
            directory: whose questions are sent.
            health: whose checks are sent.
            send: puts a frame out of a port; a P4RuntimeError of it means that it was not sent.
            ask: returns when a switch has answered anything; or a P4RuntimeError.
        """
        self._directory, self._health = directory, health
        self._send, self._ask_switch = send, ask
        self._wake = asyncio.Event()
        self._queues: dict[SwitchName, asyncio.Queue[_Job]] = {}
        self._senders: set[SwitchName] = set()
        """Switches whose queue is emptied."""

    def wake(self) -> None:
        """Something may be due earlier than before."""
        self._wake.set()

    def heard(self, claim: HostClaim) -> None:
        """A host spoke: perhaps it answers a check."""
        if self._health is not None:
            self._health.heard(claim)

    def frame(self, port: PortRef, frame: bytes) -> None:
        """A frame came from a switch: perhaps a server answers a check."""
        answer = parse_answer(frame)
        if answer is None or self._health is None:
            return
        check = self._health.answered(port, answer)
        if check is not None and check.tcp is not None:
            network, mac = check.question.host
            tag = self._directory.attachments.tag_at(network, port)
            self._put(port, reset(check.tcp, mac, ROUTER_MAC, tag), lambda: None)

    async def run(self) -> None:
        """Send what is due, for ever. Ends by cancellation only."""
        self._senders.clear()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._due):
                        await self._wake.wait()
                for question in self._directory.tick():
                    self._ask(question)
                for check in self._health.tick() if self._health is not None else ():
                    self._check(check)
                doubting: HostDirectory | HealthChecker
                for doubting in (self._directory, *((self._health,) if self._health is not None else ())):
                    for name in doubting.to_ask():
                        tasks.create_task(self._hear(name, doubting), name=f"whether {name} can be heard")
                for switch, queue in self._queues.items():
                    if switch not in self._senders:
                        self._senders.add(switch)
                        tasks.create_task(self._send_all(queue), name=f"questions to hosts at {switch}")

    async def _hear(self, switch: SwitchName, doubting: HostDirectory | HealthChecker) -> None:
        """Ask a switch itself, so that the silence of its hosts can be told from its own."""
        try:
            async with asyncio.timeout(_SENDING):
                await self._ask_switch(switch)
            doubting.switch_answered(switch)
        except (P4RuntimeError, TimeoutError) as error:
            _log.debug("%s does not answer, so the silence of its hosts proves nothing: %s", switch, error)
        finally:
            doubting.switch_silent(switch)  # of what was not judged
        self.wake()

    @property
    def _due(self) -> float | None:
        times = [self._directory.due, self._health.due if self._health is not None else None]
        return min((due for due in times if due is not None), default=None)

    def _ask(self, question: Question) -> None:
        network, mac = question.host
        if self._directory.attachments.attachment(network, question.place) is None:
            self._directory.not_asked(question)
            return
        tag = self._directory.attachments.tag_at(network, question.place)
        frame = question_frame(mac, question.address, ROUTER_MAC, tag)
        self._put(question.place, frame, lambda: self._directory.not_asked(question))

    def _check(self, check: ServerCheck) -> None:
        assert self._health is not None
        health, asked = self._health, check.question
        network, mac = asked.host
        tag = self._directory.attachments.tag_at(network, asked.place)
        if check.tcp is not None:
            frame = syn(check.tcp, mac, ROUTER_MAC, tag)
        else:
            frame = question_frame(mac, asked.address, ROUTER_MAC, tag)
        self._put(asked.place, frame, lambda: health.not_sent(check))

    def _put(self, port: PortRef, frame: bytes, not_sent: Callable[[], None]) -> None:
        queue = self._queues.get(port.switch)
        if queue is None:
            queue = self._queues[port.switch] = asyncio.Queue(_WAITING)
        try:
            queue.put_nowait((port, frame, not_sent))
        except asyncio.QueueFull:
            not_sent()

    async def _send_all(self, queue: asyncio.Queue[_Job]) -> None:
        while True:
            port, frame, not_sent = await queue.get()
            try:
                async with asyncio.timeout(_SENDING):
                    await self._send(port, frame)
            except (P4RuntimeError, TimeoutError) as error:
                _log.debug("cannot send a probe at %s: %s", port, error)
                not_sent()
