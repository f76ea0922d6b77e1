"""What users ask of the fabric: one module a kind, how documents are read, and which may stand together."""

from controller.intents.admission import admit, admit_all, check_delete, in_order
from controller.intents.allocation import Allocations, allocate, release
from controller.intents.catalogue import Catalogue
from controller.intents.document import IntentDocument
from controller.intents.errors import FieldError, IntentError
from controller.intents.firewall import FirewallPolicy
from controller.intents.network import ROUTER_MAC, Network
from controller.intents.parse import KINDS, Intent, parse_intent
from controller.intents.service import Service
from controller.intents.telemetry import TelemetryWatch
from controller.intents.upf import UpfSession

__all__ = [
    "KINDS",
    "ROUTER_MAC",
    "Allocations",
    "Catalogue",
    "FieldError",
    "FirewallPolicy",
    "Intent",
    "IntentDocument",
    "IntentError",
    "Network",
    "Service",
    "TelemetryWatch",
    "UpfSession",
    "admit",
    "admit_all",
    "allocate",
    "check_delete",
    "in_order",
    "parse_intent",
    "release",
]
