"""The P4Runtime client: one module an idea, put together by `session.SwitchSession`.

A session is given its `Pipeline`, and so several pipelines can run in one process; nothing in here knows a
table, a digest or a header of any.
"""

from p4fabric.controller.p4runtime.channel import Endpoint, Tls
from p4fabric.controller.p4runtime.errors import (
    NotPrimary,
    P4RuntimeError,
    PipelineLost,
    PipelineRefused,
    RequestRefused,
    SwitchUnavailable,
)
from p4fabric.controller.p4runtime.pipeline import GroupLimits, Pipeline
from p4fabric.controller.p4runtime.read import ReadResult
from p4fabric.controller.p4runtime.session import SwitchSession
from p4fabric.controller.p4runtime.state import PacketIn, Phase, SessionListener, SessionState
from p4fabric.controller.p4runtime.timing import Timing
from p4fabric.controller.p4runtime.update import Code, Update, UpdateError, UpdateKind

__all__ = [
    "Code",
    "Endpoint",
    "GroupLimits",
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
    "Timing",
    "Tls",
    "Update",
    "UpdateError",
    "UpdateKind",
]
