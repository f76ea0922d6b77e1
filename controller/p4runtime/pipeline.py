"""The pipeline that a switch should run, told apart by a cookie.

This module knows how to ask for a pipeline and to push one. It must never know when.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from finsy.proto import p4i, p4r

from controller.targets.target import Target

__all__ = ["Pipeline"]


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
