"""The controller's configuration: a YAML file that names the switches, where to listen, what to keep where.

This module knows what the file may say, and puts what is wrong with it in words that an operator
can act on. It opens no other file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)

from p4fabric.controller import strict_yaml
from p4fabric.controller.access_config import (
    TenantConfig,
    check_tenants,
)
from p4fabric.controller.api_config import ApiConfig, ListenAddress
from p4fabric.controller.config_section import FilePath, Section, default_file, host_and_port
from p4fabric.controller.expected_links import ExpectedLink, check_links
from p4fabric.controller.intents.errors import FieldError, IntentError, field_path
from p4fabric.controller.log_format import FORMATS, LEVELS
from p4fabric.controller.shown import shown
from p4fabric.controller.switch_config import SwitchConfig
from p4fabric.controller.telemetry_config import IncidentsConfig, IpfixConfig, ReportsConfig

__all__ = [
    "ConfigError",
    "FabricConfig",
    "HostsConfig",
    "LogConfig",
    "N4Config",
    "StoreConfig",
    "TablesConfig",
    "TelemetryConfig",
]


class ConfigError(Exception):
    """The configuration cannot be used; it carries all problems found, at least one."""

    def __init__(self, path: Path, errors: Sequence[FieldError]) -> None:
        found = IntentError(errors)
        super().__init__("\n".join(f"{path}: {error}" for error in found.listed()))
        self.path = path
        self.errors = found.errors


def _n4_address(value: object) -> ListenAddress:
    host_and_port(value, lowest=0)
    address = ListenAddress(value)
    try:
        is_one = not IPv4Address(address.host).is_unspecified
    except AddressValueError:
        is_one = False
    if not is_one:
        raise ValueError("must be an IPv4 address of this machine, not all of them, and a port")
    return address


class StoreConfig(Section):
    """Where intents, numbers and the last known topology are kept."""

    path: FilePath = default_file("p4fabric.db")


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
    reports: ReportsConfig = Field(default_factory=lambda: ReportsConfig.model_validate({}))
    incidents: IncidentsConfig = Field(default_factory=lambda: IncidentsConfig.model_validate({}))
    ipfix: IpfixConfig = Field(default_factory=lambda: IpfixConfig.model_validate({}))


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


class N4Config(Section):
    """Where SMFs find this machine; without it, there is no N4."""

    listen: Annotated[ListenAddress, BeforeValidator(_n4_address)]
    """An IPv4 address of this machine, which SMFs know it by, and a UDP port; PFCP's is 8805."""
    smf_port: int = Field(8805, ge=1, le=0xFFFF)
    """The UDP port at which SMFs listen for this machine's requests."""
    gtpu_port: int = Field(2152, ge=1, le=0xFFFF)
    """The UDP port, here and at SMFs, of what UEs with IPv6 ask SMFs, and of the answers."""
    heartbeat: float = Field(60.0, ge=0, le=86_400, strict=False)
    """Seconds between two heartbeats to each SMF; 0: none are sent."""


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
    n4: N4Config | None = None

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
        for index, switch in enumerate(self.switches):
            if switch.reports is not None and self.report_collector is None:
                raise ValueError(
                    f"switches[{index}].reports needs telemetry.reports.collector, where they go"
                )
        check_tenants(self.tenants, {switch.switch_name for switch in self.switches})
        check_links(self.links, {switch.switch_name: switch.ports for switch in self.switches})
        return self

    @property
    def report_collector(self) -> tuple[IPv4Address, int] | None:
        """Address and UDP port that programs send reports to, of switches that say by which port."""
        collector = self.telemetry.reports.collector
        return None if collector is None else (IPv4Address(collector.host), collector.port)

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
            sections = "switches, links, tenants, api, store, hosts, tables, telemetry, log, n4"
            message = f"must be a mapping with {sections}"
            raise ConfigError(path, [FieldError("file", document, message)])
        try:
            return cls.model_validate(document, context={"folder": path.absolute().parent})
        except ValidationError as found:
            errors = found.errors(include_url=False)
            raise ConfigError(path, [_in_words(error) for error in errors]) from None


def _section(keys: Iterable[str]) -> type[BaseModel]:
    """What is written under some keys, such as `api.tls`."""
    section: type[BaseModel] = FabricConfig
    for key in keys:
        fields = section.model_fields.items()
        field = next(field for name, field in fields if key == (field.alias or name))
        section = next(_sections_in(field.annotation))
    return section


def _sections_in(annotation: Any) -> Iterator[type[Section]]:
    """The section in a field's type: it may be optional, or one of several."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _sections_in(part)


def _in_words(error: Any) -> FieldError:
    """One of pydantic's findings as field, value and what would be right."""
    location: tuple[str | int, ...] = error["loc"]
    field = field_path(location)
    match error["type"]:
        case "missing":
            return FieldError(field, None, "is required")
        case "extra_forbidden":
            section = _section([part for part in location[:-1] if isinstance(part, str)])
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
