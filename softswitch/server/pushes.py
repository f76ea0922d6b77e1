"""Pipelines that are pushed (specification, section 14): one after the other, prepared in a thread, put in
place where the state belongs.

However often pushes are cancelled, an engine that was prepared is closed or in use, and a change that has
begun ends. Must not know clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from finsy.proto import p4r

from p4fabric.softswitch.server.errors import Refusal, invalid
from p4fabric.softswitch.server.pipeline import Forwarding, Pipelines
from p4fabric.softswitch.server.tasks import run_to_end

_Push = p4r.SetForwardingPipelineConfigRequest
_InState: TypeAlias = Callable[[Callable[[], None]], Awaitable[None]]


class Pushes:
    """The changes of one switch's pipelines."""

    def __init__(self, pipelines: Pipelines, in_state: _InState, changed: Callable[[], None]) -> None:
        """`in_state` runs something in the thread that owns the state, to its end; `changed` is called when
        another pipeline may run."""
        self._pipelines = pipelines
        self._in_state = in_state
        self._changed = changed
        self.turn = asyncio.Lock()
        """Held while pipelines are prepared and changed."""

    async def push(self, request: _Push, check: Callable[[], None]) -> None:
        """Carry out a request. `Refusal` says what is wrong with it; one that `check` raises, when the
        pipeline is to take effect, leaves all as it is."""
        async with self.turn:
            await self._push(request, check)

    async def _push(self, request: _Push, check: Callable[[], None]) -> None:
        pipelines = self._pipelines
        if request.action == _Push.COMMIT:
            if request.HasField("config"):
                raise invalid("COMMIT takes no config: the saved one is meant")
            check()
            await self._change(pipelines.commit_saved)
            return
        actions = {
            _Push.VERIFY: None,
            _Push.VERIFY_AND_SAVE: pipelines.save,
            _Push.VERIFY_AND_COMMIT: pipelines.commit,
            _Push.RECONCILE_AND_COMMIT: pipelines.reconcile,
        }
        if request.action not in actions:
            raise invalid(f"action {request.action} is not known")
        if not request.HasField("config"):
            raise invalid("config is missing")
        action = actions[request.action]
        async with self._prepared(request.config) as prepared:
            if action is not None:
                check()
                await self._change(lambda: action(prepared))

    async def load(self, config: p4r.ForwardingPipelineConfig) -> Forwarding:
        """Run a pipeline with nothing in its tables; `Refusal` says what is wrong with it."""
        async with self.turn, self._prepared(config) as prepared:
            await self._change(lambda: self._pipelines.commit(prepared))
            return prepared

    async def replace(self, config: p4r.ForwardingPipelineConfig) -> Refusal | None:
        """Run another pipeline, if possible with the running one's state. Gives why not; raises a `Refusal`
        when it cannot be run at all."""
        async with self.turn, self._prepared(config) as prepared:
            try:
                await self._change(lambda: self._pipelines.reconcile(prepared))
            except Refusal as refusal:
                await self._change(lambda: self._pipelines.commit(prepared))
                return refusal
        return None

    async def _change(self, change: Callable[[], None]) -> None:
        try:
            await self._in_state(change)
        finally:
            self._changed()

    @asynccontextmanager
    async def _prepared(self, config: p4r.ForwardingPipelineConfig) -> AsyncIterator[Forwarding]:
        """A pipeline that was brought to life; its engine is closed at the end unless it runs or is saved.

        The caller has its turn: there is at most one such engine, however many pushes come and are cancelled.
        """
        pipelines = self._pipelines
        preparing = asyncio.ensure_future(asyncio.to_thread(pipelines.prepare, config))
        try:
            yield await run_to_end(preparing)
        finally:
            prepared = preparing.result() if preparing.exception() is None else None
            if prepared is not None and prepared is not pipelines.running and prepared is not pipelines.saved:
                await run_to_end(asyncio.to_thread(prepared.engine.close))
