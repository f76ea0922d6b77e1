"""How remedies are written as records, and read again."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr

from p4fabric.controller.compiler.remedy import Action, Remedied, Remedy, Target
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.pipelines.values import IpProtocol, L4Port, Port

__all__ = ["RemedyFields", "dump_remedy", "load_remedy"]


class _Flow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    network: list[StrictStr]
    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    protocol: StrictInt
    sourcePort: StrictInt
    destinationPort: StrictInt


class RemedyFields(BaseModel):
    """Of the record of a remedy; its key has whose it is."""

    model_config = ConfigDict(extra="forbid")

    action: Action
    flow: _Flow
    leaf: StrictStr
    towards: StrictStr | None
    port: StrictInt | None
    rate: StrictInt
    burst: StrictInt
    queue: list[StrictStr | StrictInt]
    """Switch, port and priority."""
    incident: StrictInt
    granted: float
    expires: float
    waitNs: StrictInt


def dump_remedy(one: Remedy) -> dict[str, object]:
    """A remedy's fields."""
    flow, target = one.flow, one.target
    return {
        "action": one.action.value,
        "flow": {
            "network": list(flow.network),
            "source": str(flow.source),
            "destination": str(flow.destination),
            "protocol": int(flow.protocol),
            "sourcePort": int(flow.source_port),
            "destinationPort": int(flow.destination_port),
        },
        "leaf": target.leaf,
        "towards": target.towards,
        "port": None if target.port is None else int(target.port),
        "rate": target.rate,
        "burst": target.burst,
        "queue": [one.queue.switch, int(one.queue.port), one.priority],
        "incident": one.incident,
        "granted": one.granted,
        "expires": one.expires,
        "waitNs": one.wait_ns,
    }


def load_remedy(fields: RemedyFields) -> Remedy:
    """The remedy that was written."""
    flow, (switch, port, priority) = fields.flow, fields.queue
    remedied = Remedied(
        _intent(flow.network),
        flow.source,
        flow.destination,
        IpProtocol(flow.protocol),
        L4Port(flow.sourcePort),
        L4Port(flow.destinationPort),
    )
    target = Target(
        SwitchName(fields.leaf),
        None if fields.towards is None else SwitchName(fields.towards),
        None if fields.port is None else Port(fields.port),
        fields.rate,
        fields.burst,
    )
    queue = PortRef(SwitchName(str(switch)), Port(int(port)))
    what = fields.action, remedied, target, queue, int(priority), fields.incident
    return Remedy(*what, fields.granted, fields.expires, fields.waitNs)


def _intent(parts: list[str]) -> IntentKey:
    kind, tenant, name = parts
    return IntentKey(kind, TenantName(tenant), name)
