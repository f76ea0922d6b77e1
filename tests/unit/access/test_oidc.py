"""Tokens of a provider: whose are taken for whom, and which attacks are refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from p4fabric.controller.access.oidc import NoRole, NotVerified, OidcVerifier, looks_like_jwt
from p4fabric.controller.access.provider_keys import PAUSE, STALE, KeysUnavailable, ProviderKeys
from p4fabric.controller.access_config import OidcConfig
from p4fabric.controller.names import TenantName
from p4fabric.controller.principals import Principal, Role, Source
from tests.fabric.api.issuer import AUDIENCE, DISCOVERY, Issuer, issuing

ROLES = [
    {"claim": "groups", "value": "netops", "role": "operator"},
    {"claim": "realm_access.roles", "value": "dashboards", "role": "reader"},
    {"claim": "groups", "value": "acme-devs", "role": "tenant", "tenant": "acme"},
    {"claim": "org", "role": "tenant"},
]


def config(issuer: Issuer, /, **more: Any) -> OidcConfig:
    return OidcConfig.model_validate({"issuer": issuer.url, "audience": AUDIENCE, "roles": ROLES, **more})


@pytest.fixture(scope="module")
def provider() -> Iterator[Issuer]:
    with issuing() as issuer:
        issuer.add("ec-1", elliptic=True)
        yield issuer


@pytest.fixture
def verifier(provider: Issuer) -> OidcVerifier:
    return OidcVerifier(config(provider))


def raw(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    """A token put together by hand; signed by HMAC, or not at all."""

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    mac = b"" if secret is None else hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{part(mac)}"


@pytest.mark.parametrize(
    ("claims", "role", "tenant"),
    [
        ({"groups": ["x", "netops"]}, Role.OPERATOR, None),
        ({"groups": "netops"}, Role.OPERATOR, None),
        ({"realm_access": {"roles": ["dashboards"]}, "org": "globex"}, Role.READER, None),
        ({"groups": ["acme-devs"]}, Role.TENANT, "acme"),
        ({"org": "globex"}, Role.TENANT, "globex"),
        ({"groups": ["netops"], "aud": ["other", AUDIENCE]}, Role.OPERATOR, None),
    ],
)
@pytest.mark.parametrize(("key", "algorithm"), [("rsa-1", "RS256"), ("ec-1", "ES256")])
async def test_the_first_claim_that_fits_gives_the_role(
    verifier: OidcVerifier, provider: Issuer, key: str, algorithm: str, claims: dict[str, Any],
    role: Role, tenant: str | None,
) -> None:  # fmt: skip
    expires = int(time.time()) + 100
    token = provider.token(key, algorithm, exp=expires, **claims)
    assert looks_like_jwt(token)
    principal, until = await verifier.verify(token)
    whose = None if tenant is None else TenantName(tenant)
    assert principal == Principal("oidc:alice", role, whose, Source.OIDC)
    assert expires <= until <= expires + 60


@pytest.mark.parametrize(
    "claims",
    [{}, {"groups": ["netops2"]}, {"org": ["acme"]}, {"org": "../acme"}, {"org": ""},
     {"groups": {"netops": 1}}, {"groups": ["netops"], "sub": None}, {"realm_access": ["dashboards"]}],
)  # fmt: skip
async def test_claims_that_give_no_role_let_nobody_in(
    verifier: OidcVerifier, provider: Issuer, claims: dict[str, Any]
) -> None:
    with pytest.raises(NoRole):
        await verifier.verify(provider.token(**claims))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": timedelta(minutes=-2)}, {"exp": None}, {"exp": "never"},
        {"nbf": timedelta(minutes=10)}, {"iat": timedelta(minutes=10)},
        {"aud": "another"}, {"aud": None}, {"aud": []}, {"aud": f"{AUDIENCE}/x"},
        {"iss": "http://127.0.0.1:1"}, {"iss": None}, {"iss": ["x"]},
    ],
)  # fmt: skip
async def test_what_is_expired_or_meant_for_others_is_refused(
    verifier: OidcVerifier, provider: Issuer, claims: dict[str, Any]
) -> None:
    now = time.time()
    claims = {
        name: int(now + value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in claims.items()
    }
    await verifier.verify(provider.token(groups=["netops"]))
    with pytest.raises(NotVerified):
        await verifier.verify(provider.token(groups=["netops"], **claims))


async def test_unsigned_and_forged_tokens_are_refused(verifier: OidcVerifier, provider: Issuer) -> None:
    good = provider.token(groups=["netops"])
    await verifier.verify(good)
    claims = jwt.decode(good, options={"verify_signature": False})
    public = provider.keys["rsa-1"].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    modulus = provider.published[0]["n"].encode()
    forged = [raw({"alg": name, "kid": "rsa-1"}, claims) for name in ("none", "None", "NONE", "", "RS256")]
    # A public key taken for a shared secret, in each form that a library might take it.
    forged += [
        raw({"alg": name, "kid": "rsa-1"}, claims, secret)
        for name in ("HS256", "RS256")
        for secret in (pem, pem.strip(), der, modulus, b"")
    ]
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged += [
        jwt.encode(claims, stranger, "RS256", headers={"kid": "rsa-1"}),
        jwt.encode(claims, stranger, "RS256", headers={"kid": "rsa-1", "jku": f"{provider.url}/keys"}),
        jwt.encode(claims, stranger, "RS256", headers={"kid": "../../etc/passwd"}),
        jwt.encode(claims, stranger, "RS256"),
        jwt.encode(claims, provider.keys["ec-1"], "ES256", headers={"kid": "rsa-1"}),
        jwt.encode(claims, provider.keys["rsa-1"], "RS256", headers={"kid": "ec-1"}),
        # Right keys, but an algorithm that the configuration does not list.
        jwt.encode(claims, provider.keys["rsa-1"], "RS512", headers={"kid": "rsa-1"}),
        jwt.encode(claims, provider.keys["rsa-1"], "PS256", headers={"kid": "rsa-1"}),
    ]
    header, body, signature = good.split(".")
    forged += [f"{header}.{body}.", f"{header}.{body}.{signature[:-8]}AAAAAAAA", "..", "a.b.c", "é.é.é"]
    other = json.dumps({**claims, "sub": "root"}).encode()
    forged.append(f"{header}.{base64.urlsafe_b64encode(other).rstrip(b'=').decode()}.{signature}")
    forged.append(raw({"alg": "RS256", "kid": ["rsa-1"]}, claims))
    for token in forged:
        with pytest.raises(NotVerified):
            await verifier.verify(token)


async def test_shared_keys_and_keys_for_encryption_are_never_used() -> None:
    with issuing() as issuer:
        secret = base64.urlsafe_b64encode(b"s" * 32).decode()
        issuer.published = [
            {"kty": "oct", "k": secret, "kid": "shared", "alg": "HS256"},
            {**issuer.published[0], "use": "enc"},
            {"kty": "RSA", "kid": "broken"},
            7,  # type: ignore[list-item]
        ]
        verifier = OidcVerifier(config(issuer))
        until = int(time.time()) + 600
        claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "a", "exp": until, "groups": ["netops"]}
        for token in (
            raw({"alg": "HS256", "kid": "shared"}, claims, b"s" * 32),
            issuer.token(groups=["netops"]),
        ):
            with pytest.raises(NotVerified):
                await verifier.verify(token)


async def test_keys_are_fetched_again_when_they_change_but_not_for_each_stranger() -> None:
    with issuing() as issuer:
        now = 1000.0
        keys = ProviderKeys(config(issuer), clock=lambda: now)
        verifier = OidcVerifier(config(issuer), keys)
        await verifier.verify(issuer.token(groups=["netops"]))
        for number in range(50):
            token = jwt.encode({"sub": "x"}, issuer.keys["rsa-1"], "RS256", headers={"kid": f"k{number}"})
            with pytest.raises(NotVerified):
                await verifier.verify(token)
        assert issuer.fetches == 1

        issuer.published.clear()
        issuer.add("rsa-2")
        with pytest.raises(NotVerified):
            await verifier.verify(issuer.token("rsa-2", groups=["netops"]))
        now += PAUSE
        await verifier.verify(issuer.token("rsa-2", groups=["netops"]))
        with pytest.raises(NotVerified):  # a key that was withdrawn
            await verifier.verify(issuer.token("rsa-1", groups=["netops"]))
        assert issuer.fetches == 2

        issuer.is_down = True
        now += STALE / 2
        await verifier.verify(issuer.token("rsa-2", groups=["netops"]))
        now += STALE
        with pytest.raises(KeysUnavailable):
            await verifier.verify(issuer.token("rsa-2", groups=["netops"]))
        issuer.is_down = False
        now += PAUSE
        await verifier.verify(issuer.token("rsa-2", groups=["netops"]))


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (DISCOVERY, b'{"issuer": "https://evil.example", "jwks_uri": "http://127.0.0.1:1/keys"}'),
        (DISCOVERY, b"[]"),
        (DISCOVERY, b"{"),
        ("/keys", b'{"keys": {}}'),
        ("/keys", b"[" * 100_000),
        ("/keys", b" " * (1 << 20)),
        ("/keys", json.dumps({"keys": [{}] * 1000}).encode()),
    ],
)
async def test_a_provider_that_answers_nonsense_lets_nobody_in(path: str, content: bytes) -> None:
    with issuing() as issuer:
        issuer.answers[path] = content
        with pytest.raises(KeysUnavailable):
            await OidcVerifier(config(issuer)).verify(issuer.token(groups=["netops"]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://issuer.example"}, {"issuer": "https://i.example?x=1"}, {"jwksUrl": "ftp://i.example"},
        {"algorithms": ["none"]}, {"algorithms": ["HS256"]}, {"algorithms": []}, {"roles": []},
        {"roles": [{"claim": "g", "role": "operator"}]},
        {"roles": [{"claim": "g", "value": "x", "role": "tenant"}]},
        {"roles": [{"claim": "g", "value": "x", "role": "reader", "tenant": "acme"}]},
    ],
)  # fmt: skip
def test_a_configuration_that_would_let_in_too_many_is_refused(
    provider: Issuer, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError):
        config(provider, **wrong)
