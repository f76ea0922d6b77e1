"""Asks a switch which pipeline it runs, by its cookie, and pushes one.

When to do so is decided in `keeper`.
"""

from __future__ import annotations

import grpc
from finsy.proto import p4r, p4r_grpc

from p4fabric.controller.p4runtime.errors import NotPrimary, PipelineRefused, SwitchUnavailable
from p4fabric.controller.p4runtime.pipeline import Pipeline
from p4fabric.controller.p4runtime.status import closed_means_unavailable, code_of, error_of
from p4fabric.controller.p4runtime.update import Code

__all__ = ["push", "running_cookie"]


async def running_cookie(stub: p4r_grpc.P4RuntimeStub, device_id: int, timeout: float) -> int | None:
    """The cookie of the pipeline that a switch runs; None without pipeline, 0 without cookie.

    Args:
        stub: the switch.
        device_id: its number there.
        timeout: seconds to wait for the answer.

    Raises:
        P4RuntimeError: no answer, or one that says something else.
    """
    request = p4r.GetForwardingPipelineConfigRequest(
        device_id=device_id, response_type=p4r.GetForwardingPipelineConfigRequest.COOKIE_ONLY
    )
    try:
        with closed_means_unavailable():
            response = await stub.GetForwardingPipelineConfig(request, timeout=timeout)
    except grpc.aio.AioRpcError as failure:
        if code_of(failure) in (Code.FAILED_PRECONDITION, Code.NOT_FOUND):
            return None
        raise error_of(failure, "reading the pipeline's cookie") from failure
    return int(response.config.cookie.cookie)


async def push(
    stub: p4r_grpc.P4RuntimeStub,
    device_id: int,
    election_id: p4r.Uint128,
    pipeline: Pipeline,
    timeout: float,
) -> None:
    """Replace a switch's pipeline; its tables are empty afterwards.

    Raises:
        PipelineRefused: the switch does not accept it.
        P4RuntimeError: no answer, or we are not primary.
    """
    request = p4r.SetForwardingPipelineConfigRequest(
        device_id=device_id,
        election_id=election_id,
        action=p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT,
        config=pipeline.config,
    )
    try:
        with closed_means_unavailable():
            await stub.SetForwardingPipelineConfig(request, timeout=timeout)
    except grpc.aio.AioRpcError as failure:
        error = error_of(failure, "the pipeline")
        if isinstance(error, SwitchUnavailable | NotPrimary):
            raise error from failure
        raise PipelineRefused(str(error)) from failure
