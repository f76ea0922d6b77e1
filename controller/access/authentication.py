"""Finds out who asks: a token of the token file, of the store or of a provider, or a client certificate.

Whoever shows something wrong too often is refused unheard for a while. This module knows no route.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from p4fabric.controller.access.certificates import Certificate, Clients
from p4fabric.controller.access.failures import LoginFailures
from p4fabric.controller.access.oidc import NoRole, NotVerified, OidcVerifier, looks_like_jwt
from p4fabric.controller.access.tokens import TokenBook
from p4fabric.controller.principals import Principal, Role, Source

__all__ = ["BOOTSTRAP", "Admission", "Authenticator", "Credentials", "NotAdmitted", "TooManyFailures"]

BOOTSTRAP = Principal("operator", Role.OPERATOR, None, Source.TOKEN_FILE)
"""Who shows the token of the token file."""
ACCEPTED = 4096
"""Credentials that were right and are remembered by their digest: they are heard however many wrong ones
come from their address, so that whoever guesses behind somebody's router does not lock them out."""


class NotAdmitted(Exception):
    """Nothing was shown, or nothing that is right."""


class TooManyFailures(Exception):
    """The address has shown too much that was wrong; `wait` is in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__()
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows."""

    bearer: str | None
    """What stands behind `Bearer` in its Authorization header; None: there is no such header."""
    certificate: Certificate | None
    """The client's, if TLS has verified one and the request may use it."""
    address: str
    """Where it comes from."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody is let in."""

    principal: Principal
    token: str | None
    """The name of the token of the store that was shown: the admission ends when it is revoked."""
    until: float | None
    """When it ends, in seconds since 1970; None: with the connection."""


class Authenticator:
    """All ways in."""

    def __init__(
        self,
        bootstrap: str,
        tokens: TokenBook | None = None,
        clients: Clients | None = None,
        oidc: OidcVerifier | None = None,
        failures: LoginFailures | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the token file's token and, where there are such, the other ways in."""
        self._bootstrap = _digest(bootstrap)
        self._tokens, self._clients, self._oidc = tokens, clients or Clients(()), oidc
        self._failures = failures if failures is not None else LoginFailures(20)
        self._accepted: OrderedDict[bytes, None] = OrderedDict()
        self._clock = clock

    async def admit(self, shown: Credentials) -> Admission:
        """Find out who asks. A token counts before a certificate, and is never made up for by one.

        Raises:
            NotAdmitted: nobody that is known.
            TooManyFailures: nothing was looked at.
            NoRole, KeysUnavailable: of a provider's token.
        """
        if shown.bearer is None:
            return self._by_certificate(shown.certificate)
        digest = _digest(shown.bearer)
        if digest not in self._accepted and (wait := self._failures.wait(shown.address, self._clock())) > 0:
            raise TooManyFailures(wait)
        try:
            admission = await self._by_token(shown.bearer, digest)
        except NotVerified:
            admission = None
        except NoRole:
            self._failures.count(shown.address, self._clock())
            raise
        if admission is None:
            self._accepted.pop(digest, None)
            self._failures.count(shown.address, self._clock())
            raise NotAdmitted
        self._accepted[digest] = None
        self._accepted.move_to_end(digest)
        if len(self._accepted) > ACCEPTED:
            self._accepted.popitem(last=False)
        return admission

    def _by_certificate(self, certificate: Certificate | None) -> Admission:
        found = self._clients.find(certificate) if certificate is not None else None
        if found is None:
            raise NotAdmitted
        principal, until = found
        if until <= time.time():
            raise NotAdmitted
        return Admission(principal, None, until)

    async def _by_token(self, shown: str, digest: bytes) -> Admission | None:
        # Digests of equal length are compared, so not even the length of the token can be measured.
        if secrets.compare_digest(digest, self._bootstrap):
            return Admission(BOOTSTRAP, None, None)
        if self._tokens is not None and (record := self._tokens.find(shown)) is not None:
            return Admission(record.principal, record.name, record.expires)
        if self._oidc is not None and looks_like_jwt(shown):
            principal, until = await self._oidc.verify(shown)
            return Admission(principal, None, until)
        return None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
