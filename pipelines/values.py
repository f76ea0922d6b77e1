"""The values that cross the border between Python and P4 tables.

Each class stands for one P4 `type` of `p4src/`; all are made from an `int` and turn into one, which is
how the generated bindings encode them. IP addresses are the standard library's. This module knows
ranges and notations; it knows nothing of tables, switches or intents.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar, Self

__all__ = [
    "EcmpGroupId",
    "IPv4Address",
    "IPv6Address",
    "Identity",
    "IpProtocol",
    "L4Port",
    "MacAddress",
    "PolicyRule",
    "Port",
    "PortClass",
    "Qfi",
    "SliceId",
    "Teid",
    "TunnelPeerId",
    "UpfFiltersId",
    "UpfMeterId",
    "UpfRuleId",
    "UpfSessionId",
    "VlanId",
    "VrfId",
]


class BoundedInt(int):
    """An unsigned number of a fixed width; equality and hash are the number's."""

    BITS: ClassVar[int]
    MINIMUM: ClassVar[int] = 0
    MAXIMUM: ClassVar[int | None] = None

    def __new__(cls, value: int) -> Self:
        """Make the value.

        Raises:
            ValueError: outside the type's range.
        """
        maximum = cls.MAXIMUM if cls.MAXIMUM is not None else (1 << cls.BITS) - 1
        if not cls.MINIMUM <= value <= maximum:
            raise ValueError(f"{cls.__name__} is {cls.MINIMUM} to {maximum}, not {int(value)}")
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"

    def __str__(self) -> str:
        return str(int(self))


class Port(BoundedInt):
    """A data-plane port number, as `standard_metadata.ingress_port` has it (9 bits)."""

    BITS = 9


class VlanId(BoundedInt):
    """An IEEE 802.1Q VLAN id; 0 stands for "no tag" on the wire and 4095 is reserved."""

    BITS = 12


class VrfId(BoundedInt):
    """A tenant's routing table."""

    BITS = 16


class L4Port(BoundedInt):
    """A TCP or UDP port number."""

    BITS = 16


class IpProtocol(BoundedInt):
    """An IP protocol number or IPv6 next header."""

    BITS = 8


class Teid(BoundedInt):
    """A GTP-U tunnel endpoint identifier (3GPP TS 29.281, section 5.1)."""

    BITS = 32


class Qfi(BoundedInt):
    """A QoS flow identifier (3GPP TS 23.501, section 5.7.1)."""

    BITS = 6


class EcmpGroupId(BoundedInt):
    """A group of equal-cost ports; 0 is no group."""

    BITS = 16


class TunnelPeerId(BoundedInt):
    """A GTP-U tunnel's far end (a gNB) as one switch numbers it."""

    BITS = 16


class UpfSessionId(BoundedInt):
    """A PDU session that has flows: its SEID, which no other session ever has."""

    BITS = 64


class UpfFiltersId(BoundedInt):
    """A set of filters by which PDU sessions tell flows apart; 0 is none."""

    BITS = 16


class UpfRuleId(BoundedInt):
    """A rule of a PDU session."""

    BITS = 8


class UpfMeterId(BoundedInt):
    """A limit of a PDU session; 0 is none."""

    BITS = 8


class SliceId(BoundedInt):
    """A network slice whose rate is limited; 0 is none."""

    BITS = 16


class Identity(BoundedInt):
    """A class of endpoints that policies do not tell apart, within a VRF; 0 is nobody known."""

    BITS = 24


class PortClass(BoundedInt):
    """A range of ports of one protocol that policies do not tell apart, within a VRF; 0 is none."""

    BITS = 16


class PolicyRule(BoundedInt):
    """A rule of a policy, as flow logs name it; 0 is none."""

    BITS = 32


class MacAddress(BoundedInt):
    """A 48-bit Ethernet address, written `02:00:00:00:00:01`."""

    BITS = 48
    _NOTATION: ClassVar[re.Pattern[str]] = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `aa:bb:cc:dd:ee:ff`.

        Raises:
            ValueError: any other notation.
        """
        if not cls._NOTATION.fullmatch(text):
            raise ValueError(f"a MAC address is six hexadecimal bytes like 02:00:00:00:00:01, not {text!r}")
        return cls(int(text.replace(":", ""), 16))

    @property
    def is_multicast(self) -> bool:
        """Whether the group bit is set (broadcast included)."""
        return bool(self >> 40 & 1)

    def __str__(self) -> str:
        return int(self).to_bytes(6, "big").hex(":")

    def __repr__(self) -> str:
        return f"MacAddress({str(self)!r})"
