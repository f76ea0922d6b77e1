"""The command header of constructs.p4 for scapy, and one packet's way through an engine."""

from __future__ import annotations

from scapy.fields import BitField, IntField, ShortField, XByteField
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw, bind_layers

from p4fabric.softswitch.engine import NativeEngine


class Command(Packet):
    name = "command"
    fields_desc = [  # noqa: RUF012 - scapy wants a list
        BitField("version_", 1, 4),
        BitField("skip", 0, 4),
        XByteField("op", 0),
        ShortField("error_code", 0),
        IntField("a", 0),
        IntField("b", 0),
        BitField("c", 0, 48),
        ShortField("d", 0),
        BitField("wide", 0, 128),
        BitField("odd", 0, 3),
        BitField("rest", 0, 13),
    ]


bind_layers(Ether, Command, type=0x88B5)


def command(payload: bytes = b"", **fields: int) -> bytes:
    """A frame that asks for one construct."""
    return bytes(
        Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01", type=0x88B5)
        / Command(**fields)  # type: ignore[arg-type]
        / Raw(payload)
    )


def ask(engine: NativeEngine, payload: bytes = b"", port: int = 1, **fields: int) -> Command:
    """The command as it came back; exactly one packet must have."""
    engine.inject(port, command(payload, **fields))
    ((_, frame),) = engine.collect()
    answer = Ether(frame)[Command]
    assert isinstance(answer, Command)
    return answer
