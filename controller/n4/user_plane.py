"""What a session comes to in tables that know a UE by its tunnels and its address.

    plane = user_plane(session, node)

Such tables have one action for all packets of a UE in one direction: what needs more than that is refused, or
accepted without effect if the node's operator said so. The reasons are the specification's causes. This
module knows no table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from p4fabric.controller.n4.flows import Flow
from p4fabric.controller.n4.pfcp import Cause, FailedRule, IeType, MessageRefused, RuleKind
from p4fabric.controller.n4.pfcp.flags import ApplyAction, DestinationInterface, Gate, SourceInterface
from p4fabric.controller.n4.pfcp.values import NodeId, OuterHeaderCreation, RemovedHeader
from p4fabric.controller.n4.sessions import Far, Filter, Pdr, Session
from p4fabric.controller.n4.sessions.values import Qer
from p4fabric.controller.n4.without_effect import WithoutEffect

__all__ = ["DataNetwork", "Downlink", "NodeRules", "Uplink", "UserPlane", "is_of_ipv6", "user_plane"]

_REMOVED = (RemovedHeader.GTPU_UDP_IPV4, RemovedHeader.GTPU_UDP_IP)
_TO_NETWORKS = (DestinationInterface.CORE, DestinationInterface.N6_LAN)
_FROM_NETWORKS = (SourceInterface.CORE, SourceInterface.N6_LAN)


@dataclass(frozen=True, slots=True)
class DataNetwork:
    """Where UEs of a DNN get to, and which addresses they may have."""

    name: str
    pools: tuple[IPv4Network, ...]

    def has(self, address: IPv4Address) -> bool:
        """Whether a UE may have an address."""
        return any(address in pool for pool in self.pools)


@dataclass(frozen=True, slots=True)
class NodeRules:
    """What sessions of a node may be like.

    Attributes:
        n3: the node's end of tunnels.
        data_networks: by DNN.
        access: prefixes in which gNBs have their addresses.
        not_gnbs: addresses in them that are no gNB's.
        without_effect: what is accepted though it cannot be done.
        smfs: who may control it; nobody else names itself by one of these addresses.
        node_ids: how some of them name themselves, and nobody else does.
    """

    n3: IPv4Address
    data_networks: Mapping[str, DataNetwork]
    access: tuple[IPv4Network, ...] = ()
    not_gnbs: frozenset[IPv4Address] = frozenset()
    without_effect: frozenset[WithoutEffect] = frozenset()
    smfs: frozenset[IPv4Address] = frozenset()
    node_ids: Mapping[IPv4Address, NodeId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Uplink:
    """Packets of a UE that come in a tunnel."""

    n3: IPv4Address
    gnb: IPv4Address
    teid: int
    ue: IPv4Address


@dataclass(frozen=True, slots=True)
class Downlink:
    """Packets to a UE, and the tunnel that they take."""

    ue: IPv4Address
    n3: IPv4Address
    gnb: IPv4Address
    teid: int
    qfi: int


@dataclass(frozen=True, slots=True)
class UserPlane:
    """What a session comes to; what is not there is dropped.

    Attributes:
        ues: addresses of its UE, also of one that no packet reaches now.
    """

    uplinks: tuple[Uplink, ...] = ()
    downlinks: tuple[Downlink, ...] = ()
    ues: frozenset[IPv4Address] = frozenset()

    @property
    def tunnels(self) -> frozenset[tuple[IPv4Address, IPv4Address]]:
        """Both ends of its tunnels: the node's and the gNB's."""
        return frozenset((one.n3, one.gnb) for one in self.uplinks) | frozenset(
            (one.n3, one.gnb) for one in self.downlinks
        )


def user_plane(session: Session, node: NodeRules) -> UserPlane:
    """What a session comes to.

    Uplink packets are taken from the gNB that downlink packets go to, and from nobody before that is known.

    Raises:
        MessageRefused: it needs what cannot be done.
    """
    return _Plane(session, node).made()


@dataclass(slots=True)
class _Plane:
    session: Session
    node: NodeRules
    tunnels: dict[int, Pdr] = field(default_factory=dict)
    """Of uplink packets, by TEID: the PDR that comes first."""
    ues: dict[IPv4Address, Pdr] = field(default_factory=dict)
    """Of downlink packets, likewise."""

    def made(self) -> UserPlane:
        """All of it."""
        session = self.session
        self._check_session()
        for pdr in sorted(session.pdrs.values(), key=lambda one: (one.precedence, one.pdr_id)):
            self._check_pdr(pdr)
            if not self._matches(pdr):
                continue
            if pdr.is_uplink:
                for f_teid in session.f_teids_of(pdr):
                    self.tunnels.setdefault(f_teid.teid, pdr)
            elif pdr.source in _FROM_NETWORKS:
                for ue in self._ues(pdr):
                    self.ues.setdefault(ue, pdr)
        tunnels = {ue: self._tunnel(pdr) for ue, pdr in self.ues.items()}
        downlinks = tuple(self._downlinks(tunnels))
        uplinks = tuple(self._uplinks(tunnels))
        return UserPlane(uplinks, downlinks, frozenset(self.ues))

    def _downlinks(self, tunnels: Mapping[IPv4Address, tuple[IPv4Address, int] | None]) -> Iterator[Downlink]:
        for ue, pdr in self.ues.items():
            tunnel = tunnels[ue]
            if tunnel is not None and self._is_open(pdr):
                yield Downlink(ue, self.node.n3, *tunnel, self._qfi(pdr))

    def _uplinks(self, tunnels: Mapping[IPv4Address, tuple[IPv4Address, int] | None]) -> Iterator[Uplink]:
        for teid, pdr in self.tunnels.items():
            if not (self._far(pdr).action & ApplyAction.FORW and self._is_open(pdr)):
                continue
            for ue in self._ues(pdr):
                tunnel = tunnels.get(ue)
                if tunnel is not None:
                    yield Uplink(self.node.n3, tunnel[0], teid, ue)

    # What is asked for.

    def _check_session(self) -> None:
        session = self.session
        if session.inactivity:
            raise _refusal(
                Cause.SERVICE_NOT_SUPPORTED, "is not watched", IeType.USER_PLANE_INACTIVITY_TIMER, None
            )
        for urr in session.urrs.values():
            rule = FailedRule(RuleKind.URR, urr.urr_id)
            self._needs(WithoutEffect.USAGE_REPORTS, "is not counted", IeType.MEASUREMENT_METHOD, rule)
        for qer in session.qers.values():
            self._check_qer(qer)
        for far in session.fars.values():
            forwarding = far.forwarding
            if forwarding is not None and forwarding.marking is not None:
                raise _not_done("is not marked", IeType.TRANSPORT_LEVEL_MARKING, _of(far))
            if forwarding is not None and forwarding.destination is DestinationInterface.ACCESS:
                self._check_tunnel(forwarding.tunnel, _of(far))

    def _check_qer(self, qer: Qer) -> None:
        rule = FailedRule(RuleKind.QER, qer.qer_id)
        rates = ((qer.mbr, IeType.MBR), (qer.gbr, IeType.GBR))
        for rate, ie in rates:
            if rate is not None:
                self._needs(WithoutEffect.BIT_RATES, "is not enforced", ie, rule)
        for told, ie in (
            (qer.packet_rate, IeType.PACKET_RATE),
            (qer.flow_level_marking, IeType.DL_FLOW_LEVEL_MARKING),
            (qer.rqi, IeType.RQI),
            (qer.paging_policy, IeType.PAGING_POLICY_INDICATOR),
            (qer.control_indications, IeType.QER_CONTROL_INDICATIONS),
        ):
            if told:
                raise _not_done("is not supported", ie, rule)

    def _check_pdr(self, pdr: Pdr) -> None:
        rule = _of(pdr)
        if pdr.activation_time is not None or pdr.deactivation_time is not None:
            at = IeType.DEACTIVATION_TIME if pdr.activation_time is None else IeType.ACTIVATION_TIME
            raise _not_done("PDRs apply at once, and until they are removed", at, rule)
        if pdr.source is SourceInterface.CP_FUNCTION:
            return  # What SMFs send that way are router advertisements, which IPv4 UEs have no use for.
        if not (pdr.is_uplink or pdr.source in _FROM_NETWORKS):
            raise _not_done(f"nothing comes from {pdr.source.name}", IeType.SOURCE_INTERFACE, rule)
        self._check_filters(pdr)
        if pdr.is_uplink and pdr.qfis:
            self._needs(WithoutEffect.UPLINK_QFI, "is not looked at in uplink packets", IeType.QFI, rule)
        for ue in self._ues(pdr):
            if not self._network(pdr.network_instance, rule).has(ue):
                raise _failed(f"{ue} is in no pool of the data network", IeType.UE_IP_ADDRESS, rule)
        if not self._matches(pdr):
            return
        if pdr.is_uplink:
            self._check_uplink(pdr)
        else:
            self._check_downlink(pdr)

    def _check_uplink(self, pdr: Pdr) -> None:
        far = self._far(pdr)
        if far.action & ApplyAction.BUFF:
            raise _not_done("uplink packets are not buffered", IeType.APPLY_ACTION, _of(far))
        if not far.action & ApplyAction.FORW or far.forwarding is None:
            return
        if pdr.outer_header_removal is None or pdr.outer_header_removal.header not in _REMOVED:
            raise _not_done("GTP-U is always taken off", IeType.OUTER_HEADER_REMOVAL, _of(pdr))
        if far.forwarding.destination not in _TO_NETWORKS:
            where = far.forwarding.destination.name
            raise _not_done(f"nothing is led to {where}", IeType.DESTINATION_INTERFACE, _of(far))
        if far.forwarding.tunnel is not None:
            raise _not_done("uplink packets get no header", IeType.OUTER_HEADER_CREATION, _of(far))
        self._network(far.forwarding.network_instance, _of(far))

    def _check_downlink(self, pdr: Pdr) -> None:
        far = self._far(pdr)
        tunnel = far.forwarding.tunnel if far.forwarding is not None else None
        if far.action & ApplyAction.BUFF and tunnel is not None:
            self._needs(WithoutEffect.BUFFERING, "nothing is buffered", IeType.APPLY_ACTION, _of(far))
        if not far.action & ApplyAction.FORW or far.forwarding is None:
            return
        if far.forwarding.destination is not DestinationInterface.ACCESS:
            where = far.forwarding.destination.name
            raise _not_done(f"nothing is led to {where}", IeType.DESTINATION_INTERFACE, _of(far))
        if tunnel is not None:
            self._qfi(pdr)

    def _check_tunnel(self, tunnel: OuterHeaderCreation | None, rule: FailedRule) -> None:
        """Also of a FAR that does not forward: End Markers are sent there."""
        if tunnel is None:
            return
        node, gnb = self.node, tunnel.ipv4
        if tunnel.teid is None or gnb is None or tunnel.c_tag or tunnel.s_tag:
            raise _not_done("must be GTP-U over UDP and IPv4", IeType.OUTER_HEADER_CREATION, rule)
        is_there = any(gnb in prefix for prefix in node.access)
        if not is_there or gnb == node.n3 or gnb in node.not_gnbs:
            raise _failed(f"{gnb} is no gNB's in the access network", IeType.OUTER_HEADER_CREATION, rule)

    # What it comes to.

    def _check_filters(self, pdr: Pdr) -> None:
        for one in self.session.filters_of(pdr):
            if not (self._is_all(one) or is_of_ipv6(one)):
                raise _not_done("flows of a UE are not told apart", IeType.SDF_FILTER, _of(pdr))

    def _matches(self, pdr: Pdr) -> bool:
        """Whether it means the UE's packets; filters for IPv6 mean none of a UE with an IPv4 address."""
        filters = self.session.filters_of(pdr)
        return not filters or any(self._is_all(one) for one in filters)

    def _is_all(self, one: Filter) -> bool:
        if one.tos is not None or one.spi is not None or one.flow_label is not None:
            return False
        return one.flow is None or self._is_any(one.flow)

    def _is_any(self, flow: Flow) -> bool:
        if flow.protocol is not None or flow.remote.ports or flow.ue.ports:
            return False
        ues = self.session.ue_addresses
        its_own = all(flow.ue.prefix == IPv4Network(one.ipv4) for one in ues if one.ipv4 is not None)
        everywhere = flow.remote.prefix is None or flow.remote.prefix == IPv4Network("0.0.0.0/0")
        return everywhere and (flow.ue.prefix is None or (bool(ues) and its_own))

    def _far(self, pdr: Pdr) -> Far:
        assert pdr.far_id is not None
        return self.session.fars[pdr.far_id]

    def _ues(self, pdr: Pdr) -> Iterator[IPv4Address]:
        return (one.ipv4 for one in self.session.ue_addresses_of(pdr) if one.ipv4 is not None)

    def _qers(self, pdr: Pdr) -> Iterator[Qer]:
        return (self.session.qers[one] for one in pdr.qer_ids)

    def _is_open(self, pdr: Pdr) -> bool:
        gates = (qer.gate_status for qer in self._qers(pdr))
        return all((gate.uplink if pdr.is_uplink else gate.downlink) is Gate.OPEN for gate in gates)

    def _qfi(self, pdr: Pdr) -> int:
        found = next((qer.qfi for qer in self._qers(pdr) if qer.qfi is not None), None)
        if found is None:
            text = "is missing: downlink packets have one, and no QER of the PDR tells it"
            raise _refusal(Cause.CONDITIONAL_IE_MISSING, text, IeType.QFI, _of(pdr))
        return found

    def _tunnel(self, pdr: Pdr) -> tuple[IPv4Address, int] | None:
        """Where downlink packets of a PDR go: to a gNB, and its TEID."""
        far = self._far(pdr)
        tunnel = far.forwarding.tunnel if far.forwarding is not None else None
        if not far.action & ApplyAction.FORW or tunnel is None:
            return None
        assert tunnel.ipv4 is not None and tunnel.teid is not None
        return tunnel.ipv4, tunnel.teid

    def _network(self, told: str, rule: FailedRule) -> DataNetwork:
        networks = self.node.data_networks
        name = told or self.session.dnn
        found = networks.get(name) if name or len(networks) != 1 else next(iter(networks.values()))
        if found is None:
            known = ", ".join(sorted(networks)) or "none"
            raise _failed(f"{name!r} is no DNN of this node; known: {known}", IeType.NETWORK_INSTANCE, rule)
        return found

    def _needs(self, what: WithoutEffect, text: str, ie: IeType, rule: FailedRule) -> None:
        if what not in self.node.without_effect:
            raise _not_done(f"{text}; {what} may be accepted without effect", ie, rule)


def is_of_ipv6(one: Filter) -> bool:
    """Whether a filter means IPv6 packets only."""
    if one.flow_label is not None:
        return True
    flow = one.flow
    return flow is not None and any(
        end.prefix is not None and end.prefix.version == 6 for end in (flow.remote, flow.ue)
    )


def _of(rule: Pdr | Far) -> FailedRule:
    if isinstance(rule, Pdr):
        return FailedRule(RuleKind.PDR, rule.pdr_id)
    return FailedRule(RuleKind.FAR, rule.far_id)


def _not_done(text: str, ie: IeType, rule: FailedRule) -> MessageRefused:
    return _refusal(Cause.SERVICE_NOT_SUPPORTED, text, ie, rule)


def _failed(text: str, ie: IeType, rule: FailedRule) -> MessageRefused:
    return _refusal(Cause.RULE_CREATION_MODIFICATION_FAILURE, text, ie, rule)


def _refusal(cause: Cause, text: str, ie: IeType, rule: FailedRule | None) -> MessageRefused:
    return MessageRefused(cause, text, offending_ie=ie, failed_rule=rule)
