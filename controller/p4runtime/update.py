"""One change of one entity, and what the switch may say about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from finsy.proto import p4r, rpc_code

from p4fabric.pipelines.entities import Entity, EntityKey, FixedEntity

__all__ = ["AnyUpdate", "Code", "FixedUpdate", "Update", "UpdateError", "UpdateKind"]


class UpdateKind(IntEnum):
    """INSERT fails where the key exists; MODIFY and DELETE where it does not (section 12)."""

    INSERT = p4r.Update.INSERT
    MODIFY = p4r.Update.MODIFY
    DELETE = p4r.Update.DELETE


class Code(IntEnum):
    """Canonical error codes (google.rpc.Code); a number that is none of them is UNKNOWN."""

    OK = rpc_code.OK
    CANCELLED = rpc_code.CANCELLED
    UNKNOWN = rpc_code.UNKNOWN
    INVALID_ARGUMENT = rpc_code.INVALID_ARGUMENT
    DEADLINE_EXCEEDED = rpc_code.DEADLINE_EXCEEDED
    NOT_FOUND = rpc_code.NOT_FOUND
    ALREADY_EXISTS = rpc_code.ALREADY_EXISTS
    PERMISSION_DENIED = rpc_code.PERMISSION_DENIED
    RESOURCE_EXHAUSTED = rpc_code.RESOURCE_EXHAUSTED
    FAILED_PRECONDITION = rpc_code.FAILED_PRECONDITION
    ABORTED = rpc_code.ABORTED
    OUT_OF_RANGE = rpc_code.OUT_OF_RANGE
    UNIMPLEMENTED = rpc_code.UNIMPLEMENTED
    INTERNAL = rpc_code.INTERNAL
    UNAVAILABLE = rpc_code.UNAVAILABLE
    DATA_LOSS = rpc_code.DATA_LOSS
    UNAUTHENTICATED = rpc_code.UNAUTHENTICATED

    @classmethod
    def _missing_(cls, value: object) -> Code:
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Update:
    """One change: the whole entity, also where only its key counts (DELETE)."""

    kind: UpdateKind
    entity: Entity


@dataclass(frozen=True, slots=True)
class FixedUpdate:
    """Another content of something that is there always: a value set, a cell of a meter or of a register."""

    entity: FixedEntity

    @property
    def kind(self) -> UpdateKind:
        """Nothing else can be done to it."""
        return UpdateKind.MODIFY


AnyUpdate = Update | FixedUpdate


@dataclass(frozen=True, slots=True)
class UpdateError:
    """What the switch said of one update that it did not perform."""

    kind: UpdateKind
    key: EntityKey
    code: Code
    message: str

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}" if self.message else self.code.name
