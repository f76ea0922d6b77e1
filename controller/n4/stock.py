"""A node's tunnel ends and UE addresses, and who has which.

Tunnels of gNBs end at the N3 address, those of SMFs (N4-u) where they reach the node. TEIDs and addresses go
on from where they were last: one that was given back is not given again soon, so that what is late for the
old session does not reach a new one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses

from p4fabric.controller.n4.node_rules import DataNetwork
from p4fabric.controller.n4.pfcp import Cause
from p4fabric.controller.n4.pfcp.flags import SourceInterface
from p4fabric.controller.n4.pfcp.values import FTeid, UeIpAddress
from p4fabric.controller.n4.plane import Ue
from p4fabric.controller.n4.sessions import NotAvailable, Session
from p4fabric.controller.n4.sessions.choices import Stock
from p4fabric.controller.n4.ue_prefixes import UePrefixes

__all__ = ["NodeStock"]

_HIGHEST_TEID = 0xFFFFFFFF
_MOST_LOOKS = 4096
"""At addresses that others have, before a pool counts as used up: a look at a whole one takes too long."""


class NodeStock:
    """`Resources` of one node's sessions."""

    def __init__(
        self,
        n3: IPv4Address,
        here: IPv4Address,
        data_networks: Mapping[str, DataNetwork],
        *,
        first_teid: int = 1,
    ) -> None:
        """Full.

        Args:
            n3: the address of tunnel ends for gNBs.
            here: the address of those for SMFs.
            data_networks: by DNN; UEs get addresses of their pools.
            first_teid: that is given; a random one, so that no two runs begin alike.
        """
        self.n3, self.here, self.data_networks = n3, here, data_networks
        self._next_teid = first_teid
        self._teids: set[int] = set()
        self._chosen: set[IPv4Address] = set()
        self._chosen_prefixes = UePrefixes[None]()
        self._owners: dict[IPv4Address, int] = {}
        """The session that has an address, by SEID, whoever chose the address."""
        self._prefix_owners = UePrefixes[int]()
        """Likewise of a prefix."""
        self._next_ue: dict[tuple[str, int], int] = {}
        """By DNN and length."""

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
        for one in stock.ue_addresses:
            if one.prefix is not None:
                self._chosen_prefixes.add(one.prefix, None)

    # Resources.

    def choose_f_teid(
        self, network_instance: str, source: SourceInterface, *, ipv4: bool, ipv6: bool
    ) -> FTeid:
        """The next TEID."""
        if not ipv4:
            raise NotAvailable(Cause.INVALID_F_TEID_ALLOCATION_OPTION, "tunnel ends have IPv4 addresses only")
        if len(self._teids) >= _HIGHEST_TEID:
            raise NotAvailable(Cause.NO_RESOURCES_AVAILABLE, "no TEID is left")
        while self._next_teid in self._teids:
            self._next_teid = _after(self._next_teid)
        found = FTeid(self._next_teid, self._end_for(source))
        self._teids.add(found.teid)
        self._next_teid = _after(found.teid)
        return found

    def claim_f_teid(self, f_teid: FTeid, network_instance: str, source: SourceInterface) -> None:
        """Take a tunnel end that an SMF chose, if it is this node's and nobody has it."""
        cause = Cause.RULE_CREATION_MODIFICATION_FAILURE
        end = self._end_for(source)
        if f_teid.ipv4 != end or f_teid.ipv6 is not None:
            raise NotAvailable(cause, f"tunnels end at {end}, not at {f_teid.ipv4 or f_teid.ipv6}")
        if not f_teid.teid or f_teid.teid in self._teids:
            raise NotAvailable(cause, f"TEID {f_teid.teid:#x} is no session's, or another one's")
        self._teids.add(f_teid.teid)

    def release_f_teid(self, f_teid: FTeid) -> None:
        """Take a tunnel end back."""
        self._teids.discard(f_teid.teid)

    def choose_ue_address(self, network_instance: str) -> UeIpAddress:
        """The next address of a DNN's pools that nobody has."""
        network = self._network(network_instance)
        pools = [pool for pool in network.pools if isinstance(pool, IPv4Network)]

        def is_free(address: IPv4Address) -> bool:
            return address not in self._chosen and address not in self._owners

        sizes = [pool.num_addresses for pool in pools]
        for pool, number in self._looks(network, 32, sizes):
            is_edge = sizes[pool] > 2 and number in (0, sizes[pool] - 1)
            if not is_edge and is_free(found := pools[pool][number]):
                self._chosen.add(found)
                return UeIpAddress(found)
        raise NotAvailable(Cause.ALL_DYNAMIC_ADDRESSES_ARE_OCCUPIED, f"{network.name} has no UE address left")

    def choose_ue_prefix(self, network_instance: str, length: int) -> UeIpAddress:
        """The next prefix of a DNN's pools that nobody has."""
        network = self._network(network_instance)
        pools = [pool for pool in network.pools if isinstance(pool, IPv6Network) and pool.prefixlen <= length]
        sizes = [1 << length - pool.prefixlen for pool in pools]
        for pool, number in self._looks(network, length, sizes):
            start = int(pools[pool].network_address) + (number << 128 - length)
            found = IPv6Network((start, length))
            if not self._chosen_prefixes.overlapping(found) and not self._prefix_owners.overlapping(found):
                self._chosen_prefixes.add(found, None)
                return UeIpAddress(ipv6=IPv6Address(start), prefix_length=length)
        raise NotAvailable(Cause.ALL_DYNAMIC_ADDRESSES_ARE_OCCUPIED, f"{network.name} has no /{length} left")

    def release_ue_address(self, address: UeIpAddress) -> None:
        """Take an address or a prefix back."""
        if address.ipv4 is not None:
            self._chosen.discard(address.ipv4)
        if address.prefix is not None:
            self._chosen_prefixes.remove(address.prefix, None)

    # Addresses that sessions have, whoever chose them.

    def owner(self, ue: Ue) -> int | None:
        """The SEID of a session that has an address, or some of a prefix; None: none has."""
        if isinstance(ue, IPv4Address):
            return self._owners.get(ue)
        found = self._prefix_owners.overlapping(ue)
        return None if found is None else found[1]

    def own(self, seid: int, before: Collection[Ue], now: Collection[Ue]) -> None:
        """A session has other addresses than before."""
        if before == now:
            return
        for one in before:
            if isinstance(one, IPv4Address) and self._owners.get(one) == seid:
                del self._owners[one]
        self._owners.update((one, seid) for one in now if isinstance(one, IPv4Address))
        # What a UE delegates may be told apart from what it has itself.
        for prefix in collapse_addresses(one for one in before if isinstance(one, IPv6Network)):
            self._prefix_owners.remove(prefix, seid)
        for prefix in collapse_addresses(one for one in now if isinstance(one, IPv6Network)):
            self._prefix_owners.add(prefix, seid)

    def _looks(self, network: DataNetwork, length: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Some places in pools of these sizes, as (pool, number), from where the last look ended."""
        total, key = sum(sizes), (network.name, length)
        if not total:
            raise NotAvailable(Cause.SERVICE_NOT_SUPPORTED, f"{network.name} has no pool for that")
        begin = self._next_ue.get(key, 0)
        for number in range(begin, begin + min(total, _MOST_LOOKS)):
            at = number % total
            self._next_ue[key] = at + 1
            for pool, size in enumerate(sizes):
                if at < size:
                    yield pool, at
                    break
                at -= size

    def _end_for(self, source: SourceInterface) -> IPv4Address:
        return self.here if source is SourceInterface.CP_FUNCTION else self.n3

    def _network(self, name: str) -> DataNetwork:
        networks = self.data_networks
        found = networks.get(name) if name or len(networks) != 1 else next(iter(networks.values()))
        if found is None:
            raise NotAvailable(Cause.SERVICE_NOT_SUPPORTED, f"{name!r} has no pool of UE addresses")
        return found


def _after(teid: int) -> int:
    return 1 if teid >= _HIGHEST_TEID else teid + 1
