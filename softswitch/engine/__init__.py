"""The native packet engine: bmv2 JSON in, a running switch out. `api` describes its whole surface."""

from softswitch.engine.engine import NativeEngine, open_engine
from softswitch.engine.load import LoadedConfig, load_config

__all__ = ["LoadedConfig", "NativeEngine", "load_config", "open_engine"]
