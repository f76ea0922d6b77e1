"""What all requests of a client share: one transport, pages of lists, and answers as models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from p4fabric.controller.client.errors import UnexpectedAnswer
from p4fabric.controller.client.transport import Query, Retries, Transport

__all__ = ["Requests", "read"]

M = TypeVar("M", bound=BaseModel)


class Requests:
    """A base for the methods of `Client`."""

    _transport: Transport
    _retries: Retries

    async def _pages(self, path: str, query: Query | None = None) -> AsyncIterator[Any]:
        token = None
        while True:
            page = (await self._transport.call("GET", path, {**(query or {}), "continue": token})).body
            yield page
            token = page["continue"]
            if token is None:
                return

    async def _items(self, path: str, query: Query | None = None) -> AsyncIterator[Any]:
        async for page in self._pages(path, query):
            for item in page["items"]:
                yield item

    async def _one(self, model: type[M], path: str, query: Query | None = None) -> M:
        return read(model, (await self._transport.call("GET", path, query)).body)


def read(model: type[M], body: Any) -> M:
    """An answer as a model.

    Raises:
        UnexpectedAnswer: it is something else.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise UnexpectedAnswer(
            f"the controller's answer is no {model.__name__}; is it newer than this client? {error}"
        ) from None
