"""Who asks, for routes: `Asking` is a parameter that has it. This module knows no route."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from p4fabric.controller.access import Principal

__all__ = ["Asking", "principal_of"]


def principal_of(request: Request) -> Principal:
    """Who asks; `access_gate` has found it out."""
    principal: Principal = request.scope["state"]["principal"]
    return principal


Asking = Annotated[Principal, Depends(principal_of)]
