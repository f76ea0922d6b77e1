"""How a device config may be wrapped: plain, or as p4.tmp.P4DeviceConfig."""

from __future__ import annotations

import pytest

from p4fabric.softswitch.server.device_config import unwrapped

JSON = b' {"program": "' + b"x" * 300 + b'"}'


def field(number: int, content: bytes) -> bytes:
    size = len(content)
    return bytes([number << 3 | 2, size & 127 | 128, size >> 7]) + content


@pytest.mark.parametrize(
    "config",
    [
        JSON,
        field(2, JSON),  # extras = 1, device_data = 2
        field(1, b"\n\4\n\1a\n\1b") + field(2, JSON),
        b"\x08\x01" + field(3, JSON),  # reassign = 1, extras = 2, device_data = 3
        b"\x08\x01" + field(2, b"\n\4\n\1a\n\1b") + field(3, JSON),
    ],
)
def test_the_json_is_found(config: bytes) -> None:
    assert unwrapped(config) == JSON


@pytest.mark.parametrize("config", [b"", b"no", b"\x12", b"\x12\xff", field(2, JSON)[:-1], b"\xff" * 20])
def test_anything_else_is_left_to_the_reader_of_json(config: bytes) -> None:
    assert unwrapped(config) == config
