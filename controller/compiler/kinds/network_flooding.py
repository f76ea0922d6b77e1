"""Where a network's frames are flooded: along its tree, and to the ports of its hosts.

A part of its own: one more endpoint changes the ports of one switch, and nothing else of the network.
"""

from __future__ import annotations

from p4fabric.controller.compiler.entries import EntityLists
from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.pipelines.entities import MulticastGroup, Replica

__all__: list[str] = []


@meaning(Network, "flooding")
def network_flooding(view: FabricView, intent: Network) -> Output:
    """A network's flood groups, one on each switch of its tree."""
    key = intent.key
    group = int(view.vlan(key))
    entries = EntityLists()
    for switch, links in view.flood_tree(key).items():
        ports = {*links, *view.flooded((key, switch))}
        entries.add([switch], MulticastGroup(group, tuple(Replica(int(port)) for port in sorted(ports))))
    return Output(entries.frozen())
