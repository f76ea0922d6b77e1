"""A buffer of packets to idle UEs in the configuration: its name, and where the controller finds it."""

from __future__ import annotations

from p4fabric.controller.config_section import Section
from p4fabric.controller.intents.fields import SwitchLabel
from p4fabric.controller.switch_config import GrpcAddress, TlsConfig

__all__ = ["BufferConfig"]


class BufferConfig(Section):
    """One buffer."""

    name: SwitchLabel
    """As a `Upf` calls it."""
    address: GrpcAddress
    """Of `p4fabric buffer --control`: `host:port`, or `unix:PATH` on this machine."""
    tls: TlsConfig | None = None
