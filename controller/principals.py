"""Who asks: a name, what its role lets it do, and how it showed who it is. Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from p4fabric.controller.names import TenantName

__all__ = ["PRINCIPAL_NAME", "Principal", "Role", "Source"]

PRINCIPAL_NAME = re.compile(r"[A-Za-z0-9][-_.@A-Za-z0-9]{0,62}")
"""Of tokens and of clients."""


class Role(StrEnum):
    """What a principal may do; `p4fabric.controller.access.rules` says it route by route."""

    OPERATOR = "operator"
    """Everything."""
    TENANT = "tenant"
    """What is its tenant's, and nothing of anybody else's."""
    READER = "reader"
    """Read everything but tokens and the audit log."""
    SCRAPER = "scraper"
    """Read the metrics."""


class Source(StrEnum):
    """How a principal showed who it is."""

    TOKEN_FILE = "tokenFile"
    """The token that the controller made at its first start."""
    TOKEN = "token"
    """A token that an operator made."""
    CERTIFICATE = "certificate"
    """A TLS client certificate."""
    OIDC = "oidc"
    """A token of an OpenID Connect provider."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, once that is proved."""

    name: str
    role: Role
    tenant: TenantName | None
    """Of role TENANT, and of no other."""
    source: Source

    def __post_init__(self) -> None:
        """Check that exactly tenants have a tenant: a tenant without one would see everything."""
        if (self.tenant is not None) is not (self.role is Role.TENANT):
            raise ValueError(
                f"role {self.role} with tenant {self.tenant!r}: exactly role tenant has a tenant"
            )

    def acting_for(self, tenant: TenantName) -> Principal:
        """The same, who may and sees what a tenant may and sees."""
        return Principal(self.name, Role.TENANT, tenant, self.source)

    def __str__(self) -> str:
        tenant = f" of {self.tenant}" if self.tenant is not None else ""
        return f"{self.name} ({self.role}{tenant}, by {self.source})"
