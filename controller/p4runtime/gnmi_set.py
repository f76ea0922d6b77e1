"""Sets one leaf of a switch by gNMI. This module does not know what it means."""

from __future__ import annotations

import grpc
from finsy.proto import gnmi, gnmi_grpc

from p4fabric.controller.p4runtime.status import closed_means_unavailable, error_of

__all__ = ["set_number"]


async def set_number(channel: grpc.aio.Channel, path: str, value: int, *, timeout: float) -> None:
    """Set a leaf to a number.

    Args:
        channel: to the switch.
        path: of the leaf, from the root, without keys: `/queues/config/drop-session`.
        value: not negative.
        timeout: seconds for the answer.

    Raises:
        P4RuntimeError: the switch does not have the leaf, refuses the value or did not answer.
    """
    request = gnmi.SetRequest()
    update = request.update.add()
    for name in path.strip("/").split("/"):
        update.path.elem.add(name=name)
    update.val.uint_val = value
    try:
        with closed_means_unavailable():
            await gnmi_grpc.gNMIStub(channel).Set(request, timeout=timeout)
    except grpc.aio.AioRpcError as failure:
        raise error_of(failure, path) from None
