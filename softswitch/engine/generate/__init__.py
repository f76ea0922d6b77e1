"""C from a checked pipeline. Deterministic: the same pipeline gives the same text."""

from p4fabric.softswitch.engine.generate.program import generate

__all__ = ["generate"]
