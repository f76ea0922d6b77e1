"""Channels to switches, and gRPC's errors in words. Must not know P4Runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import grpc

from p4fabric.softswitch.client.errors import BadInput, SwitchFailed, Unreachable
from p4fabric.softswitch.client.target import DEFAULT_ADDRESS, Target

T = TypeVar("T")

_PORT = DEFAULT_ADDRESS.rpartition(":")[2]
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),  # a device config may be of any size
    # A refused request of a thousand updates has an error for each, as metadata.
    ("grpc.max_metadata_size", 1 << 20),
    ("grpc.absolute_max_metadata_size", 1 << 20),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # what failed to connect before does not delay this channel
)


def address_of(word: str) -> str:
    """An address as gRPC takes it: a path is a Unix socket's, and the port may be left out."""
    if word.startswith("unix:"):
        if not word.removeprefix("unix:").strip("/"):
            raise BadInput(f"{word!r}: HOST:PORT or unix:PATH is needed, such as unix:/run/leaf1.sock")
        return word
    if "/" in word:
        return f"unix:{word}"
    host, colon, port = word.rpartition(":")
    if not colon or (word.startswith("[") and word.endswith("]")):
        host, port = word, _PORT
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 1 << 16:
        raise BadInput(f"{word!r}: HOST:PORT or unix:PATH is needed, such as {DEFAULT_ADDRESS}")
    return f"{host}:{port}"


def open_channel(target: Target) -> grpc.Channel:
    """A channel; nothing is sent yet. `BadInput` when a certificate's file cannot be read."""
    address = address_of(target.grpc)
    if (target.tls_cert is None) != (target.tls_key is None):
        raise BadInput("TLS: a client's certificate and its private key belong together")
    if target.tls_ca is None:
        if target.tls_cert is not None:
            raise BadInput("TLS: the authority of the switch's certificate is needed beside the client's own")
        return grpc.insecure_channel(address, options=_OPTIONS)
    try:
        authority, certificate, key = (
            one.read_bytes() if one is not None else None
            for one in (target.tls_ca, target.tls_cert, target.tls_key)
        )
    except OSError as error:
        raise BadInput(f"{error.filename}: {error.strerror}") from None
    return grpc.secure_channel(
        address, grpc.ssl_channel_credentials(authority, key, certificate), options=_OPTIONS
    )


def told(name: str, timeout: float, call: Callable[[], T], what: str = "") -> T:
    """What a call gives; `SwitchFailed` says in words why it failed."""
    try:
        return call()
    except grpc.RpcError as error:
        raise failure(name, timeout, error, what) from None


def failure(name: str, timeout: float, error: Any, what: str = "") -> SwitchFailed:
    """A status in words; `what` says what is refused."""
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            said = (error.details() or "").rpartition("; last error: ")[2]
            return Unreachable(f"{name}: nobody answers ({_brief(said)})")
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return SwitchFailed(f"{name}: no answer in {timeout:g} s")
    code = error.code().name if error.code() is not None else "no status"
    return SwitchFailed(f"{name}: {what}{': ' if what else ''}{code}: {error.details()}")


def _brief(said: str) -> str:
    """The end of what gRPC says of a connection, such as `Connection refused`."""
    return said.rpartition(": ")[2].strip(" ().") or "no connection"
