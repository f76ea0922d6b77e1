"""Tokens of an OpenID Connect provider: JWTs (RFC 7519) verified by the provider's published keys (RFC 7517).

Only signatures by private keys are accepted, of the algorithms that the configuration lists and of the kind
of the key itself, so that neither `alg: none` nor a public key used as a shared secret gets through. This
module knows nothing of HTTP requests to the controller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import jwt

from p4fabric.controller.access.provider_keys import ProviderKeys
from p4fabric.controller.access_config import OidcConfig, OidcRoleConfig
from p4fabric.controller.intents.fields import LABEL
from p4fabric.controller.names import TenantName
from p4fabric.controller.principals import Principal, Role, Source

__all__ = ["NoRole", "NotVerified", "OidcVerifier", "looks_like_jwt"]

LONGEST_TOKEN = 16 << 10
LEEWAY = 30.0
"""Seconds that the provider's clock may differ."""
_PREFIX = "oidc:"
"""Begins the names of those that a provider vouches for, so that no claim makes one look like a token."""
_LONGEST_NAME = 128


class NotVerified(Exception):
    """It is no token of the provider for this controller, or not any more."""


class NoRole(Exception):
    """The token is good, but nothing in the configuration gives it a role."""


def looks_like_jwt(shown: str) -> bool:
    """Whether somebody shows a JWT: three parts between dots (RFC 7515, section 3.1)."""
    return shown.count(".") == 2 and len(shown) <= LONGEST_TOKEN


class OidcVerifier:
    """Verifies tokens of one provider."""

    def __init__(
        self, config: OidcConfig, keys: ProviderKeys | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """Take the provider, and where its keys come from if not from there."""
        self._config, self._clock = config, clock
        self._keys = keys or ProviderKeys(config)

    async def verify(self, shown: str) -> tuple[Principal, float]:
        """Who shows a token, and until when (seconds since 1970).

        Raises:
            NotVerified: it is not valid for this controller.
            NoRole: it is, and gives no role.
            KeysUnavailable: the provider's keys cannot be had.
        """
        try:
            header = jwt.get_unverified_header(shown)
        except jwt.InvalidTokenError:
            raise NotVerified from None
        algorithm, identity = header.get("alg"), header.get("kid")
        if algorithm not in self._config.algorithms or not isinstance(identity, str | None):
            raise NotVerified
        key = await self._keys.find(identity)
        if key is None:
            raise NotVerified
        claims = self._claims(shown, key)
        return self._principal(claims), float(claims["exp"]) + LEEWAY

    def _claims(self, shown: str, key: jwt.PyJWK) -> dict[str, Any]:
        config = self._config
        try:
            # With a PyJWK, PyJWT also refuses an algorithm other than the key's own.
            claims: dict[str, Any] = jwt.decode(
                shown,
                key,
                algorithms=list(config.algorithms),
                audience=config.audience,
                issuer=config.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            raise NotVerified from None
        return claims

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        name = _claim(claims, self._config.name_claim)
        if not isinstance(name, str) or not name:
            raise NoRole
        shown = f"{_PREFIX}{quote(name, safe='@:/+,=|')}"[:_LONGEST_NAME]
        for rule in self._config.roles:
            found = _role(rule, _claim(claims, rule.claim))
            if found is not None:
                role, tenant = found
                return Principal(shown, role, tenant, Source.OIDC)
        raise NoRole


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim; of claims within claims, by a name with dots."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _role(rule: OidcRoleConfig, value: object) -> tuple[Role, TenantName | None] | None:
    """What a rule gives for the value of its claim, or None."""
    if rule.value is None:
        # Of several tenants, none is the one that is meant.
        if isinstance(value, str) and LABEL.fullmatch(value):
            return rule.role, TenantName(value)
        return None
    if value != rule.value and not (isinstance(value, list) and rule.value in value):
        return None
    return rule.role, None if rule.tenant is None else TenantName(rule.tenant)
