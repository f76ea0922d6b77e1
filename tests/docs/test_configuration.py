"""The configuration's reference says what the controller reads: every key, and its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from p4fabric.controller.access_config import (
    ClientConfig,
    OidcConfig,
    OidcRoleConfig,
    TenantConfig,
    TenantPortsConfig,
)
from p4fabric.controller.api_config import ApiConfig, ApiTlsConfig
from p4fabric.controller.buffer_config import BufferConfig
from p4fabric.controller.config import (
    FabricConfig,
    HostsConfig,
    LogConfig,
    N4Config,
    StoreConfig,
    TablesConfig,
    TelemetryConfig,
)
from p4fabric.controller.switch_config import ReportPathConfig, SwitchConfig, TlsConfig
from p4fabric.controller.telemetry_config import IncidentsConfig, IpfixConfig, ReportsConfig

PAGE = (Path(__file__).parents[2] / "docs/reference/configuration.md").read_text()
SECTIONS: dict[str, type[BaseModel]] = {
    "switches": SwitchConfig,
    "switches.tls": TlsConfig,
    "switches.reports": ReportPathConfig,
    "api": ApiConfig,
    "api.tls": ApiTlsConfig,
    "api.clients": ClientConfig,
    "api.oidc": OidcConfig,
    "api.oidc.roles": OidcRoleConfig,
    "tenants": TenantConfig,
    "tenants.attachments": TenantPortsConfig,
    "store": StoreConfig,
    "hosts": HostsConfig,
    "tables": TablesConfig,
    "telemetry": TelemetryConfig,
    "telemetry.reports": ReportsConfig,
    "telemetry.incidents": IncidentsConfig,
    "telemetry.ipfix": IpfixConfig,
    "log": LogConfig,
    "n4": N4Config,
    "n4.buffers": BufferConfig,
}


def _documented(section: str) -> dict[str, str]:
    """Keys and defaults of a section's table."""
    text = re.split(r"^#+ ", PAGE.split(f"# {section}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return {
        key: default.strip("`") for key, default in re.findall(r"^\| `(\w+)` \| (.+?) \|", text, re.MULTILINE)
    }


def _default(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case ():
            return "none"
        case tuple():
            return ", ".join(map(str, value))
        case float():
            return f"{value:.12g}"
        case _:
            return str(value)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_documented_with_its_default(section: str) -> None:
    expected = {
        str(field.alias): "required"
        if field.is_required()
        else "none"
        if field.default_factory
        else _default(field.default)
        for field in SECTIONS[section].model_fields.values()
    }
    assert _documented(section) == expected


def test_every_section_is_documented() -> None:
    keys = {str(field.alias) for field in FabricConfig.model_fields.values()}
    assert keys == {section for section in SECTIONS if "." not in section} | {"links"}
    assert "\n## links\n" in PAGE  # a list of pairs, without keys


def test_the_examples_are_configurations() -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    configs = [FabricConfig.read(yaml.safe_load(one), Path("/etc/p4fabric/fabric.yaml")) for one in examples]
    named = [[switch.name for switch in config.switches] for config in configs]
    assert named == [["leaf1", "spine1"], ["leaf1"]]


def test_the_examples_of_giving_access_are_configurations() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/give-access.md").read_text()
    examples = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(examples) == 3
    leaves = [
        {"name": f"leaf{n}", "deviceId": n, "address": f"192.0.2.1{n}:9559", "role": "leaf"} for n in (1, 2)
    ]
    for example in examples:
        FabricConfig.read({"switches": leaves, **yaml.safe_load(example)}, Path("/etc/p4fabric/fabric.yaml"))
