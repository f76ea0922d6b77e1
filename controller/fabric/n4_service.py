"""N4: SMFs' requests become rows of the state, and are answered once switches have acknowledged them.

    datagram ──► N4Endpoint ──► Node.prepare ──► StateChanges ──► Acknowledgements ──► answer
                                    └── take back, if any of that fails ◄──┘

A node is there while its `Upf` is. This module knows nothing of entries.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.config import N4Config
from p4fabric.controller.core import Core, IntentConflict, Plan
from p4fabric.controller.fabric.acknowledged import Acknowledgements
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.end_markers import EndMarkers
from p4fabric.controller.fabric.given_back import GivenBack
from p4fabric.controller.fabric.n4_counts import RequestCounts
from p4fabric.controller.fabric.n4_endpoint import Answer, Asked, N4Endpoint
from p4fabric.controller.fabric.n4_reports import Reported, SessionReports
from p4fabric.controller.fabric.n4_rows import ends_of, events_of, reversed_of, rows_of, take_back
from p4fabric.controller.fabric.n4_rules import access_of, is_same_node, rules_of
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.n4.node import Node, Prepared
from p4fabric.controller.n4.pfcp import Cause, MessageRefused
from p4fabric.controller.n4.pfcp.values import OuterHeaderCreation
from p4fabric.controller.n4.stamps import stamp_of
from p4fabric.controller.n4.stock import NodeStock
from p4fabric.controller.n4.user_plane import NodeRules
from p4fabric.controller.names import IntentKey
from p4fabric.controller.p4runtime.backoff import Backoff
from p4fabric.controller.state import Change
from p4fabric.controller.store import StoreError
from p4fabric.controller.telemetry.events import Event
from p4fabric.controller.telemetry.n4_metrics import NodeFigures
from p4fabric.controller.turns import in_turns

__all__ = ["N4Service"]

_log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that switches have to acknowledge a message; an SMF waits for 10 (T1, N1)."""
_FIRST_RETRY, _LONGEST_RETRY = 1.0, 30.0


@dataclass(slots=True, eq=False)
class _Served:
    """A Upf and its node."""

    upf: Upf
    node: Node
    is_ending: bool = False
    """Its sessions are about to end, since it is gone or another one."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Its SMFs take turns: what one lets go of and then has again must not be another's meanwhile."""


class _NotFollowed(MessageRefused):
    """Switches are too slow; they are no quicker with a part of it."""


def _stranger(smf: IPv4Address) -> MessageRefused:
    return MessageRefused(Cause.NO_ESTABLISHED_ASSOCIATION, f"{smf} is an SMF of this Upf no more")


class N4Service:
    """`begin` it, then `run` it in a TaskGroup. Event loop only."""

    def __init__(
        self,
        config: N4Config,
        core: Core,
        changes: StateChanges,
        acknowledgements: Acknowledgements,
        network: Callable[[IntentKey], Network | None],
        end_markers: EndMarkers,
        publish: Callable[[Event], None],
        *,
        patience: float = PATIENCE,
    ) -> None:
        """Make it, without nodes.

        Args:
            config: where it listens.
            core: the state; it is changed by plans only.
            changes: makes them.
            acknowledgements: of switches.
            network: finds one as it is now.
            end_markers: says on tunnels that they are left.
            publish: tells of SMFs that come and go.
            patience: seconds that switches have to acknowledge a message.
        """
        self._config, self._core, self._changes = config, core, changes
        self._acknowledgements, self._network = acknowledgements, network
        self._end_markers, self._publish = end_markers, publish
        self._patience = patience
        self._requests = RequestCounts()
        self._address = IPv4Address(config.listen.host)
        self._served: dict[IntentKey, _Served] = {}
        self._by_smf: dict[IPv4Address, _Served] = {}
        self._wanted: dict[IntentKey, Upf | None] = {}
        """Upfs that are others than those that are served; None: gone."""
        self._news = asyncio.Event()
        self._endpoint: N4Endpoint | None = None
        self._reports: SessionReports | None = None
        self._given_back = GivenBack(acknowledgements)
        self._opened, self._settled = asyncio.Event(), asyncio.Event()

    def begin(self) -> None:
        """Take up the nodes of a state that was loaded; nothing changes it meanwhile."""
        view = self._core.view
        for key, intent in view.catalogue.table.rows():
            if isinstance(intent, Upf):
                started = view.upf_starts.get(key)
                if started is None:
                    self._want(key, intent)
                else:
                    self._serve(intent, started)
        for one, association in view.smfs.rows():
            if one.upf in self._served:
                self._served[one.upf].node.restore({one.address: association}, {})
        for session, served in view.upf_sessions.rows():
            if session.upf in self._served:
                self._served[session.upf].node.restore({}, {session.seid: served.kept})
        for key, one_served in self._served.items():
            if one_served.node.associations.keys() - set(one_served.upf.spec.smfs):
                self._want(key, one_served.upf)  # it ended before their sessions had

    def adopt(self, plan: Plan) -> None:
        """Intents are others now."""
        for key, intent in plan.intents.items():
            if key.kind == Upf.__name__:
                assert intent is None or isinstance(intent, Upf)
                self._want(key, intent)

    async def port(self) -> int:
        """The UDP port that it listens at, once it does."""
        await self._opened.wait()
        assert self._endpoint is not None
        return self._endpoint.port

    async def reports(self) -> SessionReports:
        """What tells SMFs of their sessions, once it can."""
        await self._opened.wait()
        assert self._reports is not None
        return self._reports

    def _reported(self, session: SessionKey) -> Reported | None:
        served = self._served.get(session.upf)
        kept = None if served is None else served.node.sessions.get(session.seid)
        if served is None or kept is None:
            return None
        # An SMF may want reports elsewhere than where its requests come from, but at no stranger's.
        told = kept.session.cp.ipv4
        smf = told if told is not None and told in served.upf.spec.smfs else kept.smf
        return Reported(smf, kept.session.cp.seid)

    def nodes(self) -> Iterator[tuple[Upf, Node]]:
        """Those that are served now."""
        return ((one.upf, one.node) for one in self._served.values())

    def figures(self) -> Iterator[NodeFigures]:
        """How many SMFs and sessions nodes have."""
        for upf, node in self.nodes():
            yield NodeFigures(upf.key, len(node.associations), len(node.sessions))

    def answers(self) -> Mapping[tuple[str, str], int]:
        """Requests that were answered, by type and cause."""
        return self._requests.by_name

    async def settled(self) -> None:
        """Return when nodes are what their intents say."""
        await self._settled.wait()

    async def run(self) -> None:
        """Serve SMFs, for ever. Ends by cancellation only."""
        started, answered, port = stamp_of(time.time()), self._requests.answered, self._config.smf_port
        endpoint = N4Endpoint(self._address, started, self._node, self._carry_out, answered, port)
        await self._open(endpoint)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(endpoint.run(), name="N4 endpoint")
            tasks.create_task(self._tend(), name="N4 nodes")
            tasks.create_task(self._given_back.run(), name="N4 sessions that have ended")

    async def _open(self, endpoint: N4Endpoint) -> None:
        backoff = Backoff(_FIRST_RETRY, _LONGEST_RETRY)
        while True:
            try:
                await endpoint.open(self._config.listen.port)
            except OSError as error:
                _log.error("cannot listen for SMFs at %s: %s", self._config.listen, error)
                await asyncio.sleep(backoff.next())
                continue
            self._endpoint = endpoint
            self._reports = SessionReports(self._reported, endpoint.requests)
            self._opened.set()
            return

    # Nodes.

    def _want(self, key: IntentKey, intent: Upf | None) -> None:
        self._wanted[key] = intent
        served = self._served.get(key)
        if served is not None and (intent is None or not is_same_node(served.upf, intent)):
            served.is_ending = True
        elif served is not None and intent is not None:
            served.upf = intent
            self._list_smfs()
        self._news.set()
        self._settled.clear()

    async def _tend(self) -> None:
        """Make nodes what their intents say, one after the other."""
        self._news.set()
        while True:
            await self._news.wait()
            self._news.clear()
            while self._wanted:
                key, intent = self._wanted.popitem()
                try:
                    await self._become(key, intent)
                except Exception as error:
                    _log.exception("%s: cannot be served, trying again", key, exc_info=error)
                    self._wanted.setdefault(key, intent)
                    await asyncio.sleep(_FIRST_RETRY)
            self._settled.set()

    async def _become(self, key: IntentKey, intent: Upf | None) -> None:
        served = self._served.get(key)
        if served is not None and intent is not None and not served.is_ending:
            for smf in served.node.associations.keys() - set(intent.spec.smfs):
                await self._end(served, smf)
            return
        # An SMF sees by another time stamp that nothing is left of its sessions.
        now = stamp_of(time.time())
        started = now if served is None else max(now, served.node.recovery + 1)
        await self._changes.make(lambda: self._core.plan_no_sessions(key, started))
        self._served.pop(key, None)
        if served is not None:
            self._tell(ends_of(key, served.node))
        if intent is not None:
            self._serve(intent, started)
        self._list_smfs()

    def _serve(self, upf: Upf, started: int) -> None:
        rules = self._rules(upf)
        stock = NodeStock(rules.n3, rules.data_networks, first_teid=secrets.randbelow(1 << 24) + 1)
        node = Node(self._address, started, rules, stock, lambda: secrets.randbits(64), time.time)
        self._served[upf.key] = _Served(upf, node)
        self._list_smfs()

    def _list_smfs(self) -> None:
        self._by_smf = {smf: one for one in self._served.values() for smf in one.upf.spec.smfs}

    def _node(self, smf: IPv4Address) -> Node | None:
        served = self._by_smf.get(smf)
        return None if served is None or served.is_ending else served.node

    async def _end(self, served: _Served, smf: IPv4Address) -> None:
        """An SMF may control the node no more."""
        async with served.turn:
            await self._change(served, [served.node.removed(smf)])

    def _rules(self, upf: Upf) -> NodeRules:
        """What sessions may be like, as networks are now."""
        return rules_of(upf, self._network(access_of(upf)))

    # Requests.

    async def _carry_out(
        self, node: Node, smf: IPv4Address, requests: Sequence[Asked]
    ) -> list[Answer | MessageRefused]:
        """Do what requests of an SMF ask for, in their order, each in whole or not at all.

        All of them are one change for switches, which costs about as much as one of them does. If that
        fails, each is tried by itself, unless switches are too slow.
        """
        served = self._by_smf.get(smf)
        if served is None:
            return [_stranger(smf)] * len(requests)
        async with served.turn:
            if self._by_smf.get(smf) is not served or served.node is not node or served.is_ending:
                return [_stranger(smf)] * len(requests)
            node.rules = self._rules(served.upf)
            try:
                return await self._together(served, smf, requests)
            except MessageRefused as error:
                if len(requests) == 1 or isinstance(error, _NotFollowed):
                    return [error] * len(requests)
            said: list[Answer | MessageRefused] = []
            for one in requests:
                try:
                    said += await self._together(served, smf, [one])
                except MessageRefused as error:
                    said.append(error)
            return said

    async def _together(
        self, served: _Served, smf: IPv4Address, requests: Sequence[Asked]
    ) -> list[Answer | MessageRefused]:
        """Do what requests ask for, all that are not refused by themselves.

        Raises:
            MessageRefused: it cannot be done; nothing has changed.
        """
        said: list[Answer | MessageRefused] = []
        made: list[Prepared] = []
        try:
            async for one in in_turns(requests):
                try:
                    prepared = served.node.prepare(smf, one.header, one.message)
                except MessageRefused as error:
                    said.append(error)
                    continue
                made.append(prepared)
                assert prepared.response is not None
                said.append(Answer(prepared.response, prepared.seid))
        except BaseException:
            take_back(served.node, made)
            raise
        await self._change(served, made)
        return said

    async def _change(self, served: _Served, made: Sequence[Prepared]) -> None:
        """Have switches follow what was prepared, or take it back.

        Raises:
            MessageRefused: it was taken back.
        """
        rows = rows_of(self._core, served.upf, made)
        if not rows:
            return
        try:
            delta = (await self._make(served, rows)).delta
        except BaseException:
            take_back(served.node, made)
            raise
        away = self._acknowledgements.away(delta)
        if all(one.only_ends for one in made):
            # Sessions end whatever switches say; what they had is given to others when no switch has it.
            try:
                async with asyncio.timeout(self._patience):
                    await self._acknowledgements.wait(delta, but=away)
            except TimeoutError:
                _log.warning("%s: switches are slow to end sessions", served.upf.key)
            self._given_back.ended(served.node, made, delta)
            self._tell(events_of(served.upf.key, made))
            return
        try:
            if away:
                raise MessageRefused(Cause.SYSTEM_FAILURE, f"not connected: {', '.join(away)}")
            async with asyncio.timeout(self._patience):
                await self._acknowledgements.wait(delta)
        except (MessageRefused, TimeoutError) as error:
            take_back(served.node, made)
            await self._undo(served, made)
            if isinstance(error, MessageRefused):
                raise
            raise _NotFollowed(Cause.SYSTEM_FAILURE, "switches have not acknowledged it") from error
        for one in made:
            served.node.done(one)
            for tunnel in one.left:
                await self._say_end(served.upf, tunnel)
        self._tell(events_of(served.upf.key, made))

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._publish(event)

    async def _say_end(self, upf: Upf, tunnel: OuterHeaderCreation) -> None:
        access = self._network(access_of(upf))
        if access is not None and tunnel.ipv4 is not None and tunnel.teid is not None:
            await self._end_markers.send(access, upf.spec.n3_address, tunnel.ipv4, tunnel.teid)

    async def _undo(self, served: _Served, made: Sequence[Prepared]) -> None:
        """Take rows back: no session stands of which its SMF was told that there is none."""
        rows = rows_of(self._core, served.upf, [reversed_of(one) for one in reversed(made)])
        while True:
            try:
                await self._make(served, rows, must=True)
                return
            except MessageRefused as error:
                if error.cause is not Cause.SYSTEM_FAILURE:
                    _log.error("%s: what was refused stays: %s", served.upf.key, error)
                    return
                _log.error("%s: cannot take back what was refused, trying again: %s", served.upf.key, error)
                await asyncio.sleep(_FIRST_RETRY)

    async def _make(self, served: _Served, rows: Sequence[Change], *, must: bool = False) -> Plan:
        key = served.upf.key

        def plan() -> Plan:
            if self._served.get(key) is not served:
                raise MessageRefused(Cause.NO_ESTABLISHED_ASSOCIATION, f"{key} has begun again")
            return self._core.plan_sessions(key, rows, must=must)

        try:
            return await self._changes.make(plan)
        except IntentConflict as error:
            raise MessageRefused(Cause.NO_RESOURCES_AVAILABLE, str(error)) from error
        except StoreError as error:
            raise MessageRefused(Cause.SYSTEM_FAILURE, f"it cannot be kept: {error}") from error
