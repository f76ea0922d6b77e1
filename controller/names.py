"""Names that every part of the controller shares: switches, tenants, intents, ports of switches.

Those of several parts are tuples: they are looked up all the time, and tuples are hashed and compared in C.
"""

from __future__ import annotations

from typing import NamedTuple, NewType

from p4fabric.pipelines.values import Port

SwitchName = NewType("SwitchName", str)
TenantName = NewType("TenantName", str)


class IntentKey(NamedTuple):
    """Which intent: a name is unique for its kind and tenant."""

    kind: str
    tenant: TenantName
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.tenant}/{self.name}"


class PortRef(NamedTuple):
    """One port of one switch, written `leaf1:3`."""

    switch: SwitchName
    port: Port

    def __str__(self) -> str:
        return f"{self.switch}:{self.port}"
