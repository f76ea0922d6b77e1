"""Responses to congestion: marking, at all ports in use. What is done for a while are rows (`remedies`)."""

from __future__ import annotations

from p4fabric.controller.compiler.entries import EntityLists
from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.response import CongestionResponse
from p4fabric.pipelines.fabric import bindings as b

__all__ = ["respond"]


@meaning(CongestionResponse)
def respond(view: FabricView, intent: CongestionResponse) -> Output:
    """Mark packets that come to queues too deep, if it does more than recommend."""
    mark = intent.spec.mark
    if mark is None or not intent.acts:
        return Output()
    entries = EntityLists()
    for name in view.switch_names():
        for port in sorted(view.ports_in_use(name)):
            entries.add([name], b.Marking(port, b.MarkAbove(mark.above_packets)))
    return Output(entries.frozen())
