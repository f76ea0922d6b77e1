"""Tofino through Stratum: the pipeline is a binary of Intel's compiler, built outside p4fabric.

Untested on hardware; the encoding is Stratum's documented one (its `PipelineBuilder`, or what
`p4c-stratum` packs), passed on as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from p4fabric.controller.targets.target import Target, TargetError

__all__ = ["StratumTofino"]


class StratumTofino(Target):
    """A Tofino switch that runs Stratum."""

    name: ClassVar[str] = "stratum-tofino"
    port_number_leaf: ClassVar[str | None] = "ifindex"
    """Stratum's SDN port id."""

    def __init__(self, pipeline_binary: Path | None) -> None:
        """Take the path of the pipeline's binary for this switch."""
        self._pipeline_binary = pipeline_binary

    def device_config(self, artifact: bytes) -> bytes:
        """Read the binary; the bmv2 artifact is of no use here."""
        path = self._pipeline_binary
        if path is None:
            raise TargetError(
                "pipelineBinary is missing: stratum-tofino needs the pipeline compiled for Tofino"
            )
        try:
            binary = path.read_bytes()
        except OSError as error:
            raise TargetError(
                f"pipelineBinary {path} cannot be read: {error.strerror}; stratum-tofino needs the pipeline "
                "compiled for Tofino"
            ) from error
        if not binary:
            raise TargetError(f"pipelineBinary {path} is empty; stratum-tofino needs the compiled pipeline")
        return binary
