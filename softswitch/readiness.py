"""Tells a service manager that a service is ready, as systemd's `Type=notify` expects (sd_notify(3)).

Without a service manager (no `NOTIFY_SOCKET` in the environment) it does nothing.
"""

from __future__ import annotations

import logging
import os
import socket

__all__ = ["READY", "STOPPING", "notify"]

READY = "READY=1"
STOPPING = "STOPPING=1"

_log = logging.getLogger(__name__)


def notify(state: str) -> None:
    """Send a state. A manager that does not listen is logged, and changes nothing for the service."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # a name in the abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.connect(address)
            manager.send(state.encode())
    except OSError as error:
        _log.warning("NOTIFY_SOCKET %s: %s was not sent: %s", os.environ["NOTIFY_SOCKET"], state, error)
