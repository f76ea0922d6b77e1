"""The gNMI service: Capabilities, Get, Set and Subscribe (gNMI 0.10).

Knows gRPC. Changes run where the switch's state belongs; what is read is looked up outside of the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

import grpc
from finsy.proto import gnmi, gnmi_grpc

from p4fabric.softswitch.engine.api import PortError
from p4fabric.softswitch.gnmi.encode import ENCODINGS, PROTO, check_encoding, leaf_update, tree_update
from p4fabric.softswitch.gnmi.paths import Path, depth, parse, refuse_unknown
from p4fabric.softswitch.gnmi.settings import Wanted
from p4fabric.softswitch.gnmi.subscriptions import MOST_PATHS, Subscriptions
from p4fabric.softswitch.gnmi.tree import (
    MODELS,
    OPERATIONAL,
    Leaves,
    Node,
    SwitchFigures,
    Tree,
    is_known,
    leaves_below,
    switch_tree,
    tree,
)
from p4fabric.softswitch.server.errors import Code, Refusal, abort, invalid, not_found, unimplemented
from p4fabric.softswitch.server.front_panel import FrontPanel
from p4fabric.softswitch.server.port_changes import PortChanges

VERSION = "0.10.0"
MOST_SUBSCRIBERS = 64
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_InState = Callable[[Callable[[], None]], Awaitable[None]]


class GnmiService(gnmi_grpc.gNMIServicer):
    """One switch's gNMI."""

    def __init__(self, panel: FrontPanel, changes: PortChanges, in_state: _InState) -> None:
        """A switch that has just started.

        Args:
            panel: its ports.
            changes: wakes when ports change.
            in_state: runs work where the switch's state belongs.
        """
        self._panel = panel
        self._changes = changes
        self._boot_time_ns = time.time_ns()
        self._in_state = in_state
        self._subscribers = 0

    def _tree(self, wanted: Callable[[str], Leaves]) -> Tree:
        switch = SwitchFigures(self._boot_time_ns, self._panel.reports())
        return tree(self._panel.figures(), wanted) | switch_tree(switch)

    async def Capabilities(
        self, request: gnmi.CapabilityRequest, context: _Context
    ) -> gnmi.CapabilityResponse:
        """The models and encodings that there are."""
        response = gnmi.CapabilityResponse(gNMI_version=VERSION, supported_encodings=ENCODINGS)
        for name, version in MODELS.items():
            organization = "p4fabric" if name.startswith("p4fabric") else "OpenConfig working group"
            response.supported_models.add(name=name, organization=organization, version=version)
        return response

    # --- Get and Set ----------------------------------------------------------------------------

    async def Get(self, request: gnmi.GetRequest, context: _Context) -> gnmi.GetResponse:
        """What is there now, in one notification for each path."""
        try:
            check_encoding(request.encoding)
            if request.use_models:
                raise unimplemented("use_models cannot be chosen: all models are used")
            if request.type not in gnmi.GetRequest.DataType.values():
                raise invalid(f"type {request.type} is not known")
            if len(request.path) > MOST_PATHS:
                raise invalid(f"{len(request.path)} paths; {MOST_PATHS} are the most")
            patterns = [parse(request.prefix, path) for path in request.path or [gnmi.Path()]]
            nodes = await asyncio.to_thread(self._tree, leaves_below(patterns))
            response = gnmi.GetResponse()
            for pattern in patterns:
                notification = response.notification.add(timestamp=time.time_ns())
                notification.prefix.target = request.prefix.target
                notification.update.extend(_updates(pattern, nodes, request))
        except Refusal as refusal:
            await abort(context, refusal)
        return response

    async def Set(self, request: gnmi.SetRequest, context: _Context) -> gnmi.SetResponse:
        """All of it, or nothing."""
        response = gnmi.SetResponse()

        def change() -> None:
            wanted = Wanted(self._panel)
            response.response.extend(wanted.take(request))
            try:
                self._panel.apply(wanted.settings, wanted.reporting)
            except (PortError, OSError) as error:
                raise Refusal(Code.FAILED_PRECONDITION, str(error)) from None

        try:
            await self._in_state(change)
        except Refusal as refusal:
            await abort(context, refusal)
        response.prefix.CopyFrom(request.prefix)
        response.timestamp = time.time_ns()
        return response

    # --- Subscribe ------------------------------------------------------------------------------

    async def Subscribe(  # type: ignore[override]  # reads and writes through the context
        self, _: object, context: _Context
    ) -> None:
        """ONCE, POLL and STREAM."""
        self._subscribers += 1
        try:
            if self._subscribers > MOST_SUBSCRIBERS:
                raise Refusal(Code.RESOURCE_EXHAUSTED, f"there are {MOST_SUBSCRIBERS} subscribers already")
            await self._subscribe(_Requests(context), context)
        except Refusal as refusal:
            await abort(context, refusal)
        finally:
            self._subscribers -= 1

    async def _subscribe(self, requests: _Requests, context: _Context) -> None:
        request = await requests.next()
        if request is None:
            return
        if request.WhichOneof("request") != "subscribe":
            raise invalid("the first message must be a subscription list")
        subscriptions = Subscriptions(request.subscribe)
        woken = asyncio.Event()
        with self._changes.follow(woken):  # from before the first look: nothing is missed in between
            nodes = await asyncio.to_thread(self._tree, subscriptions.wanted)
            selected = subscriptions.select(nodes)
            subscriptions.begin(selected, time.monotonic())
            await _send(subscriptions, {} if subscriptions.updates_only else selected, context, sync=True)
            if subscriptions.mode == gnmi.SubscriptionList.POLL:
                await self._poll(subscriptions, requests, context)
            elif subscriptions.mode == gnmi.SubscriptionList.STREAM:
                await self._stream(subscriptions, requests, woken, context)

    async def _poll(self, subscriptions: Subscriptions, requests: _Requests, context: _Context) -> None:
        while (request := await requests.next()) is not None:
            if request.WhichOneof("request") != "poll":
                raise invalid("a subscription cannot be changed: open another stream")
            selected = subscriptions.select(await asyncio.to_thread(self._tree, subscriptions.wanted))
            await _send(subscriptions, selected, context, sync=True)

    async def _stream(
        self, subscriptions: Subscriptions, requests: _Requests, woken: asyncio.Event, context: _Context
    ) -> None:
        """Send what changes at once, and samples in their intervals."""
        listening = asyncio.create_task(requests.none_other())
        listening.add_done_callback(lambda _: woken.set())
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, subscriptions.due - time.monotonic())):
                        await woken.wait()
                changed = woken.is_set()
                woken.clear()
                if listening.done() and (failure := listening.exception()) is not None:
                    raise failure
                nodes = await asyncio.to_thread(self._tree, subscriptions.wanted)
                found = subscriptions.look(nodes, time.monotonic(), changed=changed)
                await _send(subscriptions, found, context, sync=False)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


class _Requests:
    """What a subscriber sends."""

    def __init__(self, context: _Context) -> None:
        self._context = context

    async def next(self) -> gnmi.SubscribeRequest | None:
        """The next message; None when there will be none."""
        request = await self._context.read()
        return None if request is grpc.aio.EOF else request

    async def none_other(self) -> None:
        """Until the client has ended its side; `Refusal` for any message."""
        if await self.next() is not None:
            raise invalid("a stream takes no further messages: open another for another subscription")


async def _send(subscriptions: Subscriptions, selected: Tree, context: _Context, *, sync: bool) -> None:
    for message in subscriptions.messages(selected, time.time_ns()):
        await context.write(message)
    if sync:
        await context.write(gnmi.SubscribeResponse(sync_response=True))


def _updates(pattern: Path, nodes: Tree, request: gnmi.GetRequest) -> list[gnmi.Update]:
    """What a path names; as one value for each node in JSON, leaf by leaf in PROTO."""
    if not is_known(pattern):
        raise refuse_unknown(pattern)
    groups: dict[Path, Tree] = {}
    there = False
    for path, node in nodes.items():
        steps = depth(pattern, path)
        if steps is not None:
            there = True
            if _is_wanted(node, request.type):
                groups.setdefault(path[:steps], {})[path] = node
    if not there and pattern:
        raise not_found("a path names nothing that is there")
    if request.encoding == PROTO:
        return [leaf_update(path, node, PROTO) for group in groups.values() for path, node in group.items()]
    return [tree_update(root, group, request.encoding) for root, group in groups.items()]


def _is_wanted(node: Node, kind: int) -> bool:
    match kind:
        case gnmi.GetRequest.CONFIG:
            return node.is_config
        case gnmi.GetRequest.STATE:
            return not node.is_config
        case gnmi.GetRequest.OPERATIONAL:
            return node.leaf in OPERATIONAL
    return True
