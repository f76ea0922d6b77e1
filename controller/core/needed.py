"""Whether anybody needs a number. This module does not know what numbers are for."""

from __future__ import annotations

from p4fabric.controller.compiler.view import FabricView

__all__ = ["is_needed"]


def is_needed(view: FabricView, pool: str, key: str) -> bool:
    """Whether an intent or a session needs a number."""
    return view.catalogue.needs(pool, key) or view.session_needs.has((pool, key))
