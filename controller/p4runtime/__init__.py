"""The P4Runtime client: one module an idea, put together by `session.SwitchSession`."""

from controller.p4runtime.channel import Endpoint, Tls
from controller.p4runtime.errors import (
    NotPrimary,
    P4RuntimeError,
    PipelineLost,
    PipelineRefused,
    RequestRefused,
    SwitchUnavailable,
)
from controller.p4runtime.pipeline import Pipeline
from controller.p4runtime.read import ReadResult
from controller.p4runtime.session import SwitchSession
from controller.p4runtime.state import PacketIn, Phase, SessionListener, SessionState
from controller.p4runtime.update import Code, Update, UpdateError, UpdateKind

__all__ = [
    "Code",
    "Endpoint",
    "NotPrimary",
    "P4RuntimeError",
    "PacketIn",
    "Phase",
    "Pipeline",
    "PipelineLost",
    "PipelineRefused",
    "ReadResult",
    "RequestRefused",
    "SessionListener",
    "SessionState",
    "SwitchSession",
    "SwitchUnavailable",
    "Tls",
    "Update",
    "UpdateError",
    "UpdateKind",
]
