"""What the switch reports of its queues by itself: where bins are sent, and who is told of dropped packets.

Knows collectors' addresses and sockets. Must not know gNMI.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address

from p4fabric.softswitch.engine.api import Engine
from p4fabric.softswitch.engine.api.queues import DROP_REPORT_BURST, DROP_REPORTS_PER_SECOND
from p4fabric.softswitch.server.ports import BadOption

SEND_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Reporting:
    """What can be set."""

    collector: str = ""
    """ADDRESS:PORT that bins are sent to by UDP; empty: none is."""
    drop_session: int = 0
    """The clone session whose ports get copies of packets that find their queue full; 0: none do."""
    drop_rate: int = DROP_REPORTS_PER_SECOND
    """Copies a second, of each queue."""
    drop_burst: int = DROP_REPORT_BURST
    """Copies at once, of each queue."""


def collector_address(text: str) -> tuple[str, int]:
    """An address and a port, from `192.0.2.1:32766` or `[2001:db8::1]:32766`; `BadOption` quotes what is
    wrong."""
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ip_address(bare)
    except ValueError:
        address = None
    right = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if address is None or not right or (address.version == 6) != (bare != host):
        raise BadOption(
            f"collector {text[:60]!r}: ADDRESS:PORT is needed, such as 192.0.2.1:32766 or [2001:db8::1]:32766"
        )
    return bare, int(port)


def set_up(engine: Engine, before: Reporting, wanted: Reporting, node: int) -> None:
    """Have an engine report otherwise, as `node`.

    Raises:
        BadOption: the collector's address is none.
        OSError: it cannot be reached from here.
    """
    if wanted.collector != before.collector:
        engine.queues.report_to(_socket(wanted.collector) if wanted.collector else -1, node)
    engine.queues.deflect(wanted.drop_session, wanted.drop_rate, wanted.drop_burst)


def _socket(collector: str) -> int:
    host, port = collector_address(collector)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        try:
            made.connect((host, port))
        except OSError as error:
            raise OSError(error.errno, f"collector {collector}: {error.strerror}") from None
        return made.detach()
