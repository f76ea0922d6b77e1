"""N4: SMFs' requests become rows of the state, and are answered once switches have acknowledged them.

    datagram ──► N4Endpoint ──► SmfRequests ──► answer

A node is there while its `Upf` is. This module knows nothing of entries.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address

from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.config import N4Config
from p4fabric.controller.core import Core, Plan
from p4fabric.controller.fabric.acknowledged import Acknowledgements
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.end_markers import EndMarkers
from p4fabric.controller.fabric.n4_changes import PATIENCE, SmfRequests
from p4fabric.controller.fabric.n4_counters import SessionCounters
from p4fabric.controller.fabric.n4_counts import RequestCounts
from p4fabric.controller.fabric.n4_endpoint import Answer, Asked, N4Endpoint
from p4fabric.controller.fabric.n4_errors import ErrorIndications
from p4fabric.controller.fabric.n4_peers import SmfPeers
from p4fabric.controller.fabric.n4_reports import Reported, SessionReports
from p4fabric.controller.fabric.n4_rows import ends_of
from p4fabric.controller.fabric.n4_rules import fits, is_same_node
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.fabric.n4_solicitations import Solicitations
from p4fabric.controller.fabric.n4_usage import SessionUsage
from p4fabric.controller.fabric.n4_usage_watch import UsageWatch
from p4fabric.controller.fabric.n4u_endpoint import N4uEndpoint
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.n4.node import Node
from p4fabric.controller.n4.pfcp import Cause, MessageRefused
from p4fabric.controller.n4.stamps import stamp_of
from p4fabric.controller.n4.stock import NodeStock
from p4fabric.controller.names import IntentKey
from p4fabric.controller.p4runtime.backoff import Backoff
from p4fabric.controller.telemetry.events import Event
from p4fabric.controller.telemetry.n4_metrics import NodeFigures

__all__ = ["N4Service"]

_log = logging.getLogger(__name__)

_FIRST_RETRY, _LONGEST_RETRY = 1.0, 30.0
_LOOK = 10.0
"""Seconds between two looks at which SMFs have no association, or are to get a heartbeat."""


class N4Service:
    """`begin` it, then `run` it in a TaskGroup. Event loop only."""

    def __init__(
        self,
        config: N4Config,
        core: Core,
        changes: StateChanges,
        acknowledgements: Acknowledgements,
        network: Callable[[IntentKey], Network | None],
        errors: ErrorIndications,
        solicitations: Solicitations,
        end_markers: EndMarkers,
        publish: Callable[[Event], None],
        counters: SessionCounters,
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
            errors: tells gNBs and SMFs of tunnels that are not there.
            solicitations: answers UEs, or has SMFs do so.
            end_markers: says on tunnels that they are left.
            publish: tells of SMFs that come and go.
            counters: of sessions.
            patience: seconds that switches have to acknowledge a message.
        """
        self._config, self._core, self._changes = config, core, changes
        self._usage = SessionUsage(counters)
        self._requests = SmfRequests(
            core,
            changes,
            acknowledgements,
            network,
            end_markers,
            publish,
            self._is_served,
            self._usage,
            patience,
        )
        self._errors, self._solicitations, self._counts = errors, solicitations, RequestCounts()
        self._network, self._end_markers = network, end_markers
        self._address = IPv4Address(config.listen.host)
        self._n4u = N4uEndpoint(self._address, config.gtpu_port, solicitations.from_smf)
        self._served: dict[IntentKey, ServedUpf] = {}
        self._by_smf: dict[IPv4Address, ServedUpf] = {}
        self._wanted: dict[IntentKey, Upf | None] = {}
        """Upfs that are others than those that are served; None: gone."""
        self._news = asyncio.Event()
        self._endpoint: N4Endpoint | None = None
        self._reports: SessionReports | None = None
        self._peers: SmfPeers | None = None
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
        strays = set[IntentKey]()
        for session, kept in view.upf_sessions.rows():
            one_served = self._served.get(session.upf)
            if one_served is not None:
                one_served.node.restore({}, {session.seid: kept.kept})
                if not fits(one_served.upf, one_served.node.rules, kept):
                    strays.add(session.upf)
        # It ended after the Upf had become another one, and before what had stood at the old one was ended.
        for key, one_served in self._served.items():
            one_served.is_ending = key in strays
            if key in strays or one_served.node.associations.keys() - set(one_served.upf.spec.smfs):
                self._want(key, one_served.upf)

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
        return self._counts.by_name

    async def settled(self) -> None:
        """Return when nodes are what their intents say."""
        await self._settled.wait()

    async def run(self) -> None:
        """Serve SMFs, for ever. Ends by cancellation only."""
        started, answered, port = stamp_of(time.time()), self._counts.answered, self._config.smf_port
        endpoint = N4Endpoint(
            self._address, started, self._node, self._carry_out, answered, self._began, port
        )
        self._peers = SmfPeers(
            self._served.values, endpoint.requests, self._requests, self._config.heartbeat, _LOOK
        )
        await self._open(endpoint)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._peers.run(), name="N4 peers")
            tasks.create_task(endpoint.run(), name="N4 endpoint")
            tasks.create_task(self._tend(), name="N4 nodes")
            tasks.create_task(self._requests.run(), name="N4 requests")
            reports = await self.reports()
            self._errors.serve(self._served.values, reports)
            self._solicitations.serve(self._served.values, self._network, self._end_markers, self._n4u.send)
            tasks.create_task(self._n4u.run(), name="N4 packets of UEs")
            watch = UsageWatch(self._usage, self._requests, reports, self._served.values)
            tasks.create_task(watch.run(), name="N4 usage")

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
                await self._requests.end(served, smf)
                if self._peers is not None:
                    self._peers.leaves(served, smf)
            return
        # An SMF sees by another time stamp that nothing is left of its sessions.
        now = stamp_of(time.time())
        started = now if served is None else max(now, served.node.recovery + 1)
        await self._changes.make(lambda: self._core.plan_no_sessions(key, started))
        self._served.pop(key, None)
        if served is not None:
            self._requests.tell(ends_of(key, served.node))
            if intent is None and self._peers is not None:
                for smf in served.node.associations:
                    self._peers.leaves(served, smf)
        if intent is not None:
            self._serve(intent, started)
        self._list_smfs()

    def _serve(self, upf: Upf, started: int) -> None:
        rules = self._requests.rules(upf)
        first = secrets.randbelow(1 << 24) + 1
        stock = NodeStock(rules.n3, self._address, rules.data_networks, first_teid=first)
        node = Node(self._address, started, rules, stock, lambda: secrets.randbits(64), time.time)
        self._served[upf.key] = ServedUpf(upf, node)
        self._list_smfs()

    def _list_smfs(self) -> None:
        self._by_smf = {smf: one for one in self._served.values() for smf in one.upf.spec.smfs}

    def _node(self, smf: IPv4Address) -> Node | None:
        served = self._by_smf.get(smf)
        return None if served is None or served.is_ending else served.node

    def _is_served(self, served: ServedUpf) -> bool:
        return self._served.get(served.upf.key) is served

    def _began(self, smf: IPv4Address, stamp: int) -> None:
        if self._peers is not None:
            self._peers.began(smf, stamp)

    async def _carry_out(
        self, node: Node, smf: IPv4Address, requests: Sequence[Asked]
    ) -> Sequence[Answer | MessageRefused]:
        served = self._by_smf.get(smf)
        if served is None or served.node is not node:
            refused = MessageRefused(Cause.NO_ESTABLISHED_ASSOCIATION, f"{smf} is an SMF of no Upf")
            return [refused] * len(requests)
        return await self._requests.carry_out(served, smf, requests)
