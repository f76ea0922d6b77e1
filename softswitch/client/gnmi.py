"""A switch's gNMI: ports by OpenConfig's paths. Must not know what is printed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import grpc
from finsy import GNMIPath
from finsy.proto import gnmi, gnmi_grpc

from p4fabric.softswitch.client.channel import failure
from p4fabric.softswitch.client.errors import SwitchFailed
from p4fabric.softswitch.client.names import find
from p4fabric.softswitch.client.session import Switch

COUNTERS = (
    *("in-pkts", "in-octets", "in-discards", "in-errors"),
    *("out-pkts", "out-octets", "out-discards", "out-errors"),
)
_OLDER = {"in-pkts": "in-unicast-pkts", "out-pkts": "out-unicast-pkts"}
"""What switches with an older model have instead."""
_LEAVES = (
    *("id", "ifindex", "admin-status", "oper-status"),
    *(f"counters/{one}" for one in (*COUNTERS, *_OLDER.values())),
)
_INTERFACE = "interfaces/interface[name=*]"


class Gnmi:
    """The gNMI of a switch that is open."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self.stub: Any = gnmi_grpc.gNMIStub(switch.channel)

    def version(self) -> str:
        """gNMI's version; `SwitchFailed` where it is not served."""
        return str(self._call(self.stub.Capabilities, gnmi.CapabilityRequest()).gNMI_version)

    def ports(self) -> list[dict[str, Any]]:
        """Every port: name, id, statuses, counters; what the switch does not know is left out. `SwitchFailed`
        where it serves no gNMI."""
        self.version()
        found: dict[str, dict[str, Any]] = {}
        self._read_state(found)
        for port in found.values():
            counters = port.setdefault("counters", {})
            for newer, older in _OLDER.items():
                if older in counters:
                    counters.setdefault(newer, counters.pop(older))
        return sorted(found.values(), key=lambda port: (port.get("id", 1 << 32), port["name"]))

    def set_enabled(self, name: str, enabled: bool) -> str:
        """Switch a port on or off; returns its name. `BadInput` names those that there are."""
        known: dict[str, str] = {port["name"]: port["name"] for port in self.ports()}
        known |= {str(port["id"]): port["name"] for port in self.ports() if "id" in port}
        whole: str = find(known, name, "port")
        path = GNMIPath(f"interfaces/interface[name={whole}]/config/enabled").path
        value = gnmi.TypedValue(bool_val=enabled)
        self._call(self.stub.Set, gnmi.SetRequest(update=[gnmi.Update(path=path, val=value)]))
        return whole

    def statuses(self) -> Any:
        """Changes of ports' oper-status for as long as the call is read: a gRPC call of responses."""
        path = GNMIPath(f"{_INTERFACE}/state/oper-status").path
        wanted = gnmi.SubscriptionList(
            mode=gnmi.SubscriptionList.STREAM,
            encoding=gnmi.Encoding.PROTO,
            subscription=[gnmi.Subscription(path=path, mode=gnmi.SubscriptionMode.ON_CHANGE)],
        )
        return self.stub.Subscribe(iter([gnmi.SubscribeRequest(subscribe=wanted)]))

    def _read_state(self, found: dict[str, dict[str, Any]]) -> None:
        """All of `state` at once, or leaf by leaf where a switch has no such reading."""
        with suppress(SwitchFailed):
            self._get(f"{_INTERFACE}/state", found)
        for leaf in _LEAVES if not found else ():
            with suppress(SwitchFailed):
                self._get(f"{_INTERFACE}/state/{leaf}", found)

    def _get(self, path: str, found: dict[str, dict[str, Any]]) -> None:
        request = gnmi.GetRequest(path=[GNMIPath(path).path], encoding=gnmi.Encoding.PROTO)
        for notification in self._call(self.stub.Get, request).notification:
            for update in notification.update:
                take_in(found, [*notification.prefix.elem, *update.path.elem], scalar(update.val))

    def _call(self, method: Any, request: Any) -> Any:
        timeout = self._switch.target.timeout
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise SwitchFailed(f"{self._switch.address}: the switch serves no gNMI") from None
            raise failure(self._switch.address, timeout, error) from None


def take_in(found: dict[str, dict[str, Any]], elements: Iterable[Any], value: Any) -> None:
    """Put one leaf, or a container in JSON, into its port."""
    listed = list(elements)
    name = next((one.key["name"] for one in listed if one.name == "interface" and "name" in one.key), None)
    if name is None:
        return
    port = found.setdefault(name, {"name": name})
    places = [one.name for one in listed]
    place = places[places.index("interface") + 1 :]
    _leaf(port, place[1:] if place[:1] == ["state"] else place, value)


def _leaf(port: dict[str, Any], place: list[str], value: Any) -> None:
    if isinstance(value, dict):
        for name, one in value.items():
            _leaf(port, [*place, name.rpartition(":")[2]], one)
        return
    match place:
        case ["id" | "ifindex" as name]:
            port[name] = int(value)
        case ["admin-status" | "oper-status" as name]:
            port[name.replace("-", "_")] = str(value)
        case ["counters", name] if name in COUNTERS or name in _OLDER.values():
            port.setdefault("counters", {})[name] = int(value)


def scalar(value: Any) -> Any:
    """A typed value of gNMI as Python has it."""
    kind = value.WhichOneof("value")
    if kind in ("json_val", "json_ietf_val"):
        return json.loads(getattr(value, kind) or b"null")
    return getattr(value, kind) if kind is not None else None
