"""The kinds of intent: one module each, found by being here.

A kind is a subclass of `IntentDocument`; what it means to switches is in `compiler/kinds/`, in a module of
the same name. Nothing else needs to know of it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from p4fabric.controller.intents.document import IntentDocument

__all__ = ["KINDS"]


def _kinds() -> Mapping[str, type[IntentDocument]]:
    """All kinds by name, in order of names."""
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        import_module(f"{__name__}.{module}")
    return {kind.__name__: kind for kind in sorted(IntentDocument.__subclasses__(), key=lambda k: k.__name__)}


KINDS = _kinds()
