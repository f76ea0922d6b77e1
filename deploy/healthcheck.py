#!/opt/p4fabric/bin/python3
"""Health check of p4fabric's containers: `healthcheck switch` or `healthcheck controller`.

Exit status 0: it answers; 1: it does not, and why. The switch is asked for its P4Runtime version where
P4FABRIC_GRPC says, the controller for /healthz where P4FABRIC_API says. Over TLS a completed handshake is
enough: the check has no client certificate, and judges no server's.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
from urllib.request import urlopen

SECONDS = 4.0


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def switch(address: str) -> None:
    """Ask for the P4Runtime version, or shake hands if the switch speaks TLS."""
    import grpc
    from finsy.proto import p4r, p4r_grpc

    host, _, port = address.rpartition(":")
    if host in ("0.0.0.0", "[::]"):
        host = "127.0.0.1" if host == "0.0.0.0" else "[::1]"
        address = f"{host}:{port}"
    try:
        with grpc.insecure_channel(address) as channel:
            p4r_grpc.P4RuntimeStub(channel).Capabilities(p4r.CapabilitiesRequest(), timeout=SECONDS / 2)
    except grpc.RpcError as error:
        if address.startswith("unix:"):
            raise ConnectionError(f"{address}: {error.details()}") from None
        with socket.create_connection((host.strip("[]"), int(port)), SECONDS / 2) as plain:
            _unverified().wrap_socket(plain).close()


def controller(url: str) -> None:
    """Ask for /healthz."""
    context = _unverified() if url.startswith("https:") else None
    with urlopen(f"{url.rstrip('/')}/healthz", timeout=SECONDS, context=context):
        pass


def main(arguments: list[str]) -> str | None:
    """Check; returns what is wrong, if something is."""
    try:
        match arguments:
            case ["switch"]:
                switch(os.environ.get("P4FABRIC_GRPC", "127.0.0.1:9559"))
            case ["controller"]:
                controller(os.environ.get("P4FABRIC_API", "http://127.0.0.1:8080"))
            case _:
                return "usage: healthcheck switch|controller"
    except OSError as error:
        return f"{arguments[0]}: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
