"""Raw bodies at every method and path of the API: whatever is sent, each answer is JSON as documented, and
none is a fault of the controller.

    .venv/bin/python -m tests.attacks.raw_bodies [--seconds 60] [--seed 1]

Documents are mutated as text and as bytes: numbers beyond any type, halves of surrogate pairs, NUL, bytes
that are no UTF-8, UTF-16 and UTF-32, nesting, keys given twice, lists repeated, cut off anywhere, with
content types and encodings that do not fit. A seed and a number of requests give the same requests again.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.attacks.api import Attacked, attacked

METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE")
PATHS = (
    "/api/v1/intents",
    "/api/v1/intents?dryRun=true",
    "/api/v1/intents?dryRun=maybe&kind=%00",
    "/api/v1/intents?kind=Network&tenant=%ff",
    "/api/v1/intents/{kind}/acme/{name}",
    "/api/v1/intents/{kind}/acme/{name}?dryRun=true",
    "/api/v1/intents/delete",
    "/api/v1/intents/delete?dryRun=true&dryRunEntries=-1",
    "/api/v1/intents/{kind}/%F0%9F%90%99/..%2F..%2Fetc",
    "/api/v1/intents/{kind}/a%00b/%ed%a0%80",
    "/api/v1/intents/{kind}/acme/{name}/counters",
    "/api/v1/switches",
    "/api/v1/links",
    "/api/v1/hosts?limit=1&continue=%7B",
    "/api/v1/paths?from=%00&to=x",
    "/api/v1/congestion",
    "/api/v1/events?types=%00",
    "/metrics",
    "/healthz",
    "/openapi.json",
    "/docs/assets/../../../etc/passwd",
    "/nothing/{name}",
)
KINDS = ("Network", "FirewallPolicy", "Service", "UpfSession", "TelemetryWatch", "Nope")
DOCUMENTS: tuple[dict[str, Any], ...] = (
    {
        "kind": "Network",
        "spec": {
            "subnets": ["10.0.1.0/24", "2001:db8::/64"],
            "gateways": ["10.0.1.1"],
            "attachments": [
                {"switch": "leaf1", "port": 1, "mac": "02:00:00:00:00:01", "addresses": ["10.0.1.2"]}
            ],
            "routes": [{"prefix": "10.9.0.0/16", "via": "10.0.1.2"}],
        },
    },
    {
        "kind": "FirewallPolicy",
        "spec": {
            "priority": 7,
            "rules": [{"name": "a", "action": "deny", "from": {"cidr": "10.0.0.0/8"}, "ports": [80, "1-9"]}],
        },
    },
    {
        "kind": "Service",
        "spec": {
            "virtualIp": "10.0.1.9",
            "protocol": "tcp",
            "port": 80,
            "pool": [{"address": "10.0.1.2", "port": 8080, "weight": 3}],
        },
    },
    {
        "kind": "UpfSession",
        "spec": {
            "accessNetwork": "access", "dataNetwork": "clients", "n3Address": "10.0.3.2",
            "gnbAddress": "10.0.3.10", "uplinkTeid": 1, "downlinkTeid": 2, "ueAddress": "10.45.0.2", "qfi": 9,
        },
    },
    {"kind": "TelemetryWatch", "spec": {"switches": ["leaf1"], "ports": [1, 2], "queueDepth": 16}},
)  # fmt: skip
SCALARS = (
    "1e999", "-1e999", "1E-999", "1" * 4000, "9" * 5000, "18446744073709551616", "-0", "0.1", "1e5",
    "01", "+1", "NaN", "Infinity", "null", "true", '""', '"\\ud800"', '"a\\udfff"', '"\\ud83d\\ude00"',
    '"\\u0000"', '"\\u001b[2J"', '"\t"', "'x'", '"10.0.1.0/24"', '"::1"', '"255.255.255.255"',
    '"' + "x" * 70_000 + '"', "[]", "{}", "[[[]]]", '{"a":{"b":{}}}', "[" * 300 + "]" * 300,
    '{"kind":1,"kind":2}', '{"\\ud800":1}', '{"\\u0000":1}',
)  # fmt: skip
TOKENS = (*'{}[]:,"\\-e\n\x00\ufeff', "\\u", "\\ud800", "//", "null")
FORM = "application/x-www-form-urlencoded"
TYPES = (
    *("application/json", "application/yaml", "text/yaml") * 3,
    *("application/merge-patch+json", "application/apply-patch+json") * 2,
    *("text/plain", FORM, "multipart/form-data", "\xff", ""),
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1")
_LONGEST_BODY = 128 << 10
_LONGEST_ANSWER = 64 << 10


class Fault(AssertionError):
    """An answer that no client can be expected to understand."""


class Requests:
    """Requests by chance."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def next(self) -> tuple[str, str, bytes, dict[str, str]]:
        """Method, path, body and headers."""
        chance = self._random
        kind, name = chance.choice(KINDS), chance.choice(("a", "b", "c", "A!"))
        method = chance.choice(METHODS)
        path = chance.choice(PATHS).format(kind=kind, name=name)
        # What takes documents is of more interest than what takes none.
        if chance.random() < 0.7:
            method = chance.choice(("POST", "PUT", "PATCH"))
            path = "/api/v1/intents" if method == "POST" else f"/api/v1/intents/{kind}/acme/{name}"
            path += chance.choice(("", "?dryRun=true"))
        headers = {"Content-Type": chance.choice(TYPES)}
        if chance.random() < 0.05:
            headers["Content-Encoding"] = chance.choice(("gzip", "br", "identity"))
        return method, path, self._body(), headers

    def _body(self) -> bytes:
        chance = self._random
        document = {**chance.choice(DOCUMENTS), "name": chance.choice("abc"), "tenant": "acme"}
        content: Any = document
        if chance.random() < 0.3:
            content = [{**document, "name": f"n{n}"} for n in range(chance.choice((0, 1, 2, 30)))]
        text = json.dumps({"items": content} if chance.random() < 0.1 else content)
        mutations: tuple[Callable[[str], str], ...] = (self._scalar, self._token, self._twice, self._cut)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
            text = chance.choice(mutations)(text)[:_LONGEST_BODY]
        encoding = chance.choice(ENCODINGS) if chance.random() < 0.1 else "utf-8"
        body = bytearray(text.encode(encoding, "replace"))
        if chance.random() < 0.15 and body:
            for _ in range(chance.randrange(1, 4)):
                body[chance.randrange(len(body))] = chance.randrange(256)
        return bytes(body)

    def _places(self, text: str, marks: str) -> list[int]:
        return [place for place, character in enumerate(text) if character in marks]

    def _scalar(self, text: str) -> str:
        """Put a value in place of another."""
        if not (places := self._places(text, ":,[")):
            return self._random.choice(SCALARS)
        start = self._random.choice(places) + 1
        end = min((p for p in self._places(text, ",]}") if p >= start), default=len(text))
        return f"{text[:start]}{self._random.choice(SCALARS)}{text[end:]}"

    def _token(self, text: str) -> str:
        place = self._random.randrange(len(text) + 1)
        return f"{text[:place]}{self._random.choice(TOKENS)}{text[place:]}"

    def _twice(self, text: str) -> str:
        """Repeat a part: a key given twice, an item a thousand times."""
        if not (places := self._places(text, ",")):
            return text + text
        start = self._random.choice(places)
        end = min((p for p in self._places(text, ",]}") if p > start), default=len(text))
        return text[:end] + text[start:end] * self._random.choice((1, 2, 100, 1000)) + text[end:]

    def _cut(self, text: str) -> str:
        return text[: self._random.randrange(len(text) + 1)]


def check(method: str, path: str, answer: httpx.Response) -> None:
    """Judge an answer. Raises Fault."""
    status, content = answer.status_code, answer.content
    if status >= 500:
        raise Fault(f"status {status}: {content[:300]!r}")
    if method == "HEAD" or status == 204:
        return
    if status < 400:
        if path.startswith("/api/"):
            json.loads(content)
        return
    errors = json.loads(content.decode())["errors"]
    if not errors or any(set(error) != {"field", "value", "code", "message"} for error in errors):
        raise Fault(f"errors of another shape: {content[:300]!r}")
    if len(content) > _LONGEST_ANSWER:
        raise Fault(f"an answer of {len(content)} bytes: {content[:300]!r}")


def run(controller: Attacked, seed: int, enough: Callable[[int], bool]) -> Counter[int]:
    """Send requests until there are enough; returns the statuses. Raises Fault with what was sent."""
    requests = Requests(seed)
    statuses: Counter[int] = Counter()
    number = 0
    with controller.client() as client:
        while not enough(number):
            method, path, body, headers = requests.next()
            if path.startswith("/api/v1/events") and method == "GET":
                continue
            encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            try:
                answer = client.request(method, path, content=body, headers=encoded)
                check(method, path, answer)
            except (Fault, ValueError, httpx.HTTPError) as fault:
                shown = body if len(body) < 2000 else body[:1000] + b" ... " + body[-1000:]
                raise Fault(f"request {number}: {method} {path} {headers} {shown!r}: {fault!r}") from fault
            statuses[answer.status_code] += 1
            number += 1
    return statuses


def main() -> None:
    """Send requests for a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder, attacked(Path(folder)) as controller:
        statuses = run(controller, options.seed, lambda _: time.monotonic() > end)
        if "Traceback" in controller.log:
            raise Fault(controller.log)
    print(f"{statuses.total()} requests, seed {options.seed}: {dict(sorted(statuses.items()))}")


if __name__ == "__main__":
    main()
