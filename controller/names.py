"""Names that every part of the controller shares: switches, tenants, intents, ports of switches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from pipelines.values import Port

SwitchName = NewType("SwitchName", str)
TenantName = NewType("TenantName", str)


@dataclass(frozen=True, slots=True, order=True)
class IntentKey:
    """Which intent: a name is unique for its kind and tenant."""

    kind: str
    tenant: TenantName
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.tenant}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class PortRef:
    """One port of one switch, written `leaf1:3`."""

    switch: SwitchName
    port: Port

    def __str__(self) -> str:
        return f"{self.switch}:{self.port}"
