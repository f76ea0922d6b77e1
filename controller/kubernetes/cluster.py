"""How to reach an API server of Kubernetes: from a kubeconfig file, or from inside a pod."""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

__all__ = ["BadKubeconfig", "Cluster"]

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""What a pod finds of its service account (Kubernetes, "Accessing the API from a Pod")."""
_CONNECT, _READ = 10.0, 60.0
"""Seconds."""


class BadKubeconfig(Exception):
    """It cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """An API server, and what to show it."""

    url: str
    context: ssl.SSLContext | None
    """None: plain HTTP."""
    token: str | None = None
    token_file: Path | None = None
    """Read anew for each request: tokens of service accounts are replaced every hour."""

    @classmethod
    def load(cls, kubeconfig: Path | None = None, context: str | None = None) -> Cluster:
        """Find it.

        Args:
            kubeconfig: the file; None: `$KUBECONFIG`, else the pod's service account, else `~/.kube/config`.
            context: of the file; None: its current one.

        Raises:
            BadKubeconfig: it cannot be used.
        """
        if kubeconfig is None and (named := os.environ.get("KUBECONFIG")):
            kubeconfig = Path(named)
        if kubeconfig is None and context is None and (host := os.environ.get("KUBERNETES_SERVICE_HOST")):
            return cls._of_pod(host, os.environ.get("KUBERNETES_SERVICE_PORT", "443"))
        path = kubeconfig or Path("~/.kube/config").expanduser()
        try:
            content = yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise BadKubeconfig(f"{path}: cannot be read: {error}") from None
        return _Kubeconfig(path, content).cluster(context)

    @classmethod
    def _of_pod(cls, host: str, port: str) -> Cluster:
        authority = _ACCOUNT / "ca.crt"
        try:
            tls = ssl.create_default_context(cafile=str(authority))
        except OSError as error:
            raise BadKubeconfig(f"{authority}: cannot be used: {error}") from None
        return cls(
            f"https://{f'[{host}]' if ':' in host else host}:{port}", tls, token_file=_ACCOUNT / "token"
        )

    def client(self) -> httpx.AsyncClient:
        """A client of it; the caller closes it."""
        return httpx.AsyncClient(
            base_url=self.url,
            auth=_Bearer(self),
            verify=self.context if self.context is not None else True,
            timeout=httpx.Timeout(_READ, connect=_CONNECT),
            trust_env=False,
        )


class _Bearer(httpx.Auth):
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def auth_flow(self, request: httpx.Request) -> Any:
        token = self._cluster.token
        if (file := self._cluster.token_file) is not None:
            try:
                token = file.read_text().strip()
            except OSError as error:
                raise httpx.RequestError(f"{file}: {error.strerror}", request=request) from error
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        yield request


class _Kubeconfig:
    """A file as kubectl reads it (Kubernetes, "kubeconfig (v1)")."""

    def __init__(self, path: Path, content: object) -> None:
        self._path = path
        self._content = self._mapping(content, "the file")

    def cluster(self, context: str | None) -> Cluster:
        named = context or self._text(self._content, "current-context", "the file")
        chosen = self._named("contexts", named, "context")
        cluster = self._named("clusters", self._text(chosen, "cluster", f"context {named}"), "cluster")
        user = self._named("users", self._text(chosen, "user", f"context {named}"), "user")
        for unusable in ("exec", "auth-provider", "username"):
            if unusable in user:
                raise self._bad(f"users: {unusable} is not supported; use a token or a client certificate")
        url = self._text(cluster, "server", "the cluster")
        token, token_file = user.get("token"), user.get("tokenFile")
        if not url.startswith(("https://", "http://")):
            raise self._bad(f"server: {url!r} must begin with https:// or http://")
        return Cluster(
            url.rstrip("/"),
            self._tls(cluster, user) if url.startswith("https:") else None,
            token if isinstance(token, str) else None,
            self._path.parent / token_file if isinstance(token_file, str) else None,
        )

    def _tls(self, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
        authority = self._bytes(cluster, "certificate-authority")
        certificate, key = self._bytes(user, "client-certificate"), self._bytes(user, "client-key")
        try:
            tls = ssl.create_default_context(cadata=None if authority is None else authority.decode("ascii"))
            if cluster.get("insecure-skip-tls-verify") is True:
                tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
            if certificate is not None and key is not None:
                # OpenSSL reads these from files only; nobody else can read this one, and it is gone at once.
                with tempfile.NamedTemporaryFile() as both:
                    both.write(certificate + b"\n" + key)
                    both.flush()
                    tls.load_cert_chain(both.name)
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise self._bad(f"a certificate or key cannot be used: {error}") from None
        return tls

    def _bytes(self, of: Mapping[str, Any], name: str) -> bytes | None:
        """What `NAME-data` holds in base64, or else the file that NAME names."""
        if isinstance(data := of.get(f"{name}-data"), str):
            try:
                return base64.b64decode(data, validate=True)
            except binascii.Error:
                raise self._bad(f"{name}-data: is no base64") from None
        if isinstance(file := of.get(name), str):
            try:
                return (self._path.parent / file).read_bytes()
            except OSError as error:
                raise self._bad(f"{name}: {file}: {error.strerror}") from None
        return None

    def _named(self, section: str, name: str, of: str) -> Mapping[str, Any]:
        entries = self._content.get(section)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping) and entry.get("name") == name:
                return self._mapping(entry.get(of) or {}, f"{section}: {name}")
        raise self._bad(f"{section}: there is no {name!r}")

    def _mapping(self, value: object, what: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self._bad(f"{what} must be a mapping")
        return value

    def _text(self, of: Mapping[str, Any], name: str, what: str) -> str:
        value = of.get(name)
        if not isinstance(value, str) or not value:
            raise self._bad(f"{what} has no {name}")
        return value

    def _bad(self, why: str) -> BadKubeconfig:
        return BadKubeconfig(f"{self._path}: {why}")
