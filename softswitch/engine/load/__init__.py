"""The device configuration, from bytes to a checked `Pipeline`. Refuses with the place in the JSON."""

from p4fabric.softswitch.engine.load.program import LoadedConfig, load_config

__all__ = ["LoadedConfig", "load_config"]
