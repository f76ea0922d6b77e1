"""Links between files of the repository lead somewhere: to a file, and to a heading that it has."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])

_CODE = re.compile(r"^(```|~~~).*?^\1[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def _anchor(heading: str) -> str:
    """As GitHub and mkdocs have it, for headings of letters, digits and punctuation."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip())


@cache
def _anchors(page: Path) -> frozenset[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return frozenset(_anchor(heading) for heading in _HEADING.findall(text))


def _broken(page: Path, link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme in ("http", "https", "mailto"):
        return None
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if parts.scheme or link.startswith("/") or not target.is_relative_to(ROOT):
        return f"{link}: not a relative link within the repository"
    if not target.exists():
        return f"{link}: no such file"
    if parts.fragment and parts.fragment not in _anchors(target):
        return f"{link}: no such heading in {target.name}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    links = _LINK.findall(_CODE.sub("", page.read_text()))
    assert [problem for link in links if (problem := _broken(page, link))] == []


def test_the_site_has_every_page() -> None:
    """mkdocs builds the site in `make docs`; this keeps its list of pages right without mkdocs."""

    def files(entries: list[dict[str, str | list[dict[str, str]]]]) -> list[str]:
        values = [value for entry in entries for value in entry.values()]
        below = [name for value in values if isinstance(value, list) for name in files(list(value))]  # type: ignore[arg-type]
        return [value for value in values if isinstance(value, str)] + below

    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    pages = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").glob("**/*.md")]
    assert sorted(files(nav)) == sorted(pages)
