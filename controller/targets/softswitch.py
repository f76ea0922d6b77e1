"""The embedded switch: P4Runtime as the specification has it, bmv2's JSON as device config."""

from __future__ import annotations

from typing import ClassVar

from p4fabric.controller.targets.target import Target

__all__ = ["Softswitch"]


class Softswitch(Target):
    """It says which ports it has, and how it hashes; nothing else differs."""

    name: ClassVar[str] = "softswitch"
    port_number_leaf: ClassVar[str | None] = "id"
    drop_session_path: ClassVar[str | None] = "/queues/config/drop-session"
    clock_path: ClassVar[str | None] = "/queues/state/clock"
    has_queue_bins: ClassVar[bool] = True
    is_hash_known: ClassVar[bool] = True
    """CRCs over the fields in their order; groups as they were written, by weight."""
