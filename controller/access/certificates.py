"""Client certificates: which principal the configuration makes of one. TLS has verified it before.

This module knows certificates as `ssl.SSLObject.getpeercert` tells of them.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from p4fabric.controller.access_config import ClientConfig
from p4fabric.controller.names import TenantName
from p4fabric.controller.principals import Principal, Source

__all__ = ["Certificate", "Clients"]

Certificate = Mapping[str, Any]
"""What `getpeercert` gives."""


class Clients:
    """The clients of the configuration."""

    def __init__(self, clients: Sequence[ClientConfig]) -> None:
        """Take them; the first that fits is taken."""
        self._clients = tuple(clients)

    def find(self, certificate: Certificate) -> tuple[Principal, float] | None:
        """Who shows a certificate, and until when (seconds since 1970); None: nobody that is known."""
        subject, names = _subject(certificate), _names(certificate)
        for client in self._clients:
            if client.subject == subject if client.subject is not None else client.san in names:
                tenant = None if client.tenant is None else TenantName(client.tenant)
                principal = Principal(client.name, client.role, tenant, Source.CERTIFICATE)
                return principal, ssl.cert_time_to_seconds(certificate["notAfter"])
        return None


def _subject(certificate: Certificate) -> dict[str, str] | None:
    """The attributes by name; None where one is there twice, which no configured subject is."""
    pairs = [pair for part in certificate.get("subject", ()) for pair in part]
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def _names(certificate: Certificate) -> frozenset[str]:
    return frozenset(f"{kind}:{name}" for kind, name in certificate.get("subjectAltName", ()))
