"""A pipeline as one value: what a switch should run, and how to read what it says of it.

Whoever makes a session gives it one; nothing else in this package knows a table, a digest or a header.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from finsy.proto import p4i, p4r

from p4fabric.controller.p4runtime.state import PacketIn
from p4fabric.controller.targets.target import Target
from p4fabric.pipelines.bindings import Bindings
from p4fabric.pipelines.entities import DigestMessage, PacketMetadata

__all__ = ["GroupLimits", "Pipeline"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """How large groups may be, by the program and by the target."""

    replicas: int
    """In a multicast group or a clone session."""
    members: Mapping[int, int]
    """Of an action set or group of a table with an action selector, by the table's id."""


@dataclass(frozen=True)
class Pipeline:
    """A P4 program for one kind of target. Make it with `of`."""

    config: p4r.ForwardingPipelineConfig
    """P4Info, the target's device config and the cookie, as they are pushed."""
    bindings: Bindings
    cpu_port: int
    """Where the target takes packet-ins from."""
    front_ports: range
    """Numbers that ports may have which hosts and other switches are connected to."""
    limits: GroupLimits
    source_field: str | None
    """Of the packet-in header: the field that tells whom a packet came from."""
    drop_session: int | None = None
    """The clone session by which the program takes copies of packets that found their queue full."""

    @classmethod
    def of(
        cls,
        p4info: p4i.P4Info,
        artifact: bytes,
        target: Target,
        bindings: Bindings,
        *,
        source_field: str | None = "ingress_port",
        drop_session: int | None = None,
    ) -> Pipeline:
        """Put a pipeline together for a target.

        Args:
            p4info: the P4Info.
            artifact: what the compiler's bmv2 back end wrote.
            target: the kind of switch.
            bindings: generated from the P4Info.
            source_field: of the packet-in header, the port a packet entered by: packets of each are limited
                apart, so that no port drowns the others. Without such a field all are limited together.
            drop_session: the clone session by which the program takes copies of packets that found their
                queue full.

        Raises:
            TargetError: the target needs something that is missing.
            ValueError: the bindings are those of another program.
        """
        unknown = bindings.tables.keys() - {table.preamble.id for table in p4info.tables}
        if unknown:
            raise ValueError(f"the bindings have tables that the P4Info does not have: {sorted(unknown)}")
        device_config = target.device_config(artifact)
        digest = hashlib.sha256(p4info.SerializeToString(deterministic=True))
        digest.update(device_config)
        config = p4r.ForwardingPipelineConfig(p4info=p4info, p4_device_config=device_config)
        config.cookie.cookie = int.from_bytes(digest.digest()[:8], "big") or 1
        header = bindings.packet_in
        if header is None or source_field not in {field.name for field in header.METADATA}:
            source_field = None
        limits = GroupLimits(target.most_replicas, _group_sizes(p4info, target))
        return cls(config, bindings, target.cpu_port, target.front_ports, limits, source_field, drop_session)

    @property
    def cookie(self) -> int:
        """A digest of P4Info and device config; 64 bits, not zero (which is a switch without cookie)."""
        return self.config.cookie.cookie

    def packet_in(self, message: p4r.PacketIn) -> PacketIn:
        """Decode a packet-in.

        Raises:
            ValueError: its header is not this program's.
        """
        return PacketIn(self.bindings.decode_packet_in(message), message.payload)

    def source_of(self, header: PacketMetadata) -> Hashable:
        """Whom a packet came from; None where the header does not tell."""
        return None if self.source_field is None else getattr(header, self.source_field)

    def packet_out(self, header: PacketMetadata, frame: bytes) -> p4r.StreamMessageRequest:
        """Encode a packet-out.

        Raises:
            ValueError: the header is not this program's, or a value does not fit.
        """
        if self.bindings.packet_out is None or not isinstance(header, self.bindings.packet_out):
            raise ValueError(f"the program has no packet-out header {type(header).__name__}")
        message = p4r.StreamMessageRequest()
        message.packet.payload = frame
        message.packet.metadata.extend(header.encode())
        return message

    def digest_messages(self, digests: p4r.DigestList) -> list[DigestMessage]:
        """Decode a digest list; messages that cannot be decoded are left out, with a warning.

        Raises:
            ValueError: not a digest of this program.
        """
        kind = self.bindings.digest(digests.digest_id)
        messages: list[DigestMessage] = []
        for entry in digests.data:
            try:
                messages.append(kind.decode(entry))
            except ValueError as error:
                _log.warning("a %s digest cannot be read: %s", kind.__name__, error)
        return messages


def _group_sizes(p4info: p4i.P4Info, target: Target) -> dict[int, int]:
    """The most members, or the largest sum of weights, of each table's groups (section 9.2)."""
    profiles = {profile.preamble.id: profile for profile in p4info.action_profiles if profile.with_selector}
    sizes = {}
    for table in p4info.tables:
        profile = profiles.get(table.implementation_id)
        if profile is not None:
            own = profile.max_group_size or profile.size or target.most_members
            sizes[table.preamble.id] = min(own, target.most_members)
    return sizes
