"""A node's tunnel ends and UE addresses, and who has which.

TEIDs and addresses go on from where they were last: one that was given back is not given again soon, so that
what is late for the old session does not reach a new one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import IPv4Address

from p4fabric.controller.n4.node_rules import DataNetwork
from p4fabric.controller.n4.pfcp import Cause
from p4fabric.controller.n4.pfcp.flags import SourceInterface
from p4fabric.controller.n4.pfcp.values import FTeid, UeIpAddress
from p4fabric.controller.n4.sessions import NotAvailable, Session
from p4fabric.controller.n4.sessions.choices import Stock

__all__ = ["NodeStock"]

_HIGHEST_TEID = 0xFFFFFFFF
_MOST_LOOKS = 4096
"""At addresses that others have, before a pool counts as used up: a look at a whole one takes too long."""


class NodeStock:
    """`Resources` of one node's sessions."""

    def __init__(
        self, n3: IPv4Address, data_networks: Mapping[str, DataNetwork], *, first_teid: int = 1
    ) -> None:
        """Full.

        Args:
            n3: the address of all tunnel ends.
            data_networks: by DNN; UEs get addresses of their pools.
            first_teid: that is given; a random one, so that no two runs begin alike.
        """
        self.n3, self.data_networks = n3, data_networks
        self._next_teid = first_teid
        self._teids: set[int] = set()
        self._chosen: set[IPv4Address] = set()
        self._owners: dict[IPv4Address, int] = {}
        """The session that has an address, by SEID, whoever chose the address."""
        self._next_ue: dict[str, int] = {}

    @property
    def teids(self) -> int:
        """How many tunnel ends are out."""
        return len(self._teids)

    def has_teid(self, teid: int) -> bool:
        """Whether a tunnel end is out, or has just been given back and may still be in tables."""
        return teid in self._teids

    def restore(self, session: Session) -> None:
        """A session that was kept has what it has."""
        self.keep(Stock(tuple(session.claimed), tuple(session.chosen_ues.values())))

    def keep(self, stock: Stock) -> None:
        """Nobody else gets this until it is given back."""
        self._teids.update(one.teid for one in stock.f_teids)
        self._chosen.update(one.ipv4 for one in stock.ue_addresses if one.ipv4 is not None)

    # Resources.

    def choose_f_teid(
        self, network_instance: str, source: SourceInterface, *, ipv4: bool, ipv6: bool
    ) -> FTeid:
        """The next TEID of the node's address."""
        if not ipv4:
            raise NotAvailable(Cause.INVALID_F_TEID_ALLOCATION_OPTION, "tunnel ends have IPv4 addresses only")
        if len(self._teids) >= _HIGHEST_TEID:
            raise NotAvailable(Cause.NO_RESOURCES_AVAILABLE, "no TEID is left")
        while self._next_teid in self._teids:
            self._next_teid = _after(self._next_teid)
        found = FTeid(self._next_teid, self.n3)
        self._teids.add(found.teid)
        self._next_teid = _after(found.teid)
        return found

    def claim_f_teid(self, f_teid: FTeid, network_instance: str, source: SourceInterface) -> None:
        """Take a tunnel end that an SMF chose, if it is this node's and nobody has it."""
        cause = Cause.RULE_CREATION_MODIFICATION_FAILURE
        if f_teid.ipv4 != self.n3 or f_teid.ipv6 is not None:
            raise NotAvailable(cause, f"tunnels end at {self.n3}, not at {f_teid.ipv4 or f_teid.ipv6}")
        if not f_teid.teid or f_teid.teid in self._teids:
            raise NotAvailable(cause, f"TEID {f_teid.teid:#x} is no session's, or another one's")
        self._teids.add(f_teid.teid)

    def release_f_teid(self, f_teid: FTeid) -> None:
        """Take a tunnel end back."""
        self._teids.discard(f_teid.teid)

    def choose_ue_address(self, network_instance: str, *, ipv4: bool, ipv6: bool) -> UeIpAddress:
        """The next address of a DNN's pools that nobody has."""
        if ipv6 or not ipv4:
            raise NotAvailable(Cause.SERVICE_NOT_SUPPORTED, "UEs have IPv4 addresses only")
        network = self._network(network_instance)
        total = sum(pool.num_addresses for pool in network.pools)
        begin = self._next_ue.get(network.name, 0)
        end = begin + min(total, _MOST_LOOKS)
        for number in range(begin, end):
            found = _address(network, number % total)
            if found is not None and found not in self._chosen and found not in self._owners:
                self._next_ue[network.name] = number % total + 1
                self._chosen.add(found)
                return UeIpAddress(found)
        self._next_ue[network.name] = end % total
        raise NotAvailable(Cause.ALL_DYNAMIC_ADDRESSES_ARE_OCCUPIED, f"{network.name} has no UE address left")

    def release_ue_address(self, address: UeIpAddress) -> None:
        """Take an address back."""
        if address.ipv4 is not None:
            self._chosen.discard(address.ipv4)

    # Addresses that sessions have, whoever chose them.

    def owner(self, ue: IPv4Address) -> int | None:
        """The SEID of the session that has an address; None: none has."""
        return self._owners.get(ue)

    def own(self, seid: int, before: Collection[IPv4Address], now: Collection[IPv4Address]) -> None:
        """A session has other addresses than before."""
        for address in before:
            if address not in now and self._owners.get(address) == seid:
                del self._owners[address]
        for address in now:
            self._owners[address] = seid

    def _network(self, name: str) -> DataNetwork:
        networks = self.data_networks
        found = networks.get(name) if name or len(networks) != 1 else next(iter(networks.values()))
        if found is None or not found.pools:
            raise NotAvailable(Cause.SERVICE_NOT_SUPPORTED, f"{name!r} has no pool of UE addresses")
        return found


def _after(teid: int) -> int:
    return 1 if teid >= _HIGHEST_TEID else teid + 1


def _address(network: DataNetwork, number: int) -> IPv4Address | None:
    """An address of a DNN's pools by its number; None: it is the first or the last of one."""
    for pool in network.pools:
        if number < pool.num_addresses:
            is_edge = pool.num_addresses > 2 and number in (0, pool.num_addresses - 1)
            return None if is_edge else pool[number]
        number -= pool.num_addresses
    return None
