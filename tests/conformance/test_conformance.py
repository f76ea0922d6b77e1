"""The runner itself: what it understands of STF, that it passes what is right and says why not the rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from p4fabric.softswitch.engine import load_config
from p4fabric.softswitch.engine.api import ActionCall, Exact, FieldMatch, Lpm, Ternary

from .entries import FIRST_PRIORITY, Unknown, entry
from .runner import Result, Setting, find_tests, run_test
from .stf import Add, Bound, Call, CheckCounter, Direct, Expect, Send, StfError, Wait, read_stf
from .switch import fits

PROGRAMS = Path(__file__).parents[1] / "switch" / "engine" / "programs"


def run(folder: Path, stf: str, *, p4info: bool = False) -> Result:
    """One of the engine's own test programs under an STF file."""
    shutil.copy(PROGRAMS / "state.p4", folder)
    (folder / "state.stf").write_text(stf)
    (program,) = find_tests(folder, "*.p4")
    return run_test(program, Setting(None, PROGRAMS, p4info=p4info))


def test_what_a_program_does_is_compared_with_what_a_test_expects(tmp_path: Path) -> None:
    right = """
        add kinds kind:0x0005 In.forward(port:2)
        meter_array_set_rates cells 0:4 0:9
        packet 1 00 05 03 00 00 AA   # bytes behind the header stay
        expect 2 0005 03 00 0*
        packet 1 0005 03 0000
        wait
        expect 2 0005 03 00 02$
        packet 1 0006 0000
    """
    assert run(tmp_path, right) == Result("state")
    assert run(tmp_path, right, p4info=True) == Result("state")
    for changed, reason in (
        (
            right.replace("00 02$", "00 01$"),
            "port 2, packet 1: 0005030001$ expected",
        ),
        (right + "\nexpect 1 00", "port 1: 1 packets expected, 0 came"),
        (right.replace("expect 2 0005 03 00 0*", ""), "port 2: 1 packets expected, 2 came"),
        (right.replace("kinds", "nowhere"), "no table 'nowhere'"),
        (right.replace("port:2", "gate:2"), "has not the parameters gate"),
        (right.replace("cells 0:4", "cells 9:4"), "refused: INVALID_ARGUMENT"),
    ):
        result = run(tmp_path, changed)
        assert (result.stage, reason in result.reason) == ("run", True), result
    assert run(tmp_path, "fly 1").stage == "stf"


def test_a_program_that_cannot_be_pushed_with_its_p4info_fails(tmp_path: Path) -> None:
    for file in ("state.p4", "state.json", "state.p4info.txtpb"):
        shutil.copy(PROGRAMS / file, tmp_path)
    (tmp_path / "state.stf").write_text("wait")
    setting = Setting(None, tmp_path, p4info=True)
    assert run_test(tmp_path / "state.p4", setting) == Result("state")
    p4info = tmp_path / "state.p4info.txtpb"
    p4info.write_text(p4info.read_text().replace("bitwidth: 9", "bitwidth: 8"))
    result = run_test(tmp_path / "state.p4", setting)
    assert (result.stage, "the device config has 9" in result.reason) == ("load", True), result


def test_what_cannot_be_compiled_fails(tmp_path: Path) -> None:
    program = tmp_path / "empty.p4"
    program.write_text("// include v1model.p4")
    assert run_test(program, Setting(None, tmp_path)).stage == "compile"
    assert run_test(program, Setting("no-such-compiler", None)).stage == "compile"


def test_commands_are_read_as_p4c_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "one.stf"
    file.write_text(
        'add "a b".c 10 x.$valid$:1 y[3] : 0x*1 z:0x0a/8 act$1(p:0b1, q:2) = A\n'
        "check_counter c(3) bytes >= 0x10\nCHECK_COUNTER d(1)\nexpect 3\nmc_node_create 1 2 3\n"
        "packet 0 aB c\t\nwait\nno_packet\n".replace("aB c", "aBc1")
    )
    assert read_stf(file) == [
        Add(
            "a b.c",
            10,
            (("x.$valid$", "1", None), ("y[3]", "0x*1", None), ("z", "0x0a", "8")),
            Call("act$1", (("p", "0b1"), ("q", "2"))),
        ),
        CheckCounter("c", 3, Bound("bytes", ">=", 16)),
        CheckCounter("d", 1, Bound("packets", "==", 0)),
        Expect(3, None),
        Direct("mc_node_create", ("1", "2", "3")),
        Send(0, b"\xab\xc1"),
        Wait(),
        Expect(None, None),
    ]
    file.write_text("packet 0 abc")
    with pytest.raises(StfError, match="line 1"):
        read_stf(file)


@pytest.mark.parametrize(
    ("table", "matches", "expected"),
    [
        ("rules", (("a", "0x1*", None), ("odd", "3", None)), (Ternary(0x10, 0xF0), None, Exact(3))),
        ("rules", (("command.d", "0b1*0", None),), (None, Ternary(4, 0b101), Exact(0))),
        ("rules", (("a", "0x10", None),), (Ternary(0x10, 0xFFFFFFFF), None, Exact(0))),
        ("routes", (("dst", "0x0a000000", "8"),), (Lpm(0x0A000000, 8),)),
        ("routes", (("dst", "0x0a0001**", None),), (Lpm(0x0A000100, 24),)),
    ],
)
def test_matches_are_as_wide_as_their_fields(
    table: str, matches: tuple[tuple[str, str, str | None], ...], expected: tuple[FieldMatch, ...]
) -> None:
    info = load_config((PROGRAMS / "constructs.json").read_bytes()).info
    call = Call("mark", (("value", "7"),)) if table == "rules" else Call("drop", ())
    added = entry(Add(f"In.{table}", 5, matches, call), info)
    assert added.match == expected
    assert added.priority == (FIRST_PRIORITY + 5 if table == "rules" else 0)
    assert table != "rules" or added.action == ActionCall("In.mark", (7,))


def test_names_that_fit_nothing_or_too_much_are_errors() -> None:
    info = load_config((PROGRAMS / "constructs.json").read_bytes()).info
    for table, call in (("s", Call("mark", ())), ("rules", Call("fly", ())), ("rules", Call("mark", ()))):
        with pytest.raises(Unknown):
            entry(Add(table, 1, (), call), info)


def test_patterns_are_prefixes_with_holes() -> None:
    assert fits("0A*B", b"\x0a\xcb\x00")
    assert fits("0A*B$", b"\x0a\xcb")
    assert not fits("0A*B$", b"\x0a\xcb\x00")
    assert not fits("0A*B", b"\x0a")
    assert not fits("0A*B", b"\x0a\xcc")
