"""A stock of tunnel ends and UE addresses that knows what is out, and notices what is given back twice."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from p4fabric.controller.n4.pfcp import Cause
from p4fabric.controller.n4.pfcp.flags import SourceInterface
from p4fabric.controller.n4.pfcp.values import FTeid, UeIpAddress
from p4fabric.controller.n4.sessions import NotAvailable

N3 = IPv4Address("10.0.3.2")


class Stock:
    """Gives tunnel ends 0x1000, 0x1001, ... of one IPv4 address, and addresses of one pool."""

    def __init__(self, f_teids: int = 1000, ues: int = 1000) -> None:
        """Full."""
        self.left, self.ues_left = f_teids, ues
        self.f_teids: set[FTeid] = set()
        self.ues: set[UeIpAddress] = set()
        self._next = 0x1000
        self._next_ue = 2

    def choose_f_teid(
        self, network_instance: str, source: SourceInterface, *, ipv4: bool, ipv6: bool
    ) -> FTeid:
        """The next one."""
        if not ipv4:
            raise NotAvailable(Cause.INVALID_F_TEID_ALLOCATION_OPTION, "there are IPv4 addresses only")
        if not self.left:
            raise NotAvailable(Cause.NO_RESOURCES_AVAILABLE, "no TEID is left")
        self.left -= 1
        found = FTeid(self._next, N3)
        self._next += 1
        self.f_teids.add(found)
        return found

    def claim_f_teid(self, f_teid: FTeid, network_instance: str, source: SourceInterface) -> None:
        """If nobody has it."""
        if f_teid in self.f_teids:
            raise NotAvailable(Cause.RULE_CREATION_MODIFICATION_FAILURE, "another session has it")
        self.f_teids.add(f_teid)

    def release_f_teid(self, f_teid: FTeid) -> None:
        """Fails if it is not out."""
        self.f_teids.remove(f_teid)

    def choose_ue_address(self, network_instance: str) -> UeIpAddress:
        """The next one."""
        return self._chosen(lambda number: UeIpAddress(IPv4Address(0x0A2D0000 + number)))

    def choose_ue_prefix(self, network_instance: str, length: int) -> UeIpAddress:
        """The next one."""

        def prefix(number: int) -> UeIpAddress:
            start = (0x20010DB8 << 96) + (number << 128 - length)
            return UeIpAddress(ipv6=IPv6Address(start), prefix_length=length)

        return self._chosen(prefix)

    def _chosen(self, made: Callable[[int], UeIpAddress]) -> UeIpAddress:
        if not self.ues_left:
            raise NotAvailable(Cause.ALL_DYNAMIC_ADDRESSES_ARE_OCCUPIED, "no address is left")
        self.ues_left -= 1
        number = self._next_ue
        self._next_ue += 1
        found = made(number)
        self.ues.add(found)
        return found

    def release_ue_address(self, address: UeIpAddress) -> None:
        """Fails if it is not out."""
        self.ues.remove(address)
