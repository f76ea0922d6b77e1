"""The running controller: everything below the API, wired together."""

from controller.fabric.fabric import Fabric, running_fabric
from controller.fabric.ledger import IntentConflict, Outcome, UnknownIntent
from controller.fabric.status import IntentState, IntentStatus
from controller.fabric.views import Applied, IntentView, SwitchView

__all__ = [
    "Applied",
    "Fabric",
    "IntentConflict",
    "IntentState",
    "IntentStatus",
    "IntentView",
    "Outcome",
    "SwitchView",
    "UnknownIntent",
    "running_fabric",
]
