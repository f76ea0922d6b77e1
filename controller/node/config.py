"""The configuration of a node: a YAML file that its switch and its agent read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from p4fabric.controller.config import document_in, read_section
from p4fabric.controller.config_section import FilePath, Section
from p4fabric.controller.intents.fields import IpPrefix, Label, SwitchLabel
from p4fabric.softswitch.server.ports import parse_interfaces

__all__ = ["ControllerConfig", "NetworkConfig", "NodeConfig", "SwitchPorts"]

HIGHEST_PORT = 509
_PREFIX = re.compile(r"[A-Za-z][-_A-Za-z0-9]{0,11}")


def _pool(value: object) -> IpPrefix:
    try:
        if isinstance(value, str):
            return ip_network(value)
    except ValueError:
        pass
    raise ValueError("must be a prefix, such as 10.244.3.0/24")


def _uplink(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be PORT@INTERFACE, such as 1@eth1")
    for port in parse_interfaces([value]):  # A BadOption is a ValueError.
        if not 1 <= port <= HIGHEST_PORT:
            raise ValueError(f"must have a port number of 1 to {HIGHEST_PORT}")
    return value


class SwitchPorts(Section):
    """The switch on the node."""

    device_id: Annotated[int, Field(ge=1)] = Field(description="as the controller's configuration has it")
    address: str = "unix:/run/p4fabric-node/switch.sock"
    uplinks: tuple[Annotated[str, BeforeValidator(_uplink)], ...] = Field((), strict=False)
    first_port: Annotated[int, Field(ge=1, le=HIGHEST_PORT)] = 16
    last_port: Annotated[int, Field(ge=1, le=HIGHEST_PORT)] = 271
    prefix: str = "p4p"

    @model_validator(mode="after")
    def _apart(self) -> SwitchPorts:
        if self.first_port > self.last_port:
            raise ValueError("firstPort must not be above lastPort")
        for port in parse_interfaces(list(self.uplinks)):
            if self.first_port <= port <= self.last_port:
                raise ValueError(f"uplinks must not have a port of firstPort to lastPort, such as {port}")
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError("prefix must be a letter and up to 11 more letters or digits")
        return self

    def interface(self, port: int) -> str:
        """The node's end of the container at a port."""
        return f"{self.prefix}{port}"


class ControllerConfig(Section):
    """Where the controller is, and what to show it."""

    url: str
    token_file: FilePath | None = None
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None


class NetworkConfig(Section):
    """A Network of the tenant that containers of this node may join."""

    pools: tuple[Annotated[IpPrefix, BeforeValidator(_pool)], ...] = Field(
        (), strict=False, description="addresses of this node's containers; no other node may have them"
    )


class NodeConfig(Section):
    """The whole file."""

    name: SwitchLabel
    """Of the switch, in the fabric."""
    tenant: Label
    switch: SwitchPorts
    controller: ControllerConfig
    networks: dict[str, NetworkConfig]
    socket: FilePath = Path("/run/p4fabric-node/cni.sock")
    state: FilePath = Path("/var/lib/p4fabric-node/attachments.db")

    @model_validator(mode="after")
    def _pools_apart(self) -> NodeConfig:
        before: list[tuple[str, IpPrefix]] = []
        for name, pool in self.pools():
            for other, theirs in before:
                if pool.version == theirs.version and pool.overlaps(theirs):  # type: ignore[arg-type]
                    raise ValueError(f"networks.{name}.pools has {pool}, which overlaps {theirs} of {other}")
            before.append((name, pool))
        return self

    def pools(self) -> Iterator[tuple[str, IpPrefix]]:
        """All pools, each with its network."""
        for name, network in self.networks.items():
            yield from ((name, pool) for pool in network.pools)

    @classmethod
    def load(cls, path: Path) -> NodeConfig:
        """Read a file.

        Raises:
            ConfigError: it cannot be read, or says something that cannot be used.
        """
        return read_section(cls, document_in(path), path)
