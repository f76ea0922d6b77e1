"""Where packets to idle UEs of a Upf wait.

This module does not know how the controller reaches a buffer: that stands in its configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from p4fabric.controller.intents.addresses import edge_of
from p4fabric.controller.intents.document import Part
from p4fabric.controller.intents.errors import FieldError
from p4fabric.controller.intents.fields import Count, Ipv4, Label
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.reasons import Code

__all__ = ["UpfBuffer", "check_buffer"]

_MOST_PACKETS, _MOST_SECONDS = 65_536, 3600


class UpfBuffer(Part):
    """A host that keeps packets to idle UEs until their SMF has found them."""

    name: Label = Field(description="of a buffer in the controller's configuration (`n4.buffers`)")
    address: Ipv4 = Field(description="of the buffer's host, in a subnet of the access network")
    packets: Annotated[int, Count(1, _MOST_PACKETS)] = Field(
        1024, description="of a session that are kept, at most; an SMF may want fewer"
    )
    seconds: Annotated[int, Count(1, _MOST_SECONDS)] = Field(60, description="that a packet is kept, at most")


def check_buffer(buffer: UpfBuffer, access: Network) -> Iterator[FieldError]:
    """An address at which no host of the access network can be."""
    where, address = "spec.buffer.address", buffer.address
    subnet = access.subnet_of(address)
    if subnet is None:
        message = f"{address} is in no subnet of network {access.name}"
        yield FieldError(where, address, message, Code.NOT_THERE)
    elif (edge := edge_of(address, subnet)) is not None:
        yield FieldError(where, address, edge)
    elif address in access.spec.gateways:
        yield FieldError(where, address, f"{address} is the gateway of network {access.name}")
