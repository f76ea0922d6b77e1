"""`p4fabric explain`: what becomes of a flow, told step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.tables import as_api, console, print_json

__all__ = ["account", "protocol_of", "run"]

_STYLES = {"delivered": "green", "answered": "green", "controller": "green", "flooded": "yellow"}
_QUIET = ("congestion_watch", "health_replies")
"""Tables that decide nothing for most packets."""
Document = Mapping[str, Any]


def run(
    connection: Connection, source: str, to: str, question: Mapping[str, Any], as_json: bool, every_step: bool
) -> int:
    """Ask and show; returns the exit status: 1 where the flow does not pass both ways.

    Args:
        connection: to the controller.
        source: who sends.
        to: to whom.
        question: what else is asked; None and empty lists are left out.
        as_json: print JSON.
        every_step: also tables that the packet passed without meeting anything.
    """
    asked = {name: value for name, value in question.items() if value not in (None, [])}
    with connection.open() as client:
        answer = as_api(client.explain(source, to, **asked))
    if as_json:
        print_json(answer)
    else:
        for line in account(answer, every_step=every_step):
            console().print(line)
    return 0 if answer["passes"] else 1


def account(answer: Document, *, every_step: bool = False) -> Iterator[Text]:
    """An explanation in lines.

    Args:
        answer: as the API returns it.
        every_step: also tables that the packet passed without meeting anything.
    """
    yield from _direction("there", answer["forward"], every_step)
    yield Text()
    if answer["reply"] is not None:
        yield from _direction("back", answer["reply"], every_step)
    else:
        yield Text.assemble(("back", "bold"), f"   {answer['noReply']}")
    for note in answer["notes"]:
        yield Text(f"note: {note}", "yellow")
    for switch in answer["switches"]:
        for note in switch["notes"]:
            yield Text(f"note: {switch['name']}: {note}", "yellow")
    for intent in answer["intents"]:
        if intent["state"] != "active":
            reasons = "; ".join(reason["message"] for reason in intent["reasons"])
            name = f"{intent['kind']} {intent['tenant']}/{intent['name']}"
            yield Text(f"note: {name} is {intent['state']}: {reasons}".removesuffix(": "), "yellow")


def _direction(title: str, way: Document, every_step: bool) -> Iterator[Text]:
    verdict = way["verdict"]
    yield Text.assemble(
        (f"{title:<7}", "bold"),
        (verdict, _STYLES.get(verdict, "bold red")),
        f": {way['text']}",
        _because(way["decidedBy"]) if verdict not in ("delivered", "answered") else "",
    )
    yield Text(f"  {_packet(way['packet'])}", "dim")
    if way["resolution"] is not None:
        asked = way["resolution"]
        what = ", the gateway" if asked["gateway"] else ""
        yield Text(f"  asks who has {asked['address']}{what}")
        if way["walk"] is None:
            yield from _hops(asked, every_step)
        else:
            yield from _hops({**asked, "hops": asked["hops"][:1]}, every_step, only="responder")
    if way["walk"] is not None:
        yield from _hops(way["walk"], every_step)
    yield from _alternatives(way)


def _hops(walk: Document, every_step: bool, only: str = "") -> Iterator[Text]:
    for hop in walk["hops"]:
        if not only:
            yield Text(f"  {hop['switch']}:{hop['port']}", "bold")
        for step in hop["steps"]:
            if only in (step["table"] or ""):
                yield from _step(step, every_step)
        for out in hop["exits"] if not only else ():
            yield Text(f"    out by port {out['port']}{_end(out)}")
            for step in out["steps"]:
                yield from _step(step, every_step)
        if hop["moreExits"] and not only:
            yield Text(f"    and {hop['moreExits']} more copies")
    if walk["moreHops"]:
        yield Text(f"  and {walk['moreHops']} more switches")


def _end(out: Document) -> str:
    return "" if out["verdict"] in (None, "delivered", "answered") else f": {out['verdict']}, {out['text']}"


def _step(step: Document, every_step: bool) -> Iterator[Text]:
    table = step["table"] or ("" if step["entry"] is None else "flood tree")
    says_much = step["decides"] or step["table"] is None or table.startswith("firewall")
    missed = step["entry"] is None and not says_much
    if not every_step and step["lacking"] is None and (missed or table in _QUIET):
        return
    style = "bold" if step["decides"] else ""
    because = _because(step["entry"]["intents"]) if step["entry"] is not None else ""
    if step["entry"] is not None and not step["entry"]["intents"]:
        because = "  [nothing asks for this entry]"
    yield Text.assemble((f"    {table:<22}", "cyan"), (step["text"], style), (because, "dim"))
    if step["lacking"] is not None:
        wanted = step["lacking"]
        match = ", ".join(f"{name} {value}" for name, value in wanted["match"].items())
        text = f"the switch should hold another entry here ({match}), and does not yet"
        yield Text(f"    {'':<22}{text}{_because(wanted['intents'])}", "yellow")
    if not step["certain"]:
        for member in step["members"]:
            taken = "  <- taken for this account" if member["taken"] else ""
            shown = ", ".join(f"{name} {value}" for name, value in member["parameters"].items())
            yield Text(f"    {'':<22}- {shown}{taken}")


def _because(intents: Sequence[Document]) -> str:
    names = []
    for one in intents[:3]:
        name = "the fabric" if one["kind"] is None else f"{one['kind']} {one['tenant']}/{one['name']}"
        names.append(name + (f", {one['part']}" if one["part"] else ""))
    more = f" and {len(intents) - 3} more" if len(intents) > 3 else ""
    return f"  [{'; '.join(names)}{more}]" if names else ""


def _packet(packet: Document) -> str:
    if packet["inner"] is not None:
        outer = f"in a tunnel from {packet['source']} to {packet['destination']}, TEID {packet['teid']}"
        return f"{_packet(packet['inner'])}, {outer}"
    names = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6"}
    protocol = names.get(packet["protocol"], f"protocol {packet['protocol']}")
    if packet["protocol"] in (6, 17):
        ends = packet["source"], packet["sourcePort"], packet["destination"], packet["destinationPort"]
        return "{} {}:{} -> {}:{}".format(protocol, *ends)
    return f"{protocol} {packet['source']} -> {packet['destination']}"


def _alternatives(way: Document) -> Iterator[Text]:
    differing = [one for one in way["alternatives"] if one["verdict"] != way["verdict"]]
    for one in differing:
        shown = ", ".join(f"{name} {value}" for name, value in one["parameters"].items())
        yield Text(f"  if {one['switch']} takes {shown}: {one['verdict']}, {one['text']}", "yellow")
    if way["moreAlternatives"]:
        yield Text(f"  {way['moreAlternatives']} more members were not tried", "yellow")


def protocol_of(
    tcp: int | None, udp: int | None, protocol: int | None
) -> tuple[str | int | None, int | None]:
    """The protocol and the destination port that options name.

    Raises:
        Usage: they name several protocols.
    """
    named: list[tuple[str | int, int | None]] = []
    named += [("tcp", tcp)] if tcp is not None else []
    named += [("udp", udp)] if udp is not None else []
    named += [(protocol, None)] if protocol is not None else []
    if len(named) > 1:
        raise Usage("give one of --tcp, --udp, --protocol")
    return named[0] if named else (None, None)
