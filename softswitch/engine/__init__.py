"""The native packet engine: bmv2 JSON in, a running switch out. `api` describes its whole surface."""

from softswitch.engine.engine import NativeEngine, open_engine
from softswitch.engine.layouts import EntryLayout, entry_layouts
from softswitch.engine.load import LoadedConfig, load_config

__all__ = [
    "EntryLayout",
    "LoadedConfig",
    "NativeEngine",
    "entry_layouts",
    "load_config",
    "open_engine",
]
