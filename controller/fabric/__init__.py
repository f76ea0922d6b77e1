"""The running controller: everything below the API, wired together."""

from p4fabric.controller.core import IntentConflict, Outcome, UnknownIntent
from p4fabric.controller.fabric.errors import (
    LinkIsThere,
    SwitchIsConnected,
    UnknownFlowPath,
    UnknownIncident,
    UnknownLink,
    UnknownRecord,
    UnknownRemedy,
    UnknownSession,
    UnknownSwitch,
)
from p4fabric.controller.fabric.explaining import ExplainedFlow
from p4fabric.controller.fabric.fabric import Fabric, running_fabric
from p4fabric.controller.fabric.intent_log import Change, Expired, IntentLog
from p4fabric.controller.fabric.plans import Guard
from p4fabric.controller.fabric.preview import ChangePreview, IntentChange, ShownChange, ShownEntry
from p4fabric.controller.fabric.views import (
    Applied,
    Deleted,
    DrainView,
    IntentPage,
    IntentView,
    PortView,
    SwitchView,
)
from p4fabric.controller.status import IntentState, IntentStatus

__all__ = [
    "Applied",
    "Change",
    "ChangePreview",
    "Deleted",
    "DrainView",
    "Expired",
    "ExplainedFlow",
    "Fabric",
    "Guard",
    "IntentChange",
    "IntentConflict",
    "IntentLog",
    "IntentPage",
    "IntentState",
    "IntentStatus",
    "IntentView",
    "LinkIsThere",
    "Outcome",
    "PortView",
    "ShownChange",
    "ShownEntry",
    "SwitchIsConnected",
    "SwitchView",
    "UnknownFlowPath",
    "UnknownIncident",
    "UnknownIntent",
    "UnknownLink",
    "UnknownRecord",
    "UnknownRemedy",
    "UnknownSession",
    "UnknownSwitch",
    "running_fabric",
]
