"""Documents that are mutated, as text and as bytes: numbers beyond any type, halves of surrogate pairs, NUL,
bytes that are no UTF-8, UTF-16 and UTF-32, nesting, keys given twice, lists repeated, cut off anywhere.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

__all__ = ["KINDS", "body"]

KINDS = ("Network", "FirewallPolicy", "Service", "UpfSession", "Upf", "TelemetryWatch", "Nope")
INTENTS: tuple[dict[str, Any], ...] = (
    {
        "kind": "Network",
        "spec": {
            "subnets": ["10.0.1.0/24", "2001:db8::/64"],
            "gateways": ["10.0.1.1"],
            "attachments": [
                {
                    "switch": "leaf1",
                    "port": 1,
                    "host": "h1",
                    "mac": "02:00:00:00:00:01",
                    "addresses": ["10.0.1.2"],
                }
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
        "labels": {"app": "web"},
        "spec": {
            "virtualIp": "10.0.1.9",
            "protocol": "tcp",
            "port": 80,
            "pool": [{"address": "10.0.1.2", "port": 8080, "weight": 3}],
        },
    },
    {
        "kind": "UpfSession",
        "annotations": {"note": "x"},
        "spec": {
            "accessNetwork": "access", "dataNetwork": "clients", "n3Address": "10.0.3.2",
            "gnbAddress": "10.0.3.10", "uplinkTeid": 1, "downlinkTeid": 2, "ueAddress": "10.45.0.2", "qfi": 9,
        },
    },
    {"kind": "TelemetryWatch", "spec": {"switches": ["leaf1"], "ports": [1, 2], "queueDepth": 16}},
)  # fmt: skip
OTHERS: tuple[dict[str, Any], ...] = (
    {
        "from": "h1", "to": "10.0.1.11", "tenant": "acme", "protocol": "tcp", "destinationPort": 80,
        "sourcePort": 1024, "tcpFlags": ["syn"], "ttl": 64, "sourceAddress": "10.0.1.10",
        "sourceMac": "02:00:00:00:01:00", "destinationMac": "02:00:5e:00:00:01",
    },
    {"from": "leaf1:1", "to": "web"},
    {"name": "made", "role": "tenant", "tenant": "acme", "expires": "2199-01-01T00:00:00Z"},
    {"labels": {"app": None}, "spec": None},
)  # fmt: skip
"""Questions, tokens, patches."""
SCALARS = (
    "1e999", "-1e999", "1E-999", "1" * 4000, "9" * 5000, "18446744073709551616", "-0", "0.1", "1e5",
    "01", "+1", "NaN", "Infinity", "null", "true", '""', '"\\ud800"', '"a\\udfff"', '"\\ud83d\\ude00"',
    '"\\u0000"', '"\\u001b[2J"', '"\t"', "'x'", '"10.0.1.0/24"', '"::1"', '"255.255.255.255"',
    '"fe80::1%eth0"',
    '"' + "x" * 70_000 + '"', "[]", "{}", "[[[]]]", '{"a":{"b":{}}}', "[" * 300 + "]" * 300,
    '{"kind":1,"kind":2}', '{"\\ud800":1}', '{"\\u0000":1}', '"9999-12-31T23:59:59-23:59"',
    '"0001-01-01T00:00:00+23:59"', '"2199-01-01"', "253402300800", '"leaf1:999"', '"leaf1:1.4096"', '"a/b/c"',
    "[" * 100_000, '{"a":' * 5_000,
)  # fmt: skip
TOKENS = (*'{}[]:,"\\-e\n\x00\ufeff', "\\u", "\\ud800", "//", "null", "&a *a", "!!python/object:x", "---\n")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1")
_LONGEST = 128 << 10


def body(chance: random.Random) -> bytes:
    """One by chance."""
    document = {**chance.choice(INTENTS), "name": chance.choice("abc"), "tenant": "acme"}
    content: Any = document
    if chance.random() < 0.3:
        content = [{**document, "name": f"n{n}"} for n in range(chance.choice((0, 1, 2, 30)))]
    elif chance.random() < 0.3:
        content = chance.choice(OTHERS)
    text = json.dumps({"items": content} if chance.random() < 0.1 else content)
    mutations: tuple[Callable[[random.Random, str], str], ...] = (_scalar, _token, _twice, _cut)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
        text = chance.choice(mutations)(chance, text)[:_LONGEST]
    encoding = chance.choice(ENCODINGS) if chance.random() < 0.1 else "utf-8"
    encoded = bytearray(text.encode(encoding, "replace"))
    if chance.random() < 0.15 and encoded:
        for _ in range(chance.randrange(1, 4)):
            encoded[chance.randrange(len(encoded))] = chance.randrange(256)
    return bytes(encoded)


def _places(text: str, marks: str) -> list[int]:
    return [place for place, character in enumerate(text) if character in marks]


def _scalar(chance: random.Random, text: str) -> str:
    """Put a value in place of another."""
    if not (places := _places(text, ":,[")):
        return chance.choice(SCALARS)
    start = chance.choice(places) + 1
    end = min((p for p in _places(text, ",]}") if p >= start), default=len(text))
    return f"{text[:start]}{chance.choice(SCALARS)}{text[end:]}"


def _token(chance: random.Random, text: str) -> str:
    place = chance.randrange(len(text) + 1)
    return f"{text[:place]}{chance.choice(TOKENS)}{text[place:]}"


def _twice(chance: random.Random, text: str) -> str:
    """Repeat a part: a key given twice, an item a thousand times."""
    if not (places := _places(text, ",")):
        return text + text
    start = chance.choice(places)
    end = min((p for p in _places(text, ",]}") if p > start), default=len(text))
    return text[:end] + text[start:end] * chance.choice((1, 2, 100, 1000)) + text[end:]


def _cut(chance: random.Random, text: str) -> str:
    return text[: chance.randrange(len(text) + 1)]
