"""Network functions in P4 switches: a controller, and an embedded P4Runtime switch to run it anywhere.

`SoftSwitch` runs a P4 program in a test or a script, `AsyncSoftSwitch` in an asyncio program;
`p4fabric.controller` is the fabric's controller, `p4fabric.softswitch` the switch, `p4fabric.pipelines`
the compiled fabric with its bindings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from p4fabric.softswitch import (
        AsyncSoftSwitch,
        BadOption,
        CompileError,
        QueueLimits,
        Refusal,
        SoftSwitch,
        Tls,
    )

    __version__: str

__all__ = [
    "AsyncSoftSwitch",
    "BadOption",
    "CompileError",
    "QueueLimits",
    "Refusal",
    "SoftSwitch",
    "Tls",
    "__version__",
]


def __getattr__(name: str) -> Any:
    # What takes long to load is loaded when it is first asked for: every command imports this module.
    if name == "__version__":
        from importlib.metadata import version

        return version("p4fabric")
    if name in __all__:
        from p4fabric import softswitch

        return getattr(softswitch, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
