"""A switch and its session in one, in memory, for tests that look at every single update.

It performs the updates of a batch in any order, has tables of a size, refuses what it is told to refuse, and
loses its connection in the middle of a batch. What a real connection does is tested with FakeSwitch.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from random import Random
from typing import Any, TypeVar

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.errors import SwitchUnavailable
from p4fabric.controller.p4runtime.read import Decoded, ReadResult
from p4fabric.controller.p4runtime.state import Phase, SessionState
from p4fabric.controller.p4runtime.update import Code, Update, UpdateError, UpdateKind
from p4fabric.pipelines.entities import Entity, EntityKey

T = TypeVar("T")

Refusal = tuple[Code, str]


class SimulatedSwitch:
    def __init__(self, name: str = "leaf1", *, connected: bool = True, random: Random | None = None) -> None:
        self.name = SwitchName(name)
        self.entities: dict[EntityKey, Entity] = {}
        self.rooms: dict[object, int] = {}
        """Entries that a table takes, by the first part of their keys."""
        self.refuse: Callable[[Update], Refusal | None] = lambda update: None
        self.watch: Callable[[Update], None] = lambda update: None
        """Told each update after it was performed."""
        self.about_to_write: Callable[[list[Update]], None] = lambda updates: None
        self.writes: list[list[Update]] = []
        self.reads = 0
        """Reads whose answer was decoded."""
        self._hashed: dict[int, Entity] = {}
        """Kept, so that each has a number of its own."""
        self.delay: Callable[[], float] = lambda: 0.0
        """Seconds before a batch is performed, in the middle, and before it is answered."""
        self.answered = asyncio.Event()
        self.answered.set()
        """Unset: batches are performed, and their answers wait."""
        self.lose_an_answer = False
        """The next batch is performed, but its answer does not come in time; the connection stays."""
        self.break_after: int | None = None
        """The connection is lost when so many more updates have been performed."""
        self._random = random or Random(0)
        self._state = SessionState(Phase.PRIMARY, "", 1) if connected else _GONE
        self._epoch = int(connected)
        self._changed = asyncio.Event()

    @property
    def state(self) -> SessionState:
        return self._state

    def disconnect(self) -> None:
        self._enter(SessionState(Phase.DISCONNECTED, "the connection failed", self._epoch))

    def connect(self) -> None:
        self._epoch += 1
        self._enter(SessionState(Phase.PRIMARY, "", self._epoch))

    def restart(self) -> None:
        """It comes back with nothing."""
        self.disconnect()
        self.entities.clear()

    def _enter(self, state: SessionState) -> None:
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_until(self, wanted: Callable[[SessionState], bool]) -> SessionState:
        while not wanted(self._state):
            await self._changed.wait()
        return self._state

    async def write(self, updates: Sequence[Update]) -> list[UpdateError]:
        self._need_connection()
        epoch = self._epoch
        self.about_to_write(list(updates))
        self.writes.append(list(updates))
        await asyncio.sleep(self.delay())
        errors: list[UpdateError] = []
        for number, update in enumerate(self._random.sample(updates, len(updates)), 1):
            self._need_connection(epoch)
            refusal = self._perform(update)
            if refusal is not None:
                errors.append(UpdateError(update.kind, update.entity.key, *refusal))
            if self.break_after is not None:
                self.break_after -= 1
                if self.break_after <= 0:
                    self.break_after = None
                    self.disconnect()
            await asyncio.sleep(self.delay() if number == len(updates) // 2 else 0)
        await asyncio.sleep(self.delay())
        if self.lose_an_answer:
            self.lose_an_answer = False
            raise SwitchUnavailable("no answer in time")
        await self.answered.wait()
        self._need_connection(epoch)
        return errors

    def _need_connection(self, epoch: int | None = None) -> None:
        if self._state.phase is not Phase.PRIMARY or epoch not in (None, self._epoch):
            raise SwitchUnavailable("the connection failed")

    def _perform(self, update: Update) -> Refusal | None:
        refusal = self.refuse(update)
        if refusal is not None:
            return refusal
        key, there = update.entity.key, update.entity.key in self.entities
        if update.kind is UpdateKind.INSERT:
            if there:
                return Code.ALREADY_EXISTS, "it exists"
            room = self.rooms.get(key[0])
            if room is not None and Counter(other[0] for other in self.entities)[key[0]] >= room:
                return Code.RESOURCE_EXHAUSTED, "the table is full"
        elif not there:
            return Code.NOT_FOUND, "it does not exist"
        if update.kind is UpdateKind.DELETE:
            del self.entities[key]
        else:
            self.entities[key] = update.entity
        self.watch(update)
        return None

    async def read(self, decoded: Decoded | None = None) -> ReadResult:
        result = await self.read_if_changed(None, decoded)
        assert result is not None
        return result

    async def read_if_changed(
        self, digest: bytes | None, decoded: Decoded | None = None
    ) -> ReadResult | None:
        self._need_connection()
        epoch = self._epoch
        found: Mapping[EntityKey, Entity] = dict(self.entities)
        await asyncio.sleep(0.02)
        self._need_connection(epoch)
        now = str(hash(frozenset(map(id, found.values())))).encode()
        if now == digest:
            return None
        self.reads += 1
        entities: dict[EntityKey, Entity] = {}
        hashes: dict[EntityKey, int] = {}
        known = decoded or {}
        for number, (key, entity) in enumerate(found.items(), 1):
            if number % 1000 == 0:
                await asyncio.sleep(0)
            hashes[key] = id(entity)
            self._hashed[id(entity)] = entity
            entities[key] = known.get(id(entity), entity)
        return ReadResult(entities, (), now, hashes)


_GONE = SessionState(Phase.DISCONNECTED, "not connected")


class _NoWaiting(selectors.SelectSelector):
    """Instead of waiting, the loop's clock goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen again: the test waits for ever")
        if timeout > 0:
            self.now += timeout
        return super().select(0)


class HeldClock(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._selector_without_waiting = _NoWaiting()
        super().__init__(self._selector_without_waiting)

    def time(self) -> float:
        return self._selector_without_waiting.now


def run_without_waiting(body: Coroutine[Any, Any, T]) -> T:
    """Run a test whose waits take no time: whatever is asleep longest, the clock goes to its end at once."""
    with asyncio.Runner(loop_factory=HeldClock) as runner:
        return runner.run(body)
