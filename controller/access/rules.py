"""Which role may ask for what: a rule for each operation of the API, by its name in the description.

An operation without a rule cannot be served: the application is not made. This module knows no route beyond
its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from p4fabric.controller.principals import Role

__all__ = ["PUBLIC", "RULES", "Rule", "rule_of"]


class Rule(Enum):
    """Who may ask; the value is the roles."""

    def __init__(self, *roles: Role) -> None:
        """Take the roles."""
        self.roles = frozenset(roles)

    OPERATORS = (Role.OPERATOR,)
    """Changes of the fabric itself, and who may do what."""
    FABRIC = (Role.OPERATOR, Role.READER)
    """What says how the fabric is made, which is no tenant's business."""
    READ = (Role.OPERATOR, Role.READER, Role.TENANT)
    """What has a part for each tenant; the route shows a tenant its own."""
    WRITE = (Role.OPERATOR, Role.TENANT)
    """Changes of intents; the route lets a tenant change its own."""
    METRICS = (Role.OPERATOR, Role.READER, Role.TENANT, Role.SCRAPER)
    """As READ, and for those that do nothing else."""
    SELF = tuple(Role)
    """What everybody may know of themselves."""


RULES: Mapping[str, Rule] = {
    "applyIntents": Rule.WRITE,
    "createToken": Rule.OPERATORS,
    "declareLinkGone": Rule.OPERATORS,
    "declareSwitchGone": Rule.OPERATORS,
    "deleteIntent": Rule.WRITE,
    "deleteIntents": Rule.WRITE,
    "deleteRecord": Rule.OPERATORS,
    "drainLink": Rule.OPERATORS,
    "drainSwitch": Rule.OPERATORS,
    "explainFlow": Rule.READ,
    "getCounters": Rule.READ,
    "getFlowPath": Rule.READ,
    "getIncident": Rule.READ,
    "getIncidentFilm": Rule.READ,
    "getIntent": Rule.READ,
    "getLinkDrain": Rule.FABRIC,
    "getMetrics": Rule.METRICS,
    "getOwners": Rule.READ,
    "getPaths": Rule.FABRIC,
    "getPrincipal": Rule.SELF,
    "getQueueSeries": Rule.READ,
    "getRemedies": Rule.READ,
    "getStatus": Rule.FABRIC,
    "getSwitch": Rule.FABRIC,
    "getSwitchDrain": Rule.FABRIC,
    "getTelemetry": Rule.FABRIC,
    "getTop": Rule.READ,
    "getUpfSession": Rule.FABRIC,
    "listAudit": Rule.OPERATORS,
    "listCongestion": Rule.READ,
    "listDrains": Rule.FABRIC,
    "listDrops": Rule.READ,
    "listEvents": Rule.READ,
    "listFlowPaths": Rule.READ,
    "listHosts": Rule.READ,
    "listIncidents": Rule.READ,
    "listIntents": Rule.READ,
    "listLinks": Rule.FABRIC,
    "listPorts": Rule.READ,
    "listQueues": Rule.READ,
    "listSwitches": Rule.FABRIC,
    "listTokens": Rule.OPERATORS,
    "listUpfAssociations": Rule.FABRIC,
    "listUpfBuffers": Rule.FABRIC,
    "listUpfSessions": Rule.FABRIC,
    "patchIntent": Rule.WRITE,
    "putIntent": Rule.WRITE,
    "revokeRemedy": Rule.WRITE,
    "revokeToken": Rule.OPERATORS,
    "undrainLink": Rule.OPERATORS,
    "undrainSwitch": Rule.OPERATORS,
}

PUBLIC = frozenset({"getHealth"})
"""Operations that need no principal."""


def rule_of(operation: str) -> Rule | None:
    """The rule of an operation; None: it is public.

    Raises:
        LookupError: nobody has said who may ask for it.
    """
    if operation in PUBLIC:
        return None
    if operation not in RULES:
        raise LookupError(f"operation {operation} needs a rule in p4fabric.controller.access.rules")
    return RULES[operation]
