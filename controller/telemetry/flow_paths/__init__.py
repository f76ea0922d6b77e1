"""Paths of followed flows: postcards of switches put together. Pure; the time is given."""

from p4fabric.controller.telemetry.flow_paths.assembler import PathAssembler
from p4fabric.controller.telemetry.flow_paths.filter import FlowEnd, PathFilter
from p4fabric.controller.telemetry.flow_paths.values import (
    FlowPath,
    Hidden,
    Hop,
    PathChange,
    PathNames,
    Step,
    Way,
    latency_step,
)

__all__ = [
    "FlowEnd",
    "FlowPath",
    "Hidden",
    "Hop",
    "PathAssembler",
    "PathChange",
    "PathFilter",
    "PathNames",
    "Step",
    "Way",
    "latency_step",
]
