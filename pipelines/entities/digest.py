"""How a digest is batched, and what it brings (sections 9.7 and 16.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from finsy.proto import p4d, p4r

from p4fabric.pipelines.entities.data import DataField, decode_struct
from p4fabric.pipelines.entities.key import EntityKey

__all__ = ["DigestConfig", "DigestMessage"]


@dataclass(frozen=True, slots=True)
class DigestConfig:
    """How a digest is batched (section 9.7): nanoseconds, and messages a list."""

    digest_id: int
    max_timeout_ns: int
    max_list_size: int
    ack_timeout_ns: int

    @property
    def key(self) -> EntityKey:
        """The digest id."""
        return ("digest", self.digest_id)

    def encode(self) -> p4r.Entity:
        """Encode whole."""
        entity = p4r.Entity()
        entity.digest_entry.digest_id = self.digest_id
        entity.digest_entry.config.max_timeout_ns = self.max_timeout_ns
        entity.digest_entry.config.max_list_size = self.max_list_size
        entity.digest_entry.config.ack_timeout_ns = self.ack_timeout_ns
        return entity

    @classmethod
    def decode(cls, entry: p4r.DigestEntry) -> Self:
        """Decode."""
        config = entry.config
        return cls(entry.digest_id, config.max_timeout_ns, config.max_list_size, config.ack_timeout_ns)


@dataclass(frozen=True, slots=True)
class DigestMessage:
    """Base of the generated digest messages; fields in the order of the P4 struct."""

    DIGEST_ID: ClassVar[int]
    FIELDS: ClassVar[tuple[DataField, ...]]
    IS_STRUCT: ClassVar[bool] = True
    """Otherwise it is one value, and the only field."""

    @classmethod
    def decode(cls, message: p4d.P4Data) -> Self:
        """Decode one message of a digest list.

        Raises:
            ValueError: not of this digest's type.
        """
        members = message.struct.members if cls.IS_STRUCT else [message]
        return cls(*decode_struct(cls.__name__, cls.FIELDS, members))
