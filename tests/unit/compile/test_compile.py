"""A P4 program is compiled by what is here, again when something of it changes; errors lead to their line."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from p4fabric.controller.cli.main import app
from p4fabric.pipelines import command
from p4fabric.pipelines import p4c as compiling
from p4fabric.pipelines.p4_source import is_p4_source
from p4fabric.pipelines.p4c import CompileError, CompilerMissing, compile_program
from p4fabric.pipelines.watch import SourceWatch
from tests.p4c_stand_in import EXAMPLE, PROGRAM, StandIn


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """router.p4 in the current folder: it includes a file beside it, and that includes one of `shared`."""
    (tmp_path / "own").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "sizes.p4").write_text("const bit<32> SIZE = 16;\n")
    (tmp_path / "headers.p4").write_text("#include <sizes.p4>\nheader h_t {}\n")
    (tmp_path / "router.p4").write_text('#include <core.p4>\n#include "headers.p4"\n' + PROGRAM.read_text())
    monkeypatch.chdir(tmp_path)
    return Path("router.p4")


def test_the_artifacts_are_a_device_config_and_a_p4info(p4c: StandIn, program: Path) -> None:
    made = compile_program(program, include=[Path("shared")], define=["DEPTH=8"])
    assert made.device_config.read_bytes() == (EXAMPLE / "patch_panel.json").read_bytes()
    assert made.p4info.read_bytes() == (EXAMPLE / "patch_panel.p4info.txtpb").read_bytes()
    assert (made.device_config.name, made.p4info.name) == ("router.json", "router.p4info.txtpb")
    assert set(made.sources) == {program, Path("headers.p4"), Path("shared/sizes.p4")}
    (words,) = p4c.calls
    assert {"-Ishared", "-DDEPTH=8", "router.p4"} <= set(words)


def _touch(_: StandIn, program: Path) -> None:
    os.utime(program, (1, 1))


def _edit_program(_: StandIn, program: Path) -> None:
    program.write_text(program.read_text() + "// more\n")


def _edit_what_is_included(_: StandIn, program: Path) -> None:
    (program.parent / "shared" / "sizes.p4").write_text("const bit<32> SIZE = 17;\n")


def _shadow_what_is_included(_: StandIn, program: Path) -> None:
    (program.parent / "own" / "sizes.p4").write_text("const bit<32> SIZE = 99;\n")


def _update_compiler(p4c: StandIn, program: Path) -> None:
    p4c.version("1.2.6")


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (_touch, False),
        (_edit_program, True),
        (_edit_what_is_included, True),
        (_shadow_what_is_included, True),
        (_update_compiler, True),
    ],
)
def test_a_program_is_compiled_again_when_something_of_it_changes(
    p4c: StandIn, program: Path, change: Callable[[StandIn, Path], None], again: bool
) -> None:
    include = [Path("own"), Path("shared")]
    first = compile_program(program, include=include)
    change(p4c, program)
    second = compile_program(program, include=include)
    assert (second.device_config != first.device_config) == again
    assert len(p4c.calls) == 1 + again
    compile_program(program, include=include, define=["OTHER"])
    assert len(p4c.calls) == 2 + again


def test_what_a_macro_includes_is_not_known_so_it_is_compiled_each_time(p4c: StandIn, program: Path) -> None:
    program.write_text("#define WHICH <sizes.p4>\n#include WHICH\n" + PROGRAM.read_text())
    for _ in range(2):
        compile_program(program, include=[Path("shared")])
    assert len(p4c.calls) == 2


def test_a_source_that_is_saved_while_it_is_compiled_is_compiled_once_more(
    p4c: StandIn, program: Path
) -> None:
    script = p4c.path.read_text()
    p4c.path.write_text(script.replace("status = 0\n", "status = 0\nlater = source.with_name('later')\n"
                                       "if later.exists(): later.rename(source)\n", 1))  # fmt: skip
    Path("later").write_text(program.read_text() + "// saved\n")
    made = compile_program(program, include=[Path("shared")])
    assert len(p4c.calls) == 2
    assert compile_program(program, include=[Path("shared")]) == made
    assert len(p4c.calls) == 2


def test_errors_lead_to_the_line_and_nothing_is_kept_of_them(p4c: StandIn, program: Path) -> None:
    number = len(program.read_text().splitlines()) + 1
    program.write_text(program.read_text() + "nonsense x;\n")
    for calls in (1, 2):
        with pytest.raises(CompileError) as refused:
            compile_program(program, include=[Path("shared")])
        assert str(refused.value).splitlines()[0] == (
            f"router.p4:{number}: [--Werror=not-found] error: nonsense: declaration not found"
        )
        assert "\nrouter.p4:1:" in str(refused.value)
        assert len(p4c.calls) == calls


def test_warnings_are_told_of_a_program_that_was_compiled_before_too(p4c: StandIn, program: Path) -> None:
    program.write_text(program.read_text() + "// unused\n")
    first, second = (compile_program(program, include=[Path("shared")]) for _ in range(2))
    assert first.warnings == second.warnings != ""
    assert first.warnings.startswith("router.p4:")


def test_the_driver_serves_where_the_back_end_is_not_on_path(p4c: StandIn, program: Path) -> None:
    p4c.path.rename(p4c.folder / "p4c")
    text = (p4c.folder / "p4c").read_text()
    # The driver's -o is a folder, and it names the file in there itself.
    text = text.replace('words[words.index("-o") + 1])', 'words[words.index("-o") + 1] + "/router.json")')
    (p4c.folder / "p4c").write_text(text)
    assert compile_program(program, include=[Path("shared")]).device_config.is_file()
    assert p4c.calls[0][:2] == ["--target", "bmv2"]


def test_only_the_most_recently_used_programs_are_kept(
    p4c: StandIn, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "MOST_KEPT", 2)
    first = compile_program(program, define=["N=1"])
    second = compile_program(program, define=["N=2"])
    os.utime(first.device_config.parent, (1, 1))
    assert compile_program(program, define=["N=1"]) == first
    os.utime(second.device_config.parent, (1, 1))
    compile_program(program, define=["N=3"])
    assert (first.device_config.exists(), second.device_config.exists()) == (True, False)


_CONTAINER = """\
#!/bin/sh
echo "$@" >> {log}
case "$1" in
    image) {image} ;;
    pull) touch {pulled} ;;
    run) cat > {given}; cat {made} ;;
esac
"""


def _container(folder: Path, image: str) -> Path:
    """A podman that has an image, or not; of what it is told it keeps a record."""
    made = folder / "made.tar"
    with tarfile.open(made, "w") as archive:
        for name, source in (("router.json", "patch_panel.json"), ("../evil", "patch_panel.p4"),
                             ("router.p4info.txtpb", "patch_panel.p4info.txtpb")):  # fmt: skip
            entry = tarfile.TarInfo(f"./{name}")
            content = (EXAMPLE / source).read_bytes()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    podman = folder / "podman"
    names = {name: folder / name for name in ("log", "pulled", "given")}
    podman.write_text(_CONTAINER.format(image=image.format(**names), made=made, **names))
    podman.chmod(0o755)
    return podman


def test_without_p4c_its_container_gets_just_the_sources_and_no_network(
    p4c: StandIn, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    p4c.path.unlink()
    monkeypatch.setenv("PATH", f"{p4c.folder}:/usr/bin:/bin")
    monkeypatch.setattr("p4fabric.pipelines.p4c_compilers._CONTAINERS", ("podman",))
    absent = "test -e {pulled} || {{ echo 'Error: no such image' >&2; exit 125; }}; echo sha256:12"
    _container(p4c.folder, absent)
    made = compile_program(program, include=[Path("shared")])
    assert made.device_config.read_bytes() == (EXAMPLE / "patch_panel.json").read_bytes()
    assert made.p4info.is_file()
    assert not list(p4c.folder.parent.rglob("evil"))
    log = (p4c.folder / "log").read_text()
    assert "pull docker.io/p4lang/p4c" in log
    assert "--network=none" in log
    assert not {"-v", "--volume", "--mount"} & set(log.split())
    here = str(Path.cwd()).lstrip("/")
    with tarfile.open(p4c.folder / "given") as given:
        assert sorted(given.getnames()) == sorted(
            [here, *(f"{here}/{name}" for name in ("headers.p4", "router.p4", "shared/sizes.p4"))]
        )


def test_without_any_compiler_the_error_says_how_to_get_one(p4c: StandIn, program: Path) -> None:
    p4c.path.unlink()
    _container(p4c.folder, "echo 'Cannot connect to the daemon' >&2; exit 1")
    with pytest.raises(CompilerMissing) as missing:
        compile_program(program)
    said = str(missing.value)
    for words in ("podman cannot run it (Cannot connect to the daemon)", "nor is docker", "Ubuntu", "Debian",
                  "Fedora", "macOS", "P4C="):  # fmt: skip
        assert words in said


def test_a_chosen_compiler_comes_before_those_on_path(
    p4c: StandIn, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = StandIn(p4c.folder.parent / "other")
    monkeypatch.setenv("P4C", str(other.path))
    compile_program(program)
    assert (len(p4c.calls), len(other.calls)) == (0, 1)
    monkeypatch.setenv("P4C", "/no/p4c")
    with pytest.raises(CompilerMissing, match="P4C=/no/p4c: there is no such program"):
        compile_program(program)


def test_what_is_no_program_is_named(p4c: StandIn, tmp_path: Path) -> None:
    (odd := tmp_path / "a folder").mkdir()
    (odd / "router.p4").write_bytes(PROGRAM.read_bytes())
    cases: list[tuple[Path, list[Path], str]] = [
        (tmp_path / "no.p4", [], "no.p4: No such file"),
        (odd / "router.p4", [], "p4c takes no ' ' in names and macros"),
        (PROGRAM, [odd], "p4c takes no ' '"),
        (EXAMPLE / "patch_panel.json", [], "patch_panel.json: this is no P4 source"),
        (PROGRAM, [tmp_path / "no"], "no: no such folder"),
    ]
    for source, include, words in cases:
        with pytest.raises(CompileError, match=words):
            compile_program(source, include=include)
    with pytest.raises(CompileError, match="p4c takes no ';'"):
        compile_program(PROGRAM, define=["A;touch x"])
    assert not p4c.calls


def test_p4_source_is_told_from_what_is_made_of_it() -> None:
    assert is_p4_source(PROGRAM.read_bytes())
    assert is_p4_source(b"/* a\n * b */ // c\n\nheader ethernet_t { bit<48> dst; }")
    assert is_p4_source(b"@pragma x\nparser p()")
    for other in (b"", b"{}", b'{"header_types": []}', b"pkg_info {}", b"headers", b"\x0a\x03abc\xff"):
        assert not is_p4_source(other)


def test_the_command_puts_the_artifacts_into_a_folder(p4c: StandIn, program: Path) -> None:
    result = CliRunner().invoke(app, ["compile", "router.p4", "-I", "shared", "-D", "A=1", "-o", "build"])
    assert (result.exit_code, result.output) == (
        0, "router.p4: build/router.json, build/router.p4info.txtpb\n"
    )  # fmt: skip
    assert Path("build/router.json").read_bytes() == (EXAMPLE / "patch_panel.json").read_bytes()
    program.write_text(program.read_text() + "nonsense;\n")
    result = CliRunner().invoke(app, ["compile", "router.p4"])
    assert (result.exit_code, "router.p4:" in result.output) == (1, True)
    assert CliRunner().invoke(app, ["compile", "no.p4"]).exit_code == 2
    p4c.path.unlink()
    assert CliRunner().invoke(app, ["compile", "router.p4"]).exit_code == 2


def test_the_command_compiles_again_when_a_source_changes(
    p4c: StandIn, program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edits = iter(["nonsense x;", "", "", "// right", "", ""])

    def edit(_: float) -> None:
        """What happens while the command waits: an edit each, then an interrupt."""
        try:
            line = next(edits)
        except StopIteration:
            raise KeyboardInterrupt from None
        if line:
            program.write_text(PROGRAM.read_text() + line)

    monkeypatch.setattr(command, "sleep", edit)
    assert command.run(program, Path("build"), [], [], watch=True) == 0
    said = capsys.readouterr()
    assert said.out.count("router.p4: build/router.json") == 2
    assert "error: nonsense" in said.err


def test_a_change_counts_when_it_has_come_to_rest(program: Path) -> None:
    watch = SourceWatch(program, [Path("shared")])
    assert not watch.changed()
    Path("shared/sizes.p4").write_text("const bit<32> SIZE = 1;\n")
    assert [watch.changed() for _ in range(3)] == [False, True, False]
    program.write_text(program.read_text() + "//")
    assert not watch.changed()
    program.write_text(program.read_text() + "/")
    assert [watch.changed() for _ in range(3)] == [False, True, False]
    content = program.read_text()
    program.unlink()
    assert [watch.changed() for _ in range(3)] == [False, False, False]
    program.write_text(content + "// back")
    assert [watch.changed() for _ in range(3)] == [False, True, False]
