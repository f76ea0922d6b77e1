"""LLDP probes (IEEE 802.1AB): which port of which switch a frame left by, signed.

A probe carries the mandatory TLVs, so that other tools can read it, and an organizationally
specific one with its time of sending and a MAC (HMAC-SHA256, truncated) over all before it.
The codec is our own because the ready one (os_ken.lib.packet.lldp) checks what it parses with
asserts, gone under `python -O`, and imports forty other protocols. Probes come from the wire: whatever
is not exactly a probe of ours is refused. This module knows nothing of links.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.pipelines.values import Port

__all__ = ["ETHERTYPE_LLDP", "MICROSECOND", "InvalidProbe", "Probe", "ProbeTemplate", "decode", "encode"]

ETHERTYPE_LLDP = 0x88CC

_NEAREST_BRIDGE = bytes.fromhex("0180c200000e")
_SOURCE = bytes.fromhex("02705466ab01")  # locally administered
_END, _CHASSIS_ID, _PORT_ID, _TTL, _ORGANIZATION = 0, 1, 2, 3, 127
MICROSECOND = 1e-6
"""How exactly a probe says when it was sent."""
_LOCALLY_ASSIGNED = 7  # subtype of both chassis id and port id
_OUR_ORGANIZATION = bytes.fromhex("027034") + b"\x01"  # a locally administered OUI, subtype 1
_SIGNATURE_BYTES = 16
_LONGEST_NAME = 254
_SHORTEST_FRAME = 60
_PROOF_BYTES = len(_OUR_ORGANIZATION) + 8 + _SIGNATURE_BYTES
_STAMP = struct.Struct("!Q")
_END_OF_PROBE = bytes(2)


class InvalidProbe(ValueError):
    """A frame that is no probe of this controller."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a frame says of itself."""

    source: PortRef
    sent_at: float
    """Seconds on the sender's clock."""


class ProbeTemplate:
    """The frames of one port: all but the time of sending and the signature is made once."""

    __slots__ = ("_head", "_key", "_mandatory")

    def __init__(self, source: PortRef, key: bytes, time_to_live: int = 120) -> None:
        """Prepare the frames.

        Args:
            source: the port that they leave by.
            key: what they are signed with.
            time_to_live: seconds, for other readers.

        Raises:
            ValueError: the switch's name does not fit (254 bytes in UTF-8).
        """
        name = source.switch.encode()
        if not 0 < len(name) <= _LONGEST_NAME:
            raise ValueError(f"a switch name has 1 to {_LONGEST_NAME} bytes, {source.switch!r} {len(name)}")
        self._key = key
        self._mandatory = b"".join(
            (
                _tlv(_CHASSIS_ID, bytes([_LOCALLY_ASSIGNED]) + name),
                _tlv(_PORT_ID, bytes([_LOCALLY_ASSIGNED]) + str(source.port).encode()),
                _tlv(_TTL, struct.pack("!H", time_to_live)),
            )
        )
        organization = struct.pack("!H", _ORGANIZATION << 9 | _PROOF_BYTES) + _OUR_ORGANIZATION
        ethernet = _NEAREST_BRIDGE + _SOURCE + struct.pack("!H", ETHERTYPE_LLDP)
        self._head = ethernet + self._mandatory + organization

    def frame(self, sent_at: float) -> bytes:
        """The frame, Ethernet header included, for a time of sending in seconds."""
        stamp = _STAMP.pack(int(sent_at * 1e6))
        signature = _signature(self._key, self._mandatory + stamp)
        return (self._head + stamp + signature + _END_OF_PROBE).ljust(_SHORTEST_FRAME, b"\0")


def encode(probe: Probe, key: bytes) -> bytes:
    """Make one frame, Ethernet header included.

    Raises:
        ValueError: a switch name that does not fit (254 bytes in UTF-8).
    """
    return ProbeTemplate(probe.source, key).frame(probe.sent_at)


def decode(frame: bytes, key: bytes) -> Probe:
    """Read a frame and check its signature.

    Raises:
        InvalidProbe: it is not a probe that was signed with this key.
    """
    if len(frame) < 14 or frame[12:14] != struct.pack("!H", ETHERTYPE_LLDP):
        raise InvalidProbe("not an LLDP frame")
    place, found = 14, []
    for kind in (_CHASSIS_ID, _PORT_ID, _TTL, _ORGANIZATION):
        value, end = _read_tlv(frame, place, kind)
        found.append((value, frame[14:end]))
        place = end
    _read_tlv(frame, place, _END)
    (chassis, _), (port, _), (_, mandatory), (organization, _) = found
    if len(organization) != _PROOF_BYTES or not organization.startswith(_OUR_ORGANIZATION):
        raise InvalidProbe("no signature of ours")
    proof = organization[len(_OUR_ORGANIZATION) :]
    stamp, signature = proof[:8], proof[8:]
    if not hmac.compare_digest(signature, _signature(key, mandatory + stamp)):
        raise InvalidProbe("the signature is wrong")
    try:
        source = PortRef(SwitchName(chassis[1:].decode()), Port(int(port[1:])))
    except ValueError as error:
        raise InvalidProbe(f"signed, but not readable: {error}") from error
    return Probe(source, struct.unpack("!Q", stamp)[0] / 1e6)


def _tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!H", kind << 9 | len(value)) + value


def _read_tlv(frame: bytes, place: int, kind: int) -> tuple[bytes, int]:
    """The value of the TLV at `place`, which must be of this kind, and where the next one is."""
    if place + 2 > len(frame):
        raise InvalidProbe("the frame is cut short")
    (head,) = struct.unpack_from("!H", frame, place)
    end = place + 2 + (head & 0x1FF)
    if head >> 9 != kind or end > len(frame):
        raise InvalidProbe(f"no TLV of type {kind} at byte {place}")
    return frame[place + 2 : end], end


def _signature(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, hashlib.sha256)[:_SIGNATURE_BYTES]
