"""Who is where: senders and receivers by address, MAC address, port or name, found in the fabric's state.

All lookups are of indexes, but for MAC addresses and ports of hosts that were only heard, which cost a pass
over the hosts, and for names that nobody has. This module knows no entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from p4fabric.controller.compiler import Compiler
from p4fabric.controller.explain.named import RECEIVERS, SENDERS, Kinds, NamedHost, Names
from p4fabric.controller.explain.question import Question, QuestionError, Transport, refuse
from p4fabric.controller.intents.fields import IpAddress
from p4fabric.controller.intents.kinds.network import (
    A_GATEWAY,
    AN_N3_ADDRESS,
    EDGE_PORT,
    ROUTE,
    UE_POOL,
    Attachment,
    Network,
    address_resource,
)
from p4fabric.controller.intents.kinds.service import A_VIRTUAL_IP, Service
from p4fabric.controller.intents.kinds.upf import A_UE_ADDRESS, UpfSession
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.topology.model import Host
from p4fabric.pipelines.values import IPv4Address, IPv6Address, MacAddress, Port, VlanId

__all__ = ["Places", "Sender", "Target"]

_PORT = re.compile(r"([A-Za-z0-9][-_.A-Za-z0-9]*):(\d{1,3})(?:\.(\d{1,4}))?")
_NOBODY = MacAddress(0x02000000FFFF)
_NOWHERE: dict[int, IpAddress] = {4: IPv4Address("192.0.2.1"), 6: IPv6Address("2001:db8::1")}
"""Who sends at a port where nobody can (RFC 5737, RFC 3849)."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, and where its frames enter."""

    port: PortRef
    tag: VlanId | None
    mac: MacAddress
    address: IpAddress
    """The source of its packets."""
    own: IpAddress
    """What it asks for MAC addresses with: of a host that routes for others, its own address."""
    network: Network | None
    """None: no network is open at the port."""
    session: UpfSession | None = None
    """Of a UE: its packets come wrapped, from the gNB that `mac` and `own` are."""


@dataclass(frozen=True, slots=True)
class Target:
    """To whom, and how."""

    address: IpAddress
    transport: Transport
    tenant: TenantName | None


class Places:
    """Finds them. Not while a query is computed: what is read is not recorded."""

    def __init__(self, compiler: Compiler) -> None:
        """Take the fabric's state."""
        self.compiler = compiler
        self._view = compiler.view
        self._names = Names(compiler.view)

    # What is asked.

    def resolve(self, question: Question) -> tuple[Sender, Target]:
        """Who sends to whom.

        Raises:
            QuestionError: a field cannot be understood, or nobody is known there.
        """
        errors = list(question.check())
        if errors:
            raise QuestionError(errors)
        tenant = question.tenant
        if tenant is not None and tenant not in self._names.tenants():
            raise refuse("tenant", tenant, "has no intents")
        if tenant is None:
            tenant = self._tenant_of(question)
        target = self._target(question, tenant)
        sender = self._sender(question, tenant, target.address)
        if sender.address.version != target.address.version:
            message = f"is of another IP version than {target.address}"
            raise refuse("from", question.source, f"{message}: it sends as {sender.address}")
        return sender, target

    def _tenant_of(self, question: Question) -> TenantName | None:
        """The one tenant that the ends can be of; None: they do not tell, and need not."""
        for field, text, kinds in (
            ("from", question.source, SENDERS),
            ("to", question.destination, RECEIVERS),
        ):
            found = sorted(self._tenants_of(field, text, kinds))
            if len(found) == 1:
                return found[0]
            if found:
                names = ", ".join(found[:10])
                raise refuse("tenant", None, f"is required: {text} is of several tenants ({names})")
        return None

    def _tenants_of(self, field: str, text: str, kinds: Kinds) -> set[TenantName]:
        """Those that an end can be of."""
        if field == "from" and (port := _PORT.fullmatch(text)):
            facts = self._attachments(PortRef(SwitchName(port[1]), Port(int(port[2]) & 511)))
            return {network.tenant for network, _ in facts}
        if (address := _address(text)) is not None:
            return {tenant for tenant in self._names.tenants() if self._is_known(tenant, address)}
        if (mac := _mac(text)) is not None:
            return {host.network.tenant for host in self._hosts_of(mac, None)}
        return {tenant for tenant in self._names.tenants() if self._names.of(tenant, text, kinds)}

    def _is_known(self, tenant: TenantName, address: IpAddress) -> bool:
        view = self._view
        return (
            view.home_of(tenant, address) is not None
            or bool(view.catalogue.roles(address_resource(tenant, address)))
            or view.catalogue.prefix_of(ROUTE, tenant, address) is not None
        )

    # To whom.

    def _target(self, question: Question, tenant: TenantName | None) -> Target:
        text = question.destination
        protocol = question.protocol
        transport = Transport(
            protocol if protocol is not None else "icmp", question.source_port, question.destination_port
        )
        address = _address(text)
        if address is not None:
            return Target(address, transport, tenant)
        if (mac := _mac(text)) is not None:
            hosts = self._hosts_of(mac, tenant)
            return Target(self._address_to(question, hosts, "is the MAC address of"), transport, tenant)
        found = self._names.one("to", text, tenant, RECEIVERS)
        if isinstance(found, Service):
            if protocol is None:
                transport = Transport(found.spec.protocol, question.source_port, int(found.spec.port))
            return Target(found.spec.virtual_ip, transport, found.tenant)
        if isinstance(found, UpfSession):
            source = question.source_address or _address(question.source)
            versions = (4, 6) if source is None else (source.version,)
            ue = next((one for one in map(found.spec.ue_of, versions) if one is not None), None)
            if ue is None:
                raise refuse("to", text, f"has a UE without an IPv{versions[0]} address")
            return Target(ue, transport, found.tenant)
        hosts = self._hosts_at(found.network, found.attachment)
        if len(hosts) > 1:
            known = ", ".join(str(host.mac) for host in hosts[:10])
            raise refuse(
                "to", text, f"is at {found.attachment.ref}, where there are {known}; name one of them"
            )
        name = f"is at {found.attachment.ref}, where there is"
        return Target(self._address_to(question, hosts, name), transport, found.network.tenant)

    def _address_to(self, question: Question, hosts: Sequence[Host], named: str) -> IpAddress:
        """An address of hosts, of the IP version that the sender sends with if its address is given."""
        addresses = sorted(
            (one for host in hosts for one in host.addresses), key=lambda a: (a.version, int(a))
        )
        source = question.source_address or _address(question.source)
        fitting = [one for one in addresses if source is None or one.version == source.version]
        if not fitting:
            version = "" if source is None or not addresses else f" of IPv{source.version}"
            raise refuse("to", question.destination, f"{named} no host with a known address{version}")
        return fitting[0]

    # Who sends.

    def _sender(self, question: Question, tenant: TenantName | None, to: IpAddress) -> Sender:
        text = question.source
        address = _address(text)
        if (port := _PORT.fullmatch(text)) is not None:
            sender = self._at_port(question, port, tenant, to)
        elif address is not None:
            sender = self._with_address(text, address, tenant)
        elif (mac := _mac(text)) is not None:
            hosts = self._hosts_of(mac, tenant)
            if len(hosts) != 1:
                networks = ", ".join(str(host.network) for host in hosts) or "no network"
                raise refuse("from", text, f"is a host of {networks}; name it by address or port")
            sender = self._host(hosts[0], self._address_of(hosts[0], question, to))
        else:
            found = self._names.one("from", text, tenant, SENDERS)
            if isinstance(found, NamedHost):
                sender = self._at_attachment(question, found.network, found.attachment, to)
            else:
                assert isinstance(found, UpfSession)
                ue = found.spec.ue_of(to.version)
                if ue is None:
                    raise refuse("from", text, f"has a UE without an IPv{to.version} address")
                sender = self._ue(found, ue)
        return Sender(
            sender.port,
            sender.tag,
            question.source_mac or sender.mac,
            question.source_address or sender.address,
            sender.own if question.source_address is None else question.source_address,
            sender.network,
            sender.session,
        )

    def _with_address(self, text: str, address: IpAddress, tenant: TenantName | None) -> Sender:
        if tenant is None:
            raise refuse("from", text, "is an address of no tenant")
        view = self._view
        found = self.at(tenant, address)
        if found is not None:
            return found
        resource = address_resource(tenant, address)
        for role in view.catalogue.roles(resource):
            if role in (A_GATEWAY, A_VIRTUAL_IP, AN_N3_ADDRESS):
                message = f"is {role} of {view.catalogue.owner(resource, role)}: no host sends as it"
                raise refuse("from", text, message)
        home = view.home_of(tenant, address)
        where = f"of {home}" if home is not None else f"of tenant {tenant}"
        message = f"is no known host {where}: it was neither stated nor heard; name a port and sourceAddress"
        raise refuse("from", text, message)

    def at(self, tenant: TenantName, address: IpAddress) -> Sender | None:
        """Who sends as an address of a tenant: a host, a UE, or a host that routes for it; or None.

        Raises:
            QuestionError: a UE's gNB is not known.
        """
        view = self._view
        host = view.owner_of((tenant, address))
        if host is not None:
            return self._host(host, address)
        session = self.session_of(tenant, address)
        if session is not None:
            return self._ue(session, address)
        for prefix, network in view.catalogue.prefixes(ROUTE, tenant).around(address):
            found = view.catalogue.named(Network, tenant, network.name)
            for route in found.spec.routes if found is not None else ():
                hop = view.next_hop(tenant, route.via) if route.prefix == prefix else None
                if hop is not None:
                    return self._host(hop, address, route.via)
        return None

    def _host(self, host: Host, address: IpAddress, own: IpAddress | None = None) -> Sender:
        network = self._network(host.network)
        tag = _tag_at(network, host.attachment)
        return Sender(host.attachment, tag, host.mac, address, own or address, network)

    def _ue(self, session: UpfSession, ue: IpAddress) -> Sender:
        spec = session.spec
        gnb = self.at(session.tenant, spec.gnb_address)
        if gnb is None or gnb.session is not None:
            message = f"is the UE of {session.key}, whose gNB {spec.gnb_address} was not seen yet"
            raise refuse("from", str(ue), message)
        return Sender(gnb.port, gnb.tag, gnb.mac, ue, spec.gnb_address, gnb.network, session)

    def _at_port(
        self, question: Question, found: re.Match[str], tenant: TenantName | None, to: IpAddress
    ) -> Sender:
        text = question.source
        number = int(found[2])
        if SwitchName(found[1]) not in self._view.switches:
            names = ", ".join(self._view.switch_names()[:10])
            raise refuse("from", text, f"names no switch of the fabric ({names})")
        if number not in range(1, 511):
            raise refuse("from", text, "has a port that is not 1 to 510")
        port = PortRef(SwitchName(found[1]), Port(number))
        if found[3] is not None and int(found[3]) >= 1 << VlanId.BITS:
            raise refuse("from", text, "has a tag that is not 0 to 4095")
        tag = VlanId(int(found[3])) if found[3] is not None else None
        attached = [(net, one) for net, one in self._attachments(port) if tenant in (None, net.tenant)]
        if question.tenant is not None and not attached:
            raise refuse("from", text, f"has no network of tenant {question.tenant}")
        open_here = [(net, one) for net, one in attached if found[3] is None or one.vlan == tag]
        untagged = [(net, one) for net, one in open_here if one.vlan is None]
        if found[3] is None and untagged:
            open_here = untagged
        if len(open_here) > 1:
            tags = ", ".join(f"{port}.{one.vlan}" for _, one in open_here)
            raise refuse("from", text, f"has several networks by tag; name one of {tags}")
        if not open_here:
            nowhere = _NOWHERE[to.version]
            return Sender(port, tag, _NOBODY, nowhere, nowhere, None)
        return self._at_attachment(question, *open_here[0], to)

    def _at_attachment(
        self, question: Question, network: Network, attachment: Attachment, to: IpAddress
    ) -> Sender:
        hosts = self._hosts_at(network, attachment)
        meant = [
            host
            for host in hosts
            if host.mac == question.source_mac or question.source_address in host.addresses
        ]
        if len(meant) == 1 or len(hosts) == 1:
            host = meant[0] if len(meant) == 1 else hosts[0]
            return self._host(host, self._address_of(host, question, to))
        if question.source_address is not None:
            own = question.source_address
            return Sender(attachment.ref, attachment.vlan, _NOBODY, own, own, network)
        known = ", ".join(str(host.mac) for host in hosts[:10]) or "nobody"
        message = f"has {known} as known hosts; name one by its address, or give sourceAddress"
        if attachment.host == question.source.rpartition("/")[2]:
            message = f"is at {attachment.ref}, which {message}"
        raise refuse("from", question.source, message)

    def _attachments(self, port: PortRef) -> list[tuple[Network, Attachment]]:
        found = []
        for key, number in self._view.catalogue.facts(EDGE_PORT, port):
            network = self._network(key)
            if network is not None:
                found.append((network, network.spec.attachments[number]))
        return found

    def _hosts_at(self, network: Network, attachment: Attachment) -> list[Host]:
        view = self._view
        if attachment.mac is not None:
            host = view.host((network.key, attachment.mac))
            return [host] if host is not None else []
        heard = [
            key
            for key, host in view.heard_hosts.rows()
            if host.attachment == attachment.ref and host.network == network.key
        ]
        return [host for key in heard if (host := view.believed(key)) is not None]

    def _hosts_of(self, mac: MacAddress, tenant: TenantName | None) -> list[Host]:
        view = self._view
        keys = [
            key for table in (view.stated_hosts, view.heard_hosts) for key, _ in table.rows() if key[1] == mac
        ]
        wanted = dict.fromkeys(key for key in keys if tenant in (None, key[0].tenant))
        return [host for key in wanted if (host := view.host(key)) is not None]

    def _address_of(self, host: Host, question: Question, to: IpAddress) -> IpAddress:
        """The address that a host sends to another one with: of its network where both are in one."""
        own = sorted((one for one in host.addresses if one.version == to.version), key=int)
        network = self._network(host.network)
        subnet = network.subnet_of(to) if network is not None else None
        near = [one for one in own if subnet is not None and one in subnet]
        if found := near or [one for one in own if not one.is_link_local]:
            return found[0]
        if question.source_address is not None:
            return question.source_address
        message = f"is a host without an IPv{to.version} address; give sourceAddress"
        raise refuse("from", question.source, message)

    # Who answers.

    def leaving(self, port: PortRef, tag: VlanId | None, mac: MacAddress, address: IpAddress) -> Sender:
        """Who answers a packet that left the fabric for an address, at a port, to a MAC address."""
        network = next((net for net, one in self._attachments(port) if one.vlan == tag), None)
        host = self._view.host((network.key, mac)) if network is not None else None
        own = address
        if host is not None and address not in host.addresses:
            own = next((one for one in host.addresses if one.version == address.version), address)
        return Sender(port, tag, mac, address, own, network)

    def holder(self, network: Network, address: IpAddress) -> Host | None:
        """The host of a network that has an address."""
        host = self._view.owner_of((network.tenant, address))
        return host if host is not None and host.network == network.key else None

    def session_of(self, tenant: TenantName, ue: IpAddress) -> UpfSession | None:
        """The session of a UE."""
        catalogue = self._view.catalogue
        owner = catalogue.owner(address_resource(tenant, ue), A_UE_ADDRESS)
        if owner is None and (found := catalogue.prefix_of(UE_POOL, tenant, ue)) is not None:
            owner = found[1] if found[1].kind == UpfSession.__name__ else None
        return catalogue.named(UpfSession, tenant, owner.name) if owner is not None else None

    def _network(self, key: IntentKey) -> Network | None:
        return self._view.catalogue.named(Network, key.tenant, key.name)


def _tag_at(network: Network | None, port: PortRef) -> VlanId | None:
    attachments: Iterator[Attachment] = iter(network.spec.attachments if network is not None else ())
    return next((one.vlan for one in attachments if one.ref == port), None)


def _address(text: str) -> IpAddress | None:
    try:
        # A zone is of the host that wrote it (RFC 4007).
        return ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def _mac(text: str) -> MacAddress | None:
    try:
        return MacAddress.parse(text)
    except ValueError:
        return None
