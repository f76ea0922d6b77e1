"""The device config as clients send it: bmv2's JSON, or the JSON in a p4.tmp.P4DeviceConfig.

The wrapper is what p4lang/tutorials' P4Runtime library sends and simple_switch_grpc takes. Knows its wire
format only as far as needed. Must not know what the JSON says.
"""

from __future__ import annotations

from collections.abc import Iterator

_DATA_FIELDS = (2, 3)
"""`device_data`, in the newer message and in the older one that has `reassign` as well."""
_VARINT, _LENGTH_DELIMITED = 0, 2


def unwrapped(config: bytes) -> bytes:
    """The JSON. What is neither plain JSON nor wrapped is returned as it is: its reader says why not."""
    if config.lstrip()[:1] == b"{":
        return config
    try:
        for number, content in _fields(config):
            if number in _DATA_FIELDS and content.lstrip()[:1] == b"{":
                return content
    except ValueError:
        pass
    return config


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a serialised message; `ValueError` if it is none."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, at = _varint(message, at)
        if key & 7 == _VARINT:
            continue
        if key & 7 != _LENGTH_DELIMITED or number > len(message) - at:
            raise ValueError
        yield key >> 3, message[at : at + number]
        at += number


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            break
        byte = message[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
    raise ValueError
