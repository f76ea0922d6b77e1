"""Remedies: one entry each, at the leaf where the flow enters.

This module does not know why a flow is treated so, or for how long.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.paths import path_to
from p4fabric.controller.compiler.remedy import Action, Remedied, Remedy, RemedyKey
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.response import CongestionResponse
from p4fabric.controller.reasons import Code, Reason
from p4fabric.pipelines.entities import MeterConfig
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import VlanId

__all__ = ["remedy"]

Entry = b.RemediedIpv4 | b.RemediedIpv6


def remedy(view: FabricView, key: RemedyKey) -> Output:
    """Another path, or a rate; nothing once its response or the flow's network is gone, or the path."""
    one = view.remedies[key]
    response, network = view.catalogue.get(key.response), view.catalogue.get(one.flow.network)
    if not isinstance(response, CongestionResponse) or not isinstance(network, Network):
        return Output()
    leaf = one.target.leaf
    if leaf not in view.switches:
        return Output()
    vlan = view.vlan(one.flow.network)
    if one.action is Action.POLICE:
        rate, burst = one.target.rate, one.target.burst
        return Output({leaf: (_policed(vlan, one.flow, MeterConfig(rate, burst, rate, burst)),)})
    if (path := _path(view, one)) is None:
        text = f"{leaf} has no path by port {one.target.port} to {one.target.towards} now"
        return Output({}, (Reason(Code.NO_PATH, text, switch=leaf),))
    return Output({leaf: (_rerouted(vlan, one.flow, b.TakePath(path)),)})


def _path(view: FabricView, one: Remedy) -> int | None:
    target = one.target
    if target.towards is None or target.port is None:
        return None
    ports = view.next_hop_ports((target.leaf, target.towards))
    return path_to(ports.index(target.port), len(ports)) if target.port in ports else None


def _rerouted(vlan: VlanId, flow: Remedied, action: b.TakePath) -> Entry:
    rest = flow.protocol, flow.source_port, flow.destination_port
    match flow.source, flow.destination:
        case IPv4Address() as source, IPv4Address() as destination:
            return b.RemediedIpv4(vlan, source, destination, *rest, action)
        case IPv6Address() as source6, IPv6Address() as destination6:
            return b.RemediedIpv6(vlan, source6, destination6, *rest, action)
    raise ValueError(f"{flow.source} and {flow.destination} are of different address families")


def _policed(vlan: VlanId, flow: Remedied, meter: MeterConfig) -> Entry:
    rest = flow.protocol, flow.source_port, flow.destination_port
    match flow.source, flow.destination:
        case IPv4Address() as source, IPv4Address() as destination:
            return b.RemediedIpv4(vlan, source, destination, *rest, b.PoliceIpv4(), meter)
        case IPv6Address() as source6, IPv6Address() as destination6:
            return b.RemediedIpv6(vlan, source6, destination6, *rest, b.PoliceIpv6(), meter)
    raise ValueError(f"{flow.source} and {flow.destination} are of different address families")
