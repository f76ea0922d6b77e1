"""The sections of the configuration that say who may do what: clients, a provider of identities, tenants.

This module opens no file and admits nobody.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv4Address, ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from p4fabric.controller.config_section import FilePath, Section
from p4fabric.controller.expected_links import HIGHEST_PORT
from p4fabric.controller.intents.fields import LABEL, Ipv4, SwitchLabel
from p4fabric.controller.intents.kinds.network import HIGHEST_PRIORITY
from p4fabric.controller.names import PortRef, SwitchName, TenantName
from p4fabric.controller.principals import PRINCIPAL_NAME, Role
from p4fabric.pipelines.values import Port

__all__ = [
    "ALGORITHMS",
    "ClientConfig",
    "OidcConfig",
    "OidcRoleConfig",
    "TenantConfig",
    "TenantPortsConfig",
    "check_tenants",
]

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key. Those by a shared secret (HS256) are none that a provider's keys can check."""
_SAN = re.compile(r"(DNS|URI|email|IP Address):(.+)")
_ATTRIBUTES = (
    "commonName",
    "organizationName",
    "organizationalUnitName",
    "countryName",
    "stateOrProvinceName",
    "localityName",
    "serialNumber",
    "domainComponent",
    "emailAddress",
    "userId",
)


def _role(value: object) -> Role:
    try:
        return Role(value)  # type: ignore[arg-type]
    except ValueError:
        raise ValueError(f"must be one of {', '.join(Role)}") from None


def _principal_name(value: str) -> str:
    if not PRINCIPAL_NAME.fullmatch(value):
        raise ValueError(
            "must be 1 to 63 letters, digits, '-', '_', '.' and '@', the first a letter or digit"
        )
    return value


def _tenant(value: str) -> TenantName:
    if not LABEL.fullmatch(value):
        raise ValueError("must be a tenant's name, as intents have it")
    return TenantName(value)


RoleName = Annotated[Role, BeforeValidator(_role)]
TenantLabel = Annotated[str, AfterValidator(_tenant)]


def _san(value: str) -> str:
    if not _SAN.fullmatch(value):
        raise ValueError("must be DNS:, URI:, email: or 'IP Address:' and a name, such as DNS:ci.example.org")
    return value


def _subject(value: dict[str, str]) -> dict[str, str]:
    unknown = [name for name in value if name not in _ATTRIBUTES]
    if unknown or not value:
        raise ValueError(f"must have attributes of {', '.join(_ATTRIBUTES)}")
    return value


class ClientConfig(Section):
    """Who the holder of a client certificate is."""

    name: Annotated[str, AfterValidator(_principal_name)]
    subject: Annotated[dict[str, str], AfterValidator(_subject)] | None = None
    """All attributes of the certificate's subject, each once."""
    san: Annotated[str, AfterValidator(_san)] | None = None
    """One of the certificate's subject alternative names, such as `URI:spiffe://example.org/ci`."""
    role: RoleName
    tenant: TenantLabel | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> ClientConfig:
        if (self.subject is None) is (self.san is None):
            raise ValueError("needs either subject or san")
        if (self.tenant is not None) is not (self.role is Role.TENANT):
            raise ValueError("needs a tenant exactly where its role is tenant")
        return self


class OidcRoleConfig(Section):
    """A claim that gives a role."""

    claim: Annotated[str, Field(min_length=1)]
    """Its name; of claims within claims, with dots."""
    value: str | None = None
    """What the claim is, or has among its values; none: any, which then is the name of the tenant."""
    role: RoleName
    tenant: TenantLabel | None = None

    @model_validator(mode="after")
    def _whose(self) -> OidcRoleConfig:
        if self.tenant is not None and self.role is not Role.TENANT:
            raise ValueError("needs role tenant where it names a tenant")
        if self.value is None and (self.role is not Role.TENANT or self.tenant is not None):
            raise ValueError("needs a value, unless the claim's value names the tenant")
        if self.value is not None and self.role is Role.TENANT and self.tenant is None:
            raise ValueError("needs a tenant, or no value: then the claim's value names the tenant")
        return self


def _provider_url(value: str) -> str:
    url = urlsplit(value)
    host = url.hostname or ""
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    if (
        not host
        or url.query
        or url.fragment
        or not (url.scheme == "https" or (url.scheme == "http" and is_here))
    ):
        raise ValueError("must be an https URL (http only on this machine), without query and fragment")
    return value


ProviderUrl = Annotated[str, AfterValidator(_provider_url)]


def _algorithm(value: str) -> str:
    if value not in ALGORITHMS:
        raise ValueError(f"must be one of {', '.join(ALGORITHMS)}")
    return value


class OidcConfig(Section):
    """An OpenID Connect provider: whose tokens are accepted, and what their claims mean."""

    issuer: ProviderUrl
    """The `iss` that tokens must have."""
    audience: Annotated[str, Field(min_length=1)]
    """The `aud` that tokens must have, among others."""
    jwks_url: ProviderUrl | None = None
    """Where its keys are; without it, the provider's discovery document says so."""
    authority_file: FilePath | None = None
    """The CA that the provider's certificate must be signed by; without it, those of the system."""
    algorithms: tuple[Annotated[str, AfterValidator(_algorithm)], ...] = Field(
        ("RS256", "ES256"), min_length=1, strict=False
    )
    """Signatures that are accepted."""
    name_claim: Annotated[str, Field(min_length=1)] = "sub"
    """The claim that names who shows the token."""
    roles: tuple[OidcRoleConfig, ...] = Field(min_length=1, strict=False)
    """The first one that fits gives the role."""


_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")


def _numbers(value: object, lowest: int, highest: int) -> frozenset[int]:
    if isinstance(value, frozenset):
        return value
    if not isinstance(value, (list, tuple)):
        raise ValueError('must be a list of numbers and ranges, such as [3, "5-8"]')
    found: set[int] = set()
    for part in value:
        match = _RANGE.fullmatch(str(part)) if type(part) in (int, str) else None
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if not lowest <= first <= last <= highest:
            raise ValueError(f'must have numbers and ranges of {lowest} to {highest}, such as [3, "5-8"]')
        found.update(range(first, last + 1))
    return frozenset(found)


def _ports(value: object) -> frozenset[int]:
    return _numbers(value, 1, HIGHEST_PORT)


def _vlans(value: object) -> frozenset[int] | None:
    return None if value is None else _numbers(value, 1, 4094)


class TenantPortsConfig(Section):
    """Ports of a switch at which a tenant's networks may be attached."""

    switch: SwitchLabel
    ports: Annotated[Any, BeforeValidator(_ports)]
    vlans: Annotated[Any, BeforeValidator(_vlans)] = None
    """The tags that it may use there, so that others may use others; none: the whole port is its own."""

    def refs(self) -> Iterable[PortRef]:
        """The ports."""
        return (PortRef(SwitchName(self.switch), Port(number)) for number in sorted(self.ports))


class TenantConfig(Section):
    """What those who act for a tenant may use of what tenants share."""

    name: TenantLabel
    attachments: tuple[TenantPortsConfig, ...] = Field((), strict=False)
    """Where its networks may be attached."""
    n3_addresses: tuple[Ipv4, ...] = Field((), strict=False)
    """Addresses at which its UPF sessions may take GTP-U."""
    highest_priority: int = Field(0, ge=0, le=HIGHEST_PRIORITY)
    """The highest that its packets may have in the queues of ports."""


def check_tenants(tenants: Sequence[TenantConfig], switches: Collection[SwitchName]) -> None:
    """Check that tenants have ports of switches that there are, and no two what they could collide at.

    Raises:
        ValueError: the first thing that two have, as `tenants[1] …`.
    """
    names: dict[str, int] = {}
    addresses: dict[IPv4Address, int] = {}
    places: dict[PortRef, list[tuple[frozenset[int] | None, int]]] = {}
    for index, tenant in enumerate(tenants):
        where = f"tenants[{index}]"
        if tenant.name in names:
            raise ValueError(f"{where}.name {tenant.name} is that of tenants[{names[tenant.name]}] already")
        names[tenant.name] = index
        for address in tenant.n3_addresses:
            if addresses.setdefault(address, index) != index:
                raise ValueError(f"{where} has {address}, which tenants[{addresses[address]}] has already")
        for part in tenant.attachments:
            if part.switch not in switches:
                raise ValueError(f"{where} names {part.switch}, which is none of the switches")
            for port in part.refs():
                for vlans, other in places.setdefault(port, []):
                    if other != index and (vlans is None or part.vlans is None or vlans & part.vlans):
                        raise ValueError(f"{where} has {port}, which tenants[{other}] has already")
                places[port].append((part.vlans, index))
