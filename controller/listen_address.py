"""`host:port`, as configurations have it."""

from __future__ import annotations

from ipaddress import ip_address

__all__ = ["ListenAddress", "host_and_port", "listen_address"]


def host_and_port(value: object, *, lowest: int) -> tuple[str, int]:
    """Read it; IPv6 addresses are in brackets.

    Args:
        value: what somebody wrote.
        lowest: the smallest port that is allowed.

    Raises:
        ValueError: it is none.
    """
    example = "such as 127.0.0.1:9559 or [::1]:9559"
    if not isinstance(value, str):
        raise ValueError(f"must be host:port, written as a string, {example}")
    host, colon, port = value.rpartition(":")
    if not host or not colon or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError(f"must be host:port, {example}")
    if not port.isascii() or not port.isdigit() or not lowest <= int(port) <= 0xFFFF:
        raise ValueError(f"must end in a port number of {lowest} to 65535, {example}")
    return host.strip("[]"), int(port)


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


def listen_address(value: object) -> ListenAddress:
    """Read where to listen.

    Raises:
        ValueError: it is no address.
    """
    host_and_port(value, lowest=0)
    return ListenAddress(value)
