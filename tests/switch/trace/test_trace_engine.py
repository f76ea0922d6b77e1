"""What a trace says of packets whose way is known, and that tracing changes nothing of it."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Change,
    Exact,
    GroupMember,
    GroupRef,
    Operation,
    Range,
    Replica,
    Status,
    Ternary,
    WriteCloneSession,
    WriteEntry,
    WriteGroup,
    WriteMember,
    WriteMulticastGroup,
)
from p4fabric.softswitch.engine.generate import generate
from p4fabric.softswitch.engine.trace import events as e
from p4fabric.softswitch.tracing.document import trace_document
from p4fabric.softswitch.tracing.text import trace_text
from tests.switch.engine.conftest import PROGRAMS, program
from tests.switch.engine.packets import command

ROOT = Path(__file__).parents[3]
JSONS = [
    *(PROGRAMS / f"{name}.json" for name in ("constructs", "headers", "state")),
    ROOT / "pipelines" / "fabric" / "fabric.json",
    Path(__file__).parent / "programs" / "shown.json",
]
ALL = e.TraceFilter()


@pytest.fixture
def engine() -> Iterator[NativeEngine]:
    """constructs.p4 with memory ports 1 to 4; what arrives on port 1 leaves by port 2; all is traced."""
    with open_engine(program("constructs")) as engine:
        for port in (1, 2, 3, 4):
            engine.add_port(port, None)
        write(engine, insert("In.ports", (Exact(1),), ActionCall("In.send", (2,))))
        engine.start()
        engine.start_trace(ALL)
        yield engine


def insert(
    table: str, match: tuple[Exact | Ternary | None, ...], call: ActionCall, priority: int = 0
) -> Operation:
    return WriteEntry(Change.INSERT, table, match, call, priority)


def write(engine: NativeEngine, *operations: Operation) -> None:
    outcomes = engine.apply(operations)
    assert all(one.status is Status.OK for one in outcomes), outcomes


def trace(engine: NativeEngine, frame: bytes, port: int = 1) -> e.PacketTrace:
    """The trace of one frame."""
    assert engine.inject(port, frame)
    engine.collect()
    (found,) = engine.take_traces()
    return found


def steps(found: e.PacketTrace, *kinds: type[e.Step], copy: int = 1) -> list[e.Step]:
    return [one.step for one in found.events if one.copy == copy and isinstance(one.step, kinds)]


@pytest.mark.parametrize("json", JSONS, ids=lambda path: path.stem)
def test_code_that_does_not_trace_knows_nothing_of_tracing(json: Path) -> None:
    pipeline = load_config(json.read_bytes()).pipeline
    plain, traced = generate(pipeline), generate(pipeline, traced=True)
    assert "trace" not in plain.lower()
    assert [line for line in traced.splitlines() if "trace" in line.lower()]


def test_every_step_is_told_in_its_order(engine: NativeEngine) -> None:
    write(
        engine,
        insert("In.rules", (Ternary(5, 0xFF), None, Exact(3)), ActionCall("In.mark", (77,)), priority=9),
    )
    found = trace(engine, command(op=1, a=5, d=8, odd=3))
    kinds = [type(one.step).__name__ for one in found.events]
    assert kinds[:5] == ["Received", "State", "State", "Parsed", "Fields"]
    named = [one.table for one in steps(found, e.Table) if isinstance(one, e.Table) and not one.hidden]
    assert named == ["In.ports", "In.rules"]
    assert kinds.index("Queued") < kinds.index("Dequeued") < kinds.index("Deparsed")
    assert kinds[-2:] == ["Deparsed", "Sent"]
    assert steps(found, e.State) == [e.State("start"), e.State("command")]
    assert steps(found, e.Parsed) == [e.Parsed("NoError")]
    (rules,) = [one for one in steps(found, e.Table) if isinstance(one, e.Table) and one.table == "In.rules"]
    assert rules.key == (
        e.Value("hdr.command.a", 32, 5),
        e.Value("hdr.command.d", 16, 8),
        e.Value("hdr.command.odd", 3, 3),
    )
    assert rules.entry == (
        e.Matched("hdr.command.a", 32, 5, 0xFF),
        e.Matched("hdr.command.d", 16, 0, 0),
        e.Matched("hdr.command.odd", 3, 3, 7),
    )
    assert (rules.priority, rules.hidden) == (9, False)
    at = [one.step for one in found.events].index(rules)
    assert [one.step for one in found.events][at + 1 : at + 3] == [
        e.Action("In.mark", (e.Value("value", 32, 77),)),
        e.Fields((e.Change("command", "b", 32, 0, 77),)),
    ]
    assert steps(found, e.Sent) == [e.Sent(2)]
    assert not found.truncated and found.events[0].after_ns == 0


def test_conditions_tell_their_text_their_place_and_their_truth(engine: NativeEngine) -> None:
    found = trace(engine, command(op=2))
    told = {
        one.expression: (one.place.rpartition(":")[0], one.truth)
        for one in steps(found, e.Condition)
        if isinstance(one, e.Condition)
    }
    assert told["hdr.ipv4.isValid()"] == ("constructs.p4", False)
    assert told["op == 1"] == ("constructs.p4", False)
    assert told["op == 2"] == ("constructs.p4", True)


def test_headers_appear_with_all_their_fields(engine: NativeEngine) -> None:
    found = trace(engine, command(op=16, a=1))
    (parsed,) = [one for one in steps(found, e.Fields)[:1] if isinstance(one, e.Fields)]
    assert e.Change("ethernet", "$valid$", 1, 0, 1) in parsed.changes
    assert e.Change("command", "op", 8, None, 16) in parsed.changes
    changes = [c for one in steps(found, e.Fields) if isinstance(one, e.Fields) for c in one.changes]
    assert [c.new for c in changes if (c.header, c.field) == ("extra", "$valid$")] == [1]
    assert [c.new for c in changes if (c.header, c.field) == ("extra", "first")][-1] == 0x11223344


@pytest.mark.parametrize(
    ("frame", "port", "reason", "by"),
    [
        (command(op=0), 3, "ingress", "In.drop"),  # the default action of In.ports
        (bytes(60), 1, "ingress", None),  # statements: the action is the compiler's
        (command(op=22), 1, "egress", None),
    ],
)
def test_a_drop_tells_where_and_by_which_action(
    engine: NativeEngine, frame: bytes, port: int, reason: str, by: str | None
) -> None:
    found = trace(engine, frame, port)
    (dropped,) = steps(found, e.Dropped)
    assert isinstance(dropped, e.Dropped) and dropped.reason == reason
    assert dropped.by == by if by else dropped.by is not None
    assert steps(found, e.Sent) == []


def test_a_full_queue_and_a_missing_port_are_told(engine: NativeEngine) -> None:
    engine.set_queue(2, rate_pps=20, depth=2)
    for _ in range(6):
        engine.inject(1, command(op=0))
    ends: list[e.Step] = []
    deadline = time.monotonic() + 60
    while len(ends) < 6 and time.monotonic() < deadline:
        engine.collect(timeout=0.1, count=6)
        ends += [one.events[-1].step for one in engine.take_traces()]
    assert ends.count(e.Dropped("queue_full")) >= 2 and ends.count(e.Sent(2)) >= 2
    engine.set_queue(2, rate_pps=0)
    write(engine, WriteEntry(Change.MODIFY, "In.ports", (Exact(1),), ActionCall("In.send", (77,))))
    assert steps(trace(engine, command(op=0)), e.Dropped) == [e.Dropped("no_port")]


def test_a_queue_tells_its_depths_and_its_delay(engine: NativeEngine) -> None:
    engine.set_queue(2, rate_pps=20, depth=50)
    for _ in range(3):
        engine.inject(1, command(op=0))
    engine.collect(timeout=60, count=3)
    time.sleep(0.05)
    found = engine.take_traces()
    queued = [one for trace in found for one in steps(trace, e.Queued)]
    assert [(one.port, one.depth) for one in queued if isinstance(one, e.Queued)][-1][0] == 2
    (last,) = steps(found[-1], e.Dequeued)
    assert isinstance(last, e.Dequeued) and last.microseconds > 40_000


def test_parser_errors_are_named(engine: NativeEngine) -> None:
    assert steps(trace(engine, command(op=0, version_=2)), e.Parsed) == [e.Parsed("BadVersion")]
    assert steps(trace(engine, command(op=0)[:20]), e.Parsed) == [e.Parsed("PacketTooShort")]


def test_clones_and_replicas_are_copies_with_their_own_way(engine: NativeEngine) -> None:
    write(
        engine,
        WriteCloneSession(Change.INSERT, 5, (Replica(3, 7),)),
        WriteMulticastGroup(Change.INSERT, 9, (Replica(2, 1), Replica(3, 2), Replica(4, 3))),
        insert("In.ports", (Exact(2),), ActionCall("In.to_group", (9,))),
    )
    found = trace(engine, command(op=11, a=6))
    assert steps(found, e.Cloned) == [e.Cloned(5)]
    assert steps(found, e.Sent) == [e.Sent(2)]
    assert steps(found, e.Copied, e.State, e.Sent, copy=2) == [
        *(e.Copied(1), e.State("start"), e.State("command"), e.Sent(3)),
    ]
    found = trace(engine, command(op=21), port=2)
    assert steps(found, e.Multicast) == [e.Multicast(9)]
    ways = {copy: steps(found, e.Sent, copy=copy) for copy in (1, 2, 3)}
    assert ways == {2: [e.Sent(2)], 3: [e.Sent(3)], 1: [e.Sent(4)]}


def test_resubmission_recirculation_and_digests_are_told(engine: NativeEngine) -> None:
    found = trace(engine, command(op=12))
    assert steps(found, e.Again) == [e.Again("resubmitted")]
    assert steps(found, e.State) == [e.State("start"), e.State("command")] * 2
    assert steps(trace(engine, command(op=13)), e.Again) == [e.Again("recirculated")]
    assert steps(trace(engine, command(op=10)), e.Digested) == [e.Digested("report_t")]


def test_members_and_groups_are_named_by_their_ids(engine: NativeEngine) -> None:
    write(
        engine,
        *(WriteMember(Change.INSERT, "In.paths", one, ActionCall("In.mark", (one,))) for one in (70, 71)),
        WriteGroup(Change.INSERT, "In.paths", 500, (GroupMember(71),)),
        WriteEntry(Change.INSERT, "In.members", (Exact(4),), GroupRef(500)),
        insert("In.ports", (Exact(2),), ActionCall("In.choose", (4,))),
    )
    found = trace(engine, command(op=9), port=2)
    (members,) = [
        one for one in steps(found, e.Table) if isinstance(one, e.Table) and one.table == "In.members"
    ]
    assert (members.group, members.member) == (500, None)
    assert e.Action("In.mark", (e.Value("value", 32, 71),)) in steps(found, e.Action)


def filters() -> dict[str, tuple[e.TraceFilter, set[str]]]:
    """By what they say: the filter, and which of the frames below it takes."""
    net = ip_network
    return {
        "all": (ALL, {"tcp", "udp", "tagged", "v6", "short"}),
        "port": (e.TraceFilter(port=9), set()),
        "source": (e.TraceFilter(source=net("10.0.0.1")), {"tcp", "tagged"}),
        "prefix": (e.TraceFilter(source=net("10.0.0.0/24")), {"tcp", "udp", "tagged"}),
        "destination": (e.TraceFilter(destination=net("10.0.1.2")), {"udp"}),
        "both": (e.TraceFilter(source=net("10.0.0.1"), destination=net("10.0.1.0/24")), {"tcp", "tagged"}),
        "protocol": (e.TraceFilter(protocol=17), {"udp"}),
        "v6": (e.TraceFilter(destination=net("2001:db8::/32")), {"v6"}),
        "v6 other": (e.TraceFilter(source=net("2001:db9::/32")), set()),
    }


@pytest.mark.parametrize("name", filters())
def test_only_what_is_asked_for_is_traced(engine: NativeEngine, name: str) -> None:
    ether = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
    frames = {
        "tcp": bytes(ether / IP(src="10.0.0.1", dst="10.0.1.1") / TCP()),
        "udp": bytes(ether / IP(src="10.0.0.2", dst="10.0.1.2") / UDP()),
        "tagged": bytes(ether / Dot1Q(vlan=5) / IP(src="10.0.0.1", dst="10.0.1.1") / TCP()),
        "v6": bytes(ether / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP()),
        "short": bytes(ether)[:14] + b"\x45",
    }
    wanted, taken = filters()[name]
    engine.start_trace(wanted)
    for frame in frames.values():
        engine.inject(1, frame)
    engine.collect()
    received = [one.events[0].step for one in engine.take_traces()]
    names = {frame: one for one, frame in frames.items()}
    assert {names[one.frame] for one in received if isinstance(one, e.Received)} == taken


def test_no_more_packets_are_traced_than_asked_for(engine: NativeEngine) -> None:
    engine.start_trace(ALL, 3)
    for _ in range(10):
        engine.inject(1, command(op=0))
    engine.collect()
    assert len(engine.take_traces()) == 3
    engine.stop_trace()
    engine.inject(1, command(op=0))
    engine.collect()
    assert engine.take_traces() == []


def test_what_there_is_no_room_for_is_told_and_harms_nobody(engine: NativeEngine) -> None:
    for _ in range(100):
        for _ in range(50):
            assert engine.inject(1, command(bytes(1000), op=0))
        assert len(engine.collect()) == 50
    found: list[e.PacketTrace] = []
    while taken := engine.take_traces():
        found += taken
    assert 0 < len(found) < 5000
    last = trace(engine, command(op=0))
    assert not last.truncated and steps(last, e.Sent) == [e.Sent(2)]


def test_tracing_begins_and_ends_under_traffic_and_no_packet_or_entry_is_lost(engine: NativeEngine) -> None:
    engine.stop_trace()
    done = threading.Event()
    failures: list[BaseException] = []

    def switch_on_and_off() -> None:
        try:
            while not done.is_set():
                engine.start_trace(e.TraceFilter(port=1), 5)
                time.sleep(0.01)
                engine.take_traces()
                engine.stop_trace()
        except BaseException as error:
            failures.append(error)

    other = threading.Thread(target=switch_on_and_off)
    other.start()
    try:
        sent = came = 0
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for _ in range(20):
                sent += engine.inject(1, command(op=4, a=1))
            came += len(engine.collect())
    finally:
        done.set()
        other.join()
    assert came == sent > 100 and not failures
    assert engine.read_counters("In.seen", 1, 1)[0].packets == sent


def test_a_document_keeps_wide_numbers_and_the_text_says_what_it_is(engine: NativeEngine) -> None:
    wide = 0x20010DB8 << 96 | 7
    write(engine, insert("In.rules", (None, None, Exact(0)), ActionCall("In.mark", (1,)), priority=1))
    document = trace_document(trace(engine, command(op=1, a=3, wide=wide)))
    fields = [one for event in document["events"] for one in event.get("changes", [])]
    assert [one["new"] for one in fields if one.get("field") == "wide"] == [hex(wide)]
    assert [event["event"] for event in document["events"]][:3] == [
        "received",
        "parser_state",
        "parser_state",
    ]
    text = trace_text(document)
    assert "table        In.rules: hit, priority 1  (constructs.p4:" in text
    assert "hdr.command.a 3  matches anything" in text
    assert "action       In.mark(value=1)" in text
    assert "command.b: 0 -> 1" in text
    assert "+ ethernet: dst 02:00:00:00:00:02, src 02:00:00:00:00:01, ether_type 0x88b5" in text
    assert text.rstrip().endswith("sent         by port 2")


@pytest.mark.parametrize(
    "arguments",
    [
        {"source": ip_network("10.0.0.0/8"), "destination": ip_network("2001:db8::/32")},
        {"port": -1},
        {"protocol": 256},
    ],
)
def test_a_filter_that_can_match_nothing_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        e.TraceFilter(**arguments)  # type: ignore[arg-type]


def test_packets_of_a_burst_are_told_apart() -> None:
    """Where tables are large, bursts are parsed before any of their packets goes on."""
    with open_engine(program("lookups")) as engine:
        for port in (1, 2):
            engine.add_port(port, None)
        write(
            engine,
            *(
                insert("In.exacts", (Exact(0), Exact(number)), ActionCall("In.answer", (number,)))
                for number in range(4000)
            ),
        )
        engine.start_trace(ALL)
        for number in range(100):
            engine.inject(1, (bytes(7) + number.to_bytes(16, "big") + bytes(4)).ljust(60, b"\0"))
        engine.start()
        engine.collect()
        found = engine.take_traces()
        assert len(found) == 100 and not any(one.truncated for one in found)
        for number, one in enumerate(found):
            assert steps(one, e.Action)[-1] == e.Action("In.answer", (e.Value("number", 32, number),))
            assert one.events[-1].step == e.Sent(2)


def test_signed_numbers_have_their_sign() -> None:
    def match(number: int) -> int:
        return number & 0xFFFF  # the engine takes them as bits

    config = load_config((ROOT / "tests" / "switch" / "server" / "programs" / "signed.json").read_bytes())
    with open_engine(config) as engine:
        for port in (1, 2):
            engine.add_port(port, None)
        ranged = WriteEntry(
            Change.INSERT, "In.ranges", (Range(match(-5), 5),), ActionCall("In.hit", ()), priority=1
        )
        write(engine, ranged, insert("In.exacts", (Exact(match(-2)),), ActionCall("In.add", (match(-3),))))
        engine.start()
        engine.start_trace(ALL)
        found = trace(engine, struct.pack(">BhhhhBhBhH", 0, -2, -4, 0, 0, 0, 1, 0, 0, 0))
    tables = {one.table: one for one in steps(found, e.Table) if isinstance(one, e.Table)}
    ranges, exacts = tables["In.ranges"], tables["In.exacts"]
    assert ranges.entry is not None and exacts.entry is not None
    assert (ranges.key[0].value, ranges.entry[0].value, ranges.entry[0].last) == (-4, -5, 5)
    assert (exacts.key[0].value, exacts.entry[0].value) == (-2, -2)
    (added,) = (one for one in steps(found, e.Action) if isinstance(one, e.Action) and one.action == "In.add")
    assert [one.value for one in added.parameters] == [-3]
    text = trace_text(trace_document(found))
    assert "value -4  matches -5..5" in text and "ask.sum: 1 -> -2" in text
