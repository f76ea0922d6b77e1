"""Reading untrusted JSON: a value together with its path, and checks that name the path when they fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NoReturn

from p4fabric.pipelines.p4_source import is_p4_source
from p4fabric.softswitch.engine.api import PipelineError

LARGEST_INPUT = 64 * 1024 * 1024
LONGEST_NAME = 512
LONGEST_NUMBER = 2048  # hexadecimal digits
LONGEST_LIST = 1 << 20


class Cursor:
    """A JSON value and where it stands."""

    __slots__ = ("path", "value")

    def __init__(self, value: object, path: str = "") -> None:
        self.value = value
        self.path = path

    @classmethod
    def parse(cls, text: bytes) -> Cursor:
        """The root of a JSON document; `PipelineError` when it is none."""
        if len(text) > LARGEST_INPUT:
            raise PipelineError("", f"larger than {LARGEST_INPUT} bytes")
        try:
            return cls(json.loads(text))
        except RecursionError:
            raise PipelineError("", "nested too deeply") from None
        except ValueError as error:
            if is_p4_source(text):
                raise PipelineError("", "this is P4 source; compile it: p4fabric compile x.p4") from None
            raise PipelineError("", f"not JSON: {error}") from None

    def refusal(self, problem: str) -> PipelineError:
        """The error that refuses this value."""
        return PipelineError(self.path, problem)

    def fail(self, problem: str) -> NoReturn:
        """Refuse this value."""
        raise self.refusal(problem)

    def _shown(self) -> str:
        text = repr(self.value)
        return text if len(text) <= 80 else text[:77] + "..."

    def has(self, name: str) -> bool:
        """Whether the object has this attribute, and not null."""
        return isinstance(self.value, dict) and self.value.get(name) is not None

    def __getitem__(self, name: str) -> Cursor:
        if not isinstance(self.value, dict):
            self.fail(f"an object is needed, not {self._shown()}")
        if name not in self.value:
            self.fail(f"attribute {name!r} is missing")
        return Cursor(self.value[name], f"{self.path}.{name}" if self.path else name)

    def optional(self, name: str, default: object = None) -> Cursor:
        """An attribute, or `default` in its place."""
        if not isinstance(self.value, dict):
            self.fail(f"an object is needed, not {self._shown()}")
        return Cursor(self.value.get(name, default), f"{self.path}.{name}" if self.path else name)

    def list(self, length: int | None = None) -> list[Cursor]:
        """The elements of a list (of exactly `length`)."""
        if not isinstance(self.value, list):
            self.fail(f"a list is needed, not {self._shown()}")
        if len(self.value) > LONGEST_LIST:
            self.fail(f"more than {LONGEST_LIST} elements")
        if length is not None and len(self.value) != length:
            self.fail(f"{length} elements are needed, not {len(self.value)}")
        return [Cursor(value, f"{self.path}[{index}]") for index, value in enumerate(self.value)]

    def items(self) -> Iterator[tuple[str, Cursor]]:
        """The attributes of an object."""
        if not isinstance(self.value, dict):
            self.fail(f"an object is needed, not {self._shown()}")
        for name, value in self.value.items():
            yield name, Cursor(value, f"{self.path}.{name}")

    def text(self) -> str:
        """A string of bounded length."""
        if not isinstance(self.value, str):
            self.fail(f"a string is needed, not {self._shown()}")
        if len(self.value) > LONGEST_NAME:
            self.fail(f"longer than {LONGEST_NAME} characters")
        return self.value

    def integer(self, low: int, high: int) -> int:
        """An integer of `low` to `high`."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.fail(f"an integer is needed, not {self._shown()}")
        if not low <= self.value <= high:
            self.fail(f"{self.value} is not in {low}..{high}")
        return self.value

    def boolean(self) -> bool:
        """true or false."""
        if not isinstance(self.value, bool):
            self.fail(f"true or false is needed, not {self._shown()}")
        return self.value

    def hexadecimal(self) -> int:
        """A number written as the format's `hexstr`."""
        text = self.value
        if not isinstance(text, str) or len(text) > LONGEST_NUMBER:
            self.fail(f"a hexadecimal string is needed, not {self._shown()}")
        try:
            return int(text, 16)
        except ValueError:
            self.fail(f"a hexadecimal string is needed, not {self._shown()}")

    def null(self) -> bool:
        """Whether this is null."""
        return self.value is None
