"""Refusals that follow from who asks, and what of other refusals a tenant may read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from p4fabric.controller.fabric import IntentConflict
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.names import TenantName
from p4fabric.controller.reasons import Code

__all__ = ["Forbidden", "errors_for"]


class Forbidden(IntentError):
    """The principal may not do that; the answer does not depend on what there is."""

    code = Code.FORBIDDEN


_OF_THE_FABRIC = {
    Code.NO_ROOM: "finds no room in the fabric: ask its operator",
    Code.NUMBERS_EXHAUSTED: "needs a number and none is left: ask the fabric's operator",
}


@contextmanager
def errors_for(tenant: TenantName | None) -> Iterator[None]:
    """Take out of conflicts what a tenant must not know: whose something is, and how full the fabric is."""
    try:
        yield
    except IntentConflict as conflict:
        if tenant is None:
            raise
        errors = [_for(tenant, error) for error in conflict.errors]
        if errors == list(conflict.errors):
            raise
        # Several that read the same would tell how many others there are.
        raise IntentConflict(list({str(one): one for one in errors}.values()), code=conflict.code) from None


def _for(tenant: TenantName, error: FieldError) -> FieldError:
    if error.code in _OF_THE_FABRIC:
        return FieldError(error.field, None, _OF_THE_FABRIC[error.code], error.code)
    if error.for_tenant is not None:
        return FieldError(error.field, None, error.for_tenant, error.code)
    if error.about is not None and error.about.tenant != tenant:
        return FieldError(error.field, error.value, "cannot be had: ask the fabric's operator", error.code)
    return error
