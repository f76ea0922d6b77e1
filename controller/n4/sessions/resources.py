"""What sessions are given from a common stock: tunnel ends and UE addresses."""

from __future__ import annotations

from typing import Protocol

from p4fabric.controller.n4.pfcp import Cause
from p4fabric.controller.n4.pfcp.flags import SourceInterface
from p4fabric.controller.n4.pfcp.values import FTeid, UeIpAddress

__all__ = ["NotAvailable", "Resources"]


class NotAvailable(Exception):
    """What was asked for cannot be given.

    Attributes:
        cause: why, for the answer.
    """

    def __init__(self, cause: Cause, text: str) -> None:
        """Say why."""
        super().__init__(text)
        self.cause = cause


class Resources(Protocol):
    """The stock. What a session was given or has claimed is given back once, when nothing uses it."""

    def choose_f_teid(
        self, network_instance: str, source: SourceInterface, *, ipv4: bool, ipv6: bool
    ) -> FTeid:
        """Give a tunnel end of an interface, with the addresses of those wanted that the interface has.

        Raises:
            NotAvailable: there is none, or the interface has no such address.
        """
        ...

    def claim_f_teid(self, f_teid: FTeid, network_instance: str, source: SourceInterface) -> None:
        """Take a tunnel end that the SMF chose.

        Raises:
            NotAvailable: another session has it, or it is not of this node.
        """
        ...

    def release_f_teid(self, f_teid: FTeid) -> None:
        """Take a tunnel end back."""
        ...

    def choose_ue_address(self, network_instance: str) -> UeIpAddress:
        """Give an IPv4 address of a data network's pool.

        Raises:
            NotAvailable: the pool is used up, or there is none.
        """
        ...

    def choose_ue_prefix(self, network_instance: str, length: int) -> UeIpAddress:
        """Give an IPv6 prefix of a data network's pool, of so many bits.

        Raises:
            NotAvailable: the pool is used up, or there is none.
        """
        ...

    def release_ue_address(self, address: UeIpAddress) -> None:
        """Take addresses back."""
        ...
