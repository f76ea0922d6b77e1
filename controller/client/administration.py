"""What an operator decides about one controller: what is gone, and who may do what."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from p4fabric.controller.client.requests import Requests, read
from p4fabric.controller.client.transport import path_of
from p4fabric.controller.documents.access import AuditDocument, MadeToken, PrincipalDocument, TokenDocument
from p4fabric.controller.principals import Role

__all__ = ["Administration"]


class Administration(Requests):
    """Methods of `Client`."""

    async def declare_gone(self, switch: str, port: int | None = None) -> None:
        """Declare that a switch will not come back with its entries, or (with a port) that a link will not.

        Raises:
            NotFound: there is none.
            Conflict: it is connected, or up.
        """
        what = ("switches", switch) if port is None else ("links", switch, str(port))
        await self._transport.call("POST", path_of(*what, "gone"))

    async def delete_record(self, key: str) -> None:
        """Delete a record of the store that the controller cannot read, or whose intent it refuses.

        Raises:
            NotFound: there is no such record that cannot be read.
        """
        await self._transport.call("DELETE", path_of("records"), {"key": key})

    # Who may do what.

    async def principal(self) -> PrincipalDocument:
        """Who one is to the controller, and in which role."""
        return await self._one(PrincipalDocument, path_of("principal"))

    async def audit(
        self,
        *,
        principal: str | None = None,
        operation: str | None = None,
        resource: str | None = None,
        refused: bool | None = None,
    ) -> AsyncGenerator[AuditDocument, None]:
        """Who changed what, when and from where, and who was refused; the newest first.

        Args:
            principal: only by whom this names.
            operation: only this one, by its name in the API's description.
            resource: only what this names was changed by.
            refused: only what was refused, or done.
        """
        query = {"principal": principal, "operation": operation, "resource": resource, "refused": refused}
        async for item in self._items(path_of("audit"), query):
            yield read(AuditDocument, item)

    async def tokens(self) -> AsyncGenerator[TokenDocument, None]:
        """Tokens that were made, by name, without their secrets."""
        async for item in self._items(path_of("tokens")):
            yield read(TokenDocument, item)

    async def create_token(
        self, name: str, role: Role, *, tenant: str | None = None, expires: datetime | None = None
    ) -> MadeToken:
        """Make a token; its secret is in this answer only.

        Args:
            name: who will use it.
            role: what it may do.
            tenant: whose intents it is for, in the role of a tenant.
            expires: when it ends, with a time zone; None: when it is revoked.

        Raises:
            Conflict: there is a token of this name.
            Invalid: one of them is wrong.
        """
        ends = None if expires is None else expires.isoformat()
        body = {"name": name, "role": role, "tenant": tenant, "expires": ends}
        return read(MadeToken, (await self._transport.call("POST", path_of("tokens"), body=body)).body)

    async def revoke_token(self, name: str) -> None:
        """Revoke a token; what it has open is closed.

        Raises:
            NotFound: there is none of this name.
        """
        await self._transport.call("DELETE", path_of("tokens", name))
