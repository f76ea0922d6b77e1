"""The gRPC channel to one switch: address, TLS, sizes.

HTTP/2 pings are left alone: gRPC's servers (bmv2's and Stratum's too) close a connection that pings
more often than every five minutes, far too rarely to find a dead switch. The session asks for the
pipeline's cookie instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from p4fabric.controller.names import SwitchName

__all__ = ["Endpoint", "Tls", "channel_to", "open_channel"]

_METADATA_BYTES = 4 << 20
"""Room for the errors of a batch, one each (`grpc-status-details-bin` is HTTP/2 metadata)."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: whom to believe, and (for a switch that asks) who we are."""

    authority: Path
    certificate: Path | None = None
    private_key: Path | None = None
    server_name: str | None = None
    """The name that the switch's certificate has, where it is not the address's host."""

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files.

        Raises:
            OSError: one cannot be read.
            ValueError: certificate without key, or key without certificate.
        """
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("tls: a certificate needs its private key, and a private key its certificate")
        return grpc.ssl_channel_credentials(
            root_certificates=self.authority.read_bytes(),
            private_key=self.private_key.read_bytes() if self.private_key else None,
            certificate_chain=self.certificate.read_bytes() if self.certificate else None,
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a switch is, and what it is called there."""

    name: SwitchName
    device_id: int
    address: str
    """`host:port`, an IPv6 host in brackets; or `unix:PATH`."""
    tls: Tls | None = None


def open_channel(endpoint: Endpoint, max_receive_bytes: int) -> grpc.aio.Channel:
    """Open a channel; it connects with its first call.

    Raises:
        OSError: a TLS file cannot be read.
        ValueError: TLS files that do not go together.
    """
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", max_receive_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", _METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
        # The session has its own backoff, and a second session to the same address its own connection.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
    ]
    return channel_to(endpoint.address, endpoint.tls, options)


def channel_to(address: str, tls: Tls | None, options: Sequence[tuple[str, int | str]]) -> grpc.aio.Channel:
    """Open a channel to whatever it is; raises as `open_channel`."""
    if tls is None:
        return grpc.aio.insecure_channel(address, options)
    if tls.server_name:
        options = (*options, ("grpc.ssl_target_name_override", tls.server_name))
    return grpc.aio.secure_channel(address, tls.credentials(), options)
