"""The bearer token that opens the API: made at the first start, readable by its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["TokenError", "read_token"]

_SHORTEST = 16
_LONGEST = 4096


class TokenError(Exception):
    """There is no usable token; the text says what to do."""


def read_token(path: Path) -> str:
    """Read the token, or make one where there is no file.

    Raises:
        TokenError: the file cannot be read or made, others may read it, or what it holds is no token.
    """
    try:
        try:
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return _read(path)
        with os.fdopen(opened, "w") as file:
            token = secrets.token_urlsafe(32)
            file.write(token + "\n")
            return token
    except OSError as error:
        raise TokenError(f"api.tokenFile {path} cannot be used: {error.strerror}") from None


def _read(path: Path) -> str:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise TokenError(f"api.tokenFile {path} can be read by others: chmod 600 {path}")
        content = file.read(_LONGEST + 1)
    try:
        token = content.decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if not _SHORTEST <= len(token) <= _LONGEST or not token.isprintable() or " " in token:
        message = f"must hold one token of at least {_SHORTEST} ASCII characters, without spaces"
        raise TokenError(f"api.tokenFile {path} {message}; remove it to have one made")
    return token
