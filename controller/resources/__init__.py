"""Intents as resources: found by page and label, and written on conditions, by several owners.

This package knows no kind of intent, nothing of HTTP, and nothing of switches.
"""

from p4fabric.controller.resources.index import Filter, Page, ResourceIndex
from p4fabric.controller.resources.resource import Resource, WrittenDocument
from p4fabric.controller.resources.selector import Selector, SelectorError
from p4fabric.controller.resources.writes import (
    ABSENT,
    ANY,
    Condition,
    How,
    OwnedByOthers,
    PreconditionFailed,
    Write,
    check,
    prepare,
)

__all__ = [
    "ABSENT",
    "ANY",
    "Condition",
    "Filter",
    "How",
    "OwnedByOthers",
    "Page",
    "PreconditionFailed",
    "Resource",
    "ResourceIndex",
    "Selector",
    "SelectorError",
    "Write",
    "WrittenDocument",
    "check",
    "prepare",
]
