"""Which switch has which interface: two on one would both answer every frame that arrives there.

A claim is a listening socket in the abstract namespace, which belongs to the network namespace, as
interfaces do, and goes with the process. Must not know what ports are.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
from contextlib import suppress

from p4fabric.softswitch.server.ports import BadOption, Ports

_log = logging.getLogger(__name__)
_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group


class Claims:
    """The interfaces of one switch."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def claim(self, ports: Ports) -> None:
        """Take all interfaces. `BadOption` names one that another switch has, and none is taken then."""
        try:
            for number, interface in ports.interfaces.items():
                if interface is not None:
                    self._claim(number, interface, by_name=number in ports.plugged)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let others have them. Idempotent."""
        for one in self._sockets:
            one.close()
        self._sockets.clear()

    def _claim(self, number: int, interface: str, *, by_name: bool) -> None:
        # One that comes and goes has another index each time.
        which = interface if by_name else socket.if_nametoindex(interface)
        name = f"\0p4fabric-interface-{which}"
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(name)
            holder.listen(1)
        except OSError as error:
            holder.close()
            if error.errno != errno.EADDRINUSE:
                raise BadOption(f"port {number} ({interface}): {error.strerror}") from None
            process, user = _owner(name)
            if user not in (0, os.geteuid()):
                # Anybody can take the name; only those who could open the interface count.
                _log.warning(
                    "port %d (%s): process %d of user %d claims it", number, interface, process, user
                )
                return
            raise BadOption(
                f"port {number} ({interface}): another switch has this interface (process {process}); "
                "both would answer every frame"
            ) from None
        self._sockets.append(holder)


def _owner(name: str) -> tuple[int, int]:
    """The process and user who listen on a socket; of one that is full or gone, nobody's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(OSError):
        probe.setblocking(False)
        probe.connect(name)
        raw = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        process, user, _ = _CREDENTIALS.unpack(raw)
        return process, user
    return 0, 0
