"""What the engine raises."""

from __future__ import annotations


class EngineError(Exception):
    """The base of all errors that the engine raises."""


class PipelineError(EngineError):
    """The device configuration cannot be run; `path` is the place in the JSON: `pipelines[0].tables[3]`."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or '$'}: {problem}")
        self.path = path
        self.problem = problem


class BuildError(EngineError):
    """The C compiler is missing or refused the generated code; the message carries its first lines."""


class PortError(EngineError):
    """A port number is out of range or taken, or its interface cannot be opened."""
