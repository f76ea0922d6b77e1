"""REST, server-sent events and metrics over HTTP: the fabric for programs."""

from p4fabric.controller.api.app import create_app
from p4fabric.controller.api.server import ListenError, event_streams, listen, serve
from p4fabric.controller.api.token import TokenError, read_token

__all__ = ["ListenError", "TokenError", "create_app", "event_streams", "listen", "read_token", "serve"]
