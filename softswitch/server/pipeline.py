"""Forwarding pipelines (specification, sections 7, 14 and 15): the one that runs, and the one that is saved.

Knows how a pipeline comes into being and replaces another. Must not know who asks for it. A saved pipeline
has an engine of its own, without ports: reads and writes go there until it is committed, and are replayed
then.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from finsy.proto import p4r

from softswitch.engine import load_config, open_engine
from softswitch.engine.api import BuildError, DeviceConfig, Engine, EngineOptions, PipelineError, PortError
from softswitch.server.errors import Code, Refusal, invalid, not_found
from softswitch.server.ports import Ports
from softswitch.server.read import Reader, messages
from softswitch.server.schema import Schema
from softswitch.server.store import Store
from softswitch.server.write import Writer


@dataclass(slots=True)
class Forwarding:
    """A pipeline with its state."""

    config: p4r.ForwardingPipelineConfig
    device_config: DeviceConfig
    schema: Schema
    store: Store
    engine: Engine
    writer: Writer
    reader: Reader

    @classmethod
    def fresh(
        cls,
        config: p4r.ForwardingPipelineConfig,
        device_config: DeviceConfig,
        schema: Schema,
        engine: Engine,
        ports: Ports,
    ) -> Forwarding:
        """With nothing written yet."""
        store = Store(schema)
        writer = Writer(schema, store, engine, frozenset(ports.interfaces))
        return cls(config, device_config, schema, store, engine, writer, Reader(schema, store, engine))


class Pipelines:
    """The pipelines of one switch.

    `prepare` may run anywhere and takes seconds the first time a program is seen; all else belongs to the
    thread that owns the state and takes milliseconds.
    """

    def __init__(self, ports: Ports, options: EngineOptions) -> None:
        self._ports = ports
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
            device_config = load_config(config.p4_device_config)
        except PipelineError as error:
            raise invalid(f"p4_device_config: {error}") from None
        schema = Schema(config.p4info, device_config.info)
        try:
            with self._preparing:
                engine = open_engine(device_config, self._options)
        except BuildError as error:
            raise invalid(f"p4_device_config cannot be built: {error}") from None
        return Forwarding.fresh(config, device_config, schema, engine, self._ports)

    def save(self, prepared: Forwarding) -> None:
        """VERIFY_AND_SAVE."""
        self._drop_saved()
        self.saved = prepared

    def commit(self, prepared: Forwarding) -> None:
        """VERIFY_AND_COMMIT: the prepared pipeline runs, with nothing in its tables."""
        self._run(prepared, ())
        self._drop_saved()

    def commit_saved(self) -> None:
        """COMMIT: the saved pipeline runs, with what was written to it since."""
        if self.saved is None:
            raise not_found("no config is saved: VERIFY_AND_SAVE comes first")
        saved = self.saved
        self._run(saved, _updates(saved))
        self.saved = None

    def reconcile(self, prepared: Forwarding) -> None:
        """RECONCILE_AND_COMMIT: the prepared pipeline runs with all that the current one holds.

        `Refusal` (INVALID_ARGUMENT) when it cannot hold that; nothing has changed then.
        """
        before = self.current
        if before is None:
            self._run(prepared, ())
            return
        updates = _updates(before)
        for update, result in zip(updates, prepared.writer.write(_copies(updates), atomic=True), strict=True):
            if result is not None and result.code is not Code.ABORTED:
                kind = update.entity.WhichOneof("entity")
                raise invalid(f"the new pipeline cannot hold a {kind} of the old one: {result.text}")
        self._run(prepared, updates)
        self._drop_saved()

    def close(self) -> None:
        """Stop the engines."""
        self._drop_saved()
        if self.running is not None:
            self.running.engine.close()
            self.running = None

    def _run(self, prepared: Forwarding, updates: Sequence[p4r.Update]) -> None:
        """Put a pipeline in the running one's place; the engine with the ports stays."""
        if self.running is None:
            self._start(prepared)
            return
        engine = self.running.engine
        engine.swap(prepared.device_config)
        fresh = Forwarding.fresh(
            prepared.config, prepared.device_config, prepared.schema, engine, self._ports
        )
        if prepared.engine is not engine:
            prepared.engine.close()
        self.running = fresh
        failed = [one for one in fresh.writer.write(_copies(updates), atomic=True) if one is not None]
        if failed:
            raise Refusal(Code.INTERNAL, f"the state could not be replayed: {failed[0].text}")

    def _start(self, prepared: Forwarding) -> None:
        """The first pipeline keeps the engine that it was prepared in, and what was written there."""
        try:
            self._ports.add_to(prepared.engine)
            prepared.engine.start()
        except (PortError, OSError) as error:
            for number in prepared.engine.port_stats():
                prepared.engine.remove_port(number)
            raise Refusal(Code.FAILED_PRECONDITION, f"the ports cannot be opened: {error}") from None
        self.running = prepared

    def _drop_saved(self) -> None:
        if self.saved is not None:
            self.saved.engine.close()
            self.saved = None


def _updates(forwarding: Forwarding) -> list[p4r.Update]:
    """What would write a pipeline's state again, in an order in which nothing is missing when needed."""
    schema = forwarding.schema
    updates = []
    for entity in _entities(forwarding, _everything()):
        change = p4r.Update.MODIFY if entity.HasField("counter_entry") else p4r.Update.INSERT
        if entity.HasField("counter_entry") and not entity.counter_entry.data.ByteSize():
            continue
        if entity.HasField("table_entry") and schema.tables[entity.table_entry.table_id].const_entries:
            continue
        updates.append(p4r.Update(type=change, entity=entity))
    for register in schema.registers.values():
        if register.type is None:
            continue
        request = p4r.Entity(register_entry=p4r.RegisterEntry(register_id=register.id))
        for entity in _entities(forwarding, [request]):
            if register.type.values(entity.register_entry.data, register.name) != (0,):
                updates.append(p4r.Update(type=p4r.Update.MODIFY, entity=entity))
    for number, state in forwarding.store.tables.items():
        if state.default is not None:
            entry = p4r.TableEntry.FromString(state.default)
            entry.table_id = number
            updates.append(p4r.Update(type=p4r.Update.MODIFY, entity=p4r.Entity(table_entry=entry)))
    return updates


def _everything() -> list[p4r.Entity]:
    members, groups, multicast, clones, entries, digests, counters = (p4r.Entity() for _ in range(7))
    members.action_profile_member.SetInParent()
    groups.action_profile_group.SetInParent()
    multicast.packet_replication_engine_entry.multicast_group_entry.SetInParent()
    clones.packet_replication_engine_entry.clone_session_entry.SetInParent()
    entries.table_entry.counter_data.SetInParent()
    digests.digest_entry.SetInParent()
    counters.counter_entry.SetInParent()
    return [members, groups, multicast, clones, entries, digests, counters]


def _entities(forwarding: Forwarding, requests: Sequence[p4r.Entity]) -> Iterable[p4r.Entity]:
    parts, results = forwarding.reader.read(requests)
    for result in results:
        if result is not None:
            raise result
    for message in messages(parts):
        yield from message.entities


def _copies(updates: Sequence[p4r.Update]) -> list[p4r.Update]:
    """Writing may change its messages."""
    copies = []
    for update in updates:
        copy = p4r.Update()
        copy.CopyFrom(update)
        copies.append(copy)
    return copies
