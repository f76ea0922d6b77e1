"""A local OpenID Connect provider: its keys by HTTP, its tokens by hand, so that they can be wrong too."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

__all__ = ["AUDIENCE", "Issuer", "issuing"]

AUDIENCE = "p4fabric"
DISCOVERY = "/.well-known/openid-configuration"


class Issuer:
    """What it publishes can be changed while it runs."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.keys: dict[str, Any] = {}
        self.published: list[dict[str, Any]] = []
        self.fetches = 0
        self.answers: dict[str, bytes] = {}
        """What it answers by path instead."""
        self.is_down = False
        self.add("rsa-1")

    def add(self, identity: str, *, elliptic: bool = False, **fields: str) -> None:
        """Make a key and publish it."""
        if elliptic:
            curve = ec.generate_private_key(ec.SECP256R1())
            self.keys[identity], public = curve, ECAlgorithm.to_jwk(curve.public_key(), as_dict=True)
        else:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            self.keys[identity], public = key, RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self.published.append({**public, "kid": identity, "use": "sig", **fields})

    def token(self, key: str = "rsa-1", algorithm: str = "RS256", **claims: Any) -> str:
        """A token; claims that are None are left out."""
        now = int(time.time())
        all_claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "alice",
            "exp": now + 600,
            "iat": now,
            **claims,
        }
        present = {name: value for name, value in all_claims.items() if value is not None}
        # As JWS, which takes claims that no decent provider would write.
        content = json.dumps(present).encode()
        return jwt.PyJWS().encode(content, self.keys[key], algorithm, headers={"kid": key})

    def answer(self, path: str) -> bytes | None:
        """What it answers at a path."""
        if path in self.answers:
            return self.answers[path]
        if path == DISCOVERY:
            return json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        if path == "/keys":
            self.fetches += 1
            return json.dumps({"keys": self.published}).encode()
        return None


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Run one while the body does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = None if issuer.is_down else issuer.answer(self.path)
            self.send_response(503 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
