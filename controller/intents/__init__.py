"""What users ask of the fabric: how documents are read, and which may stand together."""

from p4fabric.controller.intents.catalogue import Catalogue
from p4fabric.controller.intents.document import IntentDocument
from p4fabric.controller.intents.errors import FieldError, IntentError
from p4fabric.controller.intents.kinds import KINDS
from p4fabric.controller.intents.parse import parse_all, parse_intent

__all__ = [
    "KINDS",
    "Catalogue",
    "FieldError",
    "IntentDocument",
    "IntentError",
    "parse_all",
    "parse_intent",
]
