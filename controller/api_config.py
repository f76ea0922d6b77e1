"""The REST API in the configuration: where it listens, what opens it, and how much it may take."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from p4fabric.controller.access_config import ClientConfig, OidcConfig
from p4fabric.controller.config_section import FilePath, Section, default_file, host_and_port

__all__ = ["ApiConfig", "ApiTlsConfig", "ListenAddress"]


class ListenAddress(str):
    """`host:port` to listen at; port 0 lets the system choose."""

    @property
    def host(self) -> str:
        """The host, without brackets."""
        return host_and_port(str(self), lowest=0)[0]

    @property
    def port(self) -> int:
        """The port."""
        return host_and_port(str(self), lowest=0)[1]

    @property
    def is_loopback(self) -> bool:
        """Whether only processes of this machine can connect."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def _listen_address(value: object) -> ListenAddress:
    host_and_port(value, lowest=0)
    return ListenAddress(value)


class ApiTlsConfig(Section):
    """PEM files that the API is served with."""

    certificate: FilePath
    private_key: FilePath
    client_authority: FilePath | None = None
    """The CA that clients' certificates must be signed by; without it, none are asked for."""


class ApiConfig(Section):
    """The REST API: where it listens, and what opens it."""

    listen: Annotated[ListenAddress, BeforeValidator(_listen_address)] = ListenAddress("127.0.0.1:8080")
    token_file: FilePath = default_file("p4fabric.token")
    tls: ApiTlsConfig | None = None
    insecure: bool = False
    """Listen without TLS where others can listen in: the token and all documents are readable there."""
    max_request_bytes: int = Field(8 << 20, ge=1024, le=1 << 30)
    """Of one request's body."""
    max_bytes_in_flight: int = Field(64 << 20, ge=1 << 20, le=1 << 34)
    """What all requests in flight may take together, beyond the first 64 KiB of each."""
    max_unread_bytes: int = Field(32 << 20, ge=1 << 20, le=1 << 34)
    """What all answers may take together that clients have not read yet."""
    max_connections: int = Field(2048, ge=8, le=1 << 16)
    """At once; fewer where there are too few file descriptors."""
    max_event_streams: int = Field(1536, ge=1, le=1 << 16)
    """Clients that follow events or intents at once; three quarters of all connections at most."""
    header_timeout: float = Field(10.0, gt=0, le=3600, strict=False)
    """Seconds for a TLS handshake, and for a request's headers."""
    body_timeout: float = Field(30.0, gt=0, le=3600, strict=False)
    """Seconds for a request's body, after its headers."""
    idle_timeout: float = Field(15.0, gt=0, le=3600, strict=False)
    """Seconds that a connection may stay open between two requests."""
    write_timeout: float = Field(30.0, gt=0, le=3600, strict=False)
    """Seconds in which a client must read on."""
    clients: tuple[ClientConfig, ...] = Field((), strict=False)
    """Who the holders of client certificates are; others are nobody."""
    oidc: OidcConfig | None = None
    """A provider whose tokens are accepted."""
    login_failures: int = Field(20, ge=1, le=10_000)
    """Wrong credentials that one address may show at once; one more each second."""
    audit_entries: int = Field(10_000, ge=16, le=1 << 20)
    """Changes that `/api/v1/audit` remembers."""

    @model_validator(mode="after")
    def _closed_to_others(self) -> ApiConfig:
        if not self.listen.is_loopback and self.tls is None and not self.insecure:
            raise ValueError(
                f"would send the token in the clear at {self.listen}: give api.tls (certificate and "
                "privateKey), listen at 127.0.0.1, or accept that with insecure: true"
            )
        return self

    @model_validator(mode="after")
    def _clients_are_asked(self) -> ApiConfig:
        if self.clients and (self.tls is None or self.tls.client_authority is None):
            raise ValueError("needs api.tls.clientAuthority, as it names clients: nobody would be asked")
        return self
