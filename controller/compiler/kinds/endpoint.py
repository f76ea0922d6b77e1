"""Endpoints: the port where one is, and the host itself. Its network floods to it."""

from __future__ import annotations

from p4fabric.controller.compiler.entries import EntityLists
from p4fabric.controller.compiler.hosts import endpoint_host
from p4fabric.controller.compiler.kinds.network import open_port, port_notes
from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.notes import not_part_of_fabric
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.endpoint import Endpoint

__all__: list[str] = []


@meaning(Endpoint)
def endpoint_port(view: FabricView, intent: Endpoint) -> Output:
    """The port where its network is open for it alone."""
    port = intent.spec.ref
    if port.switch not in view.leaves(intent.network):
        return Output(notes=(not_part_of_fabric(port.switch),))
    lack = view.lacks(port)
    entries = EntityLists()
    if lack is None:
        entries.add([port.switch], *open_port(intent.attachment, view.vlan(intent.network)))
    notes = port_notes([lack] if lack is not None else [], [port] if view.is_linked(port) else [])
    return Output(entries.frozen(), tuple(notes))


@meaning(Endpoint, "host")
def endpoint_itself(view: FabricView, intent: Endpoint) -> Output:
    """Bridged to in its network, routed to from others, and nobody else sends as it."""
    return endpoint_host(view, (intent.network, intent.spec.mac))
