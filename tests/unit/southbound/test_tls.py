from __future__ import annotations

import subprocess
from pathlib import Path

import grpc
import pytest

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import Endpoint, Phase, Tls

from .conftest import Listener, is_primary, running, session_to
from .fake_switch import FakeSwitch


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for `leaf1.example`, and its key."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=leaf1.example", "-addext", "subjectAltName=DNS:leaf1.example"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(["openssl", "req", "-x509", *curve, *subject, *files], check=True, capture_output=True)
    return certificate, key


async def test_a_switch_and_a_controller_know_each_other_by_certificates(
    certificate: tuple[Path, Path],
) -> None:
    public, private = certificate
    pair = [(private.read_bytes(), public.read_bytes())]
    credentials = grpc.ssl_server_credentials(pair, public.read_bytes(), require_client_auth=True)
    fake = FakeSwitch()
    await fake.start(credentials)
    endpoint = Endpoint(SwitchName("leaf1"), 1, fake.address, Tls(public, public, private, "leaf1.example"))
    stranger = Endpoint(SwitchName("leaf1"), 1, fake.address, Tls(public, server_name="leaf1.example"))
    session = session_to(fake, Listener(), 1, endpoint)
    refused = session_to(fake, Listener(), 2, stranger)
    plain = session_to(fake, Listener(), 3)
    async with running(session.run, refused.run, plain.run):
        await session.wait_until(is_primary)
        for other in (refused, plain):
            await other.wait_until(lambda state: "connection failed" in state.reason)
    await fake.stop()


async def test_a_missing_certificate_is_the_states_reason(tmp_path: Path) -> None:
    fake = FakeSwitch()
    endpoint = Endpoint(SwitchName("leaf1"), 1, "127.0.0.1:1", Tls(tmp_path / "authority.pem"))
    session = session_to(fake, Listener(), 1, endpoint)
    async with running(session.run):
        state = await session.wait_until(lambda state: "authority.pem" in state.reason)
        assert state.phase is Phase.DISCONNECTED


async def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a certificate needs its private key"):
        Tls(tmp_path, certificate=tmp_path).credentials()
