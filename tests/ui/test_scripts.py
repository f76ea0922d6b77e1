"""The scripts of the page: small, typed, and none makes markup of a text."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UI = Path(__file__).parents[2] / "controller/ui"
SCRIPTS = sorted(UI.glob("js/**/*.js"))
_FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage|\.cookie"
)


def test_scripts_are_small_and_make_no_markup_of_texts() -> None:
    assert len(SCRIPTS) > 10
    for path in SCRIPTS:
        text = path.read_text()
        assert len(text.splitlines()) < 400, path
        forbidden = _FORBIDDEN.search(text)
        assert forbidden is None, (path, forbidden)


def test_what_is_preloaded_is_there_and_is_what_the_page_begins_with() -> None:
    preloaded = re.findall(r'rel="modulepreload" href="([^"]+)"', (UI / "index.html").read_text())
    needed = _imports("js/main.js") - {"js/main.js"}
    assert set(preloaded) == needed


def _imports(path: str, found: frozenset[str] = frozenset()) -> frozenset[str]:
    """A module and all that it imports before it runs."""
    found |= {path}
    for name in re.findall(r'^import .*? from "(\.[^"]+)"', (UI / path).read_text(), re.MULTILINE):
        module = str((UI / path).parent.joinpath(name).resolve().relative_to(UI.resolve()))
        if module not in found:
            found = _imports(module, found)
    return found


def test_the_types_in_the_scripts_fit() -> None:
    if shutil.which("tsc") is None:
        pytest.skip("tsc (Debian: node-typescript) is not installed")
    done = subprocess.run(("tsc", "-p", UI / "jsconfig.json"), capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout


def test_uplot_is_as_its_authors_made_it() -> None:
    """Version 1.6.32 of npm's uplot, whose licence goes along."""
    folder = UI / "vendor/uplot"
    assert "The MIT License" in (folder / "LICENSE.txt").read_text()
    assert "uPlot (v1.6.32)" in (folder / "uPlot.esm.js").read_text()[:400].replace("uPlot.js (μPlot)", "")
