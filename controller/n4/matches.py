"""Which packets of a UE the filters of a PDR mean, as tables can look at them.

What cannot be looked at is refused: a filter that meant more than it says would let a UE have what it did not
pay for. This module knows no session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Network
from itertools import product

from p4fabric.controller.n4.flows import Endpoint, Flow, PortRange
from p4fabric.controller.n4.plane import FlowFilter, Ue
from p4fabric.controller.n4.sessions import Filter

__all__ = ["MOST_FILTERS", "NotMatched", "flow_filters", "version_of"]

MOST_FILTERS = 256
"""Of a UE in one direction: of the entries that all ranges of ports, with each other, come to."""
_WITH_PORTS = (None, 6, 17)
_ANY: tuple[PortRange | None, ...] = (None,)


class NotMatched(ValueError):
    """What a filter looks at is not looked at."""


def flow_filters(filters: Sequence[Filter], qfis: Collection[int], ue: Ue) -> Iterator[FlowFilter]:
    """What filters come to for one address or prefix of the UE; one that tells nothing means all packets.

    Args:
        filters: of a PDR; none: any packet.
        qfis: of uplink packets; none: any.
        ue: the UE's address or prefix.

    Raises:
        NotMatched: they look at what is not looked at.
    """
    for one in filters or (Filter(),):
        if version_of(one) not in (None, ue.version):
            continue
        if one.spi is not None:
            raise NotMatched("the SPI of IPsec packets is not looked at")
        flow, label = one.flow, one.flow_label
        tos = None if one.tos is None or not one.tos.mask else (one.tos.value & one.tos.mask, one.tos.mask)
        if flow is None:
            yield from (FlowFilter(qfi or None, tos=tos, flow_label=label) for qfi in qfis or (None,))
            continue
        _check_ports(flow)
        if not _is_of(flow.ue, ue):
            continue
        remote = flow.remote.prefix if flow.remote.prefix and flow.remote.prefix.prefixlen else None
        for qfi, there, here in product(qfis or (None,), flow.remote.ports or _ANY, flow.ue.ports or _ANY):
            yield FlowFilter(qfi or None, flow.protocol, tos, remote, there, here, label)


def version_of(one: Filter) -> int | None:
    """Of IP, if a filter means packets of one version only."""
    if one.flow_label is not None:
        return 6
    ends = () if one.flow is None else (one.flow.remote, one.flow.ue)
    return next((end.prefix.version for end in ends if end.prefix is not None), None)


def _check_ports(flow: Flow) -> None:
    if (flow.remote.ports or flow.ue.ports) and flow.protocol not in _WITH_PORTS:
        raise NotMatched(f"ports of protocol {flow.protocol} are not looked at, only those of TCP and UDP")


def _is_of(end: Endpoint, ue: Ue) -> bool:
    """Whether a UE is of an end of a flow.

    Raises:
        NotMatched: a part of its prefix is.
    """
    prefix = end.prefix
    if prefix is None or isinstance(ue, IPv4Address):
        return prefix is None or ue in prefix
    assert isinstance(prefix, IPv6Network)
    if prefix != ue and prefix.subnet_of(ue):
        raise NotMatched(f"{prefix} is a part of the UE's prefix {ue}, which packets are not told apart by")
    return ue.subnet_of(prefix)
