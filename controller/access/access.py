"""All that decides who may do what, made from the configuration and the store. This module knows no HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field

from p4fabric.controller.access.allotments import Allotments
from p4fabric.controller.access.audit import AuditLog
from p4fabric.controller.access.authentication import Authenticator
from p4fabric.controller.access.certificates import Clients
from p4fabric.controller.access.failures import LoginFailures
from p4fabric.controller.access.live import LiveRequests
from p4fabric.controller.access.oidc import OidcVerifier
from p4fabric.controller.access.tenant_view import TenantView
from p4fabric.controller.access.tokens import TokenBook
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.fabric import Fabric
from p4fabric.controller.principals import Principal
from p4fabric.controller.store import Store

__all__ = ["Access"]


@dataclass(frozen=True)
class Access:
    """Who may do what with one fabric."""

    authenticator: Authenticator
    tokens: TokenBook
    allotments: Allotments = field(default_factory=Allotments)
    audit: AuditLog = field(default_factory=AuditLog)
    live: LiveRequests = field(default_factory=LiveRequests)

    @classmethod
    async def load(cls, config: FabricConfig, store: Store, bootstrap: str) -> Access:
        """Read what the configuration and the store say.

        Args:
            config: of the controller.
            store: that keeps tokens.
            bootstrap: the token of the token file.

        Raises:
            StoreError: the store cannot be read.
        """
        api = config.api
        tokens = await TokenBook.load(store)
        authenticator = Authenticator(
            bootstrap,
            tokens,
            Clients(api.clients),
            None if api.oidc is None else OidcVerifier(api.oidc),
            LoginFailures(api.login_failures),
        )
        return cls(authenticator, tokens, Allotments(config.tenants), AuditLog(api.audit_entries))

    async def revoke(self, token: str) -> None:
        """Let a token admit nobody any more, and end what it let in.

        Raises:
            UnknownToken: there is none of this name.
            StoreError: the store keeps it; it admits nobody until the controller starts again.
        """
        try:
            await self.tokens.revoke(token)
        finally:
            self.live.end(token)

    def tenant_view(self, fabric: Fabric, principal: Principal) -> TenantView:
        """What somebody sees of the fabric."""
        return TenantView(fabric, principal, self.allotments)
