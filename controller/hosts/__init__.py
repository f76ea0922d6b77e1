"""Hosts: where they may be, which are accepted, and which of them still answer.

A package of its own, between intents and topology on one side and the compiler on the other: what is stated
comes from intents, what is heard from the topology's ports, and neither of the two imports the other.
"""

from p4fabric.controller.hosts.ageing import AgeingSettings
from p4fabric.controller.hosts.attachments import AttachmentIndex
from p4fabric.controller.hosts.claims import AddressConflict, HostChange, HostClaim, PortFull, RefusedClaim
from p4fabric.controller.hosts.directory import HostDirectory
from p4fabric.controller.hosts.inquiries import Question
from p4fabric.controller.hosts.learning import HostListener, Limits
from p4fabric.controller.hosts.rules import HostRules
from p4fabric.controller.hosts.statements import Endpoint

__all__ = [
    "AddressConflict",
    "AgeingSettings",
    "AttachmentIndex",
    "Endpoint",
    "HostChange",
    "HostClaim",
    "HostDirectory",
    "HostListener",
    "HostRules",
    "Limits",
    "PortFull",
    "Question",
    "RefusedClaim",
]
