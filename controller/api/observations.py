"""The routes of what there is: switches, ports, links, hosts, paths, congestion, drops."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from p4fabric.controller.access import Access
from p4fabric.controller.api import audit
from p4fabric.controller.api.asking import Asking
from p4fabric.controller.api.drops import (
    drops_document,
)
from p4fabric.controller.api.fabric_documents import (
    episode_document,
    host_document,
    link_document,
    paths_document,
    port_document,
    switch_document,
)
from p4fabric.controller.api.paging import Continue, Cursor, Limit, page_of
from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.status import (
    fabric_status_document,
)
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.documents.drops import (
    DropsDocument,
)
from p4fabric.controller.documents.fabric import (
    EpisodeList,
    HostList,
    LinkList,
    PathsDocument,
    PortList,
    SwitchDocument,
    SwitchList,
    SwitchRole,
)
from p4fabric.controller.documents.status import (
    FabricStatusDocument,
)
from p4fabric.controller.fabric import Fabric
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.congestion import Episode
from p4fabric.controller.topology.model import Host, Link
from p4fabric.pipelines.values import Port

__all__ = ["observation_routes"]

_PAGE = 500
_MOST_PATHS = 64
LinkPort = Annotated[int, Path(ge=0, lt=1 << Port.BITS, description="the number of one of its ends")]
SwitchFilter = Annotated[str | None, Query(description="only this switch's")]


def observation_routes(fabric: Fabric, access: Access) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["fabric"], route_class=StrictRoute)

    @router.get("/status", responses=problems(422))
    async def get_status() -> FabricStatusDocument:
        """How the fabric and its switches are: what is down, and what is at risk."""
        return fabric_status_document(await fabric.status())

    @router.get("/switches", responses=problems(422))
    async def list_switches(
        role: Annotated[SwitchRole | None, Query(description="only those of this role")] = None,
        connected: Annotated[bool | None, Query(description="only those connected, or not")] = None,
        in_sync: Annotated[
            bool | None, Query(alias="inSync", description="only those that hold all that is desired, or not")
        ] = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
    ) -> SwitchList:
        """Switches: connected or not, and how much of what is desired they hold."""
        cursor = Cursor.read(continue_, 1, role=role, connected=connected, in_sync=in_sync)
        found = (
            view
            for view in fabric.switches
            if role in (None, SwitchRole(view.role))
            and connected in (None, view.connected)
            and in_sync in (None, view.in_sync)
        )
        page = page_of(found, lambda view: (view.name,), limit, cursor, fabric.intents.revision)
        return SwitchList(items=[switch_document(view) for view in page.items], **page.envelope)

    @router.get("/switches/{name}", responses=problems(404, 422))
    async def get_switch(name: str) -> SwitchDocument:
        """One switch."""
        return switch_document(fabric.switch(SwitchName(name)))

    @router.get("/switches/{name}/ports", responses=problems(404, 422))
    async def list_ports(
        name: str, asking: Asking, limit: Limit = _PAGE, continue_: Continue = None
    ) -> PortList:
        """The ports of a switch: what they are used for, and what they have counted.

        A tenant sees its own: those allotted to it, and those at which its networks are attached.
        """
        cursor, tenant_view = Cursor.read(continue_, 2, switch=name), access.tenant_view(fabric, asking)
        tenant_view.switch(SwitchName(name))
        views = [
            tenant_view.port(view)
            for view in fabric.ports(SwitchName(name))
            if tenant_view.sees_port(view.ref)
        ]
        page = page_of(views, lambda view: _place(view.ref), limit, cursor, fabric.intents.revision)
        return PortList(items=[port_document(view) for view in page.items], **page.envelope)

    @router.post("/switches/{name}/gone", status_code=204, responses=problems(404, 409, 422, 503))
    async def declare_switch_gone(name: str, request: Request) -> None:
        """Say that a switch will not come back with what it holds: nothing waits for it any more.

        Numbers that only it may still use are given again. It is part of the fabric again once it is
        connected; while it is, this is refused.
        """
        await fabric.operations.declare_gone(SwitchName(name))
        audit.declared_gone(request, name)

    @router.post("/links/{switch}/{port}/gone", status_code=204, responses=problems(404, 409, 422, 503))
    async def declare_link_gone(switch: str, port: LinkPort, request: Request) -> None:
        """Say that the link that was seen at a port will not come back: it is expected no more.

        Either end will do. It is expected again once it is up; while it is, or if the configuration names
        it, this is refused.
        """
        ref = PortRef(SwitchName(switch), Port(port))
        await fabric.operations.declare_link_gone(ref)
        audit.declared_link_gone(request, ref)

    @router.delete("/records", status_code=204, responses=problems(404, 422, 503))
    async def delete_record(
        key: Annotated[str, Query(description="the record's key, as the status of the fabric names it")],
        request: Request,
    ) -> None:
        """Delete a record of the store that this version cannot read, or whose intent it refuses.

        What switches hold of it goes when nothing else is left that cannot be read or is refused.
        """
        await fabric.operations.delete_record(key)
        audit.deleted_record(request, key)

    @router.get("/links", responses=problems(422))
    async def list_links(
        switch: Annotated[str | None, Query(description="only those that begin or end there")] = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
    ) -> LinkList:
        """The directions of links that are up: a link that works both ways is there twice."""
        cursor = Cursor.read(continue_, 4, switch=switch)
        found = (
            link
            for link in fabric.links
            if switch in (None, link.source.switch) or switch == link.destination.switch
        )
        page = page_of(found, _of_link, limit, cursor, fabric.intents.revision)
        items = [link_document(link, fabric.drains.state(link.cable)) for link in page.items]
        return LinkList(items=items, **page.envelope)

    @router.get("/hosts", responses=problems(422))
    async def list_hosts(
        asking: Asking,
        tenant: Annotated[str | None, Query(description="only this tenant's")] = None,
        network: Annotated[str | None, Query(description="only those of networks of this name")] = None,
        switch: SwitchFilter = None,
        port: Annotated[int | None, Query(description="only those at this port")] = None,
        name: Annotated[str | None, Query(description="only those of this name")] = None,
        mac: Annotated[str | None, Query(description="only this MAC address")] = None,
        address: Annotated[str | None, Query(description="only those with this IP address")] = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
    ) -> HostList:
        """Hosts, stated or heard, and where they are."""
        place = {"tenant": tenant, "network": network, "switch": switch, "port": port}
        cursor = Cursor.read(continue_, 3, name=name, mac=mac, address=address, **place)
        tenant_view = access.tenant_view(fabric, asking)

        def is_wanted(host: Host) -> bool:
            at = host.attachment
            return (
                tenant_view.sees(host.network.tenant)
                and tenant in (None, host.network.tenant)
                and network in (None, host.network.name)
                and switch in (None, at.switch)
                and port in (None, at.port)
                and name in (None, fabric.name_of(host))
                and (mac is None or str(host.mac) == mac.lower())
                and (address is None or any(str(one) == address.lower() for one in host.addresses))
            )

        page = page_of(filter(is_wanted, fabric.hosts), _of_host, limit, cursor, fabric.intents.revision)
        return HostList(
            items=[host_document(host, fabric.name_of(host)) for host in page.items], **page.envelope
        )

    @router.get("/paths", responses=problems(404, 422))
    async def get_paths(
        source: Annotated[str, Query(alias="from", description="the switch where they begin")],
        destination: Annotated[str, Query(alias="to", description="the switch where they end")],
    ) -> PathsDocument:
        """The shortest paths between two switches over links that are up."""
        here, there = SwitchName(source), SwitchName(destination)
        for name in (here, there):
            fabric.switch(name)
        paths = fabric.paths
        first = list(islice(paths.shortest(here, there), _MOST_PATHS))
        return paths_document((here, there), paths.distance(here, there), paths.count(here, there), first)

    @router.get("/congestion", responses=problems(422))
    async def list_congestion(
        asking: Asking,
        active: Annotated[bool | None, Query(description="only what goes on, or is over")] = None,
        switch: SwitchFilter = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
    ) -> EpisodeList:
        """Where the fabric is congested, and where it was: what goes on first, then the newest."""
        cursor = Cursor.read(continue_, 3, active=active, switch=switch)
        monitor, tenant_view = fabric.congestion, access.tenant_view(fabric, asking)
        episodes = [*monitor.active, *monitor.over]
        found = (
            episode
            for episode in episodes
            if active in (None, episode.ended_at is None)
            and switch in (None, episode.queue.port.switch)
            and tenant_view.sees_traffic(episode.queue.port)
        )
        page = page_of(found, _of_episode, limit, cursor, fabric.intents.revision)
        return EpisodeList(items=[episode_document(episode) for episode in page.items], **page.envelope)

    @router.get("/drops", responses=problems(404, 422))
    async def list_drops(asking: Asking, switch: SwitchFilter = None) -> DropsDocument:
        """What switches drop, by port and reason, as it was read last; those that drop most first."""
        tenant_view = access.tenant_view(fabric, asking)
        if switch is not None:
            tenant_view.switch(SwitchName(switch))
        return drops_document(
            await fabric.drops(),
            lambda name: switch in (None, name) and tenant_view.sees_switch(name),
            tenant_view.sees_traffic,
        )

    return router


def _place(port: PortRef) -> tuple[str, ...]:
    """A key in the order of numbers."""
    return port.switch, f"{port.port:05}"


def _of_link(link: Link) -> tuple[str, ...]:
    return *_place(link.source), *_place(link.destination)


def _of_host(host: Host) -> tuple[str, ...]:
    return host.network.tenant, host.network.name, str(host.mac)


def _of_episode(episode: Episode) -> tuple[str, ...]:
    """What goes on first, then the newest."""
    ends = episode.ended_at
    return (
        "0" if ends is None else "1",
        f"{1e12 - (ends or episode.started_at):017.3f}",
        f"{episode.number:012}",
    )
