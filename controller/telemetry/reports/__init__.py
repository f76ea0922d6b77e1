"""Telemetry Report v2.0 of P4.org, with p4fabric's domain-specific words: what switches say of packets.

`decode` takes what came in a datagram, from anybody; `encode` writes it. Both are pure. This package knows
the format and nothing of sockets, queues' history or intents. `docs/reference/telemetry-reports.md` has the
format, and `DISSECTOR` is the same for Wireshark.
"""

from pathlib import Path

from p4fabric.controller.telemetry.reports.decode import decode
from p4fabric.controller.telemetry.reports.encode import encode
from p4fabric.controller.telemetry.reports.errors import (
    MalformedReport,
    ReportError,
    TruncatedReport,
    UnsupportedVersion,
)
from p4fabric.controller.telemetry.reports.frame import datagram_of
from p4fabric.controller.telemetry.reports.values import (
    Bin,
    BinsReport,
    DropReport,
    FlowReport,
    FlowWords,
    Inner,
    InnerType,
    Left,
    Origin,
    Report,
    ReportGroup,
    Role,
    Window,
)

__all__ = [
    "DISSECTOR",
    "PORT",
    "Bin",
    "BinsReport",
    "DropReport",
    "FlowReport",
    "FlowWords",
    "Inner",
    "InnerType",
    "Left",
    "MalformedReport",
    "Origin",
    "Report",
    "ReportError",
    "ReportGroup",
    "Role",
    "TruncatedReport",
    "UnsupportedVersion",
    "Window",
    "datagram_of",
    "decode",
    "encode",
]

PORT = 32766
"""The UDP port that reports are sent to, unless the configuration has another."""
DISSECTOR = Path(__file__).with_name("p4fabric_int.lua")
"""A dissector of the format for Wireshark and tshark: `tshark -X lua_script:PATH`."""
