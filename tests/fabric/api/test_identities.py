"""A controller with TLS: client certificates and a provider's tokens, as principals of real requests."""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from p4fabric.client import Client, Settings
from tests.fabric.api.conftest import PATIENCE, Served, configured, controller
from tests.fabric.api.issuer import AUDIENCE, issuing
from tests.fabric.api.test_access import TOKENS
from tests.fabric.api.test_resources import INTENTS, problem

CLIENTS = [
    {"name": "ci", "subject": {"commonName": "ci", "organizationName": "Example"}, "role": "operator"},
    {"name": "acme", "san": "URI:spiffe://example.org/acme", "role": "tenant", "tenant": "acme"},
    {"name": "prometheus", "san": "DNS:prometheus.example.org", "role": "scraper"},
]
WHO = "/api/v1/principal"
P4FABRIC = str(Path(sys.executable).with_name("p4fabric"))


@dataclass
class Authority:
    """Signs certificates into a folder."""

    folder: Path
    name: str

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        self._write(self.name, self._key, self._signed(subject, self._key, [], timedelta(days=1), ca=True))

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def sign(
        self,
        file: str,
        subject: dict[str, str],
        *names: x509.GeneralName,
        lasts: timedelta = timedelta(days=1),
    ) -> tuple[Path, Path]:
        """A certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        oids = {"commonName": NameOID.COMMON_NAME, "organizationName": NameOID.ORGANIZATION_NAME}
        attributes = [x509.NameAttribute(oids[kind], value) for kind, value in subject.items()]
        return self._write(file, key, self._signed(x509.Name(attributes), key, list(names), lasts))

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: list[x509.GeneralName],
        lasts: timedelta,
        ca: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        builder = (
            x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + lasts)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(
        self, file: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> tuple[Path, Path]:
        public, private = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return public, private


Connect = Callable[..., httpx.AsyncClient]


@asynccontextmanager
async def served_by_tls(authority: Authority, **api: Any) -> AsyncIterator[tuple[Served, Connect]]:
    """A controller that asks clients for certificates, and what connects to it."""
    folder = authority.folder
    name = x509.DNSName("localhost")
    certificate, key = authority.sign("api", {"commonName": "localhost"}, name)
    tls = {
        "certificate": str(certificate),
        "privateKey": str(key),
        "clientAuthority": str(authority.certificate),
    }
    config = configured(folder, "127.0.0.1:1", api={"tls": tls, "clients": CLIENTS, **api})

    async with controller(config) as served:
        url = served.url.replace("http://127.0.0.1", "https://localhost")

        def connect(pair: tuple[Path, Path] | None = None, **headers: str) -> httpx.AsyncClient:
            context = ssl.create_default_context(cafile=authority.certificate)
            if pair is not None:
                context.load_cert_chain(*pair)
            return httpx.AsyncClient(base_url=url, timeout=PATIENCE, verify=context, headers=headers)

        yield served, connect


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


EXAMPLE = {"commonName": "ci", "organizationName": "Example"}
ACME = x509.UniformResourceIdentifier("spiffe://example.org/acme")


async def test_certificates_are_the_principals_that_the_configuration_says(authority: Authority) -> None:
    operator = authority.sign("operator", EXAMPLE)
    tenant = authority.sign("tenant", {"commonName": "ci"}, x509.DNSName("x.example.org"), ACME)
    scraper = authority.sign("scraper", {}, x509.DNSName("prometheus.example.org"))
    async with served_by_tls(authority) as (served, connect):
        async with connect(operator) as http:
            assert (await http.get(WHO)).json() == {
                "name": "ci", "role": "operator", "tenant": None, "source": "certificate",
            }  # fmt: skip
            body = {"kind": "Network", "tenant": "acme", "name": "n", "spec": {"subnets": ["10.0.0.0/24"]}}
            written = await http.post(INTENTS, json=body)
            assert written.json()["items"][0]["intent"]["metadata"]["owners"] == ["ci"]
        async with connect(tenant) as http:
            assert (await http.get(WHO)).json()["tenant"] == "acme"
            assert len((await http.get(INTENTS)).json()["items"]) == 1
        async with connect(scraper) as http:
            assert (await http.get("/metrics")).status_code == 200
            problem(await http.get(INTENTS), 403, "forbidden")
        (entry,) = list(served.access.audit.newest_first())[:1]
        assert entry.principal is not None and entry.principal.source == "certificate"


async def test_the_client_and_the_command_line_show_certificates(authority: Authority) -> None:
    async with served_by_tls(authority) as (served, _):
        cert, key = authority.sign("ci", EXAMPLE)
        url = served.url.replace("http://127.0.0.1", "https://localhost")
        settings = Settings.find(
            url, ca_file=authority.certificate, cert_file=cert, key_file=key, environment={}
        )
        async with Client(settings) as client:
            assert (await client.principal()).source == "certificate"
        both = authority.folder / "both.pem"
        both.write_bytes(cert.read_bytes() + key.read_bytes())
        command = [P4FABRIC, "get", "intents", "--api", url, "--ca-file", str(authority.certificate)]
        for shown, status in ((["--cert-file", str(both)], 0), (["--cert-file", str(cert)], 2)):
            process = await asyncio.create_subprocess_exec(
                *command, *shown, cwd="/", stderr=asyncio.subprocess.PIPE
            )
            _, said = await process.communicate()
            assert process.returncode == status, said


async def test_certificates_that_nobody_named_are_nobody(authority: Authority) -> None:
    strangers = [
        authority.sign("s1", {"commonName": "ci"}),
        authority.sign("s2", {**EXAMPLE, "organizationName": "Example Ltd"}),
        # The names are right, and of another kind.
        authority.sign("s3", {"commonName": "prometheus.example.org"}),
        authority.sign(
            "s4", {}, x509.DNSName("spiffe://example.org/acme"), x509.DNSName("a.prometheus.example.org")
        ),
        authority.sign("s5", {}, x509.UniformResourceIdentifier("spiffe://example.org/acme/x")),
        authority.sign("s6", {}, x509.RFC822Name("prometheus.example.org@example.org")),
    ]
    expired = authority.sign("expired", EXAMPLE, lasts=timedelta(seconds=-60))
    forged = Authority(authority.folder, "other-ca").sign("forged", EXAMPLE)
    async with served_by_tls(authority) as (served, connect):
        for pair in strangers:
            async with connect(pair) as http:
                problem(await http.get(WHO), 401, "unauthenticated")
        for pair in (expired, forged):
            with pytest.raises(httpx.TransportError):
                async with connect(pair) as http:
                    await http.get(WHO)
        token = served.token_file.read_text().strip()
        async with connect(Authorization=f"Bearer {token}") as http:  # who has a token needs no certificate
            assert (await http.get(WHO)).json()["source"] == "tokenFile"


async def test_a_token_counts_before_a_certificate_and_a_wrong_one_is_not_made_up_for(
    authority: Authority,
) -> None:
    pair = authority.sign("operator", EXAMPLE)
    async with served_by_tls(authority) as (_, connect):
        async with connect(pair) as http:
            body = {"name": "eyes", "role": "reader"}
            token = (await http.post(TOKENS, json=body)).json()["token"]
        async with connect(pair, Authorization=f"Bearer {token}") as http:
            assert (await http.get(WHO)).json()["role"] == "reader"
        for wrong in (f"Bearer {token[:-1]}", "Basic eDp5", "Bearer"):
            async with connect(pair, Authorization=wrong) as http:
                problem(await http.get(WHO), 401, "unauthenticated")


async def test_a_page_of_another_site_changes_nothing_by_a_browsers_certificate(authority: Authority) -> None:
    pair = authority.sign("operator", EXAMPLE)
    gone = "/api/v1/switches/leaf1/gone"
    async with served_by_tls(authority) as (_, connect):
        async with connect(pair, **{"Sec-Fetch-Site": "cross-site"}) as http:
            problem(await http.post(gone), 401, "unauthenticated")
        async with connect(pair, **{"Sec-Fetch-Site": "same-origin"}) as http:
            assert (await http.post(gone)).status_code == 204


async def test_a_certificates_stream_ends_with_the_certificate(authority: Authority) -> None:
    async with served_by_tls(authority) as (_, connect), asyncio.timeout(60):
        ends = time.time() + 8
        pair = authority.sign("short", EXAMPLE, lasts=timedelta(seconds=8))
        async with connect(pair) as http, http.stream("GET", "/api/v1/events") as stream:
            assert stream.status_code == 200
            async for _ in stream.aiter_lines():
                pass
        assert time.time() >= ends - 1


async def test_a_providers_tokens_let_in_with_roles_and_until_they_expire(tmp_path: Path) -> None:
    with issuing() as issuer:
        oidc = {
            "issuer": issuer.url,
            "audience": AUDIENCE,
            "roles": [
                {"claim": "groups", "value": "netops", "role": "operator"},
                {"claim": "org", "role": "tenant"},
            ],
        }
        async with (
            controller(configured(tmp_path, api={"oidc": oidc, "loginFailures": 100})) as served,
            httpx.AsyncClient(base_url=served.url, timeout=PATIENCE) as http,
        ):

            async def answered(token: str, path: str = WHO) -> httpx.Response:
                return await http.get(path, headers={"Authorization": f"Bearer {token}"})

            assert (await answered(issuer.token(org="acme"))).json() == {
                "name": "oidc:alice", "role": "tenant", "tenant": "acme", "source": "oidc",
            }  # fmt: skip
            assert (await answered(issuer.token(groups=["netops"]), "/api/v1/audit")).status_code == 200
            problem(await answered(issuer.token(org="acme"), "/api/v1/audit"), 403, "forbidden")
            problem(await answered(issuer.token()), 403, "forbidden")
            for claims in (
                {"aud": "other"},
                {"exp": int(time.time()) - 60},
                {"iss": "https://other.example"},
            ):
                refused = await answered(issuer.token(groups=["netops"], **claims))
                assert refused.headers["WWW-Authenticate"].startswith("Bearer")
                problem(refused, 401, "unauthenticated")


async def test_while_the_provider_is_away_its_tokens_wait_and_others_do_not(tmp_path: Path) -> None:
    with issuing() as issuer:
        issuer.is_down = True
        role = {"claim": "groups", "value": "netops", "role": "operator"}
        oidc = {"issuer": issuer.url, "audience": AUDIENCE, "roles": [role]}
        async with controller(configured(tmp_path, api={"oidc": oidc})) as served:
            shown = {"Authorization": f"Bearer {issuer.token(groups=['netops'])}"}
            async with httpx.AsyncClient(base_url=served.url, timeout=PATIENCE, headers=shown) as http:
                refused = await http.get(WHO)
            problem(refused, 503, "busy")
            assert refused.headers["Retry-After"]
            assert (await served.http.get(WHO)).status_code == 200
