"""`p4fabric switch bench`: what it prints, and what it says of files that are no good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap
from typer.testing import CliRunner

from p4fabric.softswitch.cli.app import app

EXAMPLE = Path(__file__).parents[3] / "examples" / "first-program"
PROGRAM = EXAMPLE / "patch_panel.json"
P4INFO = EXAMPLE / "patch_panel.p4info.txtpb"
JOIN_1_WITH_2 = """
updates {
  type: INSERT
  entity { table_entry {
    table_id: 37307758 match { field_id: 1 exact { value: "\\001" } }
    action { action { action_id: 20738300 params { param_id: 1 value: "\\002" } } }
  } }
}
"""


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.fixture
def entries(tmp_path: Path) -> Path:
    path = tmp_path / "entries.txtpb"
    path.write_text(JOIN_1_WITH_2)
    return path


@pytest.fixture
def pcap(tmp_path: Path) -> Path:
    path = tmp_path / "frames.pcap"
    wrpcap(str(path), [Ether() / bytes(46), Ether() / bytes(200)])
    return path


def test_bench_measures_each_frame_and_says_where_it_goes(entries: Path, pcap: Path) -> None:
    code, said = run(
        "bench", PROGRAM, "--p4info", P4INFO, "--entries", entries, "--pcap", pcap, "--packets", 1000
    )
    assert code == 0, said
    rates = re.findall(r"frame (\d) \((\d+) bytes\): ([\d,]+) packets/s, leaves by port 2", said)
    assert [(number, size) for number, size, _ in rates] == [("1", "60"), ("2", "214")]
    assert all(int(rate.replace(",", "")) > 1000 for _, _, rate in rates)
    code, said = run("bench", PROGRAM, "--frame", "00" * 60, "--packets", 10)
    assert (code, "dropped (ingress)" in said) == (0, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--watch-queues", 3), "watched queues of port 3: there is no port 3"),
        (("--report-to", "collector:32766"), "collector 'collector:32766': ADDRESS:PORT is needed"),
        (("--report-to", "192.0.2.1"), "collector '192.0.2.1': ADDRESS:PORT is needed"),
    ],
)
def test_run_says_what_it_cannot_watch_or_report_to(words: tuple[object, ...], said: str) -> None:
    code, output = run("run", "--grpc", "127.0.0.1:0", *words)
    assert (code, said in output) == (2, True), output


def test_run_names_the_port_that_af_xdp_cannot_have() -> None:
    code, said = run("run", "--xdp", 2)
    assert (code, "xdp 2: port 2 has no interface" in said) == (2, True), said


def test_bench_names_the_file_that_is_no_good(entries: Path, tmp_path: Path) -> None:
    duplicate = tmp_path / "twice.txtpb"
    duplicate.write_text(JOIN_1_WITH_2 * 2)
    frame = ("--frame", "00" * 60)
    cases: list[tuple[tuple[object, ...], str]] = [
        ((tmp_path / "no.json", *frame), "no.json: No such file"),
        ((P4INFO, *frame), "not JSON"),
        ((PROGRAM,), "a frame is needed"),
        ((PROGRAM, "--frame", "xyz"), "not hexadecimal"),
        ((PROGRAM, "--pcap", P4INFO), "no pcap file"),
        ((PROGRAM, "--entries", entries, *frame), "--p4info is needed"),
        ((PROGRAM, "--p4info", PROGRAM, "--entries", entries, *frame), "not a text-format P4Info"),
        ((PROGRAM, "--p4info", P4INFO, "--entries", PROGRAM, *frame), "no p4.v1.WriteRequest"),
        ((PROGRAM, "--p4info", P4INFO, "--entries", duplicate, *frame), "update 2: "),
    ]
    for words, wanted in cases:
        code, said = run("bench", *words)
        assert (code, wanted in " ".join(said.split())) == (2, True), (words, said)
