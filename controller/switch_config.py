"""A switch in the configuration: who it is, where it is, and what kind it is."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from p4fabric.controller.config_section import FilePath, Section, beside_the_file, host_and_port
from p4fabric.controller.expected_links import HIGHEST_PORT
from p4fabric.controller.intents.fields import SwitchLabel
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.channel import Endpoint, Tls
from p4fabric.controller.targets import TARGET_NAMES, Target, target_named
from p4fabric.controller.topology.model import HIGHEST_DEVICE_ID, ReportPath, Role, Switch
from p4fabric.pipelines.values import IPv4Address, L4Port, MacAddress, Port

__all__ = ["GrpcAddress", "ReportPathConfig", "SwitchConfig", "TlsConfig"]

_UNIX = "unix:"
_LONGEST_SOCKET_PATH = 107
"""Bytes, by Linux (`sun_path`)."""


def _grpc_address(value: str, info: ValidationInfo) -> str:
    """As gRPC takes it: `host:port`, or `unix:` and an absolute path."""
    if not value.startswith(_UNIX):
        host_and_port(value, lowest=1)
        return value
    name = value.removeprefix(_UNIX)
    if name.startswith("//"):
        name = name.removeprefix("//")
        if not name.startswith("/"):
            raise ValueError("must be unix:PATH or unix:///PATH, such as unix:/run/p4fabric/leaf1.sock")
    path = beside_the_file(name, info).absolute()
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise ValueError(f"must have a path of at most {_LONGEST_SOCKET_PATH} bytes, as Unix sockets do")
    return f"{_UNIX}{path}"


GrpcAddress = Annotated[str, AfterValidator(_grpc_address)]


class TlsConfig(Section):
    """PEM files for the gRPC channel to a switch or a buffer."""

    authority: FilePath
    certificate: FilePath | None = None
    private_key: FilePath | None = None
    server_name: str | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> TlsConfig:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and privateKey must be given together")
        return self

    def files(self) -> Tls:
        """As channels have it."""
        return Tls(self.authority, self.certificate, self.private_key, self.server_name)


def _port(value: object) -> Port:
    if type(value) is not int or not 1 <= value <= HIGHEST_PORT:
        raise ValueError(f"must be a port number of 1 to {HIGHEST_PORT}")
    return Port(value)


def _target_name(value: object) -> object:
    if value not in TARGET_NAMES:
        raise ValueError(f"must be one of {', '.join(TARGET_NAMES)}")
    return value


def _role(value: object) -> Role:
    try:
        return Role(value)  # type: ignore[arg-type]
    except ValueError:
        raise ValueError(f"must be one of {', '.join(Role)}") from None


def _mac(value: object) -> MacAddress:
    try:
        found = MacAddress.parse(value) if isinstance(value, str) else MacAddress(0)
    except ValueError:
        found = MacAddress(0)
    if not found or found.is_multicast:
        raise ValueError("must be the MAC address of one host, such as 02:00:00:00:00:01")
    return found


def _ipv4(value: object) -> IPv4Address:
    try:
        if isinstance(value, str):
            return IPv4Address(value)
    except ValueError:
        pass
    raise ValueError("must be an IPv4 address, such as 192.0.2.21")


class ReportPathConfig(Section):
    """The way of the program's reports to `telemetry.reports.collector`, by UDP."""

    port: Annotated[Port, BeforeValidator(_port)]
    """Where they leave."""
    next_hop: Annotated[MacAddress, BeforeValidator(_mac)]
    """The collector's MAC address, or the router's on the way."""
    source: Annotated[IPv4Address, BeforeValidator(_ipv4)]
    """The address that they come from."""


class SwitchConfig(Section):
    """One switch: who it is, where it is, and what kind it is."""

    name: SwitchLabel
    device_id: int = Field(ge=0, le=HIGHEST_DEVICE_ID)
    address: GrpcAddress
    """`host:port`, or `unix:PATH` for a switch on this machine; a relative path starts at the file."""
    target: Annotated[str, BeforeValidator(_target_name)] = "softswitch"
    role: Annotated[Role, BeforeValidator(_role)]
    ports: tuple[Annotated[Port, BeforeValidator(_port)], ...] | None = Field(None, strict=False)
    """Those that may carry links to other switches. Recommended: probes at others are not believed."""
    pipeline_binary: FilePath | None = None
    tls: TlsConfig | None = None
    reports: ReportPathConfig | None = None
    """Without it, the program's reports come over the control channel."""

    @property
    def switch_name(self) -> SwitchName:
        """The name, as the rest of the controller has it."""
        return SwitchName(self.name)

    def endpoint(self) -> Endpoint:
        """Where its P4Runtime server is."""
        tls = None if self.tls is None else self.tls.files()
        return Endpoint(self.switch_name, self.device_id, self.address, tls)

    def switch(self, collector: tuple[IPv4Address, int] | None = None) -> Switch:
        """The switch as the topology has it, before it is connected; `collector` takes its reports."""
        path = None
        if self.reports is not None and collector is not None:
            address, udp_port = collector
            path = ReportPath(
                self.reports.port, self.reports.next_hop, self.reports.source, address, L4Port(udp_port)
            )
        target = self.make_target()
        return Switch(
            self.switch_name,
            self.device_id,
            self.role,
            connected=False,
            link_ports=self.ports,
            queue_limits=target.queue_limits,
            has_clone_priorities=target.has_clone_priorities,
            report_path=path,
        )

    def make_target(self) -> Target:
        """What is special about its kind."""
        return target_named(self.target, pipeline_binary=self.pipeline_binary)
