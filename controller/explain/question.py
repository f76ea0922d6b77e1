"""What is asked: a flow as a user describes it. Values, and what is wrong with them by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from p4fabric.controller.explain.packet import ICMP, ICMPV6, TCP, UDP
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.intents.fields import IpAddress
from p4fabric.controller.names import TenantName
from p4fabric.pipelines.values import MacAddress

__all__ = ["FLAGS", "Question", "QuestionError", "Transport", "refuse"]

FLAGS = {"fin": 0x01, "syn": 0x02, "rst": 0x04, "psh": 0x08, "ack": 0x10, "urg": 0x20}
"""TCP's control bits (RFC 9293, section 3.1)."""


class QuestionError(IntentError):
    """The question cannot be answered as it is; it names the fields."""


def refuse(field: str, value: object, message: str) -> QuestionError:
    """That a question cannot be answered because of one field."""
    return QuestionError([FieldError(field, value, message)])


@dataclass(frozen=True, slots=True)
class Transport:
    """What a flow is above IP."""

    protocol: str | int
    """`tcp`, `udp`, `icmp`, or a protocol's number."""
    source_port: int | None = None
    """None: any; then it is not known which members of groups the flow takes."""
    destination_port: int | None = None

    def number(self, version: int) -> int:
        """The protocol's number in a version of IP."""
        icmp = ICMP if version == 4 else ICMPV6
        return (
            self.protocol
            if isinstance(self.protocol, int)
            else {"tcp": TCP, "udp": UDP, "icmp": icmp}[self.protocol]
        )


@dataclass(frozen=True, slots=True)
class Question:
    """A flow between two places of the fabric."""

    source: str
    """Who sends: an address, a MAC address, a port such as `leaf1:3` or `leaf1:3.20` (with a tag), or the
    name of a host or of a UpfSession, whose UE sends."""
    destination: str
    """To whom: an address, a MAC address, or the name of a host, of a Service or of a UpfSession."""
    tenant: TenantName | None = None
    """Whose; needed where addresses are several tenants', and for names."""
    protocol: str | int | None = None
    """None: of the Service that is named, or `icmp`."""
    source_port: int | None = None
    destination_port: int | None = None
    flags: tuple[str, ...] = ("syn",)
    """Of the first TCP segment."""
    ttl: int = 64
    source_address: IpAddress | None = None
    """To send as another address than the sender's own."""
    source_mac: MacAddress | None = None
    destination_mac: MacAddress | None = None
    """To send to a MAC address without asking for it."""

    def check(self) -> Iterator[FieldError]:
        """Fields that contradict each other."""
        has_ports = self.protocol in ("tcp", "udp", TCP, UDP)
        for name, port in (("sourcePort", self.source_port), ("destinationPort", self.destination_port)):
            if port is not None and self.protocol is not None and not has_ports:
                yield FieldError(name, port, f"is only for tcp and udp, not for {self.protocol}")
        if has_ports and self.destination_port is None:
            yield FieldError("destinationPort", None, f"is required for {self.protocol}")
        if self.protocol is None and self.source_port is not None and self.destination_port is None:
            yield FieldError("protocol", None, "is required where a port is given: tcp or udp")
        if self.protocol is None and self.destination_port is not None:
            yield FieldError("protocol", None, "is required where a port is given: tcp or udp")
        unknown = [flag for flag in self.flags if flag not in FLAGS]
        if unknown:
            yield FieldError("tcpFlags", unknown[0], f"must be of {', '.join(FLAGS)}")

    @property
    def flag_bits(self) -> int:
        """The flags as TCP has them."""
        bits = 0
        for flag in self.flags:
            bits |= FLAGS[flag]
        return bits
