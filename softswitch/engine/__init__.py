"""The native packet engine: bmv2 JSON in, a running switch out. `api` describes its whole surface."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from p4fabric.softswitch.engine.engine import NativeEngine, open_engine
    from p4fabric.softswitch.engine.layouts import EntryLayout, entry_layouts
    from p4fabric.softswitch.engine.load import LoadedConfig, load_config

__all__ = [
    "EntryLayout",
    "LoadedConfig",
    "NativeEngine",
    "entry_layouts",
    "load_config",
    "open_engine",
]

_HOMES = {
    "EntryLayout": "layouts",
    "LoadedConfig": "load",
    "NativeEngine": "engine",
    "entry_layouts": "layouts",
    "load_config": "load",
    "open_engine": "engine",
}
"""Modules are loaded when first asked for: who reads a program's model does not wait for what runs it."""


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
