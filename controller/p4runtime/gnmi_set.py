"""Sets leaves of a switch by gNMI. This module does not know what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc
from finsy.proto import gnmi, gnmi_grpc

from p4fabric.controller.p4runtime.gnmi import add_path
from p4fabric.controller.p4runtime.status import closed_means_unavailable, error_of

__all__ = ["set_leaves", "set_number"]


async def set_leaves(
    channel: grpc.aio.Channel,
    changes: Mapping[str, int | bool | str],
    resets: Sequence[str] = (),
    *,
    timeout: float,
) -> None:
    """Set leaves, all or none.

    Args:
        channel: to the switch.
        changes: values by path, from the root, with at most one key an element.
        resets: paths of leaves that get the values again that the switch was started with.
        timeout: seconds for the answer.

    Raises:
        P4RuntimeError: the switch does not have a leaf, refuses a value or did not answer.
    """
    request = gnmi.SetRequest()
    for path in resets:
        add_path(request.delete.add(), path)
    for path, value in changes.items():
        update = request.update.add()
        add_path(update.path, path)
        if isinstance(value, bool):
            update.val.bool_val = value
        elif isinstance(value, int):
            update.val.uint_val = value
        else:
            update.val.string_val = value
    try:
        with closed_means_unavailable():
            await gnmi_grpc.gNMIStub(channel).Set(request, timeout=timeout)
    except grpc.aio.AioRpcError as failure:
        raise error_of(failure, next(iter((*changes, *resets)), "nothing")) from None


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
    await set_leaves(channel, {path: value}, timeout=timeout)
