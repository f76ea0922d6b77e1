"""A Upf that is served, and its node. Values only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.n4.node import Node

__all__ = ["ServedUpf"]


@dataclass(slots=True, eq=False)
class ServedUpf:
    """A Upf and its node."""

    upf: Upf
    node: Node
    is_ending: bool = False
    """Its sessions are about to end, since it is gone or another one."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Its SMFs take turns: what one lets go of and then has again must not be another's meanwhile."""
