"""A trace's document as text: one line a step and what it changed below it, or only what decides.

What the compiler made for itself (statements' tables and actions, temporaries) is left out, but for the
place of statements that have changed something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

_FLATTENED = re.compile(r"^(\w+)\._(\w+?)\d+$")
_INDENT = " " * 13
Document = Mapping[str, Any]


def trace_text(document: Document) -> str:
    """All of it, with a blank line behind."""
    lines: list[str] = []
    events = [one for one in map(_seen, document["events"]) if one is not None]
    for at, event in enumerate(events):
        for number, line in enumerate(_lines(event, events[at + 1 : at + 3])):
            lines.append(f"{_copy(event)}{line}" if number == 0 else line)
    if document["truncated"]:
        lines.append("(there was no room for all of it)")
    return "\n".join([f"packet {document['trace']}", *(f"  {line}" for line in lines), ""])


def brief_text(document: Document) -> str:
    """Tables, actions, drops and what else decides where the packet goes: a line each, with no blank line."""
    lines = []
    for event in document["events"]:
        said = _brief(event)
        if said is not None:
            lines.append(f"  {_copy(event)}{said}")
    if document["truncated"]:
        lines.append("  (there was no room for all of it)")
    return "\n".join([f"packet {document['trace']}", *lines])


def _copy(event: Document) -> str:
    return f"[copy {event['copy']}] " if event["copy"] > 1 else ""


def _seen(event: Document) -> Document | None:
    """An event without what the compiler made for itself; None: nothing is left."""
    if event["event"] == "action" and event.get("hidden"):
        return None
    if event["event"] == "fields":
        changes = [one for one in event["changes"] if not one.get("hidden")]
        return {**event, "changes": changes} if changes else None
    return event


def _brief(event: Document) -> str | None:
    match event["event"]:
        case "received" | "action" | "sent" | "dropped" | "log" | "assert_failed" | "cloned" | "multicast":
            if not event.get("hidden"):
                return next(_lines(event, ()))
        case "copied" | "digest" | "resubmitted" | "recirculated":
            return next(_lines(event, ()))
        case "parsed" if event["error"] != "NoError":
            return next(_lines(event, ()))
        case "table" if not event["hidden"]:
            key = [f"{one['name']} {_shown(one, one['value'])}" for one in event["key"]]
            found = "hit" if event["hit"] else "miss"
            return _row("table", f"{event['table']}: {found}" + (f"  ({', '.join(key)})" if key else ""))
    return None


def _lines(event: Document, following: Sequence[Document]) -> Iterator[str]:
    kind = event["event"]
    match kind:
        case "received":
            yield _row("received", f"at port {event['port']}, {len(event['frame']) // 2} bytes")
        case "parser_state":
            yield _row("state", event["state"])
        case "parsed":
            yield _row("parsed", "accepted" if event["error"] == "NoError" else event["error"])
        case "condition":
            said = event["expression"] or "a condition"
            yield _row("if", f"{said}: {str(event['result']).lower()}{_source(event)}")
        case "table":
            yield from _table(event, following)
        case "action":
            given = [f"{one['name']}={_shown(one, one['value'])}" for one in event["parameters"]]
            yield _row("action", f"{event['action']}({', '.join(given)})")
        case "fields":
            yield from _fields(event["changes"])
        case "log":
            yield _row("log", f"{event['text']}{_source(event)}")
        case "assert_failed":
            yield _row("ASSERT", f"failed: {event['expression']}{_source(event)}")
        case "queued":
            place = f"priority {event['priority']}, {event['depth']} before it"
            yield _row("queued", f"port {event['port']}, {place}")
        case "dequeued":
            waited = f"after {event['microseconds']} us, {event['depth']} behind it"
            yield _row("egress", f"port {event['port']}, {waited}")
        case "deparsed":
            yield _row("deparsed", f"{len(event['frame']) // 2} bytes")
        case "cloned":
            yield _row("clone", f"session {event['session']}")
        case "multicast":
            yield _row("multicast", f"group {event['group']}")
        case "copied":
            yield _row("copy", f"of copy {event['of']}")
        case "digest":
            yield _row("digest", event["digest"])
        case "sent":
            yield _row("sent", f"by port {event['port']}")
        case "dropped":
            by = f" by {event['by']}" if event["by"] else ""
            yield _row("DROPPED", f"{event['reason']}{by}")
        case _:
            yield _row(kind, "through ingress once more")


def _row(what: str, said: str) -> str:
    return f"{what:<{len(_INDENT)}}{said}"


def _source(event: Document) -> str:
    return f"  ({event['source']})" if event["source"] else ""


def _table(event: Document, following: Sequence[Document]) -> Iterator[str]:
    if event["hidden"]:
        # Only where they have changed something: the table's own action is left out already.
        if any(one["event"] == "fields" for one in following[:1]):
            yield _row("statements", event["source"] or "of the program")
        return
    entry = event["entry"]
    if entry is None:
        said = "miss" if any(one["event"] == "action" for one in following[:1]) else "miss, no action"
    else:
        said = "hit"
        for name in ("priority", "member", "group"):
            if entry.get(name) is not None:
                said += f", {name} {entry[name]}"
    yield _row("table", f"{event['table']}: {said}{_source(event)}")
    matches = entry["match"] if entry is not None else [None] * len(event["key"])
    for key, match in zip(event["key"], matches, strict=True):
        there = f"  matches {_match(match)}" if match is not None else ""
        yield f"{_INDENT}  {key['name']} {_shown(key, key['value'])}{there}"


def _match(match: Document) -> str:
    value = _shown(match, match["value"])
    if "last" in match:
        return f"{value}..{_shown(match, match['last'])}"
    whole, mask = (1 << match["bits"]) - 1, _integer(match["mask"])
    if mask == whole:
        return value
    if not mask:
        return "anything"
    length = match["bits"] - ((mask ^ whole) + 1).bit_length() + 1
    if mask == whole >> match["bits"] - length << match["bits"] - length:
        return f"{value}/{length}"
    return f"{value} &&& {mask:#x}"


def _fields(changes: Sequence[Document]) -> Iterator[str]:
    """Headers that have become valid on one line each."""
    new: dict[str, list[str]] = {one["header"]: [] for one in changes if one.get("valid")}
    for one in changes:
        if one.get("field") and one["header"] in new:
            new[one["header"]].append(f"{one['field']} {_shown(one, one['new'])}")
    for header, fields in new.items():
        yield f"{_INDENT}+ {header}: {', '.join(fields)}"
    for one in changes:
        if one.get("valid") is False:
            yield f"{_INDENT}- {one['header']}"
        elif one.get("field") and one["header"] not in new:
            old = "nothing" if one["old"] is None else _shown(one, one["old"])
            name = _variable(one["header"], one["field"])
            yield f"{_INDENT}  {name}: {old} -> {_shown(one, one['new'])}"


def _integer(value: int | str) -> int:
    return int(value, 16) if isinstance(value, str) else value


def _variable(header: str, field: str) -> str:
    """A field as the program calls it: local variables and metadata lie in a header of the compiler's."""
    flattened = _FLATTENED.match(field)
    name = f"{flattened[1]}.{flattened[2]}" if flattened is not None else field
    return name if header == "scalars" else f"{header}.{name}"


def _shown(one: Document, value: int | str) -> str:
    number, bits = _integer(value), one["bits"]
    match one.get("format") if number >= 0 else None:
        case "mac":
            return ":".join(f"{byte:02x}" for byte in number.to_bytes(6, "big"))
        case "ipv4":
            return str(IPv4Address(number))
        case "ipv6":
            return str(IPv6Address(number))
    name = str(one.get("field") or one.get("name") or "").lower()
    if bits > 64 or "type" in name or "hash" in name or "checksum" in name:
        return f"{number:#x}"
    return str(number)
