"""Where a switch listens: HOST:PORT, or unix:PATH as gRPC has it.

Knows which addresses other machines can reach, and Unix sockets' files. Must not know what is served.
"""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from p4fabric.softswitch.server.ports import BadOption

UNIX = "unix:"
LONGEST_PATH = 107
"""Bytes of a Unix socket's path, by Linux (`sun_path`)."""
SOCKET_MODE = 0o600
"""Of the socket's file: whoever may write to it may become primary."""
_EXAMPLES = "HOST:PORT or unix:PATH is needed, such as 127.0.0.1:9559 or unix:/run/p4fabric/leaf1.sock"
_LOOK_SECONDS = 1.0
_umask = threading.Lock()


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Either a Unix socket's absolute `path`, or `host` and `port`."""

    text: str
    path: Path | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address; `BadOption` quotes what is wrong."""
        if text.startswith(UNIX):
            return cls._unix(text)
        host, _, port = text.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise BadOption(f"address {text!r}: {_EXAMPLES}")
        return cls(text, None, host, int(port))

    @classmethod
    def _unix(cls, text: str) -> Self:
        name = text.removeprefix(UNIX)
        if name.startswith("//"):  # unix:///path, which is for absolute paths
            name = name[2:]
            if not name.startswith("/"):
                raise BadOption(
                    f"address {text!r}: unix:// takes an absolute path, such as unix:///run/x.sock"
                )
        if not name or "\0" in name:
            raise BadOption(f"address {text!r}: {_EXAMPLES}")
        path = Path(name).absolute()
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise BadOption(f"address {text!r}: the path has more than {LONGEST_PATH} bytes")
        return cls(f"{UNIX}{path}", path)

    @property
    def is_local(self) -> bool:
        """Whether only processes of this machine can connect."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ip_address(self.host.removeprefix("[").removesuffix("]")).is_loopback
        except ValueError:
            return False

    def with_port(self, port: int) -> str:
        """The address as clients take it, when the system has chosen the port."""
        return self.text if self.path is not None else f"{self.host}:{port}"

    def check_open(self, *, tls: bool, authority: bool, insecure: bool) -> None:
        """`BadOption` when strangers could become primary there, unless that is wanted."""
        if self.is_local or insecure or (tls and authority):
            return
        lacks = (
            "TLS without an authority for clients' certificates (--tls-ca) lets anyone in"
            if tls
            else "without TLS, others can listen in and write"
        )
        raise BadOption(
            f"address {self.text}: other machines can reach it, and {lacks}. Give --tls-cert, --tls-key and "
            "--tls-ca, or listen at a Unix socket (unix:PATH) or 127.0.0.1, or accept it with --insecure"
        )

    @contextmanager
    def bindable(self) -> Iterator[None]:
        """Within, the address may be bound. A Unix socket's file is then this user's alone, and takes the
        place of one that a dead process has left; `BadOption` when a living one has it."""
        if self.path is None:
            yield
            return
        self._remove_stale(self.path)
        # A mode that is set afterwards would come too late for whoever connects before.
        with _umask:
            before = os.umask(0o777 & ~SOCKET_MODE)
            try:
                yield
            finally:
                os.umask(before)

    def _remove_stale(self, path: Path) -> None:
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise BadOption(f"address {self.text}: there is no folder {path.parent}") from None
            return
        except OSError as error:
            raise BadOption(f"address {self.text}: {error.strerror}") from None
        if not stat.S_ISSOCK(mode):
            raise BadOption(f"address {self.text}: the file is there already, and is no socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_LOOK_SECONDS)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
                return
            except OSError as error:
                raise BadOption(f"address {self.text}: {error.strerror or error}") from None
        raise BadOption(f"address {self.text}: another process listens there")
