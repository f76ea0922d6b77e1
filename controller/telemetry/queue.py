"""Which queue: an egress port, and one of its priorities."""

from __future__ import annotations

from typing import NamedTuple

from p4fabric.controller.names import PortRef

__all__ = ["Queue"]


class Queue(NamedTuple):
    """An egress queue: a port, and which of its queues (its priority)."""

    port: PortRef
    queue: int

    def __str__(self) -> str:
        return f"{self.port} queue {self.queue}"
