"""A change is shown by the names of the program, and what is shown can be typed again."""

from __future__ import annotations

from finsy.proto import p4r

from p4fabric.controller.core import Capacity, Core, Outcome, preview_of
from p4fabric.controller.fabric.pipeline import table_limits
from p4fabric.controller.fabric.preview import MOST_OTHERS, ChangePreview, ShownChange, show_preview
from p4fabric.controller.intents import parse_all
from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.status import Expected, IntentState, Outlook
from p4fabric.pipelines import fabric
from p4fabric.pipelines.fabric.bindings import BINDINGS
from p4fabric.softswitch.client import entries
from p4fabric.softswitch.client.entities import show_entity, where
from p4fabric.softswitch.client.program import Program
from tests.unit.compiler.world import CLIENTS, EVERYTHING, HOSTS, SERVERS, WEB, key, rows_of, topology

ACTIVE = Expected(IntentState.ACTIVE)


def everything() -> ChangePreview:
    """All intents at once, at a fabric where all hosts were heard."""
    core = Core(Capacity(table_limits()))
    core.plan(rows_of(core, topology()))
    found = preview_of(core, lambda: core.plan_apply(parse_all(EVERYTHING)), 10_000)
    return show_preview(found, {}, {key: Outlook(None, ACTIVE) for key in found.outcomes})


def changes(found: ChangePreview, table: str) -> list[ShownChange]:
    entries_of = (one for switch in found.switches.values() for one in switch.entries)
    return [one for one in entries_of if one.now is not None and one.now.table == table]


def test_entries_are_shown_by_names_with_the_intent_and_part() -> None:
    found = everything()
    (front, *_) = changes(found, "virtual_ip_replies")
    assert front.before is None and front.now is not None
    assert front.now.text == "vrf=1 address=10.0.2.11 protocol=6 port=0 deny_fragment"
    assert front.now.plain["table"] == "FabricEgress.load_balancer_reply.virtual_ip_replies"
    ((intent, part),) = [(part.intent, part.part) for part in front.parts]
    assert (intent, part) == (key(WEB), "")
    group = changes(found, "multicast_group")[0].now
    assert group is not None and group.text == "100 1 11"
    assert group.plain == {
        "multicast_group": {
            "id": 100,
            "replicas": [{"port": 1, "instance": 0}, {"port": 11, "instance": 0}],
        }
    }
    paths = changes(found, "ecmp_groups")[0]
    assert paths.parts[0].intent is None and paths.parts[0].part == "switch leaf1"
    assert paths.now is not None and paths.now.text == "group=2 to_port@11 port=11 + to_port@12 port=12"
    room = {(room.switch, room.table): room for room in found.rooms}
    networks = room[SwitchName("leaf1"), "networks"]
    assert (networks.before, networks.after, networks.peak, networks.size) == (0, 4, 4, 4094)


def test_what_is_shown_of_everything_that_the_fabric_writes_can_be_typed_again() -> None:
    core = Core(Capacity({}))
    core.plan(rows_of(core, topology()))
    core.plan_apply(parse_all(EVERYTHING))
    core.plan(rows_of(core, topology(*HOSTS)))
    program, seen = Program(fabric.p4info()), set()
    for name in core.compiler.wanted.entities:
        for entity in core.compiler.desired(name).values():
            message = entity.encode()
            seen.add(where(program, message))
            if message.HasField("table_entry"):
                typed = show_entity(program, message).split(" ")
                assert BINDINGS.decode(p4r.Entity(table_entry=read(program, message, typed))) == entity
    assert seen >= {"multicast_group", "clone_session", "digest", "firewall_ipv4", "virtual_ips", "networks"}


def read(program: Program, message: p4r.Entity, typed: list[str]) -> p4r.TableEntry:
    table = program.table(where(program, message))
    priority = None
    if "--priority" in typed:
        at = typed.index("--priority")
        priority = int(typed[at + 1])
        del typed[at : at + 2]
    match, action = entries.split(typed)
    entry = p4r.TableEntry(table_id=table.id)
    entries.set_key(entry, table, match, priority)
    entry.action.CopyFrom(entries.parse_action(program, table, action, member=None, group=None))
    return entry


def test_of_many_other_intents_that_change_some_are_listed() -> None:
    core = Core(Capacity({}))
    core.plan(rows_of(core, topology()))
    found = preview_of(core, lambda: core.plan_apply(parse_all([CLIENTS, SERVERS])), 10)
    others = [IntentKey("Service", TenantName("acme"), f"s{number:04}") for number in range(MOST_OTHERS + 5)]
    outlooks = dict.fromkeys([*others[::-1], *found.outcomes], Outlook(None, ACTIVE))
    shown = show_preview(found, {}, outlooks)
    assert [(one.key, one.outcome) for one in shown.intents] == [
        (key(CLIENTS), Outcome.CREATED),
        (key(SERVERS), Outcome.CREATED),
    ]
    assert list(shown.others) == others[:MOST_OTHERS] and shown.more_others == 5
