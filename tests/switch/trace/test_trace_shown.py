"""How a trace reads: values by their types, the compiler's own left out, messages, packets in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from finsy.proto import p4i
from google.protobuf import text_format
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether

from p4fabric.softswitch.cli.trace import progress
from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import ActionCall, Change, Exact, Lpm, Ternary, WriteEntry
from p4fabric.softswitch.engine.model import Conditional
from p4fabric.softswitch.engine.trace import assemble
from p4fabric.softswitch.engine.trace import events as e
from p4fabric.softswitch.engine.trace.assemble import Assembler
from p4fabric.softswitch.engine.trace.decode import HEAD, Kind
from p4fabric.softswitch.engine.trace.expressions import condition_text, expression_text, is_temporary
from p4fabric.softswitch.tracing.document import Document, trace_document
from p4fabric.softswitch.tracing.formats import Format, Formats
from p4fabric.softswitch.tracing.text import brief_text, trace_text

SHOWN = Path(__file__).parent / "programs" / "shown"
GATEWAY, PAUSE, HOP = 0x020000000001, 100_000, 0x0A000901


@pytest.fixture(scope="module")
def p4info() -> p4i.P4Info:
    return text_format.Parse(SHOWN.with_suffix(".p4info.txtpb").read_text(), p4i.P4Info())


@pytest.fixture(scope="module")
def formats(p4info: p4i.P4Info) -> Formats:
    return Formats(load_config(SHOWN.with_suffix(".json").read_bytes()).pipeline, p4info)


@pytest.fixture(scope="module")
def engine() -> Iterator[NativeEngine]:
    """shown.p4: 10.0.2.0/24 leaves by port 2, and so do reports with an interval of 100,000."""
    call = ActionCall("In.forward", (2, GATEWAY, PAUSE, HOP))
    with open_engine(load_config(SHOWN.with_suffix(".json").read_bytes())) as engine:
        for port in (1, 2):
            engine.add_port(port, None)
        outcomes = engine.apply(
            [
                WriteEntry(Change.INSERT, "In.routes", (Lpm(0x0A000200, 24),), call),
                WriteEntry(
                    Change.INSERT, "In.reports", (Exact(PAUSE), Ternary(HOP, 0xFFFFFFFF)), call, priority=1
                ),
            ]
        )
        assert not any(one.status for one in outcomes), outcomes
        engine.start_trace(e.TraceFilter())
        engine.start()
        yield engine


def document(engine: NativeEngine, formats: Formats, frame: bytes) -> Document:
    assert engine.inject(1, frame)
    engine.collect()
    (found,) = engine.take_traces()
    return trace_document(found, formats)


def packet(ttl: int = 64, to: str = "10.0.2.7") -> bytes:
    link = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
    return bytes(link / IP(src="10.0.1.1", dst=to, ttl=ttl)).ljust(60, b"\0")


def report(interval: int) -> bytes:
    return bytes(12) + b"\x99\x99" + interval.to_bytes(6, "big") + HOP.to_bytes(4, "big") + bytes(36)


def test_a_whole_trace_reads_as_the_program_does(engine: NativeEngine, formats: Formats) -> None:
    text = trace_text(document(engine, formats, packet()))
    assert "+ link: to 02:00:00:00:00:02, come_from 02:00:00:00:00:01, kind 2048" in text
    assert "source 10.0.1.1, destination 10.0.2.7" in text
    assert "hdr.net.destination 10.0.2.7  matches 10.0.2.0/24" in text
    assert "In.forward(port=2, gateway=02:00:00:00:00:01, pause=100000, hop=10.0.9.1)" in text
    assert "metadata_t.since: 0 -> 100000" in text
    assert "metadata_t.flags_hop: 0.0.0.0 -> 10.0.9.1" in text
    assert "if           meta.flags_wanted: true  (shown.p4:99)" in text
    assert "log          a frame of kind 2048  (shown.p4:51)" in text
    assert "log          to port 2 after 100000  (shown.p4:77)" in text
    assert "ASSERT" not in text
    for of_the_compiler in ("scalars", "tmp", "action       shown"):
        assert of_the_compiler not in text, text


def test_a_failed_assertion_is_told_and_the_packet_goes_on(engine: NativeEngine, formats: Formats) -> None:
    events = document(engine, formats, packet(ttl=9))["events"]
    (failed,) = [one for one in events if one["event"] == "assert_failed"]
    assert failed["expression"] == "assert(hdr.net.ttl != 8)" and failed["source"] == "shown.p4:98"
    assert events[-1]["event"] == "sent"


def test_a_brief_trace_has_tables_actions_and_drops_a_line_each(
    engine: NativeEngine, formats: Formats
) -> None:
    assert brief_text(document(engine, formats, packet())).splitlines()[1:] == [
        "  received     at port 1, 60 bytes",
        "  log          a frame of kind 2048  (shown.p4:51)",
        "  table        In.routes: hit  (hdr.net.destination 10.0.2.7)",
        "  action       In.forward(port=2, gateway=02:00:00:00:00:01, pause=100000, hop=10.0.9.1)",
        "  log          to port 2 after 100000  (shown.p4:77)",
        "  log          done  (shown.p4:106)",
        "  sent         by port 2",
    ]
    lines = brief_text(document(engine, formats, packet(to="10.0.3.1"))).splitlines()
    assert lines[3:5] == [
        "  table        In.routes: miss  (hdr.net.destination 10.0.3.1)",
        "  action       In.drop()",
    ]
    assert lines[-1] == "  DROPPED      ingress by In.drop"


def test_48_bits_that_are_no_address_are_a_number(engine: NativeEngine, formats: Formats) -> None:
    text = trace_text(document(engine, formats, report(PAUSE)))
    assert "+ report: interval 100000, amount 10.0.9.1" in text
    assert "hdr.report.interval 100000  matches 100000" in text
    assert "hdr.report.amount 10.0.9.1  matches 10.0.9.1" in text


def test_json_says_what_is_an_address_and_what_the_compiler_made(
    engine: NativeEngine, formats: Formats
) -> None:
    events = document(engine, formats, packet())["events"]
    (action,) = [one for one in events if one["event"] == "action" and not one["hidden"]]
    assert {one["name"]: one.get("format") for one in action["parameters"]} == {
        "port": None, "gateway": "mac", "pause": None, "hop": "ipv4",
    }  # fmt: skip
    changes = [one for event in events for one in event.get("changes", [])]
    assert all(one.get("hidden") for one in changes if one.get("field", "").startswith("tmp"))
    assert any(one.get("hidden") for one in changes)


@pytest.mark.parametrize(
    ("annotation", "type_name", "bits", "expected"),
    [
        ("@format(MAC_ADDRESS)", "", 48, Format.MAC),
        ("@format( IPV4_ADDRESS )", "", 32, Format.IPV4),
        ('@format("IPV6_ADDRESS")', "", 128, Format.IPV6),
        ("@format(IPV4_ADDRESS)", "", 16, None),
        ("@format(HEX_STRING)", "mac_addr_t", 48, None),
        ("", "EthernetAddress", 48, Format.MAC),
        ("", "ipv4_addr_t", 32, Format.IPV4),
        ("", "ipv6_addr_t", 128, Format.IPV6),
        ("", "ipv4_addr_t", 16, None),
        ("", "", 48, None),
    ],
)
def test_p4info_decides(annotation: str, type_name: str, bits: int, expected: Format | None) -> None:
    """Of the parameter `pause`, which nothing else says anything of, in a program where it has these bits."""
    pipeline = load_config(SHOWN.with_suffix(".json").read_bytes()).pipeline
    pipeline = replace(
        pipeline,
        actions=tuple(
            replace(one, widths=(9, 48, bits, 32)) if one.name == "In.forward" else one
            for one in pipeline.actions
        ),
    )
    info = p4i.P4Info()
    action = info.actions.add()
    action.preamble.name = "In.forward"
    parameter = action.params.add(name="pause", bitwidth=bits)
    parameter.type_name.name = type_name
    if annotation:
        parameter.annotations.append(annotation)
    assert Formats(pipeline, info).parameter("In.forward", "pause", bits) is expected


@pytest.mark.parametrize(
    ("name", "bits", "expected"),
    [
        ("srcAddr", 48, Format.MAC),
        ("hdr.ethernet.dst_addr", 48, Format.MAC),
        ("dmac", 48, Format.MAC),
        ("src", 128, Format.IPV6),
        ("next_hop_ip", 32, Format.IPV4),
        ("interval", 48, None),
        ("ingress_global_timestamp", 48, None),
        ("shortest_interval", 48, None),
        ("amount", 32, None),
        ("srcPort", 16, None),
        ("ship", 32, None),
    ],
)
def test_names_are_the_last_resort(name: str, bits: int, expected: Format | None) -> None:
    assert Formats().field("h", name, bits) is expected


def test_conditions_are_told_as_they_are_written() -> None:
    pipeline = load_config(SHOWN.with_suffix(".json").read_bytes()).pipeline
    found = [one for one in pipeline.ingress.nodes.values() if isinstance(one, Conditional)]
    assert [condition_text(one) for one in found] == [
        "hdr.net.isValid()",
        "meta.flags_wanted",
        "hdr.report.isValid() && hdr.report.interval > 5",
    ]
    assert [expression_text(one.expression) for one in found] == [
        "net.isValid()",
        "metadata_t.flags_wanted",
        "(report.isValid() && (report.interval > 5))",
    ]
    scalars = next(one for one in pipeline.headers if one.name == "scalars")
    assert [is_temporary(scalars, one) for one in ("tmp_3", "In_hasReturned_0", "key_0", "key", "stamp")] == [
        True, True, True, False, False,
    ]  # fmt: skip


class Blank:
    """A decoder of records that say nothing."""

    blank = ()

    def decode(self, kind: Kind, value: int, content: bytes) -> e.Step:
        return e.Sent(value)


class Feed:
    """Records of packets that come in and leave."""

    def __init__(self) -> None:
        self.now, self.sequence = 0.0, 0
        self.to = Assembler(Blank(), 511, lambda: self.now)  # type: ignore[arg-type]

    def add(self, kind: Kind, number: int) -> None:
        self.to.add(kind, number, HEAD.pack(number, 1, 0, self.sequence))
        self.sequence += 1

    def take(self) -> list[int]:
        return [one.number for one in self.to.take()]


def test_packets_are_shown_in_the_order_in_which_they_came_in() -> None:
    feed = Feed()
    for number in (1, 2, 3):
        feed.add(Kind.RECEIVED, number)
    feed.add(Kind.END, 2)
    feed.add(Kind.END, 3)
    assert feed.take() == []
    feed.add(Kind.END, 1)
    assert feed.take() == [1, 2, 3]


def test_a_packet_in_a_long_queue_keeps_others_for_a_moment_only() -> None:
    feed = Feed()
    for number in (1, 2, 3):
        feed.add(Kind.RECEIVED, number)
    feed.add(Kind.END, 3)
    feed.now = assemble.LONGEST_WAIT / 2
    feed.add(Kind.END, 2)
    assert feed.take() == []
    feed.now = assemble.LONGEST_WAIT
    assert feed.take() == [2, 3]
    feed.add(Kind.END, 1)
    assert feed.take() == [1]


def test_a_packet_whose_end_may_be_lost_keeps_no_other() -> None:
    feed = Feed()
    feed.add(Kind.RECEIVED, 1)
    feed.sequence += 1
    feed.add(Kind.RECEIVED, 2)
    feed.add(Kind.END, 2)
    assert feed.take() == [2]


def test_what_keeps_the_first_packet_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(first=0.0, next_=60.0):
        said = ""
        while not said:
            said = capsys.readouterr().err
    assert said.startswith("compiling code that traces")
    with progress(first=60.0):
        pass
    assert not capsys.readouterr().err
