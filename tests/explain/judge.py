"""Explanation against trace: each table, each entry, each action, each port, each frame that leaves."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from p4fabric.controller.explain.exit import NO_PATH
from p4fabric.controller.explain.frame import Choices
from p4fabric.controller.explain.packet import Packet
from p4fabric.controller.explain.result import End, Exit, Hop, Step, Walk
from p4fabric.controller.explain.walk import walk
from p4fabric.controller.names import PortRef
from p4fabric.pipelines.entities.match import Lpm, Ternary
from p4fabric.pipelines.fabric import CPU_PORT
from p4fabric.softswitch.engine.trace import events as e
from p4fabric.softswitch.tracing.document import trace_document
from p4fabric.softswitch.tracing.text import brief_text
from tests.explain.frames import frame_of, told_by, told_of
from tests.explain.switches import RealFabric

__all__ = ["Disagreement", "explained", "judge"]


@dataclass(frozen=True)
class Applied:
    """A table, the entry that was met there, and the action that was run."""

    table: str
    match: tuple[tuple[int, int], ...] | None
    """Of each field, value and mask."""
    action: str
    parameters: tuple[int, ...]


class Disagreement(AssertionError):
    """An explanation says something else than the switch did."""


def explained(around: RealFabric, port: PortRef, packet: Packet) -> Walk:
    """What an explanation says of a packet of which all is known."""
    return finished(walk(around, port, packet, Choices(is_flow_known=True)))


def finished(running: Generator[None, None, Walk]) -> Walk:
    """Run to the end."""
    while True:
        try:
            next(running)
        except StopIteration as ended:
            found: Walk = ended.value
            return found


def judge(around: RealFabric, port: PortRef, packet: Packet) -> Walk:
    """Send the packet, and compare its way with the explanation.

    Raises:
        Disagreement: they differ.
    """
    found = explained(around, port, packet)
    frames = {0: frame_of(packet, port.port)}
    for number, hop in enumerate(found.hops):
        departures, trace = around.send(hop.ref, frames[number])
        try:
            _compare(hop, departures, trace)
        except Disagreement as error:
            told = "\n".join(_told(hop))
            shown = brief_text(trace_document(trace))
            raise Disagreement(f"{error}\n{hop.switch}:{hop.port} {hop.packet}\n{told}\n{shown}") from None
        for out in hop.exits:
            if out.hop is not None:
                frames[out.hop] = next(content for at, content in departures if at == out.port)
    return found


def _compare(hop: Hop, departures: list[tuple[int, bytes]], trace: e.PacketTrace) -> None:
    left = sorted(int(out.port) for out in hop.exits if out.end is not End.DROPPED)
    if hop.end is End.CONTROLLER:
        left = [CPU_PORT]
    sent = sorted(port for port, _ in departures)
    if left != sent:
        raise Disagreement(f"explained to leave by ports {left}, left by {sent}")
    for out in hop.exits:
        if out.end is End.DROPPED or out.end is End.ANSWERED:
            continue
        content = next(content for port, content in departures if port == out.port)
        if told_of(out.packet) != told_by(content):
            said = f"{told_of(out.packet)}, and is {told_by(content)}"
            raise Disagreement(f"by port {out.port} a packet is explained to leave as {said}")
    ingress, egress = _split(trace)
    _same(hop.steps, ingress, "ingress")
    if hop.reason == NO_PATH:
        # No port was chosen: that is port 0, which no switch has and at whose egress nothing is open.
        egress.pop(0, None)
    ports = [out.port for out in hop.exits]
    if sorted(ports) != sorted(egress):
        raise Disagreement(f"explained to reach the egress of {ports}, reached {sorted(egress)}")
    for out in hop.exits:
        _same(out.steps, egress[out.port], f"egress of {out.port}")


def _same(steps: list[Step], applied: list[Applied], where: str) -> None:
    said = [_of_step(step) for step in steps if step.table is not None]
    if said != applied:
        both = "\n".join(
            f"  {one}\n  {other}" for one, other in zip(said, applied, strict=False) if one != other
        )
        raise Disagreement(f"{where}: {len(said)} tables explained, {len(applied)} applied\n{both}")


def _of_step(step: Step) -> Applied:
    table, entry = step.table, step.entry
    assert table is not None
    if entry is None or not isinstance(entry, table):
        return Applied(table.TABLE_NAME, None, "", ())
    match = tuple(_matched(getattr(entry, field.name), field.bitwidth) for field in table.MATCH_FIELDS)
    action = getattr(entry, "action")  # noqa: B009 - every generated table has it
    if isinstance(action, tuple):
        if step.member is None:
            return Applied(table.TABLE_NAME, None, "", ())
        action = action[step.member].action
    parameters = tuple(int(getattr(action, one.name)) for one in action.PARAMETERS)
    return Applied(table.TABLE_NAME, match, action.NAME, parameters)


def _matched(value: object, bits: int) -> tuple[int, int]:
    whole = (1 << bits) - 1
    match value:
        case None:
            return 0, 0
        case Ternary():
            return int(value.value), value.mask
        case Lpm():
            return int(value.value), whole >> (bits - value.prefix_length) << (bits - value.prefix_length)
    return int(value), whole  # type: ignore[call-overload]


def _split(trace: e.PacketTrace) -> tuple[list[Applied], dict[int, list[Applied]]]:
    """What was applied in ingress, and in the egress of each port."""
    ingress: list[Applied] = []
    egress: dict[int, list[Applied]] = {}
    at: dict[int, list[Applied]] = {1: ingress}
    pending: dict[int, e.Table] = {}
    for event in trace.events:
        step, copy = event.step, event.copy
        if isinstance(step, e.Queued):
            # The CPU port's egress has no tables.
            at[copy] = [] if step.port == CPU_PORT else egress.setdefault(step.port, [])
        elif isinstance(step, e.Table) and not step.hidden:
            at[copy].append(Applied(step.table, None, "", ()))
            if step.entry is not None:
                pending[copy] = step
        elif isinstance(step, e.Action) and not step.hidden and copy in pending:
            table = pending.pop(copy)
            assert table.entry is not None
            match = tuple((one.value, one.mask) for one in table.entry)
            parameters = tuple(one.value for one in step.parameters)
            at[copy][-1] = Applied(table.table, match, step.action, parameters)
    return ingress, egress


def _told(hop: Hop) -> Iterator[str]:
    for step in hop.steps:
        yield f"  {_name(step)}: {step.text}"
    if hop.end is not None:
        yield f"  {hop.end}: {hop.reason} {hop.text}"
    for out in hop.exits:
        yield f"  out by {out.port}: {_end(out)}"
        for step in out.steps:
            yield f"    {_name(step)}: {step.text}"


def _name(step: Step) -> str:
    return step.table.TABLE_NAME if step.table is not None else "program"


def _end(out: Exit) -> str:
    return f"{out.end} {out.reason} {out.text}" if out.end is not None else f"to hop {out.hop}"
