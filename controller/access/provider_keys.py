"""The public keys of an OpenID Connect provider, fetched beside the event loop and no more often than needed.

Keys change: an unknown key id makes them be fetched again, but not more than once in a while, whatever
strangers show. This module judges no token.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from p4fabric.controller.access_config import OidcConfig

__all__ = ["KeysUnavailable", "ProviderKeys", "fetch_keys"]

FRESH = 600.0
"""Seconds after which keys are fetched again."""
STALE = 24 * 3600.0
"""Seconds for which keys are believed while the provider does not answer."""
PAUSE = 10.0
"""Seconds between two fetches, whoever asks."""
TIMEOUT = 5.0
"""Seconds for each step of a fetch; for all of it, twice as long."""
LARGEST = 256 << 10
"""Bytes of an answer."""
MOST_KEYS = 64
_DISCOVERY = "/.well-known/openid-configuration"

_log = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """The provider does not answer, and never did, or has not for long."""


class ProviderKeys:
    """The keys of one provider. One event loop only."""

    def __init__(
        self,
        config: OidcConfig,
        fetch: Callable[[OidcConfig], list[jwt.PyJWK]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what fetches them (called beside the event loop), and a clock in seconds."""
        self._config, self._fetch, self._clock = config, fetch or fetch_keys, clock
        self._keys: list[jwt.PyJWK] = []
        self._fetched: float | None = None
        self._tried: float | None = None
        self._fetching = asyncio.Lock()

    async def find(self, identity: str | None) -> jwt.PyJWK | None:
        """The key with an id; without one, the only key there is. None: there is none.

        Raises:
            KeysUnavailable: nobody knows.
        """
        if self._is_needed(identity):
            async with self._fetching:  # others wait for the one that fetches, and find what it found
                if self._is_needed(identity):
                    await self._refresh()
        now = self._clock()
        if self._fetched is None or now - self._fetched > STALE:
            raise KeysUnavailable
        return self._known(identity)

    def _is_needed(self, identity: str | None) -> bool:
        now = self._clock()
        if self._tried is not None and now - self._tried < PAUSE:
            return False
        return self._fetched is None or now - self._fetched > FRESH or self._known(identity) is None

    def _known(self, identity: str | None) -> jwt.PyJWK | None:
        if identity is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == identity), None)

    async def _refresh(self) -> None:
        self._tried = self._clock()
        try:
            self._keys = await asyncio.to_thread(self._fetch, self._config)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            _log.warning("the keys of api.oidc.issuer %s cannot be had: %s", self._config.issuer, error)
            return
        self._fetched = self._clock()


def fetch_keys(config: OidcConfig) -> list[jwt.PyJWK]:
    """Fetch the keys that sign by the algorithms accepted; blocking, for a few seconds at most.

    Raises:
        httpx.HTTPError, OSError: the provider does not answer, or not in time.
        ValueError: what it answers is no set of keys.
    """
    authority = config.authority_file
    verify = ssl.create_default_context(cafile=authority) if authority is not None else True
    deadline = time.monotonic() + 2 * TIMEOUT
    with httpx.Client(timeout=TIMEOUT, verify=verify, trust_env=False, follow_redirects=False) as http:
        url = config.jwks_url or _discovered(http, config.issuer, deadline)
        listed = _read(http, url, deadline).get("keys")
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ValueError(f"{url} must have a list of at most {MOST_KEYS} keys")
    found = (_key(one, config.algorithms) for one in listed)
    return [key for key in found if key is not None]


def _key(listed: object, algorithms: tuple[str, ...]) -> jwt.PyJWK | None:
    """One key, if it is a public one that signs by an algorithm that is accepted."""
    if not isinstance(listed, dict) or listed.get("use", "sig") != "sig" or listed.get("kty") == "oct":
        return None
    if listed.get("kty") == "RSA" and "alg" not in listed:
        # RFC 7517 lets a key leave its algorithm out; PyJWT would take RS256 for certain.
        listed = {**listed, "alg": next((name for name in algorithms if name[:2] in ("RS", "PS")), "RS256")}
    try:
        key = jwt.PyJWK(listed)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return key if key.algorithm_name in algorithms else None


def _discovered(http: httpx.Client, issuer: str, deadline: float) -> str:
    """Where the keys are (OpenID Connect Discovery 1.0, section 4)."""
    document = _read(http, issuer.rstrip("/") + _DISCOVERY, deadline)
    if document.get("issuer") != issuer:
        raise ValueError(f"its discovery document is of the issuer {document.get('issuer')!r:.200}")
    url = document.get("jwks_uri")
    if not isinstance(url, str) or urlsplit(url).scheme not in ("https", urlsplit(issuer).scheme):
        raise ValueError("its discovery document has no jwks_uri that is as safe as the issuer")
    return url


def _read(http: httpx.Client, url: str, deadline: float) -> Mapping[str, Any]:
    content = bytearray()
    with http.stream("GET", url, headers={"Accept": "application/json"}) as answer:
        answer.raise_for_status()
        for piece in answer.iter_bytes(16 << 10):
            content += piece
            if len(content) > LARGEST:
                raise ValueError(f"{url} answers with more than {LARGEST} bytes")
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout(f"{url} took more than {2 * TIMEOUT:g} s")
    try:
        document = json.loads(content)
    except RecursionError:
        raise ValueError(f"{url} answers with JSON that is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError(f"{url} must answer with a JSON object")
    return document
