"""Routes that refuse whom their rule does not name, query parameters that they do not have, and doubles.

A route without a rule cannot be made (`access.rules`). A parameter that is ignored is worse than one that is
refused: the caller believes that it had an effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel

from p4fabric.controller.access import Forbidden, Role
from p4fabric.controller.access.audit import AuditNotes
from p4fabric.controller.access.rules import Rule, rule_of
from p4fabric.controller.api.asking import principal_of
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.reasons import Code

__all__ = ["StrictRoute"]


class StrictRoute(APIRoute):
    """For `APIRouter(route_class=StrictRoute)`."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Any]]:  # type: ignore[override]
        """The handler, behind a look at the names of parameters."""
        handler = super().get_route_handler()
        known = sorted(set(_parameters(self.dependant)))
        operation = to_camel(self.name)
        rule = rule_of(operation)
        is_change = rule in _CHANGES and self.methods != {"GET"}

        async def strict(request: Request) -> Response:
            if rule is not None:
                _admit(request, rule, operation, is_change)
            if request.url.query:
                _judge(request, known)
            return await handler(request)

        return strict


_CHANGES = (Rule.WRITE, Rule.OPERATORS)


def _admit(request: Request, rule: Rule, operation: str, is_change: bool) -> None:
    notes: AuditNotes = request.scope["state"]["audit"]
    notes.operation, notes.is_change = operation, is_change
    principal = principal_of(request)
    if principal.role not in rule.roles:
        roles = ", ".join(role for role in Role if role in rule.roles)
        message = f"may not ask for {operation}; it is for {roles}"
        raise Forbidden([FieldError("role", principal.role.value, message, Code.FORBIDDEN)])


def _parameters(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for one in dependant.dependencies:
        yield from _parameters(one)


def _judge(request: Request, known: list[str]) -> None:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name not in known:
            there = f"known here: {', '.join(known)}" if known else "there are none here"
            errors.append(
                FieldError(name, value, f"is not a known parameter; {there}", Code.UNKNOWN_PARAMETER)
            )
        elif name in seen:
            errors.append(FieldError(name, value, "is given twice", Code.GIVEN_TWICE))
        seen.add(name)
    if errors:
        raise IntentError(errors)
