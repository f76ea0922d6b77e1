"""The runtime library's functions, by ctypes: signatures and structs, nothing else."""

from __future__ import annotations

import ctypes as c
from pathlib import Path
from typing import Any

DROP_REASONS = (
    *("ingress", "egress", "no_port", "no_buffer", "queue_full", "too_long", "port_down", "send_failed"),
    *("ring_full", "pending_full", "no_replica", "beyond_mtu", "offload"),
)


class Outcome(c.Structure):
    """What became of one operation."""

    _fields_ = (("status", c.c_int32), ("detail", c.c_uint32), ("handle", c.c_int64))


class PortReport(c.Structure):
    """A port's figures."""

    _fields_ = (
        *((name, c.c_uint32) for name in ("number", "up", "memory", "waiting", "most", "pad")),
        ("name", c.c_char * 16),
        *((n, c.c_uint64) for n in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "queue_drops")),
        ("drops", c.c_uint64 * len(DROP_REASONS)),
    )


class QueueReport(c.Structure):
    """The figures of one of a port's queues."""

    _fields_ = (
        *((name, c.c_uint32) for name in ("waiting", "most")),
        *((name, c.c_uint64) for name in ("packets", "bytes", "deflected")),
        ("drops", c.c_uint64 * len(DROP_REASONS)),
    )


class NativeBin(c.Structure):
    """A millisecond of a queue."""

    _fields_ = (
        ("start_ns", c.c_uint64),
        *((name, c.c_uint32) for name in ("depth", "depth_ns", "wait_ns", "packets", "bytes", "drops")),
        ("flags", c.c_uint32),
    )


class ReporterReport(c.Structure):
    """What was sent to the collector."""

    _fields_ = tuple((name, c.c_uint64) for name in ("datagrams", "refused", "bytes", "bins"))


class EngineReport(c.Structure):
    """The engine's figures."""

    _fields_ = (
        *((name, c.c_uint64) for name in ("ingress", "egress", "recirculated", "events_lost")),
        ("drops", c.c_uint64 * len(DROP_REASONS)),
    )


class CaptureReport(c.Structure):
    """A port's two capture files."""

    _fields_ = (
        ("name", c.c_char * 16),
        ("errors", c.c_int32 * 2),
        *((name, c.c_uint64 * 2) for name in ("frames", "lost")),
    )


class IdleEntry(c.Structure):
    """An entry whose timeout is over."""

    _fields_ = (("table", c.c_uint64), ("handle", c.c_int64))


class TraceFilter(c.Structure):
    """Which packets are traced."""

    _fields_ = (
        *(("port", c.c_int32), ("protocol", c.c_int32), ("family", c.c_uint32)),
        *((name, c.c_uint8 * 16) for name in ("source", "source_mask", "destination", "destination_mask")),
    )


LATE, AFTER_GAP = 1, 2
"""Flags of a bin."""
_WORDS = c.POINTER(c.c_uint64)
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "engine_new": (c.c_void_p, (c.c_uint32, c.c_uint32, c.c_uint32)),
    "engine_free": (None, (c.c_void_p,)),
    "pipeline_load": (c.c_void_p, (c.c_char_p, c.c_uint32, c.c_char_p, c.c_size_t)),
    "pipeline_unload": (None, (c.c_void_p,)),
    "engine_swap": (None, (c.c_void_p, c.c_void_p, _WORDS, c.c_uint64, c.POINTER(Outcome), c.c_uint32)),
    "engine_set_senders": (c.c_int, (c.c_void_p, c.c_uint32)),
    "engine_capture": (c.c_int, (c.c_void_p, c.c_char_p)),
    "engine_captures": (c.c_uint32, (c.c_void_p, c.POINTER(CaptureReport), c.c_uint32)),
    "engine_set_poll": (None, (c.c_void_p, c.c_uint64)),
    "engine_watch_ports": (None, (c.c_void_p, c.c_int)),
    "engine_start": (c.c_int, (c.c_void_p, c.c_char_p)),
    "engine_stop": (None, (c.c_void_p,)),
    "engine_hold": (None, (c.c_void_p, c.c_uint64)),
    "engine_advance": (c.c_uint64, (c.c_void_p, c.c_uint64)),
    "engine_due": (c.c_uint64, (c.c_void_p,)),
    "engine_add_port": (c.c_int, (c.c_void_p, c.c_uint32, c.c_char_p, c.c_int, c.c_int)),
    "engine_remove_port": (c.c_int, (c.c_void_p, c.c_uint32)),
    "engine_set_queue": (c.c_int, (c.c_void_p, c.c_uint32, c.c_int64, c.c_int64, c.c_int64)),
    "engine_ports": (c.c_uint32, (c.c_void_p, c.POINTER(PortReport), c.c_uint32)),
    "engine_figures": (None, (c.c_void_p, c.POINTER(EngineReport))),
    "engine_apply": (None, (c.c_void_p, _WORDS, c.c_uint64, c.POINTER(Outcome), c.c_uint32, c.c_int)),
    "engine_read_direct": (
        c.c_int64,
        (c.c_void_p, c.c_uint32, c.POINTER(c.c_int64), c.c_uint32, c.c_int, _WORDS),
    ),
    "engine_read_array": (c.c_int, (c.c_void_p, c.c_int, c.c_uint32, c.c_uint64, c.c_uint64, _WORDS)),
    "engine_idle": (c.c_uint32, (c.c_void_p, c.POINTER(IdleEntry), c.c_uint32)),
    "engine_idle_due": (c.c_uint64, (c.c_void_p,)),
    "engine_now": (c.c_uint64, (c.c_void_p,)),
    "engine_watch": (c.c_int, (c.c_void_p, c.c_uint32, c.c_int, c.c_uint32, c.c_uint32)),
    "engine_queues": (c.c_uint32, (c.c_void_p, c.c_uint32, c.POINTER(QueueReport))),
    "engine_bins": (
        c.c_int64,
        (c.c_void_p, c.c_uint32, c.c_uint32, c.c_uint64, c.POINTER(NativeBin), c.c_uint64, _WORDS),
    ),
    "engine_deflect": (c.c_int, (c.c_void_p, c.c_uint32, c.c_uint32, c.c_uint32)),
    "engine_report_to": (None, (c.c_void_p, c.c_int, c.c_uint32)),
    "engine_reports": (None, (c.c_void_p, c.POINTER(ReporterReport))),
    "engine_inject": (c.c_uint64, (c.c_void_p, c.c_uint32, c.c_char_p, c.c_uint32)),
    "engine_take": (
        c.c_int64,
        (c.c_void_p, c.c_int, c.c_char_p, c.c_uint32, c.POINTER(c.c_uint32), c.POINTER(c.c_uint32)),
    ),
    "engine_trace": (
        c.c_int,
        (c.c_void_p, c.c_char_p, c.POINTER(TraceFilter), c.c_uint64, c.c_char_p, c.c_size_t),
    ),
    "engine_marked": (c.c_uint64, (c.c_void_p,)),
    "engine_fd": (c.c_int, (c.c_void_p, c.c_int)),
    "engine_measure": (
        c.c_uint64,
        (c.c_void_p, c.c_uint32, c.c_char_p, c.c_uint32, c.c_uint32, c.c_uint64),
    ),
}


def load_runtime(path: Path) -> Any:
    """The library with its signatures declared. Calls release the GIL."""
    library = c.CDLL(str(path))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library
