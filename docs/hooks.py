"""For mkdocs: links that lead out of docs/, such as to an example, lead to that file in the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"(?<=\]\()(?P<target>\.\./[^)#\s]+)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Rewrite a page's links before they are checked."""
    docs = Path(config["docs_dir"]).resolve()
    here = (docs / page.file.src_uri).parent

    def lead(link: re.Match[str]) -> str:
        target = (here / link["target"]).resolve()
        if target.is_relative_to(docs) or not target.is_relative_to(docs.parent) or not target.exists():
            return link["target"]
        kind = "tree" if target.is_dir() else "blob"
        return f"{config['repo_url']}/{kind}/main/{target.relative_to(docs.parent)}"

    return _LINK.sub(lead, markdown)
