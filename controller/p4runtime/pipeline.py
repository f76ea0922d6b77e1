"""The pipeline that a switch should run, told apart by a cookie.

This module knows how to ask for a pipeline and to push one. It must never know when.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import grpc
from finsy.proto import p4i, p4r, p4r_grpc

from controller.p4runtime.errors import NotPrimary, PipelineRefused, SwitchUnavailable
from controller.p4runtime.status import closed_means_unavailable, code_of, error_of
from controller.p4runtime.update import Code
from controller.targets.target import Target

__all__ = ["Pipeline", "push", "running_cookie"]


@dataclass(frozen=True)
class Pipeline:
    """A P4Info with the device config of one target. Make it with `of`."""

    config: p4r.ForwardingPipelineConfig

    @classmethod
    def of(cls, p4info: p4i.P4Info, artifact: bytes, target: Target) -> Pipeline:
        """Encode a pipeline for a target.

        Args:
            p4info: the P4Info.
            artifact: what the compiler's bmv2 back end wrote.
            target: the kind of switch.

        Raises:
            TargetError: the target needs something that is missing.
        """
        device_config = target.device_config(artifact)
        digest = hashlib.sha256(p4info.SerializeToString(deterministic=True))
        digest.update(device_config)
        config = p4r.ForwardingPipelineConfig(p4info=p4info, p4_device_config=device_config)
        config.cookie.cookie = int.from_bytes(digest.digest()[:8], "big") or 1
        return cls(config)

    @property
    def cookie(self) -> int:
        """A digest of P4Info and device config; 64 bits, not zero (which is a switch without cookie)."""
        return self.config.cookie.cookie


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
