"""What a runtime asks, read from what the plugin passed on, and how it is answered (CNI 0.3.1 to 1.1.0).

Values only; nothing is done here. Configurations come from the runtime's administrator, but may be of any
version, and with fields of other plugins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from p4fabric.controller.intents.fields import LABEL, IpAddress, IpPrefix
from p4fabric.controller.node.errors import CniError, Failure
from p4fabric.controller.node.plugin import VERSIONS
from p4fabric.controller.node.records import Place
from p4fabric.pipelines.values import MacAddress

__all__ = ["NetworkSettings", "Request", "error_document", "parse", "result_document"]

MOST_BYTES = 1 << 20
"""Of a request."""
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
_INTERFACE = re.compile(r"[^\s/:]{1,15}")
_SINCE = {"CHECK": "0.4.0", "GC": "1.1.0", "STATUS": "1.1.0"}
"""Which version brought a command."""
_NEED_CONTAINER = ("ADD", "CHECK", "DEL")
LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What the configuration says of the container's interface."""

    network: str
    """The fabric's Network to join."""
    mtu: int
    default_route: bool
    routes: tuple[tuple[IpPrefix, IpAddress | None], ...] = ()
    """More prefixes, each by a gateway of its own or the network's."""
    addresses: tuple[IpAddress, ...] = ()
    """Asked for; else from the node's pools."""
    mac: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    dns: Mapping[str, Any] = field(default_factory=dict)
    previous: Mapping[str, Any] | None = None
    """The result of the plugins before this one."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call."""

    command: str
    version: str
    name: str
    """Of the configuration."""
    place: Place | None
    """None: the command is about no container."""
    namespace: str
    arguments: Mapping[str, str]
    """CNI_ARGS."""
    settings: NetworkSettings
    valid: frozenset[tuple[str, str]] | None = None
    """Of GC: the containers and interfaces that are still there."""


def parse(raw: bytes) -> Request:
    """Read a request.

    Raises:
        CniError: it is wrong.
    """
    head, _, body = raw.partition(b"\0")
    said = dict(line.partition("=")[::2] for line in head.decode(errors="replace").splitlines())
    command = said.get("CNI_COMMAND", "")
    if command not in ("ADD", "DEL", "CHECK", "GC", "STATUS"):
        raise CniError(Failure.ENVIRONMENT, f"CNI_COMMAND is {command!r}, which is no command")
    try:
        config = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise CniError(Failure.UNDECODABLE, "the configuration is no JSON", str(error)) from None
    if not isinstance(config, dict):
        raise CniError(Failure.UNDECODABLE, "the configuration is no JSON object")
    version = config.get("cniVersion", "0.1.0")
    if version not in VERSIONS:
        raise CniError(Failure.VERSION, f"version {version!r} is none of {', '.join(VERSIONS)}")
    if _older(version, _SINCE.get(command, version)):
        raise CniError(Failure.VERSION, f"{command} needs cniVersion {_SINCE[command]} or later")
    name = config.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise CniError(Failure.CONFIG, f"the network's name is {name!r}, which is none")
    place = _place(name, said) if command in _NEED_CONTAINER else None
    namespace = said.get("CNI_NETNS", "")
    if command in ("ADD", "CHECK") and not namespace:
        raise CniError(Failure.ENVIRONMENT, "CNI_NETNS is missing")
    pairs = (one.partition("=")[::2] for one in said.get("CNI_ARGS", "").split(";") if "=" in one)
    # Whatever else is wrong with a configuration, a container can be taken out.
    settings = NetworkSettings(name, 0, False) if command == "DEL" else _settings(config, name, place)
    valid = _valid(config) if command == "GC" else None
    return Request(command, version, name, place, namespace, dict(pairs), settings, valid)


def _place(name: str, said: Mapping[str, str]) -> Place:
    container, interface = said.get("CNI_CONTAINERID", ""), said.get("CNI_IFNAME", "")
    if not _NAME.fullmatch(container) or len(container) > 2 * LONGEST_NAME:
        raise CniError(Failure.ENVIRONMENT, f"CNI_CONTAINERID is {container[:80]!r}, which is none")
    if not _INTERFACE.fullmatch(interface) or interface in (".", ".."):
        raise CniError(Failure.ENVIRONMENT, f"CNI_IFNAME is {interface[:80]!r}, which is no interface's name")
    return Place(name, container, interface)


def _valid(config: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    listed = config.get("cni.dev/valid-attachments", config.get("cni.dev/attachments"))
    if not isinstance(listed, list):
        raise CniError(Failure.CONFIG, "GC needs cni.dev/valid-attachments")
    try:
        return frozenset((str(one["containerID"]), str(one["ifname"])) for one in listed)
    except (TypeError, KeyError):
        raise CniError(
            Failure.CONFIG, "cni.dev/valid-attachments must be objects with containerID and ifname"
        ) from None


def _settings(config: Mapping[str, Any], name: str, place: Place | None) -> NetworkSettings:
    network = config.get("network", name)
    if not isinstance(network, str) or not LABEL.fullmatch(network):
        raise CniError(Failure.CONFIG, f"network is {network!r}, which is the name of no Network")
    mtu, runtime = config.get("mtu", 0), _mapping(config, "runtimeConfig")
    if type(mtu) is not int or not (mtu == 0 or 576 <= mtu <= 9000):
        raise CniError(Failure.CONFIG, f"mtu is {mtu!r}; it must be 576 to 9000")
    default = config.get("defaultRoute", place is not None and place.interface == "eth0")
    if not isinstance(default, bool):
        raise CniError(Failure.CONFIG, "defaultRoute must be true or false")
    labels = _mapping(config, "labels")
    previous = config.get("prevResult")
    try:
        routes = tuple(
            (ip_network(one["dst"]), ip_address(one["gw"]) if "gw" in one else None)
            for one in config.get("routes", ())
        )
        addresses = tuple(ip_interface(one).ip for one in runtime.get("ips", ()))
        mac = str(MacAddress.parse(runtime["mac"])) if "mac" in runtime else None
    except (ValueError, TypeError, KeyError) as error:
        raise CniError(
            Failure.CONFIG, "routes, or ips or mac of runtimeConfig, cannot be used", str(error)
        ) from None
    return NetworkSettings(
        network,
        mtu,
        default,
        routes,
        addresses,
        mac,
        {str(key): str(value) for key, value in labels.items()},
        _mapping(config, "dns"),
        previous if isinstance(previous, Mapping) else None,
    )


def _mapping(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name) or {}
    if not isinstance(found, Mapping):
        raise CniError(Failure.CONFIG, f"{name} must be an object")
    return found


def _older(one: str, other: str) -> bool:
    return [int(part) for part in one.split(".")] < [int(part) for part in other.split(".")]


def result_document(
    version: str, result: Mapping[str, Any], previous: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A result as a version of the specification has it, after that of the plugins before.

    Args:
        version: of the configuration.
        result: by the newest version.
        previous: what the plugins before this one did, in the same version.
    """
    before = previous or {}
    interfaces = list(before.get("interfaces", ()))
    ips = [{**one, "interface": one["interface"] + len(interfaces)} for one in result["ips"]]
    if _older(version, "1.0.0"):
        ips = [{"version": "6" if ":" in one["address"] else "4", **one} for one in ips]
    newer = () if not _older(version, "1.1.0") else ("mtu",)
    own = [{key: value for key, value in one.items() if key not in newer} for one in result["interfaces"]]
    return {
        "cniVersion": version,
        "interfaces": interfaces + own,
        "ips": [*before.get("ips", ()), *ips],
        "routes": [*before.get("routes", ()), *result["routes"]],
        "dns": {**before.get("dns", {}), **result["dns"]},
    }


def error_document(version: str, error: CniError) -> dict[str, Any]:
    """An error as the specification has it."""
    document = {"cniVersion": version, "code": int(error.code), "msg": error.message}
    return document | ({"details": error.details} if error.details else {})
