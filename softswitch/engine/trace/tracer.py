"""Switches tracing on and off in an engine, and takes what was traced."""

from __future__ import annotations

import ctypes as c
import threading
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from p4fabric.softswitch.engine.api import BuildError
from p4fabric.softswitch.engine.build import Builder
from p4fabric.softswitch.engine.generate.tracing import LAYOUT, traced_fields
from p4fabric.softswitch.engine.libraries import library_of
from p4fabric.softswitch.engine.load import LoadedConfig
from p4fabric.softswitch.engine.native import TraceFilter as NativeFilter
from p4fabric.softswitch.engine.trace.assemble import Assembler
from p4fabric.softswitch.engine.trace.decode import Decoder
from p4fabric.softswitch.engine.trace.events import PacketTrace, TraceFilter

TAKE_TRACE = 2
LARGEST_RECORD = 1 << 17
MOST_RECORDS = 4096
"""Taken at once."""


class Tracer:
    """Tracing in one engine; each method takes its handle."""

    def __init__(self, native: Any, builder: Builder, drop_port: int) -> None:
        self._native = native
        self._builder = builder
        self._drop_port = drop_port
        self._lock = threading.Lock()
        self._buffer = c.create_string_buffer(LARGEST_RECORD)
        self._assembler: Assembler | None = None

    def prepare(self, config: LoadedConfig) -> str:
        """See `api.Engine.prepare_trace`; the path of the code."""
        return str(library_of(config, self._builder, traced=True))

    def start(self, engine: Any, config: LoadedConfig, wanted: TraceFilter, most: int) -> None:
        """See `api.Engine.start_trace`."""
        pipeline, path = config.pipeline, self.prepare(config)
        count = 2 * len(traced_fields(pipeline))
        places = (c.c_uint32 * count).in_dll(c.CDLL(path), LAYOUT)
        with self._lock:
            error = c.create_string_buffer(512)
            # What earlier traces left is nobody's.
            self._native.engine_trace(engine, None, None, 0, error, len(error))
            self._assembler = None
            self._drain(engine, None)
            given = _native(wanted)
            if self._native.engine_trace(engine, path.encode(), c.byref(given), most, error, len(error)):
                raise BuildError(f"{path}: {error.value.decode(errors='replace')}")
            self._assembler = Assembler(Decoder(pipeline, list(places)), self._drop_port)

    def stop(self, engine: Any) -> None:
        """See `api.Engine.stop_trace`."""
        error = c.create_string_buffer(512)
        self._native.engine_trace(engine, None, None, 0, error, len(error))

    def take(self, engine: Any) -> list[PacketTrace]:
        """See `api.Engine.take_traces`."""
        with self._lock:
            if self._assembler is None:
                return []
            self._drain(engine, self._assembler)
            return self._assembler.take()

    def _drain(self, engine: Any, to: Assembler | None) -> None:
        kind, number = c.c_uint32(), c.c_uint32()
        for _ in range(MOST_RECORDS if to is not None else 1 << 20):
            length = self._native.engine_take(
                engine, TAKE_TRACE, self._buffer, LARGEST_RECORD, c.byref(kind), c.byref(number)
            )
            if length < 0:
                return
            if to is not None:
                to.add(kind.value, number.value, self._buffer.raw[:length])


def _native(wanted: TraceFilter) -> NativeFilter:
    given = NativeFilter(
        port=-1 if wanted.port is None else wanted.port,
        protocol=-1 if wanted.protocol is None else wanted.protocol,
    )
    for name, network in (("source", wanted.source), ("destination", wanted.destination)):
        if network is not None:
            given.family = network.version
            _put(getattr(given, name), getattr(given, f"{name}_mask"), network)
    if wanted.protocol is not None and not given.family:
        given.family = 4
    return given


def _put(address: Any, mask: Any, network: IPv4Network | IPv6Network) -> None:
    size = network.max_prefixlen // 8
    address[:size] = list(network.network_address.packed)
    mask[:size] = list(network.netmask.packed)
