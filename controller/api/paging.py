"""Lists in pages: how many, from where on, and of which list.

A token to go on with is bound to the filters of its list. It is a place in an order of keys, not a
picture of the list: what comes or goes meanwhile is seen, or not, by where it is. This module does not
know what is listed.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from heapq import nsmallest
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query

from p4fabric.controller.intents import FieldError, IntentError

__all__ = ["Continue", "Cursor", "Limit", "ListPage", "page_of"]

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=1000, description="at most so many; there may be fewer")]
Continue = Annotated[
    str | None,
    Query(alias="continue", description="what the page before gave, with the same filters", max_length=4096),
]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins, and of which list."""

    filters: str
    """A digest of them."""
    version: int | None = None
    """The revision at which the first page was read; None at the first page."""
    after: tuple[str, ...] | None = None
    """The key behind which the page begins; None at the first page."""

    @classmethod
    def read(cls, token: str | None, parts: int, **filters: object) -> Cursor:
        """Read a token, or begin.

        Args:
            token: what the page before gave.
            parts: how many texts a key of the list has.
            filters: all that says which list it is.

        Raises:
            IntentError: the token is none, or of another list.
        """
        digest = sha256(json.dumps(filters, sort_keys=True, default=str).encode()).hexdigest()[:16]
        if token is None:
            return cls(digest)
        try:
            # ValueError of json, base64 and unpacking alike.
            of, version, after = json.loads(urlsafe_b64decode(token.encode("ascii")))
            if type(version) is not int or not isinstance(after, list) or len(after) != parts:
                raise ValueError
            if not all(isinstance(part, str) for part in (of, *after)):
                raise ValueError
        except (ValueError, TypeError, RecursionError):
            raise IntentError([FieldError("continue", token, "must be what the page before gave")]) from None
        if of != digest:
            message = "belongs to a list with other filters: begin without it"
            raise IntentError([FieldError("continue", token, message)])
        return cls(digest, version, tuple(after))

    def token(self, version: int, after: Sequence[str]) -> str:
        """What the next page is asked for with."""
        content = json.dumps([self.filters, version, list(after)], separators=(",", ":"))
        return urlsafe_b64encode(content.encode()).decode()


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """Part of a list."""

    items: list[T]
    resource_version: str
    token: str | None
    """For the next page; None: there is none."""

    @property
    def envelope(self) -> dict[str, Any]:
        """What a list has besides its items."""
        return {"resource_version": self.resource_version, "continue_": self.token}


def page_of(
    items: Iterable[T], key: Callable[[T], tuple[str, ...]], limit: int, cursor: Cursor, version: int
) -> ListPage[T]:
    """A page of things that are in no order, and few enough to be looked at all for each request.

    Args:
        items: all of them.
        key: their order; no two have the same.
        limit: at most so many.
        cursor: where the page begins.
        version: the store's revision.
    """
    begins = version if cursor.version is None else cursor.version
    keyed = ((key(item), item) for item in items)
    left = (pair for pair in keyed if cursor.after is None or pair[0] > cursor.after)
    found = nsmallest(limit + 1, left, key=lambda pair: pair[0])
    token = cursor.token(begins, found[limit - 1][0]) if len(found) > limit else None
    return ListPage([item for _, item in found[:limit]], str(begins), token)
