"""Requests by chance for every operation of the description, with odd bodies, queries, paths and headers.

They are HTTP: what is not is in `tests.api_fuzz.wire`. A seed gives the same requests again.
"""

from __future__ import annotations

import json
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.api_fuzz.bodies import KINDS, body
from tests.api_fuzz.world import ROLES

__all__ = ["Request", "Requests"]

METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW")
OTHER_PATHS = (
    "/", "/openapi.json", "/docs", "/docs/assets/../../../etc/passwd", "/nothing/a", "//api/v1/intents",
    "/api/v1/intents/", "/api/v1/Intents", "/api/v1/intents/network/acme", "/api/v1/%69ntents",
    "/api/v1/switches/leaf1/ports/", "/api/v1;a=b/intents", "/%2e%2e/api/v1/intents", "/api/v1/\xff",
)  # fmt: skip
"""Not of the description."""
PARTS: dict[str, tuple[str, ...]] = {
    "kind": (*KINDS, "network", "svc", "fw"),
    "tenant": ("acme", "globex", "initech"),
    "name": ("a", "b", "clients", "web", "no-telnet", "leaf1", "fuzz-reader", "made"),
    "switch": ("leaf1", "leaf2"),
    "port": ("1", "2"),
}
"""Path parameters that mean something; of others, `leaf1` is tried."""
ODD_PARTS = (
    "%00", "%ff", "%2F", "..%2f..", "%F0%9F%90%99", "%ed%a0%80", "%", "%zz", "a" * 5000, "A!", "*", " ", "-1",
    "99999999999999999999", "1e3", "%0d%0aX:%20y", "null", "a%00b",
)  # fmt: skip
QUERY: dict[str, tuple[str, ...]] = {
    "limit": ("1", "2", "1000"),
    "continue": ("WyIwIiwgMSwgWyJhIl1d",),
    "dryRun": ("true", "false"),
    "follow": ("false",),
    "watch": ("false",),
    "kind": PARTS["kind"],
    "tenant": PARTS["tenant"],
    "name": PARTS["name"],
    "switch": PARTS["switch"],
    "labelSelector": ("app=web", "app!=web,!x", "app in (a,b)", "app notin (a)", "app"),
    "owner": ("operator", "fuzz-tenant", "a b", "x" * 128),
    "force": ("true", "false"),
    "since": ("10m", "2020-01-01T00:00:00Z", "999999999d", "0001-01-01T00:00:00+23:59"),
    "until": ("10m", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"),
    "step": ("10ms", "1s", "1h", "0s", "999999999d"),
    "types": ("HostLearned", "IntentDeleted,IntentStatusChanged"),
    "intent": ("network/acme/clients",),
    "from": ("leaf1",),
    "to": ("leaf2",),
}
"""Values of parameters that mean something."""
ODD_VALUES = (
    "", "0", "-1", "1001", "1e3", "99999999999999999999999", "%00", "%ff", "%ed%a0%80", "true&x", "null",
    "[]",
    "{}", "a=b", "%25", "+", "%2B", ";", "'", "\\", "%F0%9F%90%99", "x" * 6000, "maybe", "١", "-0", "NaN",
    "0x1", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "999999999d", "a in (", "a==b", "!", ",,,",
    "a notin b", "in", "%0a", "()",
)  # fmt: skip
ODD_QUERIES = (
    "", "&", "&&&", "=", "=&=", "?", "%", "%zz=%zz", "limit", "limit=1&limit=2", "unknown=1", "a[b][c]=d",
    "limit=1;limit=2", "&".join(f"p{n}=1" for n in range(1000)), "x" * 16_000, "dryRun", "watch=1&limit=1",
)  # fmt: skip
HEADERS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    (
        "If-Match",
        (
            b"*", b'"1"', b'W/"1"', b'"', b"1", b'""', b'"' + b"9" * 5000 + b'"', b'"\xff"',
            b'"1"' + b', "1"' * 500,
            b"", b'"a" "b"', b'"1",', b'*, "1"', b"W/*",
        ),
    ),
    ("If-None-Match", (b"*", b'"1"', b"", b'W/"x"', b"**")),
    ("Last-Event-ID", (b"", b"0", b"-1", b"99999999999999999999", b"x", b"\xff", b"1-2-3", b"a" * 4000)),
    ("Accept", (b"", b"*/*", b"text/html", b"application/yaml", b"x", b"\xff", b"a/b;q=2")),
    ("Accept-Encoding", (b"gzip", b"br;q=0", b"*", b"\xff")),
    ("Content-Encoding", (b"gzip", b"br", b"identity", b"deflate")),
    ("Range", (b"bytes=0-1", b"bytes=-1", b"x")),
    ("Host", (b"", b"x y", b"[::1", b"\xff", b"a" * 3000)),
    ("Origin", (b"http://evil.example", b"null")),
    ("Sec-Fetch-Site", (b"cross-site", b"x")),
    ("Cookie", (b"a=b", b"\xff", b"a" * 4000)),
    ("X-Forwarded-For", (b"1.2.3.4", b"\xff")),
    ("X-HTTP-Method-Override", (b"DELETE",)),
    ("Upgrade", (b"websocket", b"h2c", b"x")),
    ("Expect", (b"100-continue", b"x")),
    ("User-Agent", (b"", b"\xff" * 100, b"\x1b[2J", b"a" * 4000)),
    ("Authorization", (b"", b"Bearer", b"Bearer ", b"Basic eDp4", b"Bearer \xff", b"Bearer a.b.c",
    b"bearer x" * 100)),
)  # fmt: skip
FORM = b"application/x-www-form-urlencoded"
TYPES = (
    *(b"application/json", b"application/yaml", b"text/yaml") * 3,
    *(b"application/merge-patch+json", b"application/apply-patch+json") * 2,
    *(
        b"text/plain",
        FORM,
        b"multipart/form-data",
        b"multipart/form-data; boundary=x",
        b"\xff",
        b"",
        b"a/b/c",
    ),
    *(
        b"application/json; charset=utf-16",
        b"application/json;;",
        b"APPLICATION/JSON",
        b"application/problem+json",
    ),
)


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    target: str
    """Path and query, as they are sent."""
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    role: str

    @property
    def path(self) -> str:
        """The path without the query."""
        return self.target.partition("?")[0]

    def __str__(self) -> str:
        shown = self.body if len(self.body) < 2000 else self.body[:1000] + b" ... " + self.body[-1000:]
        return f"{self.role}: {self.method} {self.target[:3000]} {self.headers} {shown!r}"[:8000]


class Requests:
    """Requests by chance."""

    def __init__(self, seed: int, content: dict[str, Any]) -> None:
        """Take what they are by chance of, and the API's description."""
        self._chance = random.Random(seed)
        self._operations = [
            (method.upper(), path, [one for one in operation.get("parameters", ()) if one["in"] == "query"])
            for path, operations in content["paths"].items()
            for method, operation in operations.items()
        ]
        self._writes = [one for one in self._operations if one[0] in ("PUT", "POST", "PATCH")]
        self._pages: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[Request]:
        """For ever."""
        while True:
            yield self.next()

    def learn(self, request: Request, content: Any) -> None:
        """Remember what to go on with, if a list gave that."""
        if isinstance(content, dict) and isinstance(token := content.get("continue"), str):
            self._pages = [*self._pages[-50:], (request.target, token)]

    def next(self) -> Request:
        """One of them."""
        chance = self._chance
        if self._pages and chance.random() < 0.03:
            return self._next_page()
        # What takes documents is of more interest than what takes none.
        method, template, parameters = chance.choice(
            self._writes if chance.random() < 0.5 else self._operations
        )
        path = self._path(template)
        if chance.random() < 0.1:
            method = chance.choice(METHODS)
        if chance.random() < 0.03:
            path = quote(chance.choice(OTHER_PATHS), safe="/%;", encoding="latin-1")
        query = self._query(parameters)
        role = chance.choices((*ROLES, "nobody"), (10, 2, 4, 1, 1))[0]
        with_body = method in ("PUT", "POST", "PATCH") or chance.random() < 0.05
        return Request(
            method, f"{path}?{query}" if query else path, tuple(self._headers(with_body)),
            body(chance) if with_body else b"", role,
        )  # fmt: skip

    def _path(self, template: str) -> str:
        parts = []
        for part in template.split("/"):
            if part.startswith("{"):
                usual = PARTS.get(part.strip("{}"), ("leaf1", "1"))
                part = self._chance.choice(ODD_PARTS if self._chance.random() < 0.1 else usual)
            parts.append(quote(part, safe="%!*"))
        return "/".join(parts)

    def _query(self, parameters: list[dict[str, Any]]) -> str:
        chance = self._chance
        if chance.random() < 0.05:
            return quote(chance.choice(ODD_QUERIES), safe="=&%;[]?")
        found = []
        for parameter in parameters:
            name = parameter["name"]
            if name not in ("follow", "watch") and chance.random() > 0.2:
                continue
            usual: tuple[str, ...] = QUERY.get(name, ("1", "true", "leaf1"))
            value = chance.choice(
                usual if chance.random() < 0.8 or name in ("follow", "watch") else ODD_VALUES
            )
            found.append(f"{name}={quote(value, safe='%&()')}")
        return "&".join(found)

    def _next_page(self) -> Request:
        """A list that goes on, at a place in the likeness of the right one."""
        chance = self._chance
        target, token = chance.choice(self._pages)
        digest, version, after = json.loads(urlsafe_b64decode(token))
        odd: tuple[Any, ...] = (
            [], ["a"], ["Nope", "x", "y"], [1] * len(after), None, ["x"] * 50, "abc", {"a": 1},
            ["\ud800"] * len(after), ["9" * 2000] * len(after), after[::-1],
        )  # fmt: skip
        after = chance.choice((after, *odd))
        content = [digest, chance.choice((version, version, 0, -1, True, 10**30, None)), after]
        made = urlsafe_b64encode(json.dumps(content).encode()).decode()
        kept = [one for one in target.partition("?")[2].split("&") if one and not one.startswith("continue=")]
        query = "&".join([*kept, f"continue={made}"])
        return Request("GET", f"{target.partition('?')[0]}?{query}", (), b"", "operator")

    def _headers(self, with_body: bool) -> Iterator[tuple[bytes, bytes]]:
        chance = self._chance
        if with_body:
            yield b"Content-Type", chance.choice(TYPES if chance.random() < 0.7 else TYPES[:1])
        for name, values in HEADERS:
            if chance.random() < (0.1 if name.startswith("If-") else 0.02):
                yield name.encode(), chance.choice(values)
