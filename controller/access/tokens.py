"""Tokens that operators make for others: shown once, kept as hashes, revoked at once.

A token is `p4f_ID_SECRET`. The id finds its record; the secret has 256 random bits, so a plain SHA-256 of it
is as hard to invert as a slow hash of a password. This module knows nothing of HTTP.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, StrictFloat, StrictStr, ValidationError

from p4fabric.controller.names import TenantName
from p4fabric.controller.principals import Principal, Role, Source
from p4fabric.controller.store import Store, StoreConflict
from p4fabric.controller.store.records import TOKENS
from p4fabric.controller.store.revisions import Transaction

__all__ = ["MOST_TOKENS", "TOKEN", "TokenBook", "TokenExists", "TokenRecord", "TooManyTokens", "UnknownToken"]

MOST_TOKENS = 10_000
TOKEN = re.compile(r"p4f_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")

_log = logging.getLogger(__name__)


class TokenExists(Exception):
    """There is a token of this name."""


class UnknownToken(Exception):
    """There is no token of this name."""


class TooManyTokens(Exception):
    """There are as many as may be."""


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token without its secret. Times are in seconds since 1970."""

    name: str
    role: Role
    tenant: TenantName | None
    created: float
    created_by: str
    expires: float | None
    """None: never."""
    identity: str
    digest: bytes
    """SHA-256 of the secret."""
    revision: int
    """Of the store, when it was made."""

    @property
    def principal(self) -> Principal:
        """Who shows it."""
        return Principal(self.name, self.role, self.tenant, Source.TOKEN)


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Role
    tenant: StrictStr | None
    created: StrictFloat
    createdBy: StrictStr
    expires: StrictFloat | None
    id: StrictStr
    sha256: StrictStr


class TokenBook:
    """All tokens, as the store keeps them. One event loop only."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        """Take where they are kept; `load` reads them."""
        self._store, self._clock = store, clock
        self._by_name: dict[str, TokenRecord] = {}
        self._by_identity: dict[str, TokenRecord] = {}
        self._unreadable: set[str] = set()
        """Names of records that cannot be read; they can be revoked."""

    @classmethod
    async def load(cls, store: Store, clock: Callable[[], float] = time.time) -> TokenBook:
        """Read what a store keeps; what cannot be read admits nobody.

        Raises:
            StoreError: it cannot be read.
        """
        book = cls(store, clock)
        for record in (await store.list(TOKENS)).records:
            name = record.key.removeprefix(TOKENS)
            try:
                book._take(_read(name, record.value, record.modified))
            except (ValidationError, ValueError) as error:
                book._unreadable.add(name)
                _log.error("token %s in the store cannot be read and admits nobody: %s", name, error)
        return book

    def __iter__(self) -> Iterator[TokenRecord]:
        return iter(self._by_name.values())

    async def create(
        self, name: str, role: Role, tenant: TenantName | None, expires: float | None, created_by: str
    ) -> tuple[TokenRecord, str]:
        """Make a token; the text is told here and never again.

        Raises:
            TokenExists: there is one of this name; it may have expired.
            TooManyTokens: there are MOST_TOKENS.
            StoreError: it cannot be kept.
        """
        if len(self._by_name) + len(self._unreadable) >= MOST_TOKENS:
            raise TooManyTokens
        identity, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        made = TokenRecord(
            name, role, tenant, self._clock(), created_by, expires, identity, _digest(secret), 0
        )
        key = TOKENS + name
        try:
            revision = await self._store.commit(Transaction({key: _written(made)}, conditions={key: 0}))
        except StoreConflict:
            raise TokenExists(name) from None
        record = _read(name, _written(made), revision)
        self._take(record)
        return record, f"p4f_{identity}_{secret}"

    async def revoke(self, name: str) -> None:
        """Let a token admit nobody from now on; it is refused before the store has forgotten it.

        Raises:
            UnknownToken: there is none.
            StoreError: the store keeps it; it is refused until the controller starts again.
        """
        record = self._by_name.get(name)
        if record is not None:
            self._by_identity.pop(record.identity, None)
        elif name not in self._unreadable:
            raise UnknownToken(name)
        await self._store.commit(Transaction(deletes=[TOKENS + name]))
        self._by_name.pop(name, None)
        self._unreadable.discard(name)

    def find(self, shown: str) -> TokenRecord | None:
        """Whose token this is, if it is valid now. It takes the same time whatever secret is shown."""
        match = TOKEN.fullmatch(shown)
        if match is None:
            return None
        record = self._by_identity.get(match[1])
        expected = record.digest if record is not None else _NOBODYS
        if not secrets.compare_digest(_digest(match[2]), expected) or record is None:
            return None
        return None if record.expires is not None and record.expires <= self._clock() else record

    def _take(self, record: TokenRecord) -> None:
        self._by_name[record.name] = record
        self._by_identity[record.identity] = record


_NOBODYS = secrets.token_bytes(32)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _written(record: TokenRecord) -> bytes:
    fields = {
        "role": record.role.value,
        "tenant": record.tenant,
        "created": record.created,
        "createdBy": record.created_by,
        "expires": record.expires,
        "id": record.identity,
        "sha256": record.digest.hex(),
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def _read(name: str, value: bytes, revision: int) -> TokenRecord:
    found = _Fields.model_validate_json(value)
    record = TokenRecord(
        name,
        found.role,
        None if found.tenant is None else TenantName(found.tenant),
        found.created,
        found.createdBy,
        found.expires,
        found.id,
        bytes.fromhex(found.sha256),
        revision,
    )
    _ = record.principal  # whose role and tenant contradict each other is nobody
    return record
