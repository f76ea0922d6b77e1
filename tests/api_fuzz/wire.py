"""Raw connections: sends bytes as they are, and reads answers as RFC 9112 frames them; or what is no HTTP."""

from __future__ import annotations

import json
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from tests.api_fuzz.bodies import body
from tests.api_fuzz.odd_requests import Request
from tests.api_fuzz.world import INTENTS, ROLES, Fault, Fuzzed

__all__ = ["Nonsense", "exchange", "send_nonsense", "watch"]

PATIENCE = 60.0
"""Seconds in which the controller must answer or close."""
_ENDINGS = ("read", "stop sending", "reset")
_STREAMS = (
    f"{INTENTS}?watch=true", f"{INTENTS}?watch=true&tenant=acme&state=active", "/api/v1/events",
    f"{INTENTS}?watch=true&labelSelector=app%3Dweb", "/api/v1/events?since=1h",
    "/api/v1/events?tenant=acme&limit=2",
    f"{INTENTS}?watch=true&resourceVersion=0", "/api/v1/events?types=HostLearned,IntentDeleted",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Its media type."""
        return self.headers.get("content-type", "")


def _answers(received: bytes, method: str) -> Iterator[Answer]:
    """All answers in what was received; the last may be cut off.

    Raises:
        Fault: it is no HTTP.
    """
    left = received
    while left:
        head, found, left = left.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = [*line.split(" ", 2), "", ""]
        if version != "HTTP/1.1" or not status.isdigit() or not found:
            raise Fault(f"is no answer: {received[:300]!r}")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if int(status) < 200 or int(status) in (204, 304) or method == "HEAD":
            content = b""
        elif "content-length" in headers:
            content, left = left[: int(headers["content-length"])], left[int(headers["content-length"]) :]
            if len(content) < int(headers["content-length"]):
                raise Fault(f"is cut off: {received[:300]!r}")
        else:
            content, left = _unchunked(left)
        if int(status) >= 200:
            yield Answer(int(status), headers, content)


def _unchunked(received: bytes) -> tuple[bytes, bytes]:
    """The body in chunks, as far as it came, and what is behind it."""
    content = b""
    while True:
        size, found, rest = received.partition(b"\r\n")
        if not found:
            return content, b""
        length = int(size, 16)
        content, received = content + rest[:length], rest[length + 2 :]
        if length == 0:
            return content, received


def exchange(fuzzed: Fuzzed, request: Request) -> Answer:
    """Send a request as it is, read the answer, and judge it; a stream is read as far as it comes at once.

    Raises:
        Fault: there is no answer, or it is one.
    """
    with fuzzed.controller.connect() as connection:
        connection.settimeout(PATIENCE)
        _send(connection, _written(fuzzed, request))
        received = _receive(connection)
    answers = list(_answers(received, request.method))
    if len(answers) != 1:
        raise Fault(f"{len(answers)} answers: {received[:300]!r}")
    (answer,) = answers
    fuzzed.judge(request.method, request.path, answer.status, answer.kind, answer.body)
    return answer


def _written(fuzzed: Fuzzed, request: Request) -> bytes:
    names = {name.lower() for name, _ in request.headers}
    lines = [f"{request.method} {request.target} HTTP/1.1".encode("latin-1"), b"Connection: close"]
    lines += [b"%s: %s" % pair for pair in request.headers]
    if b"host" not in names:
        lines.append(b"Host: fuzz")
    if b"authorization" not in names:
        lines += [f"{name}: {value}".encode() for name, value in fuzzed.authorization(request.role).items()]
    if request.body:
        lines.append(b"Content-Length: %d" % len(request.body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + request.body


def _send(connection: socket.socket, content: bytes) -> None:
    # Who refuses a request need not read all of it.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(content)


def _receive(connection: socket.socket) -> bytes:
    received = b""
    try:
        while part := connection.recv(1 << 16):
            received += part
            if b"\r\ncontent-type: text/event-stream" in received[:2000].lower():
                connection.settimeout(0.2)
    except ConnectionResetError:
        pass
    except TimeoutError:
        if connection.gettimeout() == PATIENCE:
            raise Fault(
                f"neither answered nor closed in {PATIENCE:g} s; until then: {received[:300]!r}"
            ) from None
    return received


class Nonsense:
    """Bytes that are nearly HTTP, by chance."""

    def __init__(self, seed: int) -> None:
        """Take what they are by chance of."""
        self._chance = random.Random(seed)

    def next(self, authorization: bytes) -> tuple[bytes, str]:
        """What to send, and how to end then."""
        chance = self._chance
        content = self._document()
        made = chance.choice(
            (self._chunks, self._lengths, self._first_line, self._headers, self._pipeline, self._other)
        )(content, b"Host: x\r\nAuthorization: " + authorization + b"\r\n")
        if chance.random() < 0.2:
            made = made[: chance.randrange(len(made) + 1)]
        if chance.random() < 0.2 and made:
            place = chance.randrange(len(made))
            made = made[:place] + bytes([chance.randrange(256)]) + made[place + 1 :]
        return made, chance.choice(_ENDINGS[1:])

    def _document(self) -> bytes:
        if self._chance.random() < 0.5:
            return body(self._chance)[: 16 << 10]
        return json.dumps({"kind": "Network", "tenant": "acme", "name": "wire", "spec": {}}).encode()

    def _post(self, head: bytes, fields: bytes, content: bytes) -> bytes:
        return b"POST /api/v1/intents HTTP/1.1\r\n" + head + fields + b"\r\n" + content

    def _chunks(self, content: bytes, head: bytes) -> bytes:
        chance, chunks, left = self._chance, b"", content
        sizes = (
            b"%x",
            b"%X",
            b"0000%x",
            b"%x;a=b",
            b'%x;"',
            b"%x ",
            b"-%x",
            b"+%x",
            b"0x%x",
            b"%xg",
            b"",
            b"\x00%x",
        )
        while left:
            size = chance.choice((1, 10, 1000, len(left)))
            part, left = left[:size], left[size:]
            form = chance.choice(sizes) if chance.random() < 0.1 else b"%x"
            length = len(part) if chance.random() < 0.95 else chance.choice((0, 1, 1 << 31, 1 << 63, 1 << 70))
            written = form % length if b"%" in form else form
            chunks += written + chance.choice((b"\r\n",) * 20 + (b"\n", b"\r", b"")) + part + b"\r\n"
        chunks += chance.choice(
            (b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\n", b"", b"0" * 5000 + b"\r\n\r\n", b"0\r\n\r\nGET")
        )
        field = chance.choice(
            (b"Transfer-Encoding: chunked\r\n",) * 6
            + (b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: chunked, identity\r\n",
               b"Transfer-Encoding:\x0bchunked\r\n", b"Transfer-Encoding: xchunked\r\n",
               b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
               b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")
        )  # fmt: skip
        return self._post(head, field, chunks)

    def _lengths(self, content: bytes, head: bytes) -> bytes:
        right = b"%d" % len(content)
        lengths = (
            right, b"-1", b"1e3", b"+" + right, b"0", b"1", b"9" * 30, b" " + right, right + b", " + right,
            b"\xff",
            right + b"\r\nContent-Length: " + right, right + b"\r\nContent-Length: 7",
            b"%d" % (len(content) + 9),
            b"16777216", b"",
        )  # fmt: skip
        return self._post(head, b"Content-Length: " + self._chance.choice(lengths) + b"\r\n", content)

    def _first_line(self, content: bytes, head: bytes) -> bytes:
        lines = (
            b"GET /api/v1/switches", b"get /api/v1/switches HTTP/1.1", b"GET  /api/v1/switches HTTP/1.1",
            b"GET /api/v1/switches HTTP/1.0", b"GET /api/v1/switches HTTP/2.0",
            b"GET /api/v1/switches HTTP/9.9",
            b"PRI * HTTP/2.0\r\n\r\nSM", b"GET http://x/api/v1/switches HTTP/1.1", b"CONNECT x:80 HTTP/1.1",
            b"OPTIONS * HTTP/1.1", b"GET api/v1/switches HTTP/1.1", b"GET /api/v1/switches#x HTTP/1.1",
            b"GET /api/v1/\x00 HTTP/1.1", b"GET /\xff\xfe HTTP/1.1", b"GET /" + b"a" * 100_000 + b" HTTP/1.1",
            b"A" * 5000 + b" / HTTP/1.1", b"GET\t/healthz\tHTTP/1.1", b"GET /api/v1/switches HTTP/1.1 x", b"",
            b"GET /api/v1/intents?" + b"a=b&" * 10_000 + b" HTTP/1.1", b"\r\n\r\nGET /healthz HTTP/1.1",
            b"GET",
        )  # fmt: skip
        return self._chance.choice(lines) + b"\r\n" + head + b"\r\n" + content[:100]

    def _headers(self, content: bytes, head: bytes) -> bytes:
        fields = (
            b"X: " + b"a" * (60 << 10) + b"\r\n", b"X: " + b"a" * (1 << 20) + b"\r\n", b"X: y\r\n" * 1000,
            b"X" * 70_000 + b": y\r\n", b"no colon\r\n", b"X : y\r\n", b" X: y\r\n", b"X: a\r\n b\r\n",
            b": y\r\n",
            b"X: a\rb\r\n", b"X: a\x00b\r\n", b"X: a\nb\r\n", b"Host: y\r\n", b"X\xff: y\r\n", b"X(y): z\r\n",
            b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n",
            b"Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n",
            b"Expect: 100-continue\r\n", b"Connection: close, keep-alive\r\n", b"Keep-Alive: timeout=-1\r\n",
        )  # fmt: skip
        return b"GET /api/v1/switches HTTP/1.1\r\n" + head + self._chance.choice(fields) + b"\r\n"

    def _pipeline(self, content: bytes, head: bytes) -> bytes:
        one = b"GET /healthz HTTP/1.1\r\n" + head + b"\r\n"
        post = self._post(head, b"Content-Length: %d\r\n" % len(content), content)
        return b"".join(self._chance.choices((one, post), k=self._chance.choice((2, 5, 50))))

    def _other(self, content: bytes, head: bytes) -> bytes:
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self._chance.randbytes(200)
        return self._chance.choice(
            (hello, self._chance.randbytes(500), b"\x00" * 1000, b"\r\n" * 1000, b"\n", b"", content)
        )


def send_nonsense(fuzzed: Fuzzed, nonsense: Nonsense) -> None:
    """Send some, and judge whatever is answered.

    Raises:
        Fault: an answer is one, or the connection is kept without an answer.
    """
    authorization = fuzzed.authorization("operator")["Authorization"].encode()
    sent, ending = nonsense.next(authorization)
    try:
        with fuzzed.controller.connect() as connection:
            connection.settimeout(PATIENCE)
            _send(connection, sent)
            if ending == "reset":
                _reset(connection)
                return
            try:
                connection.shutdown(socket.SHUT_WR)
                received = _receive(connection)
            except OSError:  # it was closed at once
                return
        for answer in _answers(received, "GET"):
            fuzzed.judge("-", "-", answer.status, answer.kind, answer.body)
    except Fault as fault:
        shown = sent if len(sent) < 3000 else sent[:1500] + b" ... " + sent[-1500:]
        raise Fault(f"{shown!r}, then {ending}: {fault}") from fault


def _reset(connection: socket.socket) -> None:
    """Close with a reset instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def watch(fuzzed: Fuzzed, chance: random.Random) -> None:
    """Open streams, read a part of some, and leave them in several ways, while something changes.

    Raises:
        Fault: a stream is not as it is described.
    """
    opened: list[tuple[str, socket.socket]] = []
    for target in chance.choices(_STREAMS, k=chance.randrange(1, 9)):
        role = chance.choice(ROLES)
        request = Request("GET", target, (), b"", role)
        connection = fuzzed.controller.connect(_written(fuzzed, request))
        opened.append((request.path, connection))
    with fuzzed.controller.client() as client:
        for path in (f"{INTENTS}/network/acme/streamed", f"{INTENTS}/network/globex/streamed"):
            answer = client.request(*chance.choice((("PUT", path), ("DELETE", path))), json={"spec": {}})
            fuzzed.judge_response(answer)
    for path, connection in opened:
        ending = chance.choice((*_ENDINGS, "leave"))
        if ending == "leave":
            connection.close()
            continue
        if ending == "reset":
            connection.recv(chance.randrange(1, 2000))
            _reset(connection)
            continue
        connection.settimeout(PATIENCE)
        if ending == "stop sending":
            connection.shutdown(socket.SHUT_WR)
        received = _receive(connection)
        connection.close()
        for told in _answers(received, "GET"):
            fuzzed.judge("GET", path, told.status, told.kind, told.body)
