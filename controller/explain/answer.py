"""Explains a flow: who asks for what, the packet's way, and the reply's.

Who is where is asked of `Places`, which may live in another thread; packets are followed here, some switches
at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from p4fabric.controller.explain.flow import Ask, ask_for, first_packet, reply_to, sent
from p4fabric.controller.explain.frame import Choices
from p4fabric.controller.explain.packet import TCP, UDP, Packet, question
from p4fabric.controller.explain.places import Places, Sender, Target
from p4fabric.controller.explain.question import Question, QuestionError
from p4fabric.controller.explain.result import End, Exit, Hop, Step, Walk
from p4fabric.controller.explain.walk import Surroundings, walk
from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import Host
from p4fabric.controller.turns import turn
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import MacAddress

__all__ = ["Alternative", "AskState", "Direction", "Explanation", "explain"]

T = TypeVar("T")
MOST_PORTS_SAID = 10
MOST_ALTERNATIVES = 128
"""Members beside those that a flow is taken to take which are tried, one at a time."""
MOST_COPIES_TRIED = 5000
"""Ways out of switches after which no more members are tried."""


class AskState(Protocol):
    """Asks the fabric's state, wherever that lives."""

    def __call__(self, look: Callable[[Places], T], /) -> Awaitable[T]:
        """What a function of the places returns."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another member than the one that the flow is taken to take, and what becomes of the packet then."""

    step: Step
    """Where it is chosen."""
    member: int
    end: End
    text: str


@dataclass(slots=True)
class Direction:
    """One way of a flow."""

    sender: Sender
    packet: Packet
    """As it enters the fabric, if it is sent at all."""
    asked: Ask
    resolution: Walk | None = None
    """The way of the question for a MAC address."""
    walk: Walk | None = None
    """None: the packet is not sent."""
    end: End = End.UNRESOLVED
    text: str = ""
    reason: str | None = None
    place: PortRef | None = None
    """Where it ended: the switch and port where it left, or came in last."""
    decision: Step | None = None
    """The step that decided."""
    alternatives: list[Alternative] = field(default_factory=list)
    left_out: int = 0
    """Members that were not tried, since there are too many."""

    @property
    def is_certain(self) -> bool:
        """Whether the same becomes of the packet whichever members it takes."""
        return not self.left_out and all(one.end is self.end for one in self.alternatives)

    def steps(self) -> Iterator[tuple[SwitchName, Step]]:
        """All steps, of the question as well."""
        for one in (self.resolution, self.walk):
            if one is not None:
                yield from one.steps()


@dataclass(slots=True)
class Explanation:
    """Both ways of a flow."""

    question: Question
    target: Target
    forward: Direction
    reply: Direction | None
    no_reply: str | None = None
    """Why there is no reply to explain."""
    notes: list[str] = field(default_factory=list)


async def explain(asked: Question, around: Surroundings, ask: AskState) -> Explanation:
    """Explain a flow.

    Raises:
        QuestionError: the question cannot be answered as it is.
    """
    sender, target = await ask(lambda places: places.resolve(asked))
    protocol = target.transport.number(target.address.version)
    ports = (target.transport.source_port, target.transport.destination_port)
    packet = first_packet(sender, target.address, protocol, ports, flags=asked.flag_bits, ttl=asked.ttl)
    is_flow_known = ports[0] is not None or protocol not in (TCP, UDP)
    guide = _Guide(around, ask, is_flow_known)
    forward = await guide.follow(sender, packet, asked.destination_mac)
    found = Explanation(asked, target, forward, None)
    if sender.network is None:
        found.no_reply = f"nobody sends at {sender.port}"
        return found
    try:
        answering = await ask(lambda places: _answering(places, forward, target))
    except QuestionError as error:
        found.no_reply = str(error)
        return found
    if answering is None:
        found.no_reply = f"nobody is known to answer at {target.address}"
        return found
    answerer, received = answering
    found.reply = await guide.follow(answerer, reply_to(received, answerer), None)
    found.notes += _compare(found, packet)
    return found


def _answering(places: Places, forward: Direction, target: Target) -> tuple[Sender, Packet] | None:
    """Who answers, and the packet as they received it, or would have."""
    if forward.end is End.DELIVERED and forward.walk is not None:
        hop, out = forward.walk.delivered[0]
        packet, port = out.packet, PortRef(hop.switch, out.port)
        sender = places.leaving(port, packet.tag, packet.dst_mac, packet.dst)
        if packet.inner is None:
            return sender, packet
        session = places.session_of(sender.network.tenant, packet.inner.dst) if sender.network else None
        ue = replace(sender, address=packet.inner.dst, session=session)
        return ue, packet.inner
    if target.tenant is None:
        return None
    packet = _innermost(forward.packet)
    for step in _balanced(forward.walk):
        to = step.members[step.member or 0].action
        packet = replace(packet, dst=to.address, dst_port=int(to.port))
    known = places.at(target.tenant, packet.dst)
    return (known, packet) if known is not None else None


def _innermost(packet: Packet) -> Packet:
    return packet if packet.inner is None else packet.inner


def _balanced(way: Walk | None) -> Iterator[Step]:
    for _, step in way.steps() if way is not None else ():
        if step.table is b.VirtualIps and step.member is not None:
            yield step


def _compare(found: Explanation, packet: Packet) -> list[str]:
    """What a sender would find odd about the reply."""
    reply, forward = found.reply, found.forward
    if reply is None or reply.end is not End.DELIVERED or reply.walk is None:
        return []
    hop, out = reply.walk.delivered[0]
    seen = _innermost(out.packet)
    notes = []
    port = PortRef(hop.switch, out.port)
    if port != forward.sender.port:
        notes.append(f"the reply leaves at {port}, and the flow came in at {forward.sender.port}")
    if (seen.src, seen.src_port) != (packet.dst, packet.dst_port):
        was, now = f"{packet.dst}:{packet.dst_port}", f"{seen.src}:{seen.src_port}"
        notes.append(f"the reply comes from {now}, and the flow went to {was}: its sender does not take it")
    return notes


class _Guide:
    """Follows packets."""

    def __init__(self, around: Surroundings, ask: AskState, is_flow_known: bool) -> None:
        self._around, self._ask = around, ask
        self._is_flow_known = is_flow_known

    async def follow(self, sender: Sender, packet: Packet, to: MacAddress | None) -> Direction:
        """One way of a flow."""
        asked = Ask(mac=to) if to is not None else ask_for(sender, packet.dst)
        found = Direction(sender, packet, asked)
        if asked.problem is not None:
            found.text = asked.problem
            return found
        mac = asked.mac
        if mac is None:
            mac = await self._resolve(found)
            if mac is None:
                return found
        found.packet = sent(packet, sender, mac)
        found.walk, choices = await self._walk(sender.port, found.packet, {})
        _conclude(found, found.walk)
        await self._try_others(found, choices)
        return found

    async def _walk(
        self, port: PortRef, packet: Packet, forced: dict[int, int], *, copies_to: PortRef | None = None
    ) -> tuple[Walk, Choices]:
        choices = Choices(self._is_flow_known, forced)
        running = walk(self._around, port, packet, choices, copies_to=copies_to)
        while True:
            try:
                next(running)
            except StopIteration as ended:
                return ended.value, choices
            await turn()

    async def _resolve(self, found: Direction) -> MacAddress | None:
        """The MAC address that the sender learns; None: none, and `found` says why."""
        sender, address, network = found.sender, found.asked.address, found.sender.network
        assert address is not None and network is not None
        asking = question(sender.mac, sender.tag, sender.own, address)
        holder: Host | None = None
        if not found.asked.is_gateway:
            holder = await self._ask(lambda places: places.holder(network, address))
        to = holder.attachment if holder is not None else None
        found.resolution, _ = await self._walk(sender.port, asking, {}, copies_to=to)
        end, hop, out = found.resolution.verdict()
        if end is End.ANSWERED and out is not None:
            return out.packet.src_mac
        reached = {PortRef(hop.switch, out.port) for hop, out in found.resolution.delivered}
        # Behind the same port, they hear each other without the fabric.
        if holder is not None and (holder.attachment in (*reached, sender.port) or end is End.UNKNOWN):
            return holder.mac
        if end is End.DROPPED and hop is found.resolution.hops[0] and out is None:
            # What the switch does not let ask, it does not let send: the packet itself shows that best.
            return holder.mac if holder is not None else ROUTER_MAC
        _unresolved(found, holder)
        return None

    async def _try_others(self, found: Direction, choices: Choices) -> None:
        """Each other member, one at a time: what becomes of the packet then?"""
        copies = 0
        for number, step in enumerate(choices.made):
            if step.is_certain:
                continue
            for member in range(len(step.members)):
                if member == step.member or member in step.down:
                    continue
                if len(found.alternatives) >= MOST_ALTERNATIVES or copies >= MOST_COPIES_TRIED:
                    found.left_out += 1
                    continue
                way, _ = await self._walk(found.sender.port, found.packet, {number: member})
                copies += sum(len(hop.exits) for hop in way.hops)
                end, hop, out = way.verdict()
                found.alternatives.append(Alternative(step, member, end, _said(end, hop, out)))


def _conclude(found: Direction, way: Walk) -> None:
    end, hop, out = way.verdict()
    found.end = end
    found.text = _copies(way) if end is End.FLOODED else _said(end, hop, out)
    found.reason = hop.reason if out is None else out.reason
    found.place = hop.ref if out is None else PortRef(hop.switch, out.port)
    if out is None or end in (End.DELIVERED, End.FLOODED, End.ANSWERED):
        found.decision = _last(hop.steps)
    else:
        found.decision = _last(out.steps)


def _last(steps: Sequence[Step]) -> Step | None:
    return steps[-1] if steps else None


def _said(end: End, hop: Hop, out: Exit | None) -> str:
    text = hop.text if out is None else out.text
    return text if end is End.DELIVERED else f"{hop.switch}: {text}"


def _copies(way: Walk) -> str:
    ports = [f"{hop.switch}:{out.port}" for hop, out in way.delivered]
    more = f" and {len(ports) - MOST_PORTS_SAID} more" if len(ports) > MOST_PORTS_SAID else ""
    return f"copies leave the fabric at {', '.join(ports[:MOST_PORTS_SAID])}{more}"


def _unresolved(found: Direction, holder: Host | None) -> None:
    address, network = found.asked.address, found.sender.network
    assert found.resolution is not None and network is not None
    first = found.resolution.hops[0]
    found.place = first.ref
    answering = [step for step in first.steps if step.table in (b.ArpResponder, b.NdResponder)]
    found.decision = answering[0] if answering and holder is None else _last(first.steps)
    if found.asked.is_gateway:
        found.text = f"{first.switch} does not answer for the gateway {address} of {network.key}"
    elif holder is not None:
        found.text = f"the question for {address} does not reach {holder.mac} at {holder.attachment}"
    else:
        found.text = f"nobody is known at {address} in {network.key}: the question is flooded"
