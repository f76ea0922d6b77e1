"""Hosts that networks and endpoints state, as changes of the state."""

from __future__ import annotations

from collections.abc import Iterator

from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents import IntentDocument
from p4fabric.controller.intents.kinds.endpoint import Endpoint
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.state import Change
from p4fabric.controller.topology.model import Host, HostKey

__all__ = ["changed_hosts"]


def changed_hosts(
    view: FabricView, before: IntentDocument | None, now: IntentDocument | None
) -> Iterator[Change]:
    """What an intent that is another one now changes; None: there was or is none."""
    old, new = _stated_hosts(before), _stated_hosts(now)
    for key in old.keys() - new.keys():
        yield Change(view.stated_hosts, key, None)
    for key, host in new.items():
        yield Change(view.stated_hosts, key, host)


def _stated_hosts(intent: IntentDocument | None) -> dict[HostKey, Host]:
    """The hosts that an intent states."""
    match intent:
        case Network(key=network):
            attachments = intent.spec.attachments
        case Endpoint(network=network):
            attachments = (intent.attachment,)
        case _:
            return {}
    hosts = (
        Host(attachment.mac, network, attachment.ref, frozenset(attachment.addresses))
        for attachment in attachments
        if attachment.mac is not None
    )
    return {host.key: host for host in hosts}
