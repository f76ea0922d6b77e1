"""What can go wrong with a network that runs."""

from __future__ import annotations

from p4fabric.net.namespaces import CannotRun
from p4fabric.net.read.errors import TopologyError


class NetworkFailed(Exception):
    """A part of the network could not be started, or has ended; says which and what it said."""


__all__ = ["CannotRun", "NetworkFailed", "TopologyError"]
