"""Connections of strangers: half-open, slow, never read. What they must not take from switches and users."""

from __future__ import annotations

import json
import resource
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.attacks.api import NETWORK, SPEC, Attacked, answer, attacked, policies, read_answer, until
from tests.switch.pipeline.harness import free_tcp_port

HALF = b"GET / HTTP/1.1\r\nX: "
FEW_DESCRIPTORS = 1024


@contextmanager
def switch(address: str) -> Iterator[None]:
    """An embedded switch at an address, killed in the end."""
    command = [sys.executable, "-m", "p4fabric.softswitch", "run", "--device-id", "1", "--grpc", address]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def in_sync(controller: Attacked) -> bool:
    (leaf,) = controller.call("GET", "/api/v1/switches").json()["items"]
    return bool(leaf["inSync"])


def open_many(controller: Attacked, count: int, sent: bytes) -> list[socket.socket]:
    """Open connections; some may be closed by the controller as soon as they are there."""
    found = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", controller.port), timeout=20)
        found.append(connection)
        with suppress(OSError):
            connection.sendall(sent)
    return found


def test_half_open_connections_take_no_switch_and_no_user_away(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    address = f"127.0.0.1:{free_tcp_port()}"
    with attacked(tmp_path, address, limits=f"ulimit -n {FEW_DESCRIPTORS}") as controller:
        with switch(address):
            assert controller.call("PUT", NETWORK, json={"spec": SPEC}).status_code == 201
            until(lambda: in_sync(controller))
            before = controller.memory()
            held = open_many(controller, 1100, HALF)
            assert controller.call("GET", "/healthz").status_code == 200
        # The switch is dead, and comes back at its address.
        until(lambda: not in_sync(controller))
        held += open_many(controller, 500, HALF)
        with switch(address):
            until(lambda: in_sync(controller))
            assert controller.call("PUT", NETWORK, json={"spec": {**SPEC, "gateways": []}}).status_code == 200
        assert controller.descriptors() < FEW_DESCRIPTORS - 100
        assert controller.memory() - before < 64 << 20
        assert len(controller.log) < 100_000
    for connection in held:
        connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_of_descriptors_is_raised_to_the_hard_one(tmp_path: Path) -> None:
    with attacked(tmp_path, limits="ulimit -Sn 512") as controller:
        soft, hard = resource.prlimit(controller.process.pid, resource.RLIMIT_NOFILE)
        assert soft == hard > 512


def test_headers_that_trickle_in_are_not_waited_for(tmp_path: Path) -> None:
    with attacked(tmp_path, headerTimeout=1) as controller:
        slow, silent = controller.connect(HALF), controller.connect()
        begun = time.monotonic()
        slow.settimeout(0.2)
        refusal = b""
        while not refusal and time.monotonic() - begun < 60:
            slow.sendall(b"x")
            try:
                refusal = slow.recv(4096)
            except TimeoutError:
                continue
        assert time.monotonic() - begun > 0.5
        assert refusal.startswith(b"HTTP/1.1 408 ")
        (error,) = json.loads(refusal.partition(b"\r\n\r\n")[2])["errors"]
        assert "headers did not come in whole in time" in error["message"]
        assert b"408" in answer(silent)
        # Control: a request in two parts, and a connection that is used again.
        whole = controller.request("/healthz")
        in_time = controller.connect(whole[:20])
        time.sleep(0.3)
        in_time.sendall(whole[20:])
        assert read_answer(in_time).startswith(b"HTTP/1.1 200 ")
        time.sleep(1.5)
        in_time.sendall(whole)
        assert read_answer(in_time).startswith(b"HTTP/1.1 200 ")
        in_time.close()


def test_a_body_that_trickles_in_is_not_waited_for(tmp_path: Path) -> None:
    with attacked(tmp_path, bodyTimeout=1) as controller:
        body = json.dumps({"spec": SPEC}).encode()
        headers = controller.request(NETWORK, f"Content-Length: {len(body)}", method="PUT")
        slow = controller.connect(headers + body[:10])
        refused = answer(slow)
        assert refused.startswith(b"HTTP/1.1 408 ") and b"body did not come in whole" in refused
        assert "Traceback" not in controller.log
        # Control: in two parts, in time.
        in_time = controller.connect(headers + body[:10])
        time.sleep(0.3)
        in_time.sendall(body[10:])
        assert read_answer(in_time).startswith(b"HTTP/1.1 201 ")
        in_time.close()


def test_an_answer_that_nobody_reads_is_given_up(tmp_path: Path) -> None:
    with attacked(tmp_path, writeTimeout=1, idleTimeout=1) as controller, ExitStack() as held:
        assert controller.call("POST", "/api/v1/intents", json=policies(500)).status_code == 200
        begin = controller.descriptors()
        for _ in range(20):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", controller.port))
            connection.sendall(controller.request("/docs/assets/swagger-ui-bundle.js") * 8)
            held.enter_context(connection)
        until(lambda: controller.descriptors() > begin + 10)
        until(lambda: controller.descriptors() <= begin + 1)
        # Control: a client that reads slowly, but does, gets all of it.
        slow = controller.connect(
            controller.request("/docs/assets/swagger-ui-bundle.js", "Connection: close")
        )
        got = 0
        while part := slow.recv(64 << 10):
            got += len(part)
            time.sleep(0.05)
        assert got > 1_000_000
        slow.close()


def test_streams_of_events_are_limited_in_number(tmp_path: Path) -> None:
    with attacked(tmp_path, maxEventStreams=2) as controller:
        held = [controller.connect(controller.request("/api/v1/events")) for _ in range(2)]
        for connection in held:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        refused = controller.call("GET", "/api/v1/events")
        assert refused.status_code == 503 and refused.headers["Retry-After"] == "1"
        assert refused.json()["errors"][0]["field"] == "events"
        # Control: who leaves makes room.
        held.pop().close()

        def followed() -> bool:
            with controller.client() as client, client.stream("GET", "/api/v1/events") as stream:
                return stream.status_code == 200

        until(followed)


def test_a_client_that_has_shown_the_token_outlives_a_flood_of_strangers(tmp_path: Path) -> None:
    with attacked(tmp_path, maxConnections=16) as controller, controller.client() as client:
        with client.stream("GET", "/api/v1/events", headers={"Connection": "close"}) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry:")
            held = open_many(controller, 200, HALF)
            assert controller.call("PUT", NETWORK, json={"spec": SPEC}).status_code == 201
            assert any("IntentStatusChanged" in line for line in lines)
        assert controller.descriptors() < 60
        for connection in held:
            connection.close()


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    files = {"certificate": str(tmp_path / "cert.pem"), "privateKey": str(tmp_path / "key.pem")}
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=fabric", "-keyout", files["privateKey"], "-out", files["certificate"]]
    subprocess.run(["openssl", "req", "-x509", *curve, *names], check=True, capture_output=True)
    return files


def test_a_tls_handshake_that_is_not_made_is_not_waited_for(
    tmp_path: Path, certificate: dict[str, str]
) -> None:
    with attacked(tmp_path, tls=certificate, headerTimeout=1, maxConnections=16) as controller:
        begun = time.monotonic()
        silent, half = controller.connect(), controller.connect(b"\x16\x03\x01\x02\x00")
        assert answer(silent) == b"" and answer(half) == b""
        assert time.monotonic() - begun > 0.5
        # A handshake that is made is no request yet.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        shaken = context.wrap_socket(controller.connect())
        assert b"408" in answer(shaken)
        # Control, beside more connections than there may be.
        held = open_many(controller, 50, b"")
        assert controller.call("PUT", NETWORK, json={"spec": SPEC}).status_code == 201
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{controller.port}/healthz", timeout=5)
        assert "Traceback" not in controller.log
        for connection in held:
            connection.close()


def test_what_is_no_http_is_refused_in_json_and_logged_a_few_times(tmp_path: Path) -> None:
    with attacked(tmp_path) as controller:
        for _ in range(100):
            refused = answer(controller.connect(b"\x00\x01 nonsense\r\n\r\n"))
            assert refused.startswith(b"HTTP/1.1 400 ")
        (error,) = json.loads(refused.partition(b"\r\n\r\n")[2])["errors"]
        assert error["field"] == "request"
        assert 1 <= controller.log.count("Invalid HTTP request") <= 5


def test_a_body_that_turns_into_nonsense_is_answered_once(tmp_path: Path) -> None:
    with attacked(tmp_path) as controller:
        head = controller.request("/api/v1/intents", "Transfer-Encoding: chunked", method="POST")
        for body in (b"zz\r\n", b"-1\r\n", b"2\r\n{}x"):
            told = answer(controller.connect(head + body))
            assert told.startswith(b"HTTP/1.1 400 ") and told.count(b"HTTP/1.1 ") == 1
        # Control: the same in order.
        assert answer(controller.connect(head + b"2\r\n{}\r\n0\r\n\r\n")).startswith(b"HTTP/1.1 422 ")
        assert "Traceback" not in controller.log
