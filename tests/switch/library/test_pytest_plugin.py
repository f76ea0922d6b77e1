"""The pytest plugin as its users run it: what P4 coverage says of their tests, and nothing when it is off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from p4fabric.softswitch.engine.generate import generate
from tests.switch.engine.conftest import program

pytest_plugins = ("pytester",)

REPOSITORY = Path(__file__).parents[3]
PANEL = REPOSITORY / "examples" / "first-program" / "patch_panel"
KINDS = REPOSITORY / "tests" / "switch" / "server" / "programs" / "kinds"
HEAD = """
    import subprocess, sys
    import pytest
    from finsy import Action, Match, P4PacketOut, P4TableEntry
    FRAME = bytes.fromhex("800000000001 000000000001 08ff") + bytes(46)
    PANEL = ("patch_panel.json", "patch_panel.p4info.txtpb")
    KINDS = ("kinds.json", "kinds.p4info.txtpb")
    def cable(port, to):
        return P4TableEntry("cables", match=Match(port=port), action=Action("join", port=to))
"""
PROCESS = (
    "from p4fabric import SoftSwitch; s = SoftSwitch(*sys.argv[1:]); s.__enter__(); s.send(1, bytes(60))"
)


@pytest.fixture
def folder(pytester: pytest.Pytester) -> pytest.Pytester:
    """With the programs' sources, device configs and P4Infos."""
    for one in (PANEL, KINDS):
        for suffix in (".p4", ".json", ".p4info.txtpb"):
            (pytester.path / f"{one.name}{suffix}").write_bytes(one.with_suffix(suffix).read_bytes())
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    return pytester


def run(folder: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    folder.makepyfile(HEAD + test)
    return folder.runpytest_subprocess("-p", "no:cacheprovider", *options, timeout=100)


def hits(document: dict[str, Any], name: str) -> dict[tuple[str, str], int]:
    (found,) = (one for one in document["programs"] if one["program"] == name)
    return {(one["kind"], one["name"]): one["hits"] for one in found["points"]}


def test_coverage_sums_tests_switches_and_processes(folder: pytest.Pytester) -> None:
    result = run(
        folder,
        f"""
    def test_hit(softswitch):
        switch = softswitch(*PANEL)
        switch.write(+cable(1, 2))
        switch.send(1, FRAME, FRAME)

    def test_miss_in_another_process():
        script = "import sys; {PROCESS}; s.__exit__(None, None, None)"
        subprocess.run((sys.executable, "-c", script, *PANEL), check=True)

    def test_network_of_two(p4_network):
        network = p4_network(dict.fromkeys(("s1", "s2"), KINDS), [("s1:2", "s2:1")])
        for name in ("s1", "s2"):
            prefix = Match(dst="80:00:00:00:00:00/1")
            network[name].write(+P4TableEntry("prefixes", match=prefix, action=Action("send", port=2)))
        assert network.send("s1:1", FRAME) == [("s2:2", FRAME)]
        network["s1"].write(P4PacketOut(FRAME, egress_port=4, padding=0))
        assert network.collect() == [("s1:4", FRAME)]
    """,
        "--p4-coverage-report=made/coverage.json",
    )
    result.assert_outcomes(passed=3)
    document = json.loads((folder.path / "made" / "coverage.json").read_text())
    assert hits(document, "patch_panel.p4") == {
        ("state", "start"): 3,
        ("hit", "PanelIngress.cables"): 2,
        ("miss", "PanelIngress.cables"): 1,
        ("action", "PanelIngress.join"): 2,
        ("action", "PanelIngress.drop"): 1,
    }
    kinds = hits(document, "kinds.p4")
    expected = {
        ("state", "from_cpu"): 1,
        ("true", "hdr.packet_out.isValid()"): 1,
        ("false", "hdr.packet_out.isValid()"): 2,
        ("hit", "In.prefixes"): 2,
        ("miss", "In.prefixes"): 0,
        ("applied", "In.keyless"): 2,
        ("true", "sm.egress_port == 510"): 0,
    }
    assert {one: kinds.get(one) for one in expected} == expected
    # What the compiler makes of plain statements is not the author's to cover.
    assert not [name for _, name in kinds if "tbl" in name or name == "NoAction"]
    result.stdout.re_match_lines(
        [
            r"=+ P4 coverage =+",
            r"program +states +tables +actions +conditions +covered",
            r"kinds\.p4 +3/3 +5/9 +2/9 +3/4 +52%",
            r"patch_panel\.p4 +1/1 +2/2 +2/2 +0/0 +100%",
            r"all +4/4 ",
            r"kinds\.p4: no packet came by",
            r"  table In\.prefixes: a miss \(kinds\.p4:\d+\)",
            r"  action In\.drop, from table In\.prefixes \(kinds\.p4:\d+\)",
            r"  if \(sm\.egress_port == 510\): true \(kinds\.p4:\d+\)",
            r"JSON written to .*/made/coverage\.json",
        ]
    )


def test_lcov_names_lines_functions_and_branches_of_the_source_and_too_little_fails(
    folder: pytest.Pytester,
) -> None:
    test = """
    def test_hit(softswitch):
        switch = softswitch(*PANEL)
        switch.write(+cable(1, 2))
        switch.send(1, FRAME, FRAME)
    """
    result = run(folder, test, "--p4-coverage-report=panel.info", "--p4-coverage-fail-under=80")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED: P4 coverage of 60.0% is under 80%", "*1 passed*"])
    source = (folder.path / "patch_panel.p4").read_text().splitlines()
    line = {
        text.strip(): number
        for number, text in enumerate(source, 1)
        if text.strip().startswith(("state start", "action ", "mark_to_drop", "traffic.count", "standard_"))
    }
    table = next(number for number, text in enumerate(source, 1) if "table cables" in text)
    state, drop, join = (
        line[one] for one in ("state start {", "action drop() {", "action join(bit<9> port) {")
    )
    mark, set_port = line["mark_to_drop(standard_metadata);"], line["standard_metadata.egress_spec = port;"]
    assert (folder.path / "panel.info").read_text().splitlines() == [
        "TN:",
        f"SF:{folder.path / 'patch_panel.p4'}",
        f"FN:{state},state start",
        f"FN:{drop},action PanelIngress.drop",
        f"FN:{join},action PanelIngress.join",
        "FNDA:2,state start",
        "FNDA:0,action PanelIngress.drop",
        "FNDA:2,action PanelIngress.join",
        *("FNF:3", "FNH:2"),
        *(f"BRDA:{table},0,0,2", f"BRDA:{table},0,1,0", "BRF:2", "BRH:1"),
        *(
            f"DA:{state},2",
            f"DA:{drop},0",
            f"DA:{mark},0",
            f"DA:{join},2",
            f"DA:{set_port},2",
            f"DA:{table},2",
        ),
        *("LF:6", "LH:4"),
        "end_of_record",
    ]


@pytest.mark.parametrize(
    ("option", "code", "said"),
    [
        ("--p4-coverage-fail-under=80", 5, "FAILED: no P4 program has run*"),
        (
            "--p4-coverage-report=/dev/null/x/y.json",
            5,
            "FAILED: /dev/null/x/y.json cannot be written: Not a dir*",
        ),
        ("--p4-coverage-report=x.html", 4, "*x.html: the name must end in .json, .info or .lcov"),
        ("--p4-coverage-fail-under=101", 4, "*--p4-coverage-fail-under=101 is not in 0..100"),
    ],
)
def test_what_cannot_be_is_said(pytester: pytest.Pytester, option: str, code: int, said: str) -> None:
    quiet = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
    result = pytester.runpytest_inprocess(*quiet, option)
    assert result.ret == code
    (result.stderr if code == 4 else result.stdout).fnmatch_lines([said])


def test_without_coverage_the_plugin_loads_no_switch_and_code_counts_nothing(folder: pytest.Pytester) -> None:
    test = """
    def test_nothing():
        assert not {"grpc", "finsy"} & sys.modules.keys()
    """
    folder.makepyfile("import sys\n" + "\n".join(line[4:] for line in test.splitlines()))
    folder.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
    plain, counting = (generate(program("state").pipeline, covered=one) for one in (False, True))
    assert ("cover" in plain, counting.count("cover(")) == (False, 14)
