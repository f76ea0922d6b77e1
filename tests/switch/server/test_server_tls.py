"""TLS: who is let in, by the server's options and on its command line."""

from __future__ import annotations

import asyncio
import datetime
import sys
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from finsy.proto import p4r

from p4fabric.softswitch import AsyncSoftSwitch
from p4fabric.softswitch.server.ports import BadOption
from p4fabric.softswitch.server.server import Tls
from tests.switch.server.client import Client

NOW = datetime.datetime.now(datetime.UTC)


class Authority:
    """Signs certificates."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of the test")])
        self._own = self._sign(self._name, self._key, ca=True)

    def pem(self) -> bytes:
        return self._own.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str) -> tuple[bytes, bytes]:
        """A certificate for this machine and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return self._sign(subject, key, ca=False).public_bytes(serialization.Encoding.PEM), private

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            self._name,
            subject,
            key.public_key(),
            x509.random_serial_number(),
            NOW - datetime.timedelta(hours=1),
            NOW + datetime.timedelta(days=1),
        )
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        return builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Tls:
    certificate, key = authority.issue("switch")
    tls = Tls(tmp_path / "switch.pem", tmp_path / "switch.key", tmp_path / "authority.pem")
    tls.certificate.write_bytes(certificate)
    tls.private_key.write_bytes(key)
    (tmp_path / "authority.pem").write_bytes(authority.pem())
    return tls


async def gets_in(address: str, credentials: grpc.ChannelCredentials | None) -> bool:
    """Whether a client with these credentials is served, stream and all."""
    async with Client(address, credentials=credentials) as client:
        try:
            await client.stub.Capabilities(p4r.CapabilitiesRequest(), timeout=60)
            return await client.arbitrate() == 0
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            return False


async def test_tls_serves_those_who_trust_it_and_nobody_in_the_clear(
    authority: Authority, files: Tls
) -> None:
    async with AsyncSoftSwitch(tls=Tls(files.certificate, files.private_key)) as switch:
        assert await gets_in(switch.address, grpc.ssl_channel_credentials(authority.pem()))
        assert not await gets_in(switch.address, None)
        assert not await gets_in(switch.address, grpc.ssl_channel_credentials(Authority().pem()))


async def test_mutual_tls_serves_clients_of_its_authority_only(authority: Authority, files: Tls) -> None:
    async with AsyncSoftSwitch(tls=files) as switch:
        for signed_by, served in ((authority, True), (Authority(), False), (None, False)):
            certificate, key = signed_by.issue("controller") if signed_by else (None, None)
            credentials = grpc.ssl_channel_credentials(authority.pem(), key, certificate)
            assert await gets_in(switch.address, credentials) == served


async def test_files_that_are_missing_or_no_certificates_are_named(files: Tls) -> None:
    for tls, said in (
        (Tls(files.certificate, Path("/nowhere/x.key")), "/nowhere/x.key"),
        (Tls(files.private_key, files.certificate), "switch.key"),
        (Tls(files.certificate, files.private_key, files.private_key), "switch.key is no certificate"),
    ):
        with pytest.raises(BadOption, match=said):
            async with AsyncSoftSwitch(tls=tls):
                pass


@pytest.fixture
async def command(files: Tls) -> AsyncIterator[str]:
    """The address of a switch that was started by hand, with mutual TLS."""
    options = ("--tls-cert", files.certificate, "--tls-key", files.private_key, "--tls-ca", files.authority)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "p4fabric.softswitch", "run", "--grpc", "127.0.0.1:0", *map(str, options)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        yield line.split()[-1]
    finally:
        process.terminate()
        await process.wait()


async def test_the_command_line_has_it_too(authority: Authority, command: str) -> None:
    certificate, key = authority.issue("controller")
    assert await gets_in(command, grpc.ssl_channel_credentials(authority.pem(), key, certificate))
    assert not await gets_in(command, grpc.ssl_channel_credentials(authority.pem()))
