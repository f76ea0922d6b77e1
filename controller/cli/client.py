"""The API from the outside: connects, shows the token, and puts what went wrong into words.

This module knows HTTP and the API's paths. It must never know the controller's insides.
"""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

__all__ = ["ApiRefusal", "CannotConnect", "Client", "Connection", "Usage", "failures_told"]


class Usage(Exception):
    """The command line, or a file it names, cannot be used."""


class CannotConnect(Exception):
    """The API did not answer as it should."""


class ApiRefusal(Exception):
    """The API refused, and said why."""

    def __init__(self, status: int, errors: list[Mapping[str, Any]]) -> None:
        super().__init__(
            "\n".join(f"{error.get('field')} {error.get('message')}".strip() for error in errors)
        )
        self.status, self.errors = status, errors


@dataclass(frozen=True, slots=True)
class Connection:
    """What the command line says of the API."""

    url: str
    token_file: Path
    ca_file: Path | None

    @contextmanager
    def open(self, timeout: float = 30.0) -> Iterator[Client]:
        """Connect.

        Raises:
            Usage: the URL, the token file or the CA file cannot be used.
        """
        try:
            token = self.token_file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a token"
            raise Usage(
                f"token file {self.token_file}: {reason}; name the controller's by --token-file or "
                "P4FABRIC_TOKEN_FILE"
            ) from None
        if not self.url.startswith(("http://", "https://")):
            raise Usage(f"--api {self.url!r} must be a URL such as http://127.0.0.1:8080")
        try:
            verify = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
            http = httpx.Client(
                base_url=self.url,
                headers={"Authorization": f"Bearer {token}"},
                timeout=timeout,
                verify=verify,
                trust_env=False,
            )
        except (OSError, ValueError, httpx.InvalidURL) as error:
            raise Usage(f"--api {self.url} with --ca-file {self.ca_file}: {error}") from None
        with http:
            yield Client(http)


class Client:
    """The API's resources as plain JSON. All methods raise CannotConnect and ApiRefusal."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def get(self, path: str, **query: str | None) -> Any:
        """Read a resource."""
        return self._ask("GET", path, query)

    def post(self, path: str, body: object, **query: str | None) -> Any:
        """Send a body."""
        return self._ask("POST", path, query, body)

    def delete(self, path: str) -> None:
        """Delete a resource."""
        self._ask("DELETE", path, {})

    def stream(self, path: str, last_id: str | None = None, **query: str) -> Iterator[tuple[str | None, Any]]:
        """Follow server-sent events: the id of each, and what it carries; ends where the server ends it."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        timeout = httpx.Timeout(30.0, read=60.0)
        with (
            self._in_words(),
            self._http.stream("GET", path, params=query, headers=headers, timeout=timeout) as response,
        ):
            if response.is_error:
                response.read()
                raise self._refusal(response)
            yield from _events(response.iter_lines())

    def _ask(self, method: str, path: str, query: Mapping[str, str | None], body: object = None) -> Any:
        params = {name: value for name, value in query.items() if value is not None}
        with self._in_words():
            content = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json"} if body is not None else {}
            response = self._http.request(method, path, params=params, content=content, headers=headers)
            if response.is_error:
                raise self._refusal(response)
            return response.json() if response.content else None

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise CannotConnect(f"{self._http.base_url}: {error or type(error).__name__}") from None
        except json.JSONDecodeError:
            raise CannotConnect(f"{self._http.base_url} does not speak JSON: is it the controller?") from None

    @staticmethod
    def _refusal(response: httpx.Response) -> ApiRefusal:
        try:
            errors = response.json()["errors"]
        except (ValueError, KeyError, TypeError):
            errors = [{"field": "HTTP", "message": f"status {response.status_code}"}]
        return ApiRefusal(response.status_code, errors)


def _events(lines: Iterator[str]) -> Iterator[tuple[str | None, Any]]:
    identity: str | None = None
    content: list[str] = []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            identity = value
        elif field == "data":
            content.append(value)
        elif not line and content:
            yield identity, json.loads("\n".join(content))
            content = []


@contextmanager
def failures_told() -> Iterator[None]:
    """Say what went wrong on standard error, and end with the status that stands for it."""
    try:
        yield
    except Usage as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    except (CannotConnect, ApiRefusal) as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
