"""Where the controller is and what to show it: arguments, the environment, contexts in a file.

    current: lab
    contexts:
      lab: {url: "http://127.0.0.1:8080", tokenFile: /var/lib/p4fabric/p4fabric.token}
      prod: {url: "https://fabric.example:8443", token: "…", caFile: ca.pem}
      ci: {url: "https://fabric.example:8443", certFile: ci.pem, keyFile: ci.key, caFile: ca.pem}

What is said closer to the caller wins: arguments, then `P4FABRIC_…`, then the current context. A URL that
is given by itself is no context's, so no context's token is sent there; where a context is given, the
environment is not asked. Who shows a client certificate needs no token. This module opens no connection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from p4fabric.controller.client.errors import BadSettings
from p4fabric.controller.shown import shorten
from p4fabric.controller.strict_yaml import UnusableYaml, load, read_bounded

__all__ = ["DEFAULT_URL", "Context", "Contexts", "Settings", "contexts_file"]

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_TOKEN_FILE = Path("p4fabric.token")
_FILES = ("tokenFile", "caFile", "certFile", "keyFile")
_FIELDS = {
    "url": "url",
    "token": "token",
    "tokenFile": "token_file",
    "caFile": "ca_file",
    "certFile": "cert_file",
    "keyFile": "key_file",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client needs to know."""

    url: str
    token: str | None = field(default=None, repr=False)
    """None: the client certificate will do."""
    ca_file: Path | None = None
    """The CA certificate of an https URL (PEM); None: those of the system."""
    token_from: str = "the caller"
    """Where the token is from, for messages."""
    cert_file: Path | None = None
    """A client certificate, for https (PEM); it may be followed by its key."""
    key_file: Path | None = None
    """The private key of that (PEM); None: it is in the same file."""

    def __post_init__(self) -> None:
        """Refuse what cannot be used.

        Raises:
            BadSettings: the URL is none, or the token would be sent in the clear, or is no token, or the
                certificate cannot be shown.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadSettings(f"{shorten(self.url)!r} must be a URL such as {DEFAULT_URL}")
        if parts.scheme == "http" and not _is_here(parts.hostname):
            raise BadSettings(f"{self.url}: the token would be sent unprotected; use https")
        if self.cert_file is not None and parts.scheme != "https":
            raise BadSettings(f"{self.url}: a client certificate is for https")
        if self.key_file is not None and self.cert_file is None:
            raise BadSettings(f"{self.key_file} is a key without a certificate: name that by --cert")
        if self.token is None and self.cert_file is None:
            raise BadSettings("a token or a client certificate is needed")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token):
            raise BadSettings(f"what {self.token_from} holds is no token")

    @property
    def shown(self) -> str:
        """What is shown to the controller, in words."""
        return f"certificate {self.cert_file}" if self.token is None else f"token from {self.token_from}"

    @classmethod
    def find(
        cls,
        url: str | None = None,
        token: str | None = None,
        token_file: Path | None = None,
        ca_file: Path | None = None,
        context: str | None = None,
        environment: Mapping[str, str] | None = None,
        cert_file: Path | None = None,
        key_file: Path | None = None,
    ) -> Settings:
        """Put together what arguments, the environment and the configuration file say.

        Raises:
            BadSettings: something cannot be read or used, or there is no such context.
        """
        if url is not None and context is not None:
            raise BadSettings("a URL and a context exclude each other")
        env = os.environ if environment is None else environment
        contexts = contexts_file(env)
        if context is not None:
            env = {}  # what it says is of another controller
        url = url or env.get("P4FABRIC_API")
        said = Context() if url else Contexts.load(contexts).chosen(context or env.get("P4FABRIC_CONTEXT"))
        if token is None and token_file is None:
            token = env.get("P4FABRIC_TOKEN") or None
            if token is None and env.get("P4FABRIC_TOKEN_FILE"):
                token_file = Path(env["P4FABRIC_TOKEN_FILE"])
        ca_file = ca_file or _file(env, "P4FABRIC_CA_FILE") or said.ca_file
        if cert_file is None and key_file is None:
            cert_file, key_file = _file(env, "P4FABRIC_CERT_FILE"), _file(env, "P4FABRIC_KEY_FILE")
            if cert_file is None and key_file is None:
                cert_file, key_file = said.cert_file, said.key_file
        token_from = "the caller or P4FABRIC_TOKEN"
        if token is None and token_file is None:
            token, token_from = said.token, "the context"
        if token is None:
            token_file = token_file or said.token_file or (DEFAULT_TOKEN_FILE if cert_file is None else None)
            if token_file is not None:
                token, token_from = _token_in(token_file), str(token_file)
        return cls(url or said.url or DEFAULT_URL, token, ca_file, token_from, cert_file, key_file)


@dataclass(frozen=True, slots=True)
class Context:
    """One controller, and how to be let in there."""

    url: str | None = None
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def as_dict(self) -> dict[str, str]:
        """As the file has it."""
        values = {key: getattr(self, name) for key, name in _FIELDS.items()}
        return {key: str(value) for key, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Contexts:
    """The configuration file."""

    path: Path
    current: str | None = None
    contexts: Mapping[str, Context] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Contexts:
        """Read the file; one that does not exist has no contexts.

        Raises:
            BadSettings: it cannot be read, is not such a file, or holds a token that others can read.
        """
        try:
            with path.open("rb") as opened:
                mode = os.fstat(opened.fileno()).st_mode
                content = load(read_bounded(opened))
        except FileNotFoundError:
            return cls(path)
        except OSError as error:
            raise BadSettings(f"{path}: {error.strerror}") from None
        except UnusableYaml as error:
            raise BadSettings(f"{path}: {error}") from None
        found = cls._read(path, content)
        if mode & 0o077 and any(context.token is not None for context in found.contexts.values()):
            raise BadSettings(f"{path} holds a token, and others may read it: chmod 600 {path}")
        return found

    @classmethod
    def _read(cls, path: Path, content: Any) -> Contexts:
        said = _mapping(path, "the file", {} if content is None else content, ("current", "contexts"))
        contexts = said.get("contexts") or {}
        if not isinstance(contexts, dict):
            raise BadSettings(f"{path}: contexts must be a mapping")
        found: dict[str, Context] = {}
        for name, value in contexts.items():
            parts = _mapping(path, f"contexts.{name}", value, tuple(_FIELDS))
            if not all(isinstance(part, str) for part in parts.values()):
                raise BadSettings(f"{path}: contexts.{name}: all values must be texts")
            files = {key: path.parent / Path(parts[key]).expanduser() for key in _FILES if key in parts}
            found[str(name)] = Context(
                parts.get("url"), parts.get("token"), *(files.get(one) for one in _FILES)
            )
        current = said.get("current")
        return cls(path, None if current is None else str(current), found)

    def chosen(self, name: str | None = None) -> Context:
        """The context of a name, or the current one; an empty one if there is none.

        Raises:
            BadSettings: there is none of that name.
        """
        name = name or self.current
        if name is None:
            return Context()
        if name not in self.contexts:
            known = ", ".join(self.contexts) or "none"
            raise BadSettings(f"{self.path}: there is no context {name!r}; there are {known}")
        return self.contexts[name]

    def save(self) -> None:
        """Write the file, readable for its owner only, all of it or nothing.

        Raises:
            BadSettings: it cannot be written.
        """
        import yaml

        contexts = {name: context.as_dict() for name, context in self.contexts.items()}
        text = yaml.safe_dump({"current": self.current, "contexts": contexts}, sort_keys=False)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.touch(0o600, exist_ok=True)
            beside.write_text(text)
            beside.replace(self.path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise BadSettings(f"{self.path}: {error.strerror}") from None


def contexts_file(environment: Mapping[str, str]) -> Path:
    """Where the contexts are: `P4FABRIC_CONFIG`, or `p4fabric/config.yaml` below `XDG_CONFIG_HOME`."""
    if environment.get("P4FABRIC_CONFIG"):
        return Path(environment["P4FABRIC_CONFIG"])
    home = environment.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path("~/.config").expanduser()) / "p4fabric" / "config.yaml"


def _mapping(path: Path, where: str, value: Any, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadSettings(f"{path}: {where} must be a mapping with {', '.join(known)}")
    for key in value:
        if key not in known:
            raise BadSettings(f"{path}: {where}: {key} is not a known key; known here: {', '.join(known)}")
    return value


def _file(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _token_in(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return opened.read(4096).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a token"
        raise BadSettings(
            f"token file {path}: {reason}. The controller writes one where it is started; name it by "
            "--token-file or P4FABRIC_TOKEN_FILE, or keep it in a context: p4fabric context set NAME "
            "--token-file FILE"
        ) from None


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
