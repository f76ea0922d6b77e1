"""Forwarding pipelines (specification, sections 7, 14 and 15): the one that runs, and the one that is saved.

Knows how a pipeline comes into being and replaces another. Must not know who asks for it. A saved pipeline
has an engine of its own, without ports: reads and writes go there until it is committed, and are replayed
then.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from finsy.proto import p4r

from p4fabric.softswitch.engine import entry_layouts, load_config, open_engine
from p4fabric.softswitch.engine.api import (
    BuildError,
    DeviceConfig,
    Engine,
    EngineOptions,
    PipelineError,
    PortError,
)
from p4fabric.softswitch.server.device_config import unwrapped
from p4fabric.softswitch.server.errors import Code, Refusal, Result, invalid, not_found
from p4fabric.softswitch.server.front_panel import FrontPanel
from p4fabric.softswitch.server.plain_reader import load
from p4fabric.softswitch.server.plain_writes import PlainWriter
from p4fabric.softswitch.server.read import Reader
from p4fabric.softswitch.server.received import Received
from p4fabric.softswitch.server.replay import count_updates, state_updates
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.store import Store
from p4fabric.softswitch.server.write import Writer


@dataclass(slots=True)
class Forwarding:
    """A pipeline with its state; only `config` ever changes."""

    config: p4r.ForwardingPipelineConfig
    device_config: DeviceConfig
    schema: Schema
    store: Store
    engine: Engine
    writer: Writer
    plain_writer: PlainWriter
    reader: Reader

    def write(self, received: Received) -> list[Result]:
        """Carry out a request, the short way if it can be: one result for each update."""
        results = self.plain_writer.write(received)
        if results is None:
            results = self.writer.write(received.updates(), atomic=received.atomic, role=received.role)
        return results


class Pipelines:
    """The pipelines of one switch.

    `prepare` may run anywhere and takes seconds the first time a program is seen; all else belongs to the
    thread that owns the state and takes milliseconds.
    """

    def __init__(self, panel: FrontPanel, options: EngineOptions) -> None:
        self._panel = panel
        self._ports = panel.ports
        self._options = options
        self._preparing = threading.Lock()
        self.running: Forwarding | None = None
        self.saved: Forwarding | None = None

    @property
    def current(self) -> Forwarding | None:
        """What reads and writes go to: the saved pipeline, if there is one, else the running one."""
        return self.saved or self.running

    def prepare(self, config: p4r.ForwardingPipelineConfig) -> Forwarding:
        """Verify a config and bring it to life in an engine without ports. `Refusal` says what is wrong."""
        try:
            device_config = load_config(unwrapped(config.p4_device_config))
        except PipelineError as error:
            raise invalid(f"p4_device_config: {error}") from None
        schema = Schema(config.p4info, device_config.info)
        try:
            with self._preparing:
                load(self._options)
                engine = open_engine(device_config, self._options)
        except BuildError as error:
            raise invalid(f"p4_device_config cannot be built: {error}") from None
        try:
            prepared = self._fresh(config, device_config, schema, engine)
            prepared.store.adopt(engine.initial_handles)
        except BaseException:
            engine.close()
            raise
        return prepared

    def _fresh(
        self,
        config: p4r.ForwardingPipelineConfig,
        device_config: DeviceConfig,
        schema: Schema,
        engine: Engine,
    ) -> Forwarding:
        """With nothing written yet."""
        store, layouts = Store(schema), entry_layouts(device_config)
        return Forwarding(
            config,
            device_config,
            schema,
            store,
            engine,
            Writer(schema, store, engine, frozenset(self._ports.interfaces)),
            PlainWriter(load(self._options), schema, layouts, store, engine),
            Reader(schema, store, engine),
        )

    def save(self, prepared: Forwarding) -> None:
        """VERIFY_AND_SAVE."""
        self._drop_saved()
        self.saved = prepared

    def commit(self, prepared: Forwarding) -> None:
        """VERIFY_AND_COMMIT: the prepared pipeline runs, with nothing in its tables."""
        self._run(prepared, None)
        self._drop_saved()

    def commit_saved(self) -> None:
        """COMMIT: the saved pipeline runs, with what was written to it since."""
        if self.saved is None:
            raise not_found("no config is saved: VERIFY_AND_SAVE comes first")
        saved = self.saved
        self._run(saved, saved)
        self.saved = None

    def reconcile(self, prepared: Forwarding) -> None:
        """RECONCILE_AND_COMMIT: the prepared pipeline runs with all that the running one holds.

        `Refusal` (INVALID_ARGUMENT) when it cannot hold that; nothing has changed then.
        """
        running = self.running
        if running is not None and _is_same(running, prepared):
            running.config = prepared.config
        else:
            if running is not None:
                _try_out(running, prepared)
            self._run(prepared, running)
        self._drop_saved()

    def close(self) -> None:
        """Stop the engines."""
        self._drop_saved()
        if self.running is not None:
            self.running.engine.close()
            self.running = None

    def _run(self, prepared: Forwarding, state: Forwarding | None) -> None:
        """Put a pipeline in the running one's place, with another's state; the engine with the ports stays.

        Meanwhile it moves no packets: they wait in the ports' rings, and none meets an empty table.
        """
        if self.running is None:
            self._start(prepared)
            return
        engine = self.running.engine
        fresh = self._fresh(prepared.config, prepared.device_config, prepared.schema, engine)
        plans = fresh.writer.plan(state_updates(state, fresh.store)) if state is not None else []
        engine.stop()
        try:
            counts = count_updates(state, fresh.store) if state is not None else []
            engine.swap(prepared.device_config)
            fresh.store.adopt(engine.initial_handles)
            self.running = fresh
            fresh.writer.carry_out(plans)
            fresh.writer.carry_out(fresh.writer.plan(counts))
        except Refusal as refusal:
            raise Refusal(Code.INTERNAL, f"the state could not be replayed: {refusal.text}") from None
        finally:
            engine.start()
        if prepared.engine is not engine:
            prepared.engine.close()

    def _start(self, prepared: Forwarding) -> None:
        """The first pipeline keeps the engine that it was prepared in, and what was written there."""
        try:
            self._panel.use(prepared.engine)
            prepared.engine.start()
        except (PortError, OSError) as error:
            raise Refusal(Code.FAILED_PRECONDITION, f"the ports cannot be opened: {error}") from None
        self.running = prepared

    def _drop_saved(self) -> None:
        if self.saved is not None:
            self.saved.engine.close()
            self.saved = None


def _is_same(one: Forwarding, other: Forwarding) -> bool:
    """Whether two pipelines differ in their cookie at most."""
    return one.device_config.digest == other.device_config.digest and one.config.p4info == other.config.p4info


def _try_out(state: Forwarding, prepared: Forwarding) -> None:
    """Write a pipeline's state to another that has no ports; `Refusal` says what it cannot hold."""
    try:
        prepared.writer.carry_out(prepared.writer.plan(state_updates(state, prepared.store)))
        prepared.writer.carry_out(prepared.writer.plan(count_updates(state, prepared.store)))
    except Refusal as refusal:
        raise invalid(f"the new pipeline cannot hold what the running one does: {refusal.text}") from None
