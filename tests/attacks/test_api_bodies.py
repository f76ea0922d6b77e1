"""Bodies that take too much, mean two things, or cannot be written again."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from tests.attacks.api import NETWORK, SPEC, Attacked, attacked, policies, until

INTENTS = "/api/v1/intents"
MIB = 1 << 20


def refused(controller: Attacked, body: bytes, status: int = 400) -> str:
    answer = controller.call("POST", INTENTS, content=body)
    assert answer.status_code == status, answer.text
    return str(answer.json()["errors"][0]["message"])


def test_bodies_in_flight_are_bounded_together(tmp_path: Path) -> None:
    with attacked(tmp_path, bodyTimeout=60) as controller:
        controller.call("POST", INTENTS, json=policies(10))
        before = controller.memory()
        length = 8 * MIB - 10
        headers = controller.request(INTENTS, f"Content-Length: {length}", method="POST")
        full = 0
        with ExitStack() as held:
            for _ in range(40):
                connection = held.enter_context(controller.connect(headers))
                connection.settimeout(0.5)
                try:
                    connection.sendall(b" " * (length - 10))
                except OSError:
                    full += 1
                    continue
                connection.settimeout(0.05)
                with suppress(TimeoutError):
                    full += connection.recv(4096).startswith(b"HTTP/1.1 503 ")
            assert full >= 30
            assert controller.memory() - before < 160 * MIB
            # Control: small ones have room of their own.
            assert controller.call("PUT", NETWORK, json={"spec": SPEC}).status_code == 200
            busy = controller.call("POST", INTENTS, content=b" " * MIB)
            assert busy.status_code == 503 and busy.headers["Retry-After"] == "1"
        until(lambda: controller.memory() - before < 64 * MIB)
        # Control: what is large is taken when there is room.
        assert controller.call("POST", INTENTS, content=b" " * length).status_code == 400


def test_a_body_of_many_small_values_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with attacked(tmp_path) as controller:
        before = controller.memory()
        assert "values, by its commas and brackets" in refused(controller, b"[" + b"[]," * 2_700_000 + b"[]]")
        assert controller.memory() - before < 64 * MIB
        assert "10001 documents" in refused(controller, b"[" + b"1," * 10_000 + b"1]")
        assert "has 65 members" in refused(controller, json.dumps({str(n): n for n in range(65)}).encode())


LONG_LISTS: list[tuple[str, Any]] = [
    ("subnets", ["10.0.0.0/24"] * 65),
    ("gateways", ["10.0.0.1"] * 65),
    ("attachments", [{"switch": "leaf1", "port": 1}] * 4097),
    ("routes", [{"prefix": "10.9.0.0/16", "via": "10.0.1.2"}] * 1025),
]


def test_lists_have_maxima_that_the_description_shows(tmp_path: Path) -> None:
    with attacked(tmp_path) as controller:
        schemas = controller.call("GET", "/openapi.json").json()["components"]["schemas"]
        named = ("NetworkSpec", "Attachment", "FirewallSpec", "FirewallRule", "ServiceSpec", "WatchSpec")
        unbounded = [
            f"{name}.{field}"
            for name in named
            for field, schema in schemas[name]["properties"].items()
            if schema.get("type") == "array" and "maxItems" not in schema
        ]
        assert not unbounded
        for field, items in LONG_LISTS:
            body = json.dumps({"kind": "Network", "name": "a", "tenant": "acme", "spec": {field: items}})
            begun = time.monotonic()
            assert f"at most {len(items) - 1} are allowed" in refused(controller, body.encode(), 422)
            assert time.monotonic() - begun < 2
        # Control: as many as there may be.
        full = {"subnets": [f"10.{n}.0.0/24" for n in range(64)]}
        assert controller.call("PUT", NETWORK, json={"spec": full}).status_code == 201


def test_of_many_errors_twenty_are_told_and_of_long_values_a_part(tmp_path: Path) -> None:
    with attacked(tmp_path) as controller:
        rules = [{"name": "x" * 1000, "action": "allow"}] * 1000
        spec = {"rules": rules, "priority": ["long"] * 100_000}
        answer = controller.call("POST", INTENTS, json=[{"kind": "FirewallPolicy", "spec": spec}] * 3)
        assert answer.status_code == 422 and len(answer.content) < 16 << 10
        errors = answer.json()["errors"]
        assert len(errors) == 21 and errors[-1]["message"] == "… and 2989 more errors"
        assert errors[-1]["field"] == ""


TWO_MEANINGS: list[tuple[bytes, str]] = [
    (b'{"kind": "Network", "kind": "Service"}', "key 'kind' is given twice"),
    (b'{"spec": {"subnets": [], "subnets": []}}', "key 'subnets' is given twice"),
    (json.dumps({"kind": "Network"}).encode("utf-16"), "must be UTF-8"),
    (json.dumps({"kind": "Network"}).encode("utf-16-le"), "must be UTF-8"),
    (json.dumps({"kind": "Network"}).encode("utf-32-be"), "must be UTF-8"),
    (b'{"kind": "\xff"}', "must be UTF-8, and byte 11 is not"),
    (b'{"kind": 1e999}', "1e999 is beyond the numbers"),
    (b'{"kind": -1e999}', "-1e999 is beyond the numbers"),
    (b'{"kind": "\\ud800"}', "half of a surrogate pair"),
    (b'{"\\udfff": 1}', "half of a surrogate pair"),
    (b'{"a": [{"b": ["\\uD800x"]}]}', "half of a surrogate pair"),
    (b'{"kind": NaN}', "NaN is not a JSON number"),
]


def test_what_cannot_be_meant_is_refused_by_name(tmp_path: Path) -> None:
    with attacked(tmp_path) as controller:
        for body, message in TWO_MEANINGS:
            assert message in refused(controller, body), body
            assert controller.call("PUT", NETWORK, content=body).status_code == 400
        assert "RFC 1123" in refused(
            controller, b'{"kind": "Network", "name": "\\u0000", "tenant": "acme", "spec": {}}', 422
        )
        assert "Traceback" not in controller.log
        # Control: pairs that are whole, escaped and not.
        for name in (b"\\ud83d\\ude00", "😀".encode()):
            answer = controller.call("POST", INTENTS, content=b'{"kind": "' + name + b'"}')
            assert answer.json()["errors"][0]["value"] == "😀"
