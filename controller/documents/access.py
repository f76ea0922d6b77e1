"""Tokens, the audit log, and who one is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic.alias_generators import to_camel

from p4fabric.controller.documents.base import Document, Time
from p4fabric.controller.documents.fabric import ListDocument
from p4fabric.controller.intents.fields import LABEL
from p4fabric.controller.principals import PRINCIPAL_NAME, Role, Source

__all__ = [
    "AuditDocument",
    "AuditList",
    "CallerDocument",
    "MadeToken",
    "PrincipalDocument",
    "TokenDocument",
    "TokenList",
    "WantedToken",
]

_Name = Annotated[str, StringConstraints(pattern=f"^{PRINCIPAL_NAME.pattern}$")]
_Tenant = Annotated[str, StringConstraints(pattern=f"^{LABEL.pattern}$")]


class PrincipalDocument(Document):
    """Somebody who was let in."""

    name: str
    role: Role
    tenant: str | None = Field(description="of role tenant, and of no other")
    source: Source = Field(description="how they showed who they are")


class WantedToken(Document):
    """A token to be made."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=False, serialize_by_alias=True, extra="forbid"
    )

    name: _Name = Field(description="who will show it; the default owner of what it applies")
    role: Role
    tenant: _Tenant | None = Field(None, description="of role tenant, and of no other")
    expires: AwareDatetime | None = Field(None, description="when it admits nobody any more; null: never")

    @field_validator("expires")
    @classmethod
    def _in_the_future(cls, expires: datetime | None) -> datetime | None:
        if expires is None:
            return None
        try:
            moment = expires.astimezone(UTC)
        except OverflowError:
            raise ValueError("must be in the years 1 to 9999 of UTC") from None
        if moment <= datetime.now(UTC):
            raise ValueError("is in the past")
        return moment

    @model_validator(mode="after")
    def _consistent(self) -> WantedToken:
        if (self.tenant is not None) is not (self.role is Role.TENANT):
            raise ValueError("needs a tenant exactly where its role is tenant")
        return self


class TokenDocument(Document):
    """A token, without its secret."""

    name: str
    role: Role
    tenant: str | None
    created: Time
    created_by: str
    expires: Time | None = Field(description="null: never")
    resource_version: str


class MadeToken(TokenDocument):
    """A token that was made, with its secret."""

    token: str = Field(description="what its holder shows behind `Bearer`; it is told here and never again")


class TokenList(ListDocument):
    """Tokens, by name."""

    items: list[TokenDocument]


class CallerDocument(Document):
    """Where a request came from."""

    address: str
    port: int | None
    agent: str


class AuditDocument(Document):
    """A request that changed something, or was refused."""

    number: int = Field(description="since the controller started")
    time: Time
    principal: PrincipalDocument | None = Field(description="null: it showed credentials that are wrong")
    caller: CallerDocument
    method: str
    path: str
    operation: str | None = Field(description="by its name in this description; null: it came to none")
    status: int = Field(description="of the answer; 0: none was given")
    resources: list[str] = Field(description="what was changed")
    more_resources: int = Field(description="how many were changed beside these")
    resource_version: str | None = Field(description="of the store, after the change")


class AuditList(ListDocument):
    """What was changed or refused, the newest first."""

    items: list[AuditDocument]
