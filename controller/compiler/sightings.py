"""Which hosts to believe: what intents say about them first, then what was heard from their ports.

Hosts are hostile: a frame may claim any address. An address counts only inside its network's
subnets, at a port of that network, for one host, and never where the fabric itself owns it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.intents.catalogue import Catalogue
from controller.intents.fields import IpAddress
from controller.intents.network import (
    A_HOSTS_ADDRESS,
    ROUTER_MAC,
    Attachment,
    Network,
    address_resource,
)
from controller.names import IntentKey, TenantName
from controller.topology.model import Host
from pipelines.values import MacAddress

__all__ = ["Sightings", "believed"]


@dataclass(frozen=True, slots=True)
class Sightings:
    """The believed hosts of a tenant, and whose each address is, link-local ones aside."""

    hosts: tuple[Host, ...]
    owners: dict[IpAddress, Host]


def believed(tenant: TenantName, catalogue: Catalogue, heard: Iterable[Host]) -> Sightings:
    """Sort out a tenant's hosts; in order of networks and MAC addresses."""
    networks = {network.key: network for network in catalogue.of_kind(Network, tenant)}
    attachments = {(key, a.ref): a for key, network in networks.items() for a in network.spec.attachments}
    stated: dict[tuple[IntentKey, MacAddress], Host] = {}
    taken: dict[IpAddress, Host] = {}
    for network in networks.values():
        for host in _stated(network):
            stated[host.key] = host
            taken.update(dict.fromkeys(host.addresses, host))
    found = dict(stated)
    local: set[tuple[IntentKey, IpAddress]] = set()
    for host in sorted(heard, key=lambda host: host.key):
        known = networks.get(host.network)
        attachment = attachments.get((host.network, host.attachment))
        if known is None or attachment is None or not _plausible(host, attachment, stated.get(host.key)):
            continue
        addresses = found[host.key].addresses if host.key in found else frozenset()
        if not addresses:
            addresses = frozenset(
                address
                for address in host.addresses
                if taken.get(address, host).key == host.key
                and known.not_a_host(address) is None
                and not _owned_by_the_fabric(address, known, catalogue)
            )
        # A link-local address means a host in each network; the first to have it keeps it.
        on_the_link = {
            address
            for address in host.addresses
            if address.version == 6
            and address.is_link_local
            and known.has_family(6)
            and (host.network, address) not in local
        }
        local.update((host.network, address) for address in on_the_link)
        kept = Host(host.mac, host.network, host.attachment, addresses | on_the_link)
        found[kept.key] = kept
        taken.update(dict.fromkeys(addresses, kept))
    return Sightings(tuple(found[key] for key in sorted(found)), taken)


def _stated(network: Network) -> Iterator[Host]:
    for attachment in network.spec.attachments:
        if attachment.mac is not None:
            addresses = frozenset(attachment.addresses)
            yield Host(attachment.mac, network.key, attachment.ref, addresses)


def _plausible(host: Host, attachment: Attachment, known: Host | None) -> bool:
    """Whether there may be such a host at a port of its network, given what was stated about it."""
    if host.mac.is_multicast or host.mac in (0, ROUTER_MAC):
        return False
    if known is not None:
        # What was stated stands; only what was not may be learned, at the stated port.
        return known.attachment == host.attachment
    return attachment.mac is None


def _owned_by_the_fabric(address: IpAddress, network: Network, catalogue: Catalogue) -> bool:
    claims = catalogue.claims_to(address_resource(network.tenant, address))
    return any(claim.role != A_HOSTS_ADDRESS for _, claim in claims)
