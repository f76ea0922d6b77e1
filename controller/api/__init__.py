"""REST, server-sent events and metrics over HTTP: the fabric for programs."""

from controller.api.app import create_app
from controller.api.server import ListenError, listen, serve
from controller.api.token import TokenError, read_token

__all__ = ["ListenError", "TokenError", "create_app", "listen", "read_token", "serve"]
