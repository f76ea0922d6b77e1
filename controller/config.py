"""The controller's configuration: a YAML file that names the switches, where to listen, what to keep where.

This module knows what the file may say, and puts what is wrong with it in words that an operator
can act on. It opens no other file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from p4fabric.controller import strict_yaml
from p4fabric.controller.access_config import (
    ClientConfig,
    OidcConfig,
    OidcRoleConfig,
    TenantConfig,
    TenantPortsConfig,
    check_tenants,
)
from p4fabric.controller.config_section import FilePath, Section, beside_the_file
from p4fabric.controller.expected_links import HIGHEST_PORT, ExpectedLink, check_links
from p4fabric.controller.intents.errors import FieldError, IntentError, field_path
from p4fabric.controller.intents.fields import SwitchLabel
from p4fabric.controller.log_format import FORMATS, LEVELS
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.channel import Endpoint, Tls
from p4fabric.controller.shown import shown
from p4fabric.controller.targets import TARGET_NAMES, Target, target_named
from p4fabric.controller.topology.model import HIGHEST_DEVICE_ID, Role, Switch
from p4fabric.pipelines.values import Port

__all__ = [
    "ApiConfig",
    "ConfigError",
    "FabricConfig",
    "HostsConfig",
    "ListenAddress",
    "LogConfig",
    "StoreConfig",
    "SwitchConfig",
    "TelemetryConfig",
]


class ConfigError(Exception):
    """The configuration cannot be used; it carries all problems found, at least one."""

    def __init__(self, path: Path, errors: Sequence[FieldError]) -> None:
        found = IntentError(errors)
        super().__init__("\n".join(f"{path}: {error}" for error in found.listed()))
        self.path = path
        self.errors = found.errors


def _host_and_port(value: object, *, lowest: int) -> tuple[str, int]:
    example = "such as 127.0.0.1:9559 or [::1]:9559"
    if not isinstance(value, str):
        raise ValueError(f"must be host:port, written as a string, {example}")
    host, colon, port = value.rpartition(":")
    if not host or not colon or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError(f"must be host:port, {example}")
    if not port.isascii() or not port.isdigit() or not lowest <= int(port) <= 0xFFFF:
        raise ValueError(f"must end in a port number of {lowest} to 65535, {example}")
    return host.strip("[]"), int(port)


_UNIX = "unix:"
_LONGEST_SOCKET_PATH = 107
"""Bytes, by Linux (`sun_path`)."""


def _switch_address(value: str, info: ValidationInfo) -> str:
    """As gRPC takes it: `host:port`, or `unix:` and an absolute path."""
    if not value.startswith(_UNIX):
        _host_and_port(value, lowest=1)
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


class TlsConfig(Section):
    """PEM files for a switch's gRPC channel."""

    authority: FilePath
    certificate: FilePath | None = None
    private_key: FilePath | None = None
    server_name: str | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> TlsConfig:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and privateKey must be given together")
        return self


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


class SwitchConfig(Section):
    """One switch: who it is, where it is, and what kind it is."""

    name: SwitchLabel
    device_id: int = Field(ge=0, le=HIGHEST_DEVICE_ID)
    address: Annotated[str, AfterValidator(_switch_address)]
    """`host:port`, or `unix:PATH` for a switch on this machine; a relative path starts at the file."""
    target: Annotated[str, BeforeValidator(_target_name)] = "softswitch"
    role: Annotated[Role, BeforeValidator(_role)]
    ports: tuple[Annotated[Port, BeforeValidator(_port)], ...] | None = Field(None, strict=False)
    """Those that may carry links to other switches. Recommended: probes at others are not believed."""
    pipeline_binary: FilePath | None = None
    tls: TlsConfig | None = None

    @property
    def switch_name(self) -> SwitchName:
        """The name, as the rest of the controller has it."""
        return SwitchName(self.name)

    def endpoint(self) -> Endpoint:
        """Where its P4Runtime server is."""
        files = self.tls
        tls = None
        if files is not None:
            tls = Tls(files.authority, files.certificate, files.private_key, files.server_name)
        return Endpoint(self.switch_name, self.device_id, self.address, tls)

    def switch(self) -> Switch:
        """The switch as the topology has it, before it is connected."""
        return Switch(self.switch_name, self.device_id, self.role, connected=False, link_ports=self.ports)

    def make_target(self) -> Target:
        """What is special about its kind."""
        return target_named(self.target, pipeline_binary=self.pipeline_binary)


class ListenAddress(str):
    """`host:port` to listen at; port 0 lets the system choose."""

    @property
    def host(self) -> str:
        """The host, without brackets."""
        return _host_and_port(str(self), lowest=0)[0]

    @property
    def port(self) -> int:
        """The port."""
        return _host_and_port(str(self), lowest=0)[1]

    @property
    def is_loopback(self) -> bool:
        """Whether only processes of this machine can connect."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def _listen_address(value: object) -> ListenAddress:
    _host_and_port(value, lowest=0)
    return ListenAddress(value)


class ApiTlsConfig(Section):
    """PEM files that the API is served with."""

    certificate: FilePath
    private_key: FilePath
    client_authority: FilePath | None = None
    """The CA that clients' certificates must be signed by; without it, none are asked for."""


def _default_file(name: str) -> Any:
    return Field(default=name, validate_default=True)


class ApiConfig(Section):
    """The REST API: where it listens, and what opens it."""

    listen: Annotated[ListenAddress, BeforeValidator(_listen_address)] = ListenAddress("127.0.0.1:8080")
    token_file: FilePath = _default_file("p4fabric.token")
    tls: ApiTlsConfig | None = None
    insecure: bool = False
    """Listen without TLS where others can listen in: the token and all documents are readable there."""
    max_request_bytes: int = Field(8 << 20, ge=1024, le=1 << 30)
    """Of one request's body."""
    max_bytes_in_flight: int = Field(64 << 20, ge=1 << 20, le=1 << 34)
    """What all requests in flight may take together, beyond the first 64 KiB of each."""
    max_unread_bytes: int = Field(32 << 20, ge=1 << 20, le=1 << 34)
    """What all answers may take together that clients have not read yet."""
    max_connections: int = Field(2048, ge=8, le=1 << 16)
    """At once; fewer where there are too few file descriptors."""
    max_event_streams: int = Field(1536, ge=1, le=1 << 16)
    """Clients that follow events or intents at once; three quarters of all connections at most."""
    header_timeout: float = Field(10.0, gt=0, le=3600, strict=False)
    """Seconds for a TLS handshake, and for a request's headers."""
    body_timeout: float = Field(30.0, gt=0, le=3600, strict=False)
    """Seconds for a request's body, after its headers."""
    idle_timeout: float = Field(15.0, gt=0, le=3600, strict=False)
    """Seconds that a connection may stay open between two requests."""
    write_timeout: float = Field(30.0, gt=0, le=3600, strict=False)
    """Seconds in which a client must read on."""
    clients: tuple[ClientConfig, ...] = Field((), strict=False)
    """Who the holders of client certificates are; others are nobody."""
    oidc: OidcConfig | None = None
    """A provider whose tokens are accepted."""
    login_failures: int = Field(20, ge=1, le=10_000)
    """Wrong credentials that one address may show at once; one more each second."""
    audit_entries: int = Field(10_000, ge=16, le=1 << 20)
    """Changes that `/api/v1/audit` remembers."""

    @model_validator(mode="after")
    def _closed_to_others(self) -> ApiConfig:
        if not self.listen.is_loopback and self.tls is None and not self.insecure:
            raise ValueError(
                f"would send the token in the clear at {self.listen}: give api.tls (certificate and "
                "privateKey), listen at 127.0.0.1, or accept that with insecure: true"
            )
        return self

    @model_validator(mode="after")
    def _clients_are_asked(self) -> ApiConfig:
        if self.clients and (self.tls is None or self.tls.client_authority is None):
            raise ValueError("needs api.tls.clientAuthority, as it names clients: nobody would be asked")
        return self


class StoreConfig(Section):
    """Where intents, numbers and the last known topology are kept."""

    path: FilePath = _default_file("p4fabric.db")


def _one_of(*known: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return value

    return BeforeValidator(check)


class LogConfig(Section):
    """What the controller writes to its standard error; the command line's options come first."""

    level: Annotated[str, _one_of(*LEVELS)] = "info"
    format: Annotated[str, _one_of(*FORMATS)] = "text"


_SHORTEST_SAMPLE = 0.1
"""Seconds; the embedded switch samples no faster."""


def _sample_interval(value: float) -> float:
    if 0 < value < _SHORTEST_SAMPLE:
        raise ValueError(f"must be 0 or at least {_SHORTEST_SAMPLE} seconds")
    return value


class TelemetryConfig(Section):
    """Seconds, but for the counts."""

    clear_after: float = Field(1.0, gt=0, le=3600, strict=False)
    """Silence after which congestion is over (never less than two report intervals of the queue)."""
    counter_interval: float = Field(5.0, ge=0, le=3600, strict=False)
    """Between reads of all counters, for metrics and events of drops; 0: only when asked, no such events."""
    counter_share: float = Field(0.05, gt=0, le=1, strict=False)
    """Of the time that reads of intents' counters may take: the more there are, the rarer they are read."""
    port_interval: Annotated[float, AfterValidator(_sample_interval)] = Field(
        5.0, ge=0, le=3600, strict=False
    )
    """Between samples of what ports and queues count, for metrics; 0: none are taken."""
    event_history: int = Field(4096, ge=16, le=1 << 20)
    """Events of each class kept for subscribers that are slow or come back."""
    series_kinds: tuple[Literal["FirewallPolicy", "Service", "UpfSession"], ...] = (
        "FirewallPolicy",
        "Service",
    )
    """Kinds whose intents have metrics of their own; all kinds have metrics by tenant."""
    most_series: int = Field(2000, ge=0, le=1 << 20)
    """Counters of intents with metrics of their own."""
    drop_threshold: float = Field(100.0, ge=0, le=1e9, strict=False)
    """Packets a second that one port drops for one reason before there is an event; 0: never one."""
    drop_clear_after: float = Field(30.0, gt=0, le=3600, strict=False)
    """Below the threshold, before that event is over."""


class HostsConfig(Section):
    """The hosts that are learned."""

    ageing: float = Field(300.0, ge=0, le=86_400, strict=False)
    """Seconds of silence after which a host is asked, and forgotten if it does not answer; 0: never."""
    per_port: int = Field(128, ge=1, le=4096)
    """The most that are learned at one port."""


class TablesConfig(Section):
    """How the entries of the switches' tables are shared."""

    tenant_share: float = Field(1.0, gt=0, le=1, strict=False)
    """Of each table's size, for the intents of one tenant; more are refused."""


class FabricConfig(Section):
    """The whole file."""

    switches: tuple[SwitchConfig, ...] = Field((), strict=False)
    links: tuple[ExpectedLink, ...] = Field((), strict=False)
    """Those that should be up; if none are named, those that were seen before."""
    tenants: tuple[TenantConfig, ...] = Field((), strict=False)
    """Where those who act for a tenant may attach its networks."""
    api: ApiConfig
    store: StoreConfig
    hosts: HostsConfig
    tables: TablesConfig
    telemetry: TelemetryConfig
    log: LogConfig

    @model_validator(mode="before")
    @classmethod
    def _all_sections(cls, document: object) -> object:
        """Sections left out are read as empty, so that their default paths start at the file too."""
        if isinstance(document, dict):
            return {"api": {}, "store": {}, "hosts": {}, "tables": {}, "telemetry": {}, "log": {}, **document}
        return document

    @model_validator(mode="after")
    def _all_different(self) -> FabricConfig:
        for field, written in (("name", "name"), ("device_id", "deviceId"), ("address", "address")):
            seen: dict[object, int] = {}
            for index, switch in enumerate(self.switches):
                value = getattr(switch, field)
                if value in seen:
                    where = f"switches[{index}].{written}"
                    raise ValueError(f"{where} {value} is that of switches[{seen[value]}] already")
                seen[value] = index
        check_tenants(self.tenants, {switch.switch_name for switch in self.switches})
        check_links(self.links, {switch.switch_name: switch.ports for switch in self.switches})
        return self

    @classmethod
    def load(cls, path: Path) -> FabricConfig:
        """Read a file.

        Raises:
            ConfigError: it cannot be read, or says something that cannot be used.
        """
        try:
            with path.open("rb") as file:
                document = strict_yaml.load(strict_yaml.read_bounded(file))
        except OSError as error:
            raise ConfigError(
                path, [FieldError("file", str(path), f"cannot be read: {error.strerror}")]
            ) from None
        except strict_yaml.UnusableYaml as error:
            raise ConfigError(
                path, [FieldError("file", str(path), f"is not YAML that can be used: {error}")]
            ) from None
        return cls.read({} if document is None else document, path)

    @classmethod
    def read(cls, document: object, path: Path) -> FabricConfig:
        """Read what a file at `path` says.

        Raises:
            ConfigError: it says something that cannot be used.
        """
        if not isinstance(document, dict):
            message = (
                "must be a mapping with switches, links, tenants, api, store, hosts, tables, telemetry, log"
            )
            raise ConfigError(path, [FieldError("file", document, message)])
        try:
            return cls.model_validate(document, context={"folder": path.absolute().parent})
        except ValidationError as found:
            errors = found.errors(include_url=False)
            raise ConfigError(path, [_in_words(error) for error in errors]) from None


_KNOWN: dict[str, type[BaseModel]] = {
    "": FabricConfig,
    "switches": SwitchConfig,
    "switches.tls": TlsConfig,
    "api": ApiConfig,
    "api.tls": ApiTlsConfig,
    "api.clients": ClientConfig,
    "api.oidc": OidcConfig,
    "api.oidc.roles": OidcRoleConfig,
    "tenants": TenantConfig,
    "tenants.attachments": TenantPortsConfig,
    "store": StoreConfig,
    "hosts": HostsConfig,
    "telemetry": TelemetryConfig,
    "log": LogConfig,
}


def _in_words(error: Any) -> FieldError:
    """One of pydantic's findings as field, value and what would be right."""
    location: tuple[str | int, ...] = error["loc"]
    field = field_path(location)
    match error["type"]:
        case "missing":
            return FieldError(field, None, "is required")
        case "extra_forbidden":
            section = _KNOWN[".".join(part for part in location[:-1] if isinstance(part, str))]
            known = ", ".join(info.alias or name for name, info in section.model_fields.items())
            return FieldError(field, error["input"], f"is not a known field; known here: {known}")
        case "value_error":
            message = str(error["ctx"]["error"])
            if not field or message.startswith(("switches[", "links[", "tenants[")):
                field, _, message = message.partition(" ")
            elif not isinstance(error["input"], dict):
                message = f"{message}, not {shown(error['input'])}"
            return FieldError(field, error["input"], message)
        case "tuple_type":
            return FieldError(field, error["input"], f"must be a list, not {shown(error['input'])}")
        case "model_type":
            return FieldError(field, error["input"], f"must be a mapping, not {shown(error['input'])}")
        case _:
            message = error["msg"].replace("Input should be", "must be")
            return FieldError(field, error["input"], f"{message}, not {shown(error['input'])}")
