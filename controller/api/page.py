"""The page at `/ui`: files of the package, as they are, with headers that let nothing else in.

All of them are read once, so a request costs no more than refusing it would, and no path can lead elsewhere.
This module does not know what the page shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from p4fabric.controller.api.problems import refusal
from p4fabric.controller.reasons import Code

__all__ = ["PAGE", "PAGE_BELOW", "Page", "to_page"]

PAGE = "/ui"
PAGE_BELOW = "/ui/"
_INDEX = "index.html"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""Other files are not served."""
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # Nothing can be made HTML or a script from a text.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    # Asked for each time, answered by 304: after an upgrade no old part stays.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    tag: str


class Page:
    """An ASGI application for the paths below `/ui/`."""

    def __init__(self) -> None:
        """Read the files."""
        self._files = _files()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            message = f"is not for {scope['method']}; it is for GET, HEAD"
            return refusal(Code.METHOD_NOT_ALLOWED, "path", scope["path"], message, Allow="GET, HEAD")
        found = self._files.get(scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/") or _INDEX)
        if found is None:
            raise HTTPException(404)
        headers = {**_HEADERS, "ETag": found.tag}
        if found.tag in Headers(scope=scope).get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(found.content, headers=headers, media_type=found.media_type)


async def to_page() -> Response:
    """From `/ui`: the page's own addresses are relative, for whoever serves it below another path."""
    return RedirectResponse("ui/", 308)


@cache
def _files() -> Mapping[str, _File]:
    return dict(_below(files("p4fabric.controller") / "ui", ""))


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, _File]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _below(each, f"{path}{each.name}/")
        elif media_type := _TYPES.get(f".{each.name.rpartition('.')[2]}"):
            content = each.read_bytes()
            yield path + each.name, _File(content, media_type, f'"{sha256(content).hexdigest()[:20]}"')
