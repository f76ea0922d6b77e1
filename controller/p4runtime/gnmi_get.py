"""Gets leaves of a switch by gNMI. This module does not know what they mean."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from finsy.proto import gnmi, gnmi_grpc

from p4fabric.controller.p4runtime.gnmi import add_path
from p4fabric.controller.p4runtime.status import closed_means_unavailable, error_of

__all__ = ["get_leaves"]


async def get_leaves(
    channel: grpc.aio.Channel, *paths: str, timeout: float
) -> Iterator[tuple[gnmi.Path, gnmi.Update]]:
    """Get leaves, each with the prefix of its notification.

    Args:
        channel: to the switch.
        paths: from the root, with at most one key an element, which may be a wildcard.
        timeout: seconds for the answer.

    Raises:
        P4RuntimeError: the switch does not have them, or did not answer.
    """
    request = gnmi.GetRequest(encoding=gnmi.Encoding.PROTO)
    for path in paths:
        add_path(request.path.add(), path)
    try:
        with closed_means_unavailable():
            response = await gnmi_grpc.gNMIStub(channel).Get(request, timeout=timeout)
    except grpc.aio.AioRpcError as failure:
        raise error_of(failure, ", ".join(paths)) from None
    return ((one.prefix, update) for one in response.notification for update in one.update)
