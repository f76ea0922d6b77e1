"""The control core: intents and observations of the fabric in, changes for each switch out.

    documents, hosts, links ──► Core.plan… ──► Plan ──► committed ──► reconcilers and status
                                        └─────► discarded: all is as it was; `preview_of` tells what it was

This package knows nothing of sessions, files or the API.
"""

from p4fabric.controller.core.capacity import Capacity, TableLimit, TableRoom, TableShare
from p4fabric.controller.core.core import Core
from p4fabric.controller.core.drains import asked_changes, step_changes
from p4fabric.controller.core.plan import IntentConflict, Loaded, Outcome, Plan, UnknownIntent
from p4fabric.controller.core.preview import EntryChange, NumberChange, Preview, SwitchPreview, preview_of
from p4fabric.controller.core.remedies import changed_remedy
from p4fabric.controller.core.rows import PersistedRow

__all__ = [
    "Capacity",
    "Core",
    "EntryChange",
    "IntentConflict",
    "Loaded",
    "NumberChange",
    "Outcome",
    "PersistedRow",
    "Plan",
    "Preview",
    "SwitchPreview",
    "TableLimit",
    "TableRoom",
    "TableShare",
    "UnknownIntent",
    "asked_changes",
    "changed_remedy",
    "preview_of",
    "step_changes",
]
