"""Table entries as they are typed, `dst=10.0.0.0/24 forward port=2`, and as they are read.

What is shown can be typed again. Knows keys, and what an entry may do: an action, a member or group of an
action profile, or a set of actions (one-shot). Must not know who reads or writes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from finsy.p4entity import decode_port, encode_port
from finsy.proto import p4i, p4r

from p4fabric.softswitch.client.errors import BadInput, NeedsMember, NeedsPriority
from p4fabric.softswitch.client.matches import MatchField, forms
from p4fabric.softswitch.client.names import find, near_names
from p4fabric.softswitch.client.program import (
    Action,
    Program,
    Table,
    arguments,
    parse_assignments,
    plain_action,
    show_action,
)

NANOSECONDS = 10**9
BETWEEN = "+"
"""Between the actions of a set."""


@dataclass(frozen=True, slots=True)
class Weighted:
    """`2*name@7`: a weight, what it is of, and the port to watch."""

    name: str
    weight: int = 1
    watch_port: int | None = None

    @classmethod
    def parse(cls, word: str) -> Weighted:
        """`BadInput` where a number is none."""
        rest, at, port = word.rpartition("@")
        rest, port = (rest, port) if at else (word, "")
        weight, star, name = rest.partition("*")
        if not star:
            weight, name = "1", rest
        if not _is_number(weight) or int(weight) < 1 or (at and not _is_number(port)) or not name:
            raise BadInput(f"{word!r}: [WEIGHT*]NAME[@WATCH_PORT] is needed, such as 2*{name or 'NAME'}@1")
        return cls(name, int(weight), int(port) if at else None)

    @property
    def text(self) -> str:
        """As it is typed."""
        weight = f"{self.weight}*" if self.weight != 1 else ""
        return f"{weight}{self.name}" + (f"@{self.watch_port}" if self.watch_port is not None else "")


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of the key, and those of the action, which begins with the first word without `=`."""
    for at, word in enumerate(words):
        if "=" not in word:
            return list(words[:at]), list(words[at:])
    return list(words), []


def set_key(
    entry: p4r.TableEntry, table: Table, words: Iterable[str], priority: int | None, *, partly: bool = False
) -> None:
    """Set an entry's match and priority; `BadInput` names what is missing, unless `partly`."""
    given = parse_key(table.fields, words, f"field of table {table.short}")
    for one in table.fields:
        match = one.parse(given[one.name]) if one.name in given else None
        if match is not None:
            entry.match.append(match)
    if not partly:
        check_complete(table, given, priority)
    if priority is not None and not table.needs_priority:
        raise BadInput(f"table {table.short}: its entries have no priority, leave it out")
    entry.priority = priority or 0


def check_complete(table: Table, given: Container[str], priority: int | None) -> None:
    """`BadInput` when a field of the key is missing that must be there, or the priority is."""
    for one in table.fields:
        if one.name not in given and not one.may_be_left_out:
            raise BadInput(f"table {table.short}: {one.short} is missing ({one.label}): {forms(one.kind)}")
    if table.needs_priority and not priority:
        raise NeedsPriority(
            f"table {table.short}: its entries may overlap: a priority is needed, the highest counts"
        )


def parse_key(fields: Iterable[MatchField], words: Iterable[str], what: str) -> dict[str, str]:
    """The words of a key, by the fields' names in P4Info."""
    return parse_assignments(words, {one.name: one for one in fields}, what)


def parse_action(
    program: Program, table: Table, words: Sequence[str], *, member: int | None, group: int | None
) -> p4r.TableAction:
    """What an entry is to do; `BadInput` says what a table cannot."""
    if sum((bool(words), member is not None, group is not None)) != 1:
        listed = ", ".join(one.short for one in table.actions.values())
        raise BadInput(
            f"table {table.short}: an action is needed ({listed}), or a member or group of its action profile"
        )
    indirect = bool(table.info.implementation_id)
    if not words:
        if not indirect:
            raise BadInput(
                f"table {table.short} has no action profile: name an action, not a member or group"
            )
        if member is not None:
            return p4r.TableAction(action_profile_member_id=member)
        return p4r.TableAction(action_profile_group_id=group or 0)
    parts = _parts(words)
    if not indirect:
        if len(parts) > 1:
            raise BadInput(f"table {table.short} has no action selector: its entries have one action")
        action = table.action(parts[0][0])
        return p4r.TableAction(action=arguments(action, parts[0][1:]))
    profile = program.by_id("action_profiles", table.info.implementation_id)
    if not profile.with_selector:
        raise NeedsMember(
            f"table {table.short}: its actions are members of action profile {profile.preamble.alias}"
        )
    made = p4r.TableAction()
    for part in parts:
        weighted = Weighted.parse(part[0])
        one = made.action_profile_action_set.action_profile_actions.add(weight=weighted.weight)
        one.action.CopyFrom(arguments(table.action(weighted.name), part[1:]))
        if weighted.watch_port is not None:
            one.watch_port = encode_port(weighted.watch_port)
    return made


def parse_default(table: Table, words: Sequence[str]) -> p4r.TableAction:
    """The action of a default entry."""
    if table.info.const_default_action_id:
        raise BadInput(f"table {table.short}: its default action is const")
    if not words or "=" in words[0]:
        raise BadInput(f"table {table.short}: a default entry has no key: write ACTION [PARAMETER=VALUE]…")
    return p4r.TableAction(action=arguments(table.action(words[0]), words[1:]))


def check_scope(table: Table, message: p4r.TableAction, *, default: bool) -> None:
    """`BadInput` for actions that are for default entries only, or for all others only."""
    wrong = p4i.ActionRef.TABLE_ONLY if default else p4i.ActionRef.DEFAULT_ONLY
    messages = [message.action] if message.HasField("action") else []
    messages += [one.action for one in message.action_profile_action_set.action_profile_actions]
    for action in table.actions.values():
        if action.scope == wrong and any(one.action_id == action.id for one in messages):
            only = "a default entry" if not default else "entries other than the default entry"
            raise BadInput(f"table {table.short}: action {action.short} is for {only} only")


def misread(table: Table, words: Sequence[str]) -> str:
    """A hint where words of a key were wanted and an action stands there."""
    near = near_names([one.short for one in table.fields], words[0])
    said = f" Did you mean {near[0]}=VALUE?" if near else ""
    return f"table {table.short}: {words[0]!r}: fields are written FIELD=VALUE.{said}"


# --- showing ------------------------------------------------------------------------------------


def show_match(table: Table, entry: p4r.TableEntry) -> str:
    """The key as it is typed; fields that match anything are left out."""
    by_id = {one.field_id: one for one in entry.match}
    return " ".join(f"{one.short}={one.show(by_id[one.id])}" for one in table.fields if one.id in by_id)


def show_table_action(program: Program, message: p4r.TableAction) -> str:
    """What an entry does, as it is typed."""
    match message.WhichOneof("type"):
        case "action":
            return show_action(program.action_by_id(message.action.action_id), message.action)
        case "action_profile_member_id":
            return f"--member {message.action_profile_member_id}"
        case "action_profile_group_id":
            return f"--group {message.action_profile_group_id}"
        case "action_profile_action_set":
            return f" {BETWEEN} ".join(_show_weighted(program, message))
    return ""


def _show_weighted(program: Program, message: p4r.TableAction) -> Iterable[str]:
    for one in message.action_profile_action_set.action_profile_actions:
        text = show_action(program.action_by_id(one.action.action_id), one.action)
        name, space, rest = text.partition(" ")
        yield Weighted(name, one.weight, watch_port(one)).text + space + rest


def watch_port(one: Any) -> int | None:
    """The port that a member of a group depends on."""
    if one.WhichOneof("watch_kind") == "watch_port":
        return decode_port(one.watch_port)
    return one.watch or None


def plain_entry(program: Program, table: Table, entry: p4r.TableEntry) -> dict[str, Any]:
    """An entry for programs."""
    by_id = {one.field_id: one for one in entry.match}
    found: dict[str, Any] = {"table": table.name}
    if entry.is_default_action:
        found["default"] = True
    else:
        found["match"] = {one.name: one.plain(by_id[one.id]) for one in table.fields if one.id in by_id}
    if entry.priority:
        found["priority"] = entry.priority
    found |= _plain_table_action(program, entry.action)
    if entry.metadata:
        found["metadata"] = entry.metadata.hex()
    if entry.is_const:
        found["const"] = True
    if entry.idle_timeout_ns:
        found["idle_timeout_ns"] = entry.idle_timeout_ns
    if entry.HasField("time_since_last_hit"):
        found["idle_ns"] = entry.time_since_last_hit.elapsed_ns
    if entry.HasField("counter_data"):
        found["counter"] = {
            "packets": entry.counter_data.packet_count,
            "bytes": entry.counter_data.byte_count,
        }
    if entry.HasField("meter_config"):
        found["meter"] = plain_rates(entry.meter_config)
    return found


def _plain_table_action(program: Program, message: p4r.TableAction) -> dict[str, Any]:
    match message.WhichOneof("type"):
        case "action":
            return {"action": _plain(program, message.action)}
        case "action_profile_member_id":
            return {"member": message.action_profile_member_id}
        case "action_profile_group_id":
            return {"group": message.action_profile_group_id}
        case "action_profile_action_set":
            actions = message.action_profile_action_set.action_profile_actions
            return {
                "action_set": [
                    {
                        "action": _plain(program, one.action),
                        "weight": one.weight,
                        "watch_port": watch_port(one),
                    }
                    for one in actions
                ]
            }
    return {}


def _plain(program: Program, message: p4r.Action) -> dict[str, Any]:
    return plain_action(program.action_by_id(message.action_id), message)


def plain_rates(config: p4r.MeterConfig) -> dict[str, int]:
    """A meter's rates a second and bursts, for programs."""
    return {name: getattr(config, name) for name in ("cir", "cburst", "pir", "pburst")}


def show_rates(config: p4r.MeterConfig) -> str:
    """A meter's rates and bursts on a line."""
    return " ".join(f"{name}={value}" for name, value in plain_rates(config).items())


def _parts(words: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == BETWEEN:
            parts.append([])
        else:
            parts[-1].append(word)
    if not all(parts):
        raise BadInput(f"an action is missing beside {BETWEEN!r}")
    return parts


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()


def profile_action(program: Program, profile: p4i.ActionProfile, words: Sequence[str]) -> p4r.Action:
    """The action of a member."""
    actions: dict[str, Action] = program.profile_actions(profile)
    if not words:
        listed = ", ".join(one.short for one in actions.values())
        raise BadInput(f"action profile {profile.preamble.alias}: an action is needed ({listed})")
    action = find(actions, words[0], f"action of action profile {profile.preamble.alias}")
    return arguments(action, words[1:])
