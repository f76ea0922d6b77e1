"""The numbers of the format: Telemetry Report Format Specification v2.0, sections 3.2 to 3.4, and our words.

Integers are big endian, lengths are in words of 4 bytes, and bit 0 of a bitmap is its most significant one.
"""

from __future__ import annotations

from struct import Struct

VERSION = 2
HW_ID_BITS, SEQUENCE_BITS = 6, 22
SEQUENCES = 1 << SEQUENCE_BITS
"""Sequence numbers go from 0 to one less, and begin anew."""
WORD = 4

GROUP = Struct("!II")
"""Version, hw_id and sequence number; node id."""
HEADER = Struct("!BBBB")
"""RepType and InType, Report Length, MD Length, D Q F I and four reserved bits."""
MAIN = Struct("!HHHH")
"""RepMdBits, Domain Specific ID, DSMdBits, DSMdstatus."""
MAIN_WORDS = MAIN.size // WORD

INT = 1
"""The RepType with metadata of INT."""
TO_THE_END = 0xFF
"""A Report Length that stands for the rest of the datagram."""
DROPPED, CONGESTED, TRACKED, INTERMEDIATE = 0x80, 0x40, 0x20, 0x10

# RepMdBits.
INTERFACES = 0x4000
"""Ingress and egress port, 16 bits each."""
LATENCY = 0x2000
"""Hop latency, 32 bits."""
QUEUE = 0x1000
"""Queue id, 8 bits, and its occupancy, 24 bits."""
INGRESS_TIME, EGRESS_TIME = 0x0800, 0x0400
"""64 bits each."""
WIDE_INTERFACES = 0x0200
"""Ingress and egress port, 32 bits each."""
DROP = 0x0001
"""Queue id, 8 bits, drop reason, 8 bits, and padding."""
TWO_WORDS = INGRESS_TIME | EGRESS_TIME | WIDE_INTERFACES
"""Metadata of 8 bytes; any other bit, reserved ones too, stands for 4 bytes."""

DOMAIN = 0x5034
"""p4fabric's Domain Specific ID: "P4"."""
# DSMdBits of the domain.
FLOW_WORDS, WINDOW_WORDS, SUPPRESSED, BINS, LEFT_WORDS = 0x8000, 0x4000, 0x2000, 0x1000, 0x0800

FLOW = Struct("!BBHII")
"""Role, flags, VLAN id, bytes of the flow in the queue, bytes of the queue in the same windows."""
TRANSLATED, TUNNELLED = 0x01, 0x02
"""Flags of a flow."""
WINDOW = Struct("!IBxxx")
"""Window number, log2 of the window's length in microseconds."""
LEFT = Struct("!IIII")
"""Bytes of the flow, and of the queue, that left since the window began; the same of the window before it."""
BINS_HEAD = Struct("!HBB")
"""How many bins, the queue's priority, flags."""
BIN = Struct("!QIIIIII")
"""Start in ns, deepest, when (ns after the start), longest wait in ns, packets, bytes, drops and flags."""
BIN_LATE, BIN_AFTER_GAP = 0x01, 0x02
"""Flags of a bin, below its 24 bits of drops."""
MOST_BINS = (0xFF - MAIN_WORDS - 4) * WORD // BIN.size
"""Of one report: more do not fit in its lengths."""
