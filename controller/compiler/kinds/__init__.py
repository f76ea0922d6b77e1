"""What each kind of intent means to switches: a module beside each of `intents/kinds/`."""

from __future__ import annotations

import pkgutil
from importlib import import_module

__all__: list[str] = []

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")
