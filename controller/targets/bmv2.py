"""bmv2's `simple_switch_grpc`."""

from __future__ import annotations

from typing import ClassVar

import grpc

from p4fabric.controller.targets.target import Target

__all__ = ["Bmv2"]


class Bmv2(Target):
    """Seen on 1.15.5 with PI's P4Runtime 1.3.0 server."""

    name: ClassVar[str] = "bmv2"
    max_receive_bytes: ClassVar[int] = 256 << 20
    """A wildcard read is answered in one message: 100,000 entries are 5 MB."""
    has_clone_priorities: ClassVar[bool] = False
    """It says "COS for clone sessions not supported yet"."""
    missing_entry: ClassVar[frozenset[grpc.StatusCode]] = frozenset({grpc.StatusCode.INVALID_ARGUMENT})
    """It says "Cannot map table entry to handle"."""
