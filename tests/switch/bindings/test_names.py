"""Names of a P4 program that are no Python names, or that are equal in Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from finsy.proto import p4d, p4i
from google.protobuf import text_format

from p4fabric.pipelines.entities import Range
from p4fabric.pipelines.generate import generate

from .programs import ROOT, imported

AWKWARD = """
tables { preamble { id: 1 name: "In.forward" alias: "forward" }
  match_fields { id: 1 name: "hdr.ipv4.class" bitwidth: 32 match_type: EXACT }
  match_fields { id: 2 name: "hdr.ipv4_class" bitwidth: 8 match_type: RANGE }
  match_fields { id: 3 name: "class" bitwidth: 1 match_type: EXACT }
  match_fields { id: 4 name: "action" bitwidth: 8 match_type: EXACT }
  match_fields { id: 5 name: "key" bitwidth: 8 match_type: EXACT }
  match_fields { id: 6 name: "int" bitwidth: 8 match_type: EXACT }
  match_fields { id: 7 name: "hdr.vlan[0].id" bitwidth: 12 match_type: EXACT }
  match_fields { id: 8 name: "__pad" bitwidth: 8 match_type: EXACT }
  match_fields { id: 9 name: "5tuple" bitwidth: 8 match_type: EXACT }
  match_fields { id: 10 name: "SendIt" bitwidth: 8 match_type: EXACT }
  action_refs { id: 2 } action_refs { id: 3 } action_refs { id: 4 } action_refs { id: 5 }
  action_refs { id: 6 } }
actions { preamble { id: 2 name: "In.forward" alias: "forward" }
  params { id: 1 name: "ID" bitwidth: 8 } params { id: 2 name: "self" bitwidth: 8 }
  params { id: 3 name: "encode" bitwidth: 8 } params { id: 4 name: "lambda" bitwidth: 8 } }
actions { preamble { id: 3 name: "In.send_it" alias: "send_it" } }
actions { preamble { id: 4 name: "In.sendIt" alias: "sendIt" } }
actions { preamble { id: 5 name: "In.None" alias: "None" } }
actions { preamble { id: 6 name: "In.table_entry" alias: "table_entry" }
  params { id: 1 name: "x" bitwidth: 4 } }
"""
NESTED = """
digests { preamble { id: 9 name: "seen_t" alias: "seen_t" } type_spec { struct { name: "seen_t" } } }
registers { preamble { id: 7 name: "In.seen" alias: "seen" } size: 4
  type_spec { tuple { members { bitstring { int { bitwidth: 8 } } } members { bool {} } } } }
registers { preamble { id: 8 name: "In.stack" alias: "stack" } size: 4
  type_spec { header_stack { header { name: "pair_t" } size: 2 } } }
type_info {
  structs { key: "seen_t" value {
    members { name: "pair" type_spec { header { name: "pair_t" } } }
    members { name: "in" type_spec { struct { name: "inner_t" } } }
    members { name: "kind" type_spec { enum { name: "kind_t" } } }
    members { name: "number" type_spec { serializable_enum { name: "number_t" } } }
    members { name: "went" type_spec { error {} } } } }
  structs { key: "inner_t" value { members { name: "flag" type_spec { bool {} } } } }
  headers { key: "pair_t" value {
    members { name: "a" type_spec { bit { bitwidth: 8 } } }
    members { name: "b" type_spec { int { bitwidth: 16 } } } } }
}
"""


def module_of(text: str, folder: Path) -> ModuleType:
    made = generate(text_format.Parse(text, p4i.P4Info()), "awkward")
    module = imported(made.text, folder / "awkward_bindings.py")
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            str(ROOT / "pyproject.toml"),
            module.__file__ or "",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    return module


def test_every_name_is_legal_and_means_one_thing(tmp_path: Path) -> None:
    made = module_of(AWKWARD, tmp_path)
    forward = made.ForwardAction(1, 2, 3, 4)
    assert (forward.ID_, forward.self_, forward.encode_, forward.lambda_) == (1, 2, 3, 4)
    assert (made.SendItAction.ID, made.SendItAction2.ID) == (3, 4)
    assert (made.NoneAction.ID, made.TableEntryAction.ID) == (5, 6)
    fields = [field.name for field in made.ForwardTable.MATCH_FIELDS]
    assert fields == [
        *("hdr_ipv4_class", "hdr_ipv4_class_", "class_", "action_", "key_", "int_"),
        *("hdr_vlan_0_id", "pad", "p4_5tuple", "SendIt"),
    ]
    entry = made.ForwardTable(1, Range(2, 3), True, 4, 5, 6, 7, 8, 9, 10, 11, forward)
    assert made.BINDINGS.decode(entry.encode()) == entry
    assert (entry.key_, entry.key) == (5, (1, 1, (2, 3), True, 4, 5, 6, 7, 8, 9, 10, 11))


def test_names_do_not_depend_on_the_order_of_declarations(tmp_path: Path) -> None:
    p4info = text_format.Parse(AWKWARD, p4i.P4Info())
    backwards = p4i.P4Info(tables=p4info.tables, actions=reversed(p4info.actions))
    one, other = (set(generate(info, "x").text.splitlines()) for info in (p4info, backwards))
    assert one == other


def test_digests_and_registers_hold_any_type_but_stacks_and_unions(tmp_path: Path) -> None:
    made = module_of(NESTED, tmp_path)
    message = p4d.P4Data()
    pair, inside, kind, number, went = (message.struct.members.add() for _ in range(5))
    pair.header.is_valid = True
    pair.header.bitstrings.extend((b"\x05", b"\xfe"))
    inside.struct.members.add(bool=True)
    kind.enum, number.enum_value, went.error = "odd", b"\x07", "NoMatch"
    seen = made.SeenDigest(made.Pair(5, -2), made.Inner(True), "odd", 7, "NoMatch")
    assert made.SeenDigest.decode(message) == seen
    pair.header.is_valid = False
    assert made.SeenDigest.decode(message).pair is None
    cell = made.SeenRegister(3, (-128, False))
    assert made.BINDINGS.decode(cell.encode()) == cell
    left_out = generate(text_format.Parse(NESTED, p4i.P4Info()), "x").left_out
    assert left_out == ("register In.stack: a value of the P4 type header stack",)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda made: made.TableEntryAction(16).encode(), "x is 0 to 15, not 16"),
        (lambda made: made.TableEntryAction(-1).encode(), "x is 0 to 15, not -1"),
    ],
)
def test_a_value_that_does_not_fit_is_not_encoded(make, message, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    made = imported(generate(text_format.Parse(AWKWARD, p4i.P4Info()), "x").text, tmp_path / "x.py")
    with pytest.raises(ValueError, match=message):
        make(made)


def test_a_table_that_p4runtime_cannot_match_is_left_out_and_said() -> None:
    table = p4i.Table(preamble={"id": 1, "name": "In.hashed", "alias": "hashed"})  # type: ignore[arg-type]
    table.match_fields.add(id=1, name="x", bitwidth=8, other_match_type="custom")
    made = generate(p4i.P4Info(tables=[table]), "x")
    assert made.left_out == ("table In.hashed: In.hashed.x has the match type custom",)
    assert "class Hashed" not in made.text
