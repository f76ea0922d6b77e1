"""Which packets of a UE the filters of a PDR mean, as tables can look at them.

What cannot be looked at is refused: a filter that meant more than it says would let a UE have what it did not
pay for. This module knows no session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from itertools import product

from p4fabric.controller.n4.flows import Endpoint, Flow, PortRange
from p4fabric.controller.n4.plane import FlowFilter
from p4fabric.controller.n4.sessions import Filter

__all__ = ["MOST_FILTERS", "NotMatched", "flow_filters", "is_of_ipv6"]

MOST_FILTERS = 256
"""Of a UE in one direction: of the entries that all ranges of ports, with each other, come to."""
_WITH_PORTS = (None, 6, 17)
_EVERYWHERE = IPv4Network("0.0.0.0/0")
_ANY: tuple[PortRange | None, ...] = (None,)


class NotMatched(ValueError):
    """What a filter looks at is not looked at."""


def flow_filters(filters: Sequence[Filter], qfis: Collection[int], ue: IPv4Address) -> Iterator[FlowFilter]:
    """What filters come to for one address of the UE; one that tells nothing means all packets.

    Args:
        filters: of a PDR; none: any packet.
        qfis: of uplink packets; none: any.
        ue: the UE's address.

    Raises:
        NotMatched: they look at what is not looked at.
    """
    for one in filters or (Filter(),):
        if is_of_ipv6(one):
            continue
        if one.spi is not None:
            raise NotMatched("the SPI of IPsec packets is not looked at")
        flow = one.flow
        tos = None if one.tos is None or not one.tos.mask else (one.tos.value & one.tos.mask, one.tos.mask)
        if flow is None:
            yield from (FlowFilter(qfi or None, tos=tos) for qfi in qfis or (None,))
            continue
        _check_ports(flow)
        if not _is_of(flow.ue, ue):
            continue
        remote = flow.remote.prefix
        assert not isinstance(remote, IPv6Network)
        remote = None if remote == _EVERYWHERE else remote
        for qfi, there, here in product(qfis or (None,), flow.remote.ports or _ANY, flow.ue.ports or _ANY):
            yield FlowFilter(qfi or None, flow.protocol, tos, remote, there, here)


def is_of_ipv6(one: Filter) -> bool:
    """Whether a filter means IPv6 packets only."""
    if one.flow_label is not None:
        return True
    flow = one.flow
    return flow is not None and any(
        end.prefix is not None and end.prefix.version == 6 for end in (flow.remote, flow.ue)
    )


def _check_ports(flow: Flow) -> None:
    if (flow.remote.ports or flow.ue.ports) and flow.protocol not in _WITH_PORTS:
        raise NotMatched(f"ports of protocol {flow.protocol} are not looked at, only those of TCP and UDP")


def _is_of(end: Endpoint, ue: IPv4Address) -> bool:
    return end.prefix is None or ue in end.prefix
