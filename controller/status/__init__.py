"""The states of intents, switches and the fabric, and when numbers may be given again: values and counting.

No I/O. This package does not know what an intent or an entity means and never talks to a switch or the store.
"""

from p4fabric.controller.status.intent_status import IntentStatuses
from p4fabric.controller.status.outlook import Expected, Outlook
from p4fabric.controller.status.values import (
    IntentState,
    IntentStatus,
    StatusListener,
    SwitchProgress,
    SwitchStatusChanged,
)

__all__ = [
    "Expected",
    "IntentState",
    "IntentStatus",
    "IntentStatuses",
    "Outlook",
    "StatusListener",
    "SwitchProgress",
    "SwitchStatusChanged",
]
