"""The client library: a controller's API as typed methods, over nothing but HTTP.

Programs import `p4fabric.client`, which has the same names.
"""

from p4fabric.controller.client.client import Client
from p4fabric.controller.client.errors import (
    ApiError,
    BadSettings,
    Busy,
    CannotConnect,
    ClientError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    TooManyRequests,
    Unauthenticated,
    UnexpectedAnswer,
    WaitTimeout,
)
from p4fabric.controller.client.following import Change, ChangeType
from p4fabric.controller.client.resources import (
    Document,
    Named,
    Resource,
    Writable,
    Written,
    document_of,
    key_of,
)
from p4fabric.controller.client.settings import DEFAULT_URL, Context, Contexts, Settings, contexts_file
from p4fabric.controller.client.sync import SyncClient
from p4fabric.controller.client.transport import Retries

__all__ = [
    "DEFAULT_URL",
    "ApiError",
    "BadSettings",
    "Busy",
    "CannotConnect",
    "Change",
    "ChangeType",
    "Client",
    "ClientError",
    "Conflict",
    "Context",
    "Contexts",
    "Document",
    "Expired",
    "Forbidden",
    "Invalid",
    "Named",
    "NotFound",
    "PreconditionFailed",
    "Resource",
    "Retries",
    "Settings",
    "SyncClient",
    "TooManyRequests",
    "Unauthenticated",
    "UnexpectedAnswer",
    "WaitTimeout",
    "Writable",
    "Written",
    "contexts_file",
    "document_of",
    "key_of",
]
