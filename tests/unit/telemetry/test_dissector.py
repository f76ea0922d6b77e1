"""The Lua dissector against the codec: two readers of one format, judged by tshark's JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from p4fabric.controller.telemetry.reports import (
    DISSECTOR,
    PORT,
    BinsReport,
    DropReport,
    FlowReport,
    Inner,
    ReportGroup,
    encode,
)
from tests.unit.telemetry.reports import groups
from tests.unit.telemetry.test_reports import CULPRIT, group_of, raw

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

P = "p4fabric_int."
MAC = "02:00:00:00:00:01"


def dissect(folder: Path, *datagrams: bytes, port: int = PORT, options: tuple[str, ...] = ()) -> list[Any]:
    """What tshark says of each datagram: the layer of reports, or None where it sees none."""
    capture = folder / "reports.pcap"
    frames = [Ether(src=MAC, dst=MAC) / IP() / UDP(sport=50000, dport=port) / d for d in datagrams]
    wrpcap(str(capture), frames)
    command = ["tshark", "-X", f"lua_script:{DISSECTOR}", *options, "-r", str(capture), "-T", "json"]
    command += ["--no-duplicate-keys", "-J", "p4fabric_int"]
    output = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert b"Lua" not in output.stderr, output.stderr
    return [packet["_source"]["layers"].get("p4fabric_int") for packet in json.loads(output.stdout)]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def numbers(layer: dict[str, Any], *names: str) -> tuple[int | None, ...]:
    return tuple(int(layer[P + name], 0) if P + name in layer else None for name in names)


def shown_reports(layer: dict[str, Any]) -> list[dict[str, Any]]:
    """The trees of reports, which are all of the protocol's own name."""
    return as_list(layer["p4fabric_int"])


def of_packet(report: FlowReport) -> dict[str, Any]:
    """What tshark should show of a report, as numbers."""
    flow, window = report.flow, report.window
    is_drop = isinstance(report, DropReport)
    expected: dict[str, Any] = {
        "report.dropped": is_drop,
        "report.congested": report.congested,
        "report.tracked": report.tracked,
        "report.intermediate": report.intermediate,
        "ingress_port": report.ingress_port,
        "egress_port": report.egress_port,
        "latency_us": report.latency_us,
        "queue": report.queue,
        "depth": report.depth,
        "ingress_ns": report.ingress_ns,
        "egress_ns": report.egress_ns,
        "window": window and window.number,
        "window_log2_us": window and window.log2_us,
        "suppressed": report.suppressed,
        "drop_reason": report.reason if isinstance(report, DropReport) else None,
    }
    if flow is not None:
        expected["flow"] = {
            "flow.role": flow.role,
            "flow.translated": flow.translated,
            "flow.tunnelled": flow.tunnelled,
            "flow.vlan": flow.vlan,
            "flow.bytes": flow.flow_bytes,
            "flow.queue_bytes": flow.queue_bytes,
        }
    if report.left is not None:
        expected |= {f"left.{name}": value for name, value in report.left._asdict().items()}
    return {name: value for name, value in expected.items() if value is not None}


def of_bins(report: BinsReport) -> dict[str, Any]:
    names = (
        "start_ns",
        "max_depth",
        "max_at_ns",
        "max_wait_ns",
        "packets",
        "bytes",
        "drops",
        "late",
        "after_gap",
    )
    bins = [
        {f"bin.{name}": int(value) for name, value in zip(names, one, strict=True)} for one in report.bins
    ]
    time = {} if report.complete_ns is None else {"egress_ns": report.complete_ns}
    return {
        **time,
        "egress_port": report.egress_port,
        "priority": report.priority,
        "bins": len(bins),
        "of bins": bins,
    }


def shown(tree: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """The same fields of what tshark shows, and whichever of the optional ones it shows besides."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if name == "p4fabric_int":
            trees = as_list(value)
            if P + "flow.role" in trees[0]:
                found["flow"] = shown(trees[0], {})
            else:
                found["of bins"] = [shown(one, {}) for one in trees]
        elif name.startswith(P):
            found[name.removeprefix(P)] = int(as_list(value)[0], 0)
    return {name: value for name, value in found.items() if name in expected or name not in _ALWAYS}


_ALWAYS = {
    "report.type", "report.inner_type", "report.length", "report.md_length", "report.bits", "report.domain",
    "report.domain_bits", "report.domain_status", "drop_queue", "bins_flags", "ingress_port",
    "report.dropped", "report.congested", "report.tracked", "report.intermediate",
}  # fmt: skip


@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(groups, min_size=12, max_size=12))
def test_it_shows_what_was_written(tmp_path_factory: pytest.TempPathFactory, some: list[ReportGroup]) -> None:
    """Coalesced reports and all their fields; a packet inside is left to its own dissector."""
    layers = dissect(tmp_path_factory.mktemp("capture"), *map(encode, some))
    for group, layer in zip(some, layers, strict=True):
        assert numbers(layer, "version", "hw_id", "sequence", "node") == (
            2, group.hw_id, group.sequence, group.node
        )  # fmt: skip
        trees = shown_reports(layer)
        assert len(trees) == len(group.reports)
        for tree, report in zip(trees, group.reports, strict=True):
            expected = of_bins(report) if isinstance(report, BinsReport) else of_packet(report)
            if not expected.get("of bins", True):
                del expected["of bins"]
            assert shown(tree, expected) == expected


def test_the_packet_inside_is_dissected(tmp_path: Path) -> None:
    inside = bytes(
        Ether(src=MAC, dst=MAC)
        / IP(src="10.0.1.11", dst="10.0.2.12")
        / UDP(sport=40001, dport=5001)
        / bytes(64)
    )
    capture = tmp_path / "one.pcap"
    report = FlowReport(inner=Inner(3, inside[:56]), congested=True)
    wrpcap(
        str(capture),
        [Ether(src=MAC, dst=MAC) / IP() / UDP(sport=50000, dport=PORT) / encode(group_of(report))],
    )
    fields = [word for name in ("ip.src", "udp.dstport") for word in ("-e", name)]
    command = ["tshark", "-X", f"lua_script:{DISSECTOR}", "-r", str(capture), "-T", "fields", *fields]
    output = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    assert "10.0.1.11" in output and "5001" in output


def test_bad_datagrams_are_marked_as_such(tmp_path: Path) -> None:
    whole = encode(group_of(CULPRIT))
    foreign = bytearray(whole)
    foreign[14:16] = bytes.fromhex("beef")
    no_words = bytes.fromhex("10030140740000000000000000000000")
    cut, old, other, padding, short, bad = dissect(
        tmp_path, whole[:40], raw(1, bytes(12)), bytes(foreign), whole[:-3], whole[:5], raw(2, no_words)
    )
    assert "Telemetry Report v1.0" in json.dumps(old) and P + "report.type" not in json.dumps(old)
    assert "ends before the report" in json.dumps(cut) and "ends before the report" in json.dumps(short)
    assert "lengths contradict" in json.dumps(bad)
    (tree,) = shown_reports(other)
    assert P + "flow.role" not in json.dumps(tree) and P + "foreign" in tree
    assert numbers(tree, "latency_us", "depth") == (3000, 64)
    assert "malformed" not in json.dumps(padding) and "ends before" not in json.dumps(padding)


def test_the_port_is_a_preference(tmp_path: Path) -> None:
    whole = encode(group_of(CULPRIT))
    assert dissect(tmp_path, whole, port=40000) == [None]
    (layer,) = dissect(tmp_path, whole, port=40000, options=("-o", "p4fabric_int.port:40000"))
    assert numbers(layer, "sequence") == (7,)
