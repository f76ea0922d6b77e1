"""What SMFs ask for, made so: in the state, on switches, and then answered.

    requests ──► Node.prepare ──► StateChanges ──► Acknowledgements ──► answers
                     └── taken back, if any of that fails ◄──┘

Requests of an SMF that came together are one change, which costs about as much as one of them does. This
module knows nothing of entries, and not when a Upf begins or ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address

from p4fabric.controller.compiler import FabricDelta
from p4fabric.controller.core import Core
from p4fabric.controller.fabric.acknowledged import Acknowledgements
from p4fabric.controller.fabric.end_markers import EndMarkers
from p4fabric.controller.fabric.given_back import GivenBack
from p4fabric.controller.fabric.n4_endpoint import Answer, Asked
from p4fabric.controller.fabric.n4_groups import groups
from p4fabric.controller.fabric.n4_idle import IdleSessions
from p4fabric.controller.fabric.n4_plans import SessionPlans, take_back
from p4fabric.controller.fabric.n4_rows import events_of, reversed_of, rows_of
from p4fabric.controller.fabric.n4_rules import access_of, rules_of
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.fabric.n4_usage_changes import UsageChanges
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.n4.node import Association, Node, Prepared
from p4fabric.controller.n4.node_rules import NodeRules
from p4fabric.controller.n4.pfcp import Cause, Message, MessageRefused
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.reports import UsageReport
from p4fabric.controller.n4.pfcp.values import OuterHeaderCreation
from p4fabric.controller.n4.sessions.choices import Stock
from p4fabric.controller.names import IntentKey
from p4fabric.controller.telemetry.events import Event
from p4fabric.controller.turns import in_turns, turn

__all__ = ["AT_ONCE", "PATIENCE", "SmfRequests"]

_log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that switches have to acknowledge a message; an SMF waits for 10 (T1, N1)."""
AT_ONCE = 300
"""Sessions that end in one change: some milliseconds of the event loop."""


class _NotFollowed(MessageRefused):
    """Switches are too slow; they are no quicker with a part of it."""


def _stranger(smf: IPv4Address) -> MessageRefused:
    return MessageRefused(Cause.NO_ESTABLISHED_ASSOCIATION, f"{smf} is an SMF of this Upf no more")


class SmfRequests:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(
        self,
        core: Core,
        acknowledgements: Acknowledgements,
        network: Callable[[IntentKey], Network | None],
        end_markers: EndMarkers,
        publish: Callable[[Event], None],
        is_served: Callable[[ServedUpf], bool],
        plans: SessionPlans,
        usage: UsageChanges,
        idle: IdleSessions,
        patience: float,
    ) -> None:
        """Make it.

        Args:
            core: the state; it is changed by plans only.
            acknowledgements: of switches.
            network: finds one as it is now.
            end_markers: says on tunnels that they are left.
            publish: tells of SMFs that come and go.
            is_served: whether a Upf is still this one.
            plans: put sessions into the state.
            usage: written down, and told in answers.
            idle: tells buffers of sessions.
            patience: seconds that switches have to acknowledge a message.
        """
        self._core, self._network = core, network
        self._acknowledgements, self._patience = acknowledgements, patience
        self._end_markers, self._publish, self._is_served = end_markers, publish, is_served
        self._plans, self._usage, self._idle = plans, usage, idle
        self._given_back = GivenBack(acknowledgements)

    async def run(self) -> None:
        """Give back what sessions had, and say End Markers, for ever. Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._given_back.run(), name="N4 sessions that have ended")
            tasks.create_task(self._end_markers.run(), name="N4 End Markers")

    def rules(self, upf: Upf) -> NodeRules:
        """What sessions may be like, as networks are now."""
        return rules_of(upf, self._network(access_of(upf)), self._idle.clients)

    async def carry_out(
        self, served: ServedUpf, smf: IPv4Address, requests: Sequence[Asked]
    ) -> list[Answer | MessageRefused]:
        """Do what requests of an SMF ask for, in their order, each in whole or not at all.

        If a change of several fails, each is tried by itself, unless switches are too slow.
        """
        said: list[Answer | MessageRefused] = []
        for group in groups(requests, served.node):
            ended = await self._make_way(served, smf, group[0].message)
            async with served.turn:
                if not self._serves(served, smf):
                    said += [_stranger(smf)] * len(group)
                    continue
                served.node.rules = self.rules(served.upf)
                said += await self._in_turn(served, smf, group, ended)
        return said

    async def end(self, served: ServedUpf, smf: IPv4Address, lost: Association | None = None) -> None:
        """An SMF may control a Upf no more, or has lost its sessions.

        Args:
            served: the Upf.
            smf: the SMF.
            lost: its association that has ended; one that it has set up meanwhile stays, with its sessions.
        """

        def has_ended() -> bool:
            return lost is None or served.node.associations.get(smf) is lost

        ended = await self._end_most(served, smf, has_ended)
        async with served.turn:
            if has_ended():
                await self._change(served, [replace(served.node.removed(smf), ended_before=ended)])

    async def associate(
        self, served: ServedUpf, smf: IPv4Address, response: m.AssociationSetupResponse
    ) -> None:
        """An SMF has accepted an association that was set up from here.

        Raises:
            MessageRefused: it is none of this Upf's, or has the node ID of another one.
        """
        async with served.turn:
            if not self._serves(served, smf):
                raise _stranger(smf)
            if smf not in served.node.associations:  # It has set one up itself meanwhile.
                served.node.rules = self.rules(served.upf)
                await self._change(served, [served.node.associated(smf, response)])

    def tell(self, events: Iterable[Event]) -> None:
        """Tell of SMFs."""
        for event in events:
            self._publish(event)

    def _serves(self, served: ServedUpf, smf: IPv4Address) -> bool:
        return self._is_served(served) and not served.is_ending and smf in served.upf.spec.smfs

    async def _make_way(self, served: ServedUpf, smf: IPv4Address, message: Message) -> int:
        """End most sessions of an SMF before a message that ends all of them, unless it will be refused.

        Whoever begins again knows of none of them, whatever becomes of the message.
        """
        try:
            if not served.node.ends_all(smf, message):
                return 0
            return await self._end_most(served, smf)
        except MessageRefused:
            return 0  # It is refused once more, and its SMF is told why.

    async def _end_most(
        self, served: ServedUpf, smf: IPv4Address, may: Callable[[], bool] = lambda: True
    ) -> int:
        """End sessions of an SMF until few are left, some of them in each turn; how many have ended."""
        ended, deltas = 0, deque[FabricDelta]()
        while served.node.sessions_of(smf) > AT_ONCE:
            async with served.turn:
                if not (self._is_served(served) and may()):
                    break
                one = served.node.some_ended(smf, AT_ONCE)
                deltas.append(await self._ended(served, [one]))
                ended += len(one.sessions)
        with suppress(TimeoutError):  # So many take a while: no switch counts as slow because of that.
            async with asyncio.timeout(self._patience):
                while deltas:
                    delta = deltas.popleft()
                    await self._acknowledgements.wait(delta, but=self._acknowledgements.away(delta))
                    await turn()  # To let go of one of them takes a while.
        return ended

    async def _in_turn(
        self, served: ServedUpf, smf: IPv4Address, requests: Sequence[Asked], ended: int
    ) -> list[Answer | MessageRefused]:
        try:
            return await self._together(served, smf, requests, ended)
        except MessageRefused as error:
            if len(requests) == 1 or isinstance(error, _NotFollowed):
                return [error] * len(requests)
        said: list[Answer | MessageRefused] = []
        for one in requests:
            try:
                said += await self._together(served, smf, [one], ended)
            except MessageRefused as error:
                said.append(error)
        return said

    async def _together(
        self, served: ServedUpf, smf: IPv4Address, requests: Sequence[Asked], ended: int
    ) -> list[Answer | MessageRefused]:
        """Do what requests ask for, all that are not refused by themselves.

        Raises:
            MessageRefused: it cannot be done; nothing has changed.
        """
        said: list[Prepared | MessageRefused] = []
        made: list[Prepared] = []
        try:
            async for one in in_turns(requests):
                try:
                    prepared = served.node.prepare(smf, one.header, one.message)
                except MessageRefused as error:
                    said.append(error)
                    continue
                made.append(replace(prepared, ended_before=ended) if ended else prepared)
                said.append(made[-1])
        except BaseException:
            take_back(served.node, made)
            raise
        usage = await self._usage.of_ending(served, made)
        try:
            await self._change(served, made)
        except MessageRefused:
            await self._usage.go_on(served, made, usage)
            raise
        usage.update(await self._usage.of_changed(served, made))
        return [one if isinstance(one, MessageRefused) else _answer(one, usage) for one in said]

    async def _change(self, served: ServedUpf, made: Sequence[Prepared]) -> None:
        """Have switches follow what was prepared, or take it back.

        Raises:
            MessageRefused: it was taken back.
        """
        if all(one.only_ends for one in made):
            # Sessions end whatever switches say; what they had is given to others when no switch has it.
            delta = await self._ended(served, made)
            behind = await self._acknowledgements.within(delta, self._patience)
            if behind:
                _log.info("%s: %s will end sessions later", served.upf.key, ", ".join(behind))
        else:
            await self._idle.open(served, made)
            try:
                await self._changed(served, made)
            except BaseException:
                self._idle.follow(served, made, is_undone=True)
                raise
            self._idle.follow(served, made)
        self.tell(events_of(served.upf.key, made))

    async def _ended(self, served: ServedUpf, made: Sequence[Prepared]) -> FabricDelta:
        """End sessions; switches are not waited for."""
        rows = rows_of(self._core, served.upf, made)
        if not rows:
            return FabricDelta(0, {}, ())
        delta = await self._plans.made(served, made, rows, only_ends=True)
        self._given_back.after(delta, partial(_done, served.node, made))
        self._idle.follow(served, made)
        return delta

    async def _changed(self, served: ServedUpf, made: Sequence[Prepared]) -> None:
        delta = await self._plans.made(served, made, rows_of(self._core, served.upf, made), only_ends=False)
        behind = await self._acknowledgements.within(delta, self._patience)
        if behind:
            taken = [served.node.undone(one) for one in reversed(made)]
            # Switches may have followed by half; TEIDs are others' only once they have gone back.
            undone = await self._undo(served, made)
            self._given_back.after(undone, partial(_release, served.node, taken))
            raise _NotFollowed(Cause.SYSTEM_FAILURE, f"not acknowledged by {', '.join(behind)}")
        _done(served.node, made)
        for one in made:
            for seid, rules in one.gone_rules:
                self._usage.drop(served, seid, rules)
            for tunnel in one.left:
                self._say_end(served.upf, tunnel)

    def _say_end(self, upf: Upf, tunnel: OuterHeaderCreation) -> None:
        access = self._network(access_of(upf))
        if access is not None and tunnel.ipv4 is not None and tunnel.teid is not None:
            self._end_markers.say(access, upf.spec.n3_address, tunnel.ipv4, tunnel.teid)

    async def _undo(self, served: ServedUpf, made: Sequence[Prepared]) -> FabricDelta:
        """Take rows back: no session stands of which its SMF was told that there is none."""
        return await self._plans.must(
            served, rows_of(self._core, served.upf, [reversed_of(one) for one in reversed(made)])
        )


def _answer(one: Prepared, usage: Mapping[int, tuple[UsageReport, ...]]) -> Answer:
    message = one.response
    assert message is not None
    reports = usage.get(id(one))
    if reports and isinstance(message, m.SessionModificationResponse | m.SessionDeletionResponse):
        message = replace(message, usage_reports=reports)
    return Answer(message, one.seid)


def _done(node: Node, made: Sequence[Prepared]) -> None:
    for one in made:
        node.done(one)


def _release(node: Node, taken: Sequence[Stock]) -> None:
    for one in taken:
        node.release(one)
