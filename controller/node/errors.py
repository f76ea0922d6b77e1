"""Why a CNI request is not done, by the numbers of the specification (CNI 1.1.0, "Error", and STATUS)."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["CniError", "Failure"]


class Failure(IntEnum):
    """Error codes."""

    VERSION = 1
    """The version of the configuration is not supported."""
    UNSUPPORTED_FIELD = 2
    """A field of the configuration is not supported."""
    UNKNOWN_CONTAINER = 3
    """The container is not known, or not there: nothing to clean up."""
    ENVIRONMENT = 4
    """A variable is missing or makes no sense."""
    IO = 5
    """A file or an interface could not be read or written."""
    UNDECODABLE = 6
    """The configuration is no JSON."""
    CONFIG = 7
    """The configuration cannot be used."""
    TRY_AGAIN = 11
    """It may work later."""
    NOT_AVAILABLE = 50
    """STATUS: containers cannot be added."""
    LIMITED = 51
    """STATUS: containers cannot be added, and those that there are may be cut off."""
    INTERFACE_TAKEN = 100
    """The container has an interface of that name already. From 100 on, codes are the plugin's own."""
    NOT_AS_ADDED = 101
    """CHECK: what ADD has made is not there any more."""
    NO_ADDRESS = 102
    """All addresses of a pool, or all ports of the node, are taken."""
    REFUSED = 103
    """The controller refuses the endpoint."""


class CniError(Exception):
    """A request that is not done."""

    def __init__(self, code: Failure, message: str, details: str = "") -> None:
        """Take why; `details` are for who mends it."""
        super().__init__(message)
        self.code, self.message, self.details = code, message, details
